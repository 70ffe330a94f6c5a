"""A connection within one transaction: the door through which all statements go."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Executable

from sololine.core.ids import BotId, TenantId
from sololine.store.columns import Row
from sololine.store.database import Begun
from sololine.store.errands import Errands
from sololine.store.errors import Clash, Raced
from sololine.store.statements import Statements, Values

ASKED_AT_ONCE: Final = 500

T = TypeVar("T")


class Connection:
    """A transaction's connection, what time it is in it, and what it has locked.

    Attributes:
        now: by the database's clock, when the transaction began; aware, in UTC, whole milliseconds.
    """

    def __init__(
        self,
        begun: Begun,
        statements: Statements,
        errands: Errands,
        now: datetime,
        *,
        writes: bool,
    ) -> None:
        self._begun = begun
        self._statements = statements
        self._errands = errands
        self._asked: asyncio.Task[Any] | None = None
        self._writes = writes
        self._locked: set[BotId] = set()
        self._counting = False
        self._last = False
        self.now = now

    # --- statements

    async def rows(self, statement: Executable, values: Values) -> Sequence[Row]:
        """All rows that `statement` returns."""
        sql, ordered = self._statements.one(statement, values)
        return await self._ask(self._begun.rows(sql, ordered))

    async def rows_among(self, statement: Executable, name: str, asked: Iterable[str]) -> list[Row]:
        """All rows that `statement` returns for a list of any length, asked a piece at a time.

        `name` is the statement's expanding parameter that takes the list.
        """
        left, found = iter(asked), list[Row]()
        while some := list(islice(left, ASKED_AT_ONCE)):
            found += await self.rows(statement, {name: some})
        return found

    async def rows_of(
        self, tenant: TenantId | None, of_all: Executable, own: Executable, **values: int
    ) -> Sequence[Row]:
        """All rows of `own`, which takes a `tenant`; those of `of_all` when that is None."""
        if tenant is None:
            return await self.rows(of_all, values)
        return await self.rows(own, {"tenant": tenant, **values})

    async def row(self, statement: Executable, values: Values) -> Row | None:
        """The only row that `statement` returns, or None when it returns none."""
        rows = await self.rows(statement, values)
        if len(rows) > 1:
            raise RuntimeError("a statement returned more than the one row that there may be")
        return rows[0] if rows else None

    async def change(self, statement: Executable, values: Values) -> int:
        """Write; returns how many rows were changed."""
        sql, ordered = self._statements.one(statement, values)
        return await self._ask(self._begun.change(sql, ordered))

    async def change_each(self, statement: Executable, rows: Sequence[Values]) -> None:
        """Write once for each of several rows of values, which all have the same names."""
        if len(rows) == 1:
            await self.change(statement, rows[0])
        elif rows:
            sql, ordered = self._statements.each(statement, rows)
            await self._ask(self._begun.change_each(sql, ordered))

    async def add(self, statement: Executable, *rows: Values) -> None:
        """Write rows, or delete some, where others may do the same.

        Raises:
            Raced: a unique key is taken, or what a row points at is gone (or still pointed at).
        """
        try:
            await self.change_each(statement, rows)
        except Clash as error:
            raise Raced("somebody else wrote or deleted what this rests on") from error

    async def _ask(self, asking: Coroutine[Any, Any, T]) -> T:
        self._asked = asked = self._errands.send(asking)
        return await asyncio.shield(asked)

    async def end(self, *, commit: bool) -> None:
        """Commit or undo, and give the connection back; a statement under way is waited for."""
        if self._asked is not None and not self._asked.done():
            await asyncio.wait([self._asked])
        await self._begun.end(commit=commit)

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
