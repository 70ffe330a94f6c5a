"""SQLite: one file, one machine, one writer at a time.

A transaction that reads first and writes later may find that somebody wrote in between; SQLite then
refuses it at once, whatever `busy_timeout` says. So writers begin with BEGIN IMMEDIATE and wait for
each other there: within the process in the line before the only connection that writes, between
processes by `busy_timeout`.

Each connection has a thread of its own, in which it may wait for the disk and for other processes.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

from sqlalchemy import URL, event
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from sololine.clock import Clock
from sololine.store.columns import Row, millis
from sololine.store.database import Database
from sololine.store.errors import Busy, Clash, DatabaseError, NoSuchTable, Unstorable

READERS: Final = 8
"""Connections that read; each is a thread."""

PATIENCE_MS: Final = 5_000
"""How long a writer waits for another process before it reports that the database is locked."""

MIGRATION_PATIENCE_MS: Final = 120_000

STATEMENTS_KEPT: Final = 256
"""Statements that a connection keeps prepared."""

_BUSY: Final = 5
_LOCKED: Final = 6
_CLASHES: Final = {
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
}
_DATA: Final = {
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
}
_PRIMARY: Final = 0xFF  # the upper bytes of an error code say more, but not more than we need

_Pragmas = dict[str, str | int]
T = TypeVar("T")


def open_sqlite(url: URL, clock: Clock) -> Database:
    """Open the file that `url` names; it is made when missing, readable by its owner only."""
    path = _made(url)
    return Database(
        dialect=SQLiteDialect_aiosqlite(),
        writer=_Connections(path, clock, "BEGIN IMMEDIATE", count=1),
        reader=_Connections(path, clock, "BEGIN", count=READERS, query_only=1),
    )


@asynccontextmanager
async def alone_in_sqlite(url: URL) -> AsyncIterator[AsyncConnection]:
    """A transaction to change the schema in; whoever comes second waits at its begin.

    Foreign keys are off meanwhile, as SQLite wants it for rebuilding tables (dropping the old one
    would otherwise empty its children), and are checked before the commit.
    """
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=_made(url)))

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions by its own taste
        for name, value in _pragmas(busy_timeout=MIGRATION_PATIENCE_MS, foreign_keys=0).items():
            connection.execute(f"PRAGMA {name} = {value}").close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: SyncConnection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        async with engine.begin() as connection:
            yield connection
            broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
            if broken:
                tables = ", ".join(sorted({row[0] for row in broken}))
                raise RuntimeError(
                    f"migrating would leave rows of {tables} pointing nowhere; nothing was changed"
                )
    finally:
        await engine.dispose()


def _made(url: URL) -> str:
    """The path of the file, which is made if it is missing."""
    path = url.database
    if not path or path == ":memory:" or path.startswith("file:"):
        raise ValueError(
            "a SQLite store lives in a file that several connections open; "
            "give a URL like sqlite:////var/lib/sololine/sololine.db"
        )
    # Made here, since SQLite would make it readable by all; the files beside it (-wal, -shm) get
    # the same mode. An existing file must not even be opened: closing any descriptor of it would
    # drop the locks that this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return path


def _pragmas(**others: int) -> _Pragmas:
    return {
        "busy_timeout": PATIENCE_MS,
        "journal_mode": "WAL",
        "synchronous": "FULL",
        "foreign_keys": 1,
        **others,
    }


class _Connections:
    """Some connections to one file, each given to whoever has waited longest.

    Args:
        begin: what begins their transactions.
        count: connections at most.
        others: PRAGMAs that differ from the usual ones.
    """

    def __init__(self, path: str, clock: Clock, begin: str, *, count: int, **others: int) -> None:
        self._path = path
        self._clock = clock
        self._begin = begin
        self._pragmas = _pragmas(**others)
        self._room = asyncio.Semaphore(count)
        self._free: list[_Connection] = []

    async def begin(self) -> "_Begun":
        await self._room.acquire()
        try:
            connection = self._free.pop() if self._free else await self._opened()
            try:
                await connection.do(connection.sqlite.execute, self._begin)
            except BaseException:
                self._free.append(connection)
                raise
        except BaseException:
            self._room.release()
            raise
        return _Begun(connection, self)

    async def _opened(self) -> "_Connection":
        connection = _Connection()
        try:
            await connection.open(self._path, self._pragmas)
        except BaseException:
            await connection.close()
            raise
        return connection

    def now(self) -> int:
        """By the machine's clock: SQLite has no other."""
        return millis(self._clock.now())

    def take_back(self, connection: "_Connection") -> None:
        """Let the next one have it, unless it was closed."""
        if connection.usable:
            self._free.append(connection)
        self._room.release()

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()


class _Connection:
    """A connection and its thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self.usable = True
        self.sqlite: sqlite3.Connection

    async def open(self, path: str, pragmas: _Pragmas) -> None:
        def opened() -> sqlite3.Connection:
            connection = sqlite3.connect(
                path,
                isolation_level=None,  # the driver would begin transactions by its own taste
                check_same_thread=False,  # it is closed in another one when its own has ended
                cached_statements=STATEMENTS_KEPT,
            )
            connection.row_factory = _row
            for name, value in pragmas.items():
                connection.execute(f"PRAGMA {name} = {value}").close()
            return connection

        self.sqlite = await self.do(opened)

    async def do(self, work: Callable[..., T], *args: object) -> T:
        """Do something in the connection's thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        except sqlite3.Error as error:
            raise _failure(error) from error

    async def close(self) -> None:
        self.usable = False
        if hasattr(self, "sqlite"):
            await self.do(self.sqlite.close)
        self._thread.shutdown(wait=False)


class _Begun:
    """A transaction on one of the connections."""

    def __init__(self, connection: _Connection, home: _Connections) -> None:
        self._connection = connection
        self._home = home

    async def now(self) -> int:
        return self._home.now()

    async def rows(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        def fetched() -> list[Row]:
            return self._connection.sqlite.execute(sql, values).fetchall()

        return await self._connection.do(fetched)

    async def change(self, sql: str, values: Sequence[Any]) -> int:
        def changed() -> int:
            return self._connection.sqlite.execute(sql, values).rowcount

        return await self._connection.do(changed)

    async def change_each(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        await self._connection.do(self._connection.sqlite.executemany, sql, values)

    async def end(self, *, commit: bool) -> None:
        try:
            await self._connection.do(self._ended, commit)
        finally:
            self._home.take_back(self._connection)

    def _ended(self, commit: bool) -> None:  # noqa: FBT001 — handed to a thread by its place
        connection = self._connection.sqlite
        try:
            if commit:
                connection.execute("COMMIT")
        finally:
            # Also after a commit that was refused: SQLite leaves the transaction open.
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def _failure(error: sqlite3.Error) -> DatabaseError:
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _CLASHES:
        return Clash(str(error))
    if code & _PRIMARY in {_BUSY, _LOCKED}:
        return Busy(str(error))
    if code & _PRIMARY in _DATA:
        return Unstorable(str(error))
    if str(error).startswith("no such table"):
        return NoSuchTable(str(error))
    return DatabaseError(str(error))
