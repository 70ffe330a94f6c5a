"""PostgreSQL: several processes, several machines.

Writers run at READ COMMITTED and take the locks they need in the order that `store/tables.py`
names; readers see one snapshot (REPEATABLE READ, read only). Nobody waits for a lock for ever, and
a process that was stopped in the middle of a transaction does not hold its locks for ever.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from sqlalchemy import URL, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sololine.store.columns import instant
from sololine.store.database import Database

CONNECTIONS: Final = 10
"""Connections kept open by a process."""

CONNECTIONS_MAX: Final = 20
CONNECT_TIMEOUT_S: Final = 10
STATEMENT_TIMEOUT_S: Final = 15
"""How long an answer is waited for: after that the network is taken for dead."""

_SETTINGS: Final = {
    "application_name": "sololine",
    # What was committed is on the disk: it may have been acknowledged. Not left to the server.
    "synchronous_commit": "on",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}

_PASSING: Final = {
    "40001",  # serialization failure
    "40P01",  # deadlock; this transaction was chosen to give way
    "55P03",  # a lock was not to be had in time
}

_CLASHES: Final = {
    "23503",  # foreign key
    "23505",  # unique key
}

_DATA: Final = {
    "22",  # no value of its type, or no text
    "23",  # a check or a NOT NULL
    "54",  # too long for an index, or too many
}
"""Classes of errors that are about the data."""

_ARGUMENT: Final = re.compile(r"(invalid input for query argument \$\d+): .*", re.DOTALL)

_NOW: Final = text("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")

_MIGRATION_LOCK: Final = text("SELECT pg_advisory_xact_lock(7656119765611976)")


class _PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is ready as soon as it is open.

    SQLAlchemy would ask the database about its JSON types first, which no column of ours has.
    """

    __slots__ = ()

    async def set_type_codec(self, *_args: object, **_settings: object) -> None:
        """Leave the types as they are."""


def open_postgres(url: URL) -> Database:
    """Open the database that `url` names; it connects when it is first used."""
    engine = _engine(url, _SETTINGS, timeout_s=STATEMENT_TIMEOUT_S)
    return Database(
        writer=engine,
        reader=engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        ),
        now=_now,
        passes=_passes,
        clashes=_clashes,
        refuses=_refuses,
    )


@asynccontextmanager
async def alone_in_postgres(url: URL) -> AsyncIterator[AsyncConnection]:
    """A transaction to change the schema in; whoever comes second waits at its begin."""
    engine = _engine(url, {"application_name": "sololine migrate"})
    try:
        async with engine.begin() as connection:
            await connection.execute(_MIGRATION_LOCK)
            yield connection
    finally:
        await engine.dispose()


def _engine(url: URL, settings: dict[str, str], timeout_s: float | None = None) -> AsyncEngine:
    # asyncpg reads the URL itself: it knows what operators write into it (sslmode, several hosts,
    # a password file), and SQLAlchemy does not.
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def connect() -> Any:
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=timeout_s,
            server_settings=settings,
            connection_class=_PlainConnection,
        )

    engine = create_async_engine(
        URL.create("postgresql+asyncpg"),
        async_creator=connect,
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS_MAX - CONNECTIONS,
        pool_pre_ping=True,  # a connection may have died unseen: a restart, a failover, a firewall
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "handle_error", _hide_values)
    return engine


def _hide_values(context: ExceptionContext) -> None:
    """Leave out of an error what the row or the statement held: codes, numbers, names."""
    raised = context.original_exception
    for error in (raised, raised.__cause__):
        if getattr(error, "detail", None) is not None:
            error.detail = None  # type: ignore[union-attr]  # looked up just now
    for error in (context.sqlalchemy_exception, raised, raised.__cause__):
        if error is not None:
            error.args = tuple(_ARGUMENT.sub(r"\1", str(arg)) for arg in error.args)


async def _now(connection: AsyncConnection) -> datetime:
    # Not now(), which is when the transaction began: one that waited would live in the past.
    milliseconds: int = (await connection.execute(_NOW)).scalar_one()
    return instant(milliseconds)


def _passes(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _PASSING


def _clashes(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _CLASHES


def _refuses(error: DBAPIError) -> bool:
    # The driver itself refuses what its type cannot hold, before it asks the database.
    by_driver = isinstance(getattr(error.orig, "__cause__", None), asyncpg.DataError)
    return by_driver or (getattr(error.orig, "sqlstate", None) or "")[:2] in _DATA
