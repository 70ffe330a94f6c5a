import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sololine.emulator.server import Emulator

# On Python 3.11 pytest-asyncio would otherwise make a loop here that nobody closes, and the
# warning about it is an error.
asyncio.set_event_loop(None)


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    async with Emulator(tmp_path / "emulator") as emulator:
        yield emulator
