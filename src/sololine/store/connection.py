"""A connection within one transaction: the door through which all statements go."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from sololine.core.ids import BotId
from sololine.store.columns import Row


class Connection:
    """A transaction's connection, what time it is in it, and what it has locked.

    Attributes:
        now: by the database's clock, when the transaction began; aware, in UTC, whole milliseconds.
    """

    def __init__(self, connection: AsyncConnection, now: datetime, *, writes: bool) -> None:
        self._connection = connection
        self._writes = writes
        self._locked: set[BotId] = set()
        self._counting = False
        self.now = now

    # --- statements

    async def rows(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[Row]:
        """All rows that `statement` returns."""
        return (await self._connection.execute(statement, values)).mappings().all()

    async def row(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> Row | None:
        """The only row that `statement` returns, or None when it returns none."""
        return (await self._connection.execute(statement, values)).mappings().one_or_none()

    async def change(
        self,
        statement: Executable,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Write; returns how many rows were changed (not told for a sequence of values)."""
        result = await self._connection.execute(statement, values)
        assert isinstance(result, CursorResult)  # noqa: S101 — for the type checker
        return result.rowcount

    # --- the order of locks: sessions, claims, the tenant's counter

    def locks(self, bot: BotId) -> None:
        """Note that the session of `bot` is about to be locked.

        Raises:
            RuntimeError: the transaction only reads, or already holds its tenant's counter, so that
                waiting here could make a circle with somebody who waits for the counter.
        """
        if not self._writes:
            raise RuntimeError(
                "a reading transaction locks nothing; use Store.run, or sessions.get"
            )
        if self._counting and bot not in self._locked:
            raise RuntimeError("lock every session before the first event is appended")
        self._locked.add(bot)

    def needs_lock(self, bot: BotId) -> None:
        """Raise RuntimeError unless this transaction has locked the session of `bot`.

        What is written without it may rest on a past that somebody else has changed.
        """
        if bot not in self._locked:
            raise RuntimeError(f"lock the session of {bot} in this transaction before changing it")

    def claims(self) -> None:
        """Note that claims may be waited for from here on.

        Raises:
            RuntimeError: the transaction already holds its tenant's counter (see `locks`).
        """
        if self._counting:
            raise RuntimeError("save every session before the first event is appended")

    def counts(self) -> None:
        """Note that the tenant's counter is about to be held until the commit."""
        self._counting = True
