"""SQLite: one file, one machine, one writer at a time.

A transaction that reads first and writes later may find that somebody wrote in between; SQLite then
refuses it at once, whatever `busy_timeout` says. So writers begin with BEGIN IMMEDIATE and wait for
each other there: within the process in the line before the only connection that writes, between
processes by `busy_timeout`.
"""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy import URL, event
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sololine.clock import Clock
from sololine.store.database import Database

READERS: Final = 8
"""Connections that read; each is a thread."""

PATIENCE_MS: Final = 5_000
"""How long a writer waits for another process before it reports that the database is locked."""

MIGRATION_PATIENCE_MS: Final = 120_000

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


def open_sqlite(url: URL, clock: Clock) -> Database:
    """Open the file that `url` names; it is made when missing, readable by its owner only."""

    async def now(_: AsyncConnection) -> datetime:
        return clock.now()

    return Database(
        writer=_engine(url, "BEGIN IMMEDIATE", connections=1),
        reader=_engine(url, "BEGIN", connections=READERS, query_only=1),
        now=now,
        passes=_passes,
        clashes=_clashes,
        refuses=_refuses,
    )


@asynccontextmanager
async def alone_in_sqlite(url: URL) -> AsyncIterator[AsyncConnection]:
    """A transaction to change the schema in; whoever comes second waits at its begin.

    Foreign keys are off meanwhile, as SQLite wants it for rebuilding tables (dropping the old one
    would otherwise empty its children), and are checked before the commit.
    """
    engine = _engine(
        url, "BEGIN IMMEDIATE", connections=1, busy_timeout=MIGRATION_PATIENCE_MS, foreign_keys=0
    )
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


def _engine(url: URL, begin: str, *, connections: int, **pragmas: int) -> AsyncEngine:
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
    settings = {
        "busy_timeout": PATIENCE_MS,
        "journal_mode": "WAL",
        "synchronous": "FULL",
        "foreign_keys": 1,
        **pragmas,
    }
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=path),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # errors reach logs; codes, numbers and names must not
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions by its own taste
        cursor = connection.cursor()
        for name, value in settings.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: SyncConnection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _passes(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & _PRIMARY in {_BUSY, _LOCKED}


def _clashes(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", 0) in _CLASHES


def _refuses(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY in _DATA
