"""A real store in a file of the test's own, on a clock that the test holds."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.clock import ManualClock
from sololine.core.ids import DEFAULT_TENANT
from sololine.media_files import MediaFiles
from sololine.outward import Outward
from sololine.store.migrate import migrate
from sololine.store.store import Store
from tests.unit.scenes import NOON, OTHER_TENANT


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    # On a thread: a fixture of the session may be set up while a test's loop runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(f"sqlite:///{path}")).result()
    return path


@pytest.fixture
def clock() -> ManualClock:
    """The store's clock."""
    return ManualClock(NOON)


@pytest.fixture
async def store(migrated_file: Path, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    """A store with two tenants and nothing else in it."""
    path = tmp_path / "store.db"
    shutil.copy(migrated_file, path)
    store = await Store.open(f"sqlite:///{path}", clock)
    try:
        for tenant in (DEFAULT_TENANT, OTHER_TENANT):
            await store.run(lambda tx, tenant=tenant: tx.tenants.ensure(tenant))
        yield store
    finally:
        await store.close()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def media_folder(tmp_path: Path) -> Path:
    """Where the gateway's files are; it is made with the first of them."""
    return tmp_path / "media"


@pytest.fixture
async def outward() -> AsyncIterator[Outward]:
    """Reaches servers on this machine, as those of tests are."""
    async with Outward(allow_private=True) as outward:
        yield outward


@pytest.fixture
def gateway(store: Store, bus: MemoryBus, media_folder: Path, outward: Outward) -> Gateway:
    """A gateway with the settings that nobody changed; no line runs behind it."""
    return Gateway(store=store, bus=bus, media=MediaFiles(media_folder), outward=outward)
