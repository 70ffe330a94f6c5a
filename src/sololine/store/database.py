"""What differs between SQLite and PostgreSQL; everything else in the store is one code for both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Dialect

from sololine.store.columns import Row


class Begun(Protocol):
    """A transaction that has begun, on a connection of the database's own driver.

    What fails raises a `DatabaseError`. Values are text, whole numbers or None.
    """

    async def now(self) -> int:
        """What time it is by the database's clock, in milliseconds since 1970."""
        ...

    async def rows(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        """All rows that a statement returns."""
        ...

    async def change(self, sql: str, values: Sequence[Any]) -> int:
        """Write; returns how many rows were changed."""
        ...

    async def change_each(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Write once for each of several rows of values."""
        ...

    async def end(self, *, commit: bool) -> None:
        """Commit or undo, and give the connection back, also when that fails."""
        ...


class Connections(Protocol):
    """The connections for one kind of transaction; opened when they are first needed."""

    async def begin(self) -> Begun:
        """Begin a transaction on a connection that nobody uses, and wait for one if need be."""
        ...

    async def close(self) -> None:
        """Close them all. No transaction may be under way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An open database.

    Attributes:
        dialect: how it wants its SQL.
        writer: transactions that may write. Only they take locks.
        reader: transactions that only read, on one snapshot each, never waiting for writers.
    """

    dialect: Dialect
    writer: Connections
    reader: Connections
