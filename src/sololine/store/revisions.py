"""The revisions of the schema, by Alembic; loaded only when a database is not at the newest one."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Upgrade to `revision` in the transaction that `connection` is in.

    A database that a newer version has been at is left alone: its schema holds what we need too.
    """
    scripts = script_directory()
    if is_newer(scripts, MigrationContext.configure(connection).get_current_revision()):
        return
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def script_directory() -> ScriptDirectory:
    """The revisions that this version knows."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return ScriptDirectory.from_config(config)


def is_newer(scripts: ScriptDirectory, revision: str | None) -> bool:
    """Whether a revision is none of ours: then it was made after ours."""
    if revision is None:
        return False
    try:
        scripts.get_revision(revision)
    except CommandError:
        return True
    return False
