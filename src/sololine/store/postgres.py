"""PostgreSQL: several processes, several machines.

Writers run at READ COMMITTED and take the locks they need in the order that `store/tables.py`
names; readers see one snapshot (REPEATABLE READ, read only). Nobody waits for a lock for ever, and
a process that was stopped in the middle of a transaction does not hold its locks for ever.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

import asyncpg
from sqlalchemy import URL, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from sololine.store.columns import Row
from sololine.store.database import Database
from sololine.store.errors import Busy, Clash, DatabaseError, NoSuchTable, Unstorable

CONNECTIONS: Final = 20
"""Connections of a process at most."""

UNUSED_FOR_S: Final = 300
"""After how long a connection that nobody uses is closed."""

CONNECT_TIMEOUT_S: Final = 10
STATEMENT_TIMEOUT_S: Final = 15
"""How long an answer is waited for: after that the network is taken for dead."""
WAIT_TIMEOUT_S: Final = 30
"""How long a transaction waits for a connection."""

STATEMENTS_KEPT: Final = 500
"""Statements that a connection keeps prepared."""

_SETTINGS: Final = {
    "application_name": "sololine",
    # What was committed is on the disk: it may have been acknowledged. Not left to the server.
    "synchronous_commit": "on",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}

_PASSING: Final = {
    "0A000",  # the schema was upgraded, and a prepared statement is of the one before
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

_NO_TABLE: Final = "42P01"

_ARGUMENT: Final = re.compile(r"(invalid input for query argument \$\d+): .*", re.DOTALL)

_DRIVERS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What the driver raises, time-outs and lost connections among it."""

_NOW: Final = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

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
    pool = _Pool(url)
    return Database(
        dialect=PGDialect_asyncpg(),  # type: ignore[no-untyped-call]  # it says no types
        writer=_Connections(pool, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
        reader=_Connections(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    )


@asynccontextmanager
async def alone_in_postgres(url: URL) -> AsyncIterator[AsyncConnection]:
    """A transaction to change the schema in; whoever comes second waits at its begin."""

    async def connect() -> Any:
        settings = {"application_name": "sololine migrate"}
        return await asyncpg.connect(
            _dsn(url),
            timeout=CONNECT_TIMEOUT_S,
            server_settings=settings,
            connection_class=_PlainConnection,
        )

    engine = create_async_engine(URL.create("postgresql+asyncpg"), async_creator=connect)
    try:
        async with engine.begin() as connection:
            await connection.execute(_MIGRATION_LOCK)
            yield connection
    finally:
        await engine.dispose()


def _dsn(url: URL) -> str:
    """The URL for asyncpg to read: it knows what operators write into it, as sslmode or hosts."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


class _Pool:
    """The connections of the process, for reading and for writing."""

    def __init__(self, url: URL) -> None:
        self._dsn = _dsn(url)
        self._pool: asyncpg.Pool | None = None

    async def take(self) -> Any:
        if self._pool is None:
            # It connects to nobody yet, so nobody else comes in between.
            self._pool = await asyncpg.create_pool(
                self._dsn,
                connect=asyncpg.connect,
                reset=_as_it_is,
                min_size=0,
                max_size=CONNECTIONS,
                max_inactive_connection_lifetime=UNUSED_FOR_S,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S,
                statement_cache_size=STATEMENTS_KEPT,
                server_settings=_SETTINGS,
            )
        return await self._pool.acquire(timeout=WAIT_TIMEOUT_S)

    async def give_back(self, connection: Any) -> None:
        if self._pool is not None:
            await self._pool.release(connection)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


class _Dead(ConnectionError):
    """A connection could not begin: a failover, or a firewall, of which nobody told us."""


class _Connections:
    """The pool, for one kind of transaction."""

    def __init__(self, pool: _Pool, begin: str) -> None:
        self._pool = pool
        self._begin = begin

    async def begin(self) -> "_Begun":
        with _failures():
            try:
                connection = await self._begun()
            except _Dead:
                connection = await self._begun()
        return _Begun(connection, self._pool)

    async def _begun(self) -> Any:
        """A connection in a transaction. Raises _Dead for one that may have died unseen."""
        connection = await self._pool.take()
        try:
            await connection.execute(self._begin)
        except BaseException as error:
            connection.terminate()
            await self._pool.give_back(connection)
            if isinstance(error, _DRIVERS):
                raise _Dead(str(error)) from error
            raise
        return connection

    async def close(self) -> None:
        await self._pool.close()


class _Begun:
    """A transaction on one of the connections."""

    def __init__(self, connection: Any, pool: _Pool) -> None:
        self._connection = connection
        self._pool = pool

    async def now(self) -> int:
        # Not now(), which is when the transaction began: one that waited would live in the past.
        with _failures():
            return cast("int", await self._connection.fetchval(_NOW))

    async def rows(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        with _failures():
            return cast("Sequence[Row]", await self._connection.fetch(sql, *values))

    async def change(self, sql: str, values: Sequence[Any]) -> int:
        with _failures():
            status: str = await self._connection.execute(sql, *values)
        count = status.rpartition(" ")[2]  # "INSERT 0 1", "UPDATE 3", "TRUNCATE TABLE"
        return int(count) if count.isdecimal() else 0

    async def change_each(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        with _failures():
            await self._connection.executemany(sql, values)

    async def end(self, *, commit: bool) -> None:
        with _failures():
            try:
                await self._connection.execute("COMMIT" if commit else "ROLLBACK")
            except BaseException:
                if self._connection.is_in_transaction():
                    self._connection.terminate()
                raise
            finally:
                await self._pool.give_back(self._connection)


async def _as_it_is(_: object) -> None:
    """A connection goes back after its transaction's end, and no transaction leaves a trace."""


@contextmanager
def _failures() -> Iterator[None]:
    """Tell what the driver says in the store's own words."""
    try:
        yield
    except _DRIVERS as error:
        # Of what the row or the statement held nothing goes on: codes, numbers, names.
        if getattr(error, "detail", None) is not None:
            error.detail = None  # type: ignore[union-attr]  # looked up just now
        error.args = tuple(_ARGUMENT.sub(r"\1", str(arg)) for arg in error.args)
        raise _failure(error) from error


def _failure(error: Exception) -> DatabaseError:
    state: str = getattr(error, "sqlstate", None) or ""
    words = str(error) or type(error).__name__
    if state in _CLASHES:
        return Clash(words)
    if state in _PASSING:
        return Busy(words)
    if state[:2] in _DATA:
        return Unstorable(words)
    return NoSuchTable(words) if state == _NO_TABLE else DatabaseError(words)
