"""Brings a database's schema to this version. There is no way back but a backup."""

from typing import Final

from sqlalchemy import Connection, inspect, text

from sololine.store.address import alone_in
from sololine.store.database import Database
from sololine.store.errors import NoSuchTable, SchemaBehind

HEAD: Final = "0005"
"""The newest revision in `migrations/versions`; a test holds the two together."""

_FOUND: Final = "SELECT version_num FROM alembic_version"


async def migrate(url: str) -> None:
    """Upgrade the database that `url` means, in one transaction; SQLite's file is made if missing.

    Two processes may do it at once: the second waits, and then finds nothing to do. Raises
    ValueError for a URL that names no database we run on.
    """
    async with alone_in(url) as connection:
        if await connection.run_sync(_revision) == HEAD:
            return
        # Alembic takes longer to load than a server may take to start.
        from sololine.store.revisions import upgrade  # noqa: PLC0415 — see above

        await connection.run_sync(upgrade)


async def check_revision(database: Database) -> None:
    """Raise SchemaBehind unless the database has been upgraded to this version, or to a newer."""
    begun = await database.reader.begin()
    try:
        rows = await begun.rows(_FOUND, ())
        found = rows[0]["version_num"] if rows else None
    except NoSuchTable:
        found = None
    finally:
        await begun.end(commit=False)
    if found == HEAD:
        return
    from sololine.store.revisions import is_newer, script_directory  # noqa: PLC0415 — see `migrate`

    if not is_newer(script_directory(), found):
        raise SchemaBehind(found, HEAD)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text(_FOUND)).scalar()
    return found
