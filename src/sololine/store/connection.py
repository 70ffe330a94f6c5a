"""A connection within one transaction: the door through which all statements go."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sololine.core.ids import BotId
from sololine.store.columns import Row
from sololine.store.database import Database
from sololine.store.errands import Errands
from sololine.store.errors import Raced


class Connection:
    """A transaction's connection, what time it is in it, and what it has locked.

    Attributes:
        now: by the database's clock, when the transaction began; aware, in UTC, whole milliseconds.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        database: Database,
        errands: Errands,
        now: datetime,
        *,
        writes: bool,
    ) -> None:
        self._connection = connection
        self._database = database
        self._errands = errands
        self._asked: asyncio.Task[CursorResult[Any]] | None = None
        self._writes = writes
        self._locked: set[BotId] = set()
        self._counting = False
        self._last = False
        self.now = now

    # --- statements

    async def rows(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[Row]:
        """All rows that `statement` returns."""
        return (await self._execute(statement, values)).mappings().all()

    async def row(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> Row | None:
        """The only row that `statement` returns, or None when it returns none."""
        return (await self._execute(statement, values)).mappings().one_or_none()

    async def change(
        self,
        statement: Executable,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Write; returns how many rows were changed (not told for a sequence of values)."""
        return (await self._execute(statement, values)).rowcount

    async def add(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> None:
        """Write new rows, or delete some, where others may do the same.

        Raises:
            Raced: a unique key is taken, or what a row points at is gone (or still pointed at).
        """
        try:
            await self._execute(statement, values)
        except DBAPIError as error:
            if self._database.clashes(error):
                raise Raced("somebody else wrote or deleted what this rests on") from error
            raise

    async def _execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
    ) -> CursorResult[Any]:
        self._asked = self._errands.send(self._connection.execute(statement, values))
        return await asyncio.shield(self._asked)

    async def end(self, *, commit: bool) -> None:
        """Commit or undo, and give the connection back; a statement under way is waited for."""
        try:
            if self._asked is not None and not self._asked.done():
                await asyncio.wait([self._asked])
            if commit:
                await self._connection.commit()
        finally:
            await self._connection.close()

    # --- the order of locks: sessions, claims, the tenant's counter, all that comes last

    def locks(self, bot: BotId) -> None:
        """Note that the session of `bot` is about to be locked.

        Raises:
            RuntimeError: the transaction only reads, or already holds a lock that comes later, so
                that waiting here could make a circle with somebody who waits for that.
        """
        if not self._writes:
            raise RuntimeError(
                "a reading transaction locks nothing; use Store.run, or sessions.get"
            )
        if bot not in self._locked:
            self._before_counting("lock every session")
        self._locked.add(bot)

    def needs_lock(self, bot: BotId) -> None:
        """Raise RuntimeError unless this transaction has locked the session of `bot`.

        What is written without it may rest on a past that somebody else has changed.
        """
        if bot not in self._locked:
            raise RuntimeError(f"lock the session of {bot} in this transaction before changing it")

    def claims(self) -> None:
        """Note that claims may be waited for from here on. Raises like `locks`."""
        self._before_counting("save every session")

    def counts(self) -> None:
        """Note that the tenant's counter is about to be held until the commit.

        Raises:
            RuntimeError: rows that come after the counter have been changed without it.
        """
        if self._last and not self._counting:
            raise RuntimeError("append events before anything of messages or webhooks is changed")
        self._counting = True

    def comes_last(self) -> None:
        """Note that rows are about to be changed that come last in the order."""
        self._last = True

    def _before_counting(self, act: str) -> None:
        if self._counting or self._last:
            raise RuntimeError(f"{act} before the first event is appended")
