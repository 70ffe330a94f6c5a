"""The store on both databases: what passes here on one and not on the other is a fault.

The simulation's SQLite, which has no threads, passes it too, or it would prove nothing.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sololine.clock import SystemClock
from sololine.core.ids import DEFAULT_TENANT
from sololine.store.migrate import migrate
from sololine.store.store import Store
from sololine.store.tables import metadata
from tests.contract.store_scenes import OTHER_TENANT
from tests.fakes.sqlite_in_loop import open_in_loop
from tests.servers import fresh_database
from tests.sql import by_hand, is_sqlite


def _migrate(url: str) -> None:
    # On a thread: a fixture of the session may be set up while a test's loop runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(url)).result()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """One database for all tests of the session; `store` empties it."""
    with fresh_database(postgres_url) as url:
        _migrate(url)
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    _migrate(f"sqlite:///{path}")
    return path


IN_LOOP = "sqlite-in-loop"


@pytest.fixture(params=["sqlite", IN_LOOP, "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database it is."""
    kind: str = request.param
    return kind


@pytest.fixture
def store_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database, empty or about to be emptied by `store`."""
    if kind == "postgres":
        url: str = request.getfixturevalue("migrated_postgres")
        return url
    path = tmp_path / "store.db"
    shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
    return f"sqlite:///{path}"


@pytest.fixture
async def store(kind: str, store_url: str) -> AsyncIterator[Store]:
    """A store with two tenants and nothing else in it."""
    if kind == IN_LOOP:
        store = Store(open_in_loop(store_url.removeprefix("sqlite:///"), SystemClock()))
    else:
        store = await Store.open(store_url, SystemClock())
    try:
        await _empty(store)
        await store.run(lambda tx: tx.tenants.ensure(DEFAULT_TENANT))
        await store.run(lambda tx: tx.tenants.ensure(OTHER_TENANT))
        yield store
    finally:
        await store.close()


async def _empty(store: Store) -> None:
    if not is_sqlite(store):
        await by_hand(store, "TRUNCATE " + ", ".join(metadata.tables))
