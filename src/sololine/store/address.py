"""Which database a URL means."""

from contextlib import AbstractAsyncContextManager
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection

from sololine.clock import Clock
from sololine.core.sentence import Sentence
from sololine.store.database import Database
from sololine.store.postgres import alone_in_postgres, open_postgres
from sololine.store.sqlite import alone_in_sqlite, open_sqlite

_REMEDY: Final = Sentence(
    "use sqlite:////path/to/sololine.db or postgresql://user:password@host/database"
)


def database_at(url: str, clock: Clock) -> Database:
    """Open the database that `url` means.

    Raises:
        ValueError: if it is no URL of a database we run on. The message does not show it: it may
            hold a password.
    """
    parsed = _parsed(url)
    if parsed.drivername == "sqlite":
        return open_sqlite(parsed, clock)
    return open_postgres(parsed)


def alone_in(url: str) -> AbstractAsyncContextManager[AsyncConnection]:
    """A transaction in which nobody else changes the schema. Raises like `database_at`."""
    parsed = _parsed(url)
    return alone_in_sqlite(parsed) if parsed.drivername == "sqlite" else alone_in_postgres(parsed)


def _parsed(url: str) -> URL:
    """The URL, with the bare name of the database for its driver."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError(Sentence("this is no database URL; {remedy}", remedy=_REMEDY)) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+aiosqlite":
            return parsed.set(drivername="sqlite")
        case "postgres" | "postgresql" | "postgresql+asyncpg":
            return parsed.set(drivername="postgresql")
        case other:
            raise ValueError(
                Sentence(
                    "sololine does not run on '{other}'; {remedy}", other=other, remedy=_REMEDY
                )
            )
