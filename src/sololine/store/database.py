"""What differs between SQLite and PostgreSQL; everything else in the store is one code for both."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An open database.

    Attributes:
        writer: transactions that may write. Only they take locks.
        reader: transactions that only read, on one snapshot each, never waiting for writers.
        now: the database's clock, asked in a transaction; aware, in UTC.
        passes: whether an error comes from meeting other transactions, so that the same work may
            succeed when it is done again.
        clashes: whether an error says that a unique key is taken, or a foreign key points nowhere.
        refuses: whether an error is about the data, so that the same data will be refused again.
    """

    writer: AsyncEngine
    reader: AsyncEngine
    now: Callable[[AsyncConnection], Awaitable[datetime]]
    passes: Callable[[DBAPIError], bool]
    clashes: Callable[[DBAPIError], bool]
    refuses: Callable[[DBAPIError], bool]
