"""SQLite without threads, for a loop whose time jumps and whose order must repeat.

The real adapter, but for the hop into a connection's thread: a statement is done when it is asked.
It passes the same contract (`tests/contract/test_store_*.py`). It flushes nothing to the disk,
since what it stores need not outlive the test's process.
"""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

from sololine.clock import Clock
from sololine.store import sqlite
from sololine.store.database import Database

T = TypeVar("T")


def open_in_loop(path: str, clock: Clock) -> Database:
    """Open a file that `migrate` has prepared."""
    return Database(
        dialect=SQLiteDialect_aiosqlite(),
        writer=_Connections(path, clock, "BEGIN IMMEDIATE", count=1, synchronous=0),
        reader=_Connections(path, clock, "BEGIN", count=sqlite.READERS, query_only=1),
    )


class _Connections(sqlite._Connections):
    async def _opened(self) -> sqlite._Connection:
        connection = _Connection()
        await connection.open(self._path, self._pragmas)
        return connection


class _Connection(sqlite._Connection):
    def __init__(self) -> None:
        self.usable = True

    async def do(self, work: Callable[..., T], *args: object) -> T:
        try:
            return work(*args)
        except sqlite3.Error as error:
            raise sqlite._failure(error) from error

    async def close(self) -> None:
        self.usable = False
        self.sqlite.close()
