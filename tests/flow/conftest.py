import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.house import Server, WhatsApp, whatsapp


@pytest.fixture
async def phones(tmp_path: Path) -> AsyncIterator[WhatsApp]:
    """A loopback WhatsApp of this test's own."""
    async with whatsapp(tmp_path / "whatsapp") as running:
        yield running
        assert await running.unknown() == []


@pytest.fixture
async def server(phones: WhatsApp, tmp_path: Path) -> AsyncIterator[Server]:
    """A running server on SQLite; policy refuse."""
    server = Server(phones, tmp_path / "data")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def replacing(phones: WhatsApp, tmp_path: Path) -> AsyncIterator[Server]:
    """A running server on SQLite; policy replace."""
    server = Server(phones, tmp_path / "data", {"SOLOLINE_CONFLICT_POLICY": "replace"})
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def number() -> str:
    """A Spanish mobile number that no other test uses."""
    return f"+346{secrets.randbelow(10**8):08d}"
