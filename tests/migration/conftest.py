"""Empty databases of both kinds, to be migrated by the tests themselves."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.servers import fresh_database

NewDatabase = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewDatabase]:
    """Makes an empty database each time it is called; returns its URL."""
    serial = count(1)
    with ExitStack() as databases:
        if request.param == "postgres":
            server: str = request.getfixturevalue("postgres_url")
            yield lambda: databases.enter_context(fresh_database(server))
        else:
            yield lambda: f"sqlite:///{tmp_path}/{next(serial)}.db"


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    """An empty database."""
    return new_database()
