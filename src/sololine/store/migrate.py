"""Brings a database's schema to this version. There is no way back but a backup."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from sololine.store.address import alone_in
from sololine.store.errors import SchemaBehind

_SCRIPTS: Final = Path(__file__).parent / "migrations"


async def migrate(url: str) -> None:
    """Upgrade the database that `url` means, in one transaction; SQLite's file is made if missing.

    Two processes may do it at once: the second waits, and then finds nothing to do. Raises
    ValueError for a URL that names no database we run on.
    """
    async with alone_in(url) as connection:
        await connection.run_sync(upgrade)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Upgrade to `revision` in the transaction that `connection` is in.

    A database that a newer version has been at is left alone: its schema holds what we need too.
    """
    scripts = script_directory()
    if _is_newer(scripts, _revision(connection)):
        return
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def check_revision(connection: Connection) -> None:
    """Raise SchemaBehind unless the database has been upgraded to this version, or to a newer."""
    scripts = script_directory()
    found, needed = _revision(connection), scripts.get_current_head()
    assert needed is not None  # noqa: S101 — the first revision is part of the package
    if found != needed and not _is_newer(scripts, found):
        raise SchemaBehind(found, needed)


def script_directory() -> ScriptDirectory:
    """The revisions that this version knows."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return ScriptDirectory.from_config(config)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _is_newer(scripts: ScriptDirectory, revision: str | None) -> bool:
    """Whether a revision is none of ours: then it was made after ours."""
    if revision is None:
        return False
    try:
        scripts.get_revision(revision)
    except CommandError:
        return True
    return False
