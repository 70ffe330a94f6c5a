"""SQL beside the store: written by hand to its database, and seen on its way there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sololine.store.columns import Row
from sololine.store.database import Begun, Connections
from sololine.store.store import Store


def is_sqlite(store: Store) -> bool:
    return store._database.dialect.name == "sqlite"


async def by_hand(store: Store, *statements: str) -> None:
    """Do statements in one transaction."""
    begun = await store._database.writer.begin()
    try:
        for statement in statements:
            await begun.change(statement, ())
    except BaseException:
        await begun.end(commit=False)
        raise
    await begun.end(commit=True)


@dataclass(slots=True)
class Seen:
    """What a database was asked to do.

    Attributes:
        statements: each with its values; of several rows of values the first.
        commits: how many transactions were to be kept.
    """

    statements: list[tuple[str, Sequence[Any]]] = field(default_factory=list)
    commits: int = 0


@contextmanager
def seen(store: Store) -> Iterator[Seen]:
    """See what goes to the database's writer meanwhile."""
    before, sight = store._database, Seen()
    store._database = replace(before, writer=_Watched(before.writer, sight))
    try:
        yield sight
    finally:
        store._database = before


class _Watched:
    """Connections, seen."""

    def __init__(self, connections: Connections, sight: Seen) -> None:
        self._connections = connections
        self._sight = sight

    async def begin(self) -> Begun:
        return _WatchedBegun(await self._connections.begin(), self._sight)

    async def close(self) -> None:
        await self._connections.close()


class _WatchedBegun:
    """A transaction, seen."""

    def __init__(self, begun: Begun, sight: Seen) -> None:
        self._begun = begun
        self._sight = sight

    async def now(self) -> int:
        return await self._begun.now()

    async def rows(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        self._sight.statements.append((sql, values))
        return await self._begun.rows(sql, values)

    async def change(self, sql: str, values: Sequence[Any]) -> int:
        self._sight.statements.append((sql, values))
        return await self._begun.change(sql, values)

    async def change_each(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        self._sight.statements.append((sql, values[0]))
        await self._begun.change_each(sql, values)

    async def end(self, *, commit: bool) -> None:
        self._sight.commits += commit
        await self._begun.end(commit=commit)
