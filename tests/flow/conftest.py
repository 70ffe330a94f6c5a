"""Servers and phones for flow tests.

Most tests share one emulator and one server of each policy, each with bots and a number of its
own. A test that stops its server, or counts all there is, asks for a house of its own.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.flow.bot import Bot
from tests.flow.house import Server, WhatsApp, other_tenant, whatsapp
from tests.flow.phone import Phone
from tests.flow.receiver import Receiver
from tests.flow.shelf import Shelf, shelf_on_the_web

REPLACE = {"SOLOLINE_CONFLICT_POLICY": "replace"}
TALKATIVE = {"SOLOLINE_SENDS_PER_MINUTE": "0", "SOLOLINE_ALLOW_PRIVATE_ADDRESSES": "true"}
"""No pace limit, and receivers of webhooks may be on this machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all flow tests in one event loop, which the shared servers' clients live in."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def phones(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WhatsApp]:
    """The loopback WhatsApp that all tests share."""
    async with whatsapp(tmp_path_factory.mktemp("whatsapp")) as running:
        yield running
        assert await running.unknown() == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(
    phones: WhatsApp, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """The shared server with policy refuse, on SQLite."""
    server = await Server(phones, tmp_path_factory.mktemp("refusing")).start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def replacing(
    phones: WhatsApp, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """The shared server with policy replace, on SQLite."""
    server = await Server(phones, tmp_path_factory.mktemp("replacing"), REPLACE).start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def talking(
    phones: WhatsApp, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """The shared server for what bots say, on SQLite."""
    server = await Server(phones, tmp_path_factory.mktemp("talking"), TALKATIVE).start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _linked_bot(talking: Server) -> Bot:
    return await Bot.linked(talking, new_number())


@pytest_asyncio.fixture(loop_scope="session")
async def bot(_linked_bot: Bot) -> Bot:
    """A linked bot, which tests share; what it did for earlier ones is past."""
    return await _linked_bot.from_now()


@pytest_asyncio.fixture(loop_scope="session")
async def ana(phones: WhatsApp) -> Phone:
    """A phone of this test's own."""
    return await Phone(phones, new_number()).own()


@pytest_asyncio.fixture(loop_scope="session")
async def ben(phones: WhatsApp) -> Phone:
    """Another phone of this test's own."""
    return await Phone(phones, new_number()).own()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def receiver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Receiver]:
    """The shared receiver of webhooks; each test has names of its own on it."""
    receiver = await Receiver(tmp_path_factory.mktemp("receiver")).start()
    yield receiver
    await receiver.kill()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guest(talking: Server) -> Server:
    """The server `talking`, as another tenant sees it."""
    return await other_tenant(talking, "guest")


@pytest_asyncio.fixture(loop_scope="session")
async def shelf() -> AsyncIterator[Shelf]:
    """Files on the web."""
    async with shelf_on_the_web() as shelf:
        yield shelf


@pytest_asyncio.fixture(loop_scope="session")
async def own_server(phones: WhatsApp, tmp_path: Path) -> AsyncIterator[Server]:
    """A server of this test's own, on SQLite."""
    server = await Server(phones, tmp_path / "data").start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def own_talking(phones: WhatsApp, tmp_path: Path) -> AsyncIterator[Server]:
    """A server of this test's own, as `talking`."""
    server = await Server(phones, tmp_path / "data", TALKATIVE).start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def two_servers(
    phones: WhatsApp, tmp_path: Path, postgres_database: str, redis_database: str
) -> AsyncIterator[list[Server]]:
    """Two servers on one PostgreSQL database and one Redis, as in production."""
    settings = {
        "SOLOLINE_DATABASE_URL": postgres_database,
        "SOLOLINE_REDIS_URL": redis_database,
    }
    servers = [Server(phones, tmp_path / "data", settings) for _ in range(2)]
    await asyncio.gather(*(server.start() for server in servers))
    yield servers
    for server in servers:
        await server.stop()


@pytest.fixture
def number() -> str:
    """A Spanish mobile number that no other test uses."""
    return new_number()


def new_number() -> str:
    return f"+346{secrets.randbelow(10**8):08d}"
