"""The store: opens a database and runs transactions on it."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, Self, TypeVar

from sololine.clock import Clock
from sololine.store.address import database_at
from sololine.store.columns import instant
from sololine.store.connection import Connection
from sololine.store.database import Connections, Database
from sololine.store.errands import Errands
from sololine.store.errors import Busy, Raced, Unstorable
from sololine.store.migrate import check_revision
from sololine.store.statements import Statements
from sololine.store.transaction import Transaction

T = TypeVar("T")

TRIES: Final = 8
"""How often the same work is begun before its failure is taken for an answer."""

PATIENCE_S: Final = 15
"""After how long it is not begun again, though it was begun less often."""

PAUSE_MAX_S: Final = 0.1

_MISTAKES: Final = (ValueError, TypeError, LookupError, ArithmeticError)


class Store:
    """All that Sololine remembers, in SQLite or PostgreSQL.

    Attributes:
        shift: added to the database's clock; tests let time pass with it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = Statements(database.dialect)
        self._errands = Errands()
        self.shift = timedelta()

    @classmethod
    async def open(cls, url: str, clock: Clock) -> Self:
        """Open a database that `migrate` has prepared.

        Args:
            url: `sqlite:////path/to/file` or `postgresql://user:password@host/database`; the
                drivers may be named too (`sqlite+aiosqlite`, `postgresql+asyncpg`).
            clock: what time it is for SQLite, which has only the machine's clock. PostgreSQL is
                asked itself, so that all processes go by one clock.

        Raises:
            ValueError: the URL names no database we run on.
            SchemaBehind: `migrate` has not been run since this version was installed.
        """
        store = cls(database_at(url, clock))
        try:
            await check_revision(store._database)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close all connections; the threads behind SQLite's end with them."""
        await self._errands.all_done()
        await self._database.reader.close()
        await self._database.writer.close()

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do `work` in one transaction that may write, and return what it returns.

        `work` is done again, from its beginning and in a new transaction, when it met another
        transaction; so it touches nothing but the transaction. What it raises undoes everything.
        """
        began = time.monotonic()
        for tried in itertools.count(1):
            try:
                async with self._transaction(self._database.writer, writes=True) as tx:
                    return await work(tx)
            except (Raced, Busy):
                if tried == TRIES or time.monotonic() - began > PATIENCE_S:
                    raise
            # Unequal pauses, or those who met would meet again.
            await asyncio.sleep(random.uniform(0, min(0.002 * 2**tried, PAUSE_MAX_S)))  # noqa: S311 — no secret
        raise AssertionError("count does not end")

    def refuses(self, error: Exception) -> bool:
        """Whether work that failed so will fail again: for its data, or by a mistake of ours.

        What may pass is something else: a lost connection, a race, a database that is away.
        """
        # The mistakes are also what a driver raises for a value before it is sent.
        return isinstance(error, (Unstorable, *_MISTAKES))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A transaction that reads one snapshot; it waits for nobody, and writing in it fails."""
        async with self._transaction(self._database.reader, writes=False) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(
        self, connections: Connections, *, writes: bool
    ) -> AsyncIterator[Transaction]:
        beginning = self._errands.send(self._begin(connections, writes=writes))
        try:
            connection = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            self._errands.send(_end_after(beginning))
            raise
        try:
            yield Transaction(connection)
        except (asyncio.CancelledError, GeneratorExit):
            self._errands.send(connection.end(commit=False))
            raise
        except BaseException:
            await asyncio.shield(self._errands.send(connection.end(commit=False)))
            raise
        await asyncio.shield(self._errands.send(connection.end(commit=True)))

    async def _begin(self, connections: Connections, *, writes: bool) -> Connection:
        begun = await connections.begin()
        try:
            now = instant(await begun.now()) + self.shift
        except BaseException:
            await begun.end(commit=False)
            raise
        return Connection(begun, self._statements, self._errands, now, writes=writes)


async def _end_after(beginning: asyncio.Task[Connection]) -> None:
    """Give back a connection that nobody waits for any more."""
    await asyncio.wait([beginning])
    if beginning.exception() is None:
        await beginning.result().end(commit=False)
