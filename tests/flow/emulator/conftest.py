"""The real engine, linked with an emulator on loopback."""

import asyncio
import platform
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sololine.emulator.server import Emulator
from tests.flow.emulator.engine import Engine, NewEngine

# On Python 3.11 pytest-asyncio would otherwise make a loop here that nobody closes, and the
# warning about it is an error.
asyncio.set_event_loop(None)


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    async with Emulator(tmp_path / "emulator") as emulator:
        yield emulator
        assert emulator.unknown == []


@pytest.fixture
def linux_amd64() -> None:
    """Skips a test elsewhere: the driver can replace the engine's trusted key only here."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the engine's trusted key can be replaced on Linux, amd64, only")


@pytest.fixture
async def new_engine(
    emulator: Emulator, tmp_path: Path, linux_amd64: None
) -> AsyncIterator[NewEngine]:
    """Makes engines, each with a database of its own; they end with the test."""
    async with AsyncExitStack() as stack:
        engines: list[Engine] = []

        def make() -> Engine:
            engine = Engine(emulator, tmp_path / f"engine-{len(engines)}.sqlite3")
            engines.append(engine)
            stack.push_async_exit(engine)
            return engine

        yield make
