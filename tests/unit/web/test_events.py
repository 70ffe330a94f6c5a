import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode
from websockets.typing import Origin, Subprotocol

from sololine.actions import events as log
from sololine.actions.gateway import Gateway
from sololine.clock import ManualClock
from sololine.core.advance import Looked
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.linking import WINDOW
from sololine.web import events
from sololine.web.app import create_app
from sololine.web.auth import KEY_PROTOCOL, Keyring
from tests.unit.scenes import connect as connect_bot
from tests.unit.scenes import move, new_bot, until
from tests.unit.web.door import KEY

ALLOWED = "https://dashboard.example.com"


@pytest.fixture
async def server(gateway: Gateway, keyring: Keyring) -> AsyncIterator[str]:
    """The application on loopback, as `host:port`."""
    app = create_app(gateway, keyring, "1.2.3", allowed_origins=[ALLOWED])
    serving = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    task = asyncio.create_task(serving.serve())
    await until(lambda: serving.started, "the server listens")
    yield f"127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}"
    serving.should_exit = True
    await task


@asynccontextmanager
async def listening(
    server: str, query: str = "", *, headers: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[ClientConnection]:
    sent = {"x-api-key": KEY} if headers is None else headers
    address = f"ws://{server}/v1/events{query}"
    async with connect(address, additional_headers=sent, proxy=None, **options) as socket:
        yield socket


async def next_of(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        frame: dict[str, Any] = json.loads(await socket.recv())
    return frame


async def refused(server: str, query: str = "", **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refusal:
        async with listening(server, query, **options):
            pass
    response = refusal.value.response
    return response.status_code, json.loads(response.body or b"{}")


async def test_a_follower_is_told_where_it_begins_and_then_of_everything(
    server: str, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    async with listening(server, "?after=0") as socket:
        assert await next_of(socket) == {"type": "stream.opened", "after": 0, "last": 1}
        first = await next_of(socket)
        await connect_bot(gateway, bot)
        second = await next_of(socket)

    assert (first["seq"], first["type"], first["botId"]) == (1, "bot.created", bot)
    assert (second["seq"], second["type"]) == (2, "session.requested")


async def test_without_a_place_a_follower_begins_now(server: str, gateway: Gateway) -> None:
    await new_bot(gateway)
    async with listening(server) as socket:
        assert (await next_of(socket))["after"] == 1
        await new_bot(gateway, "Bea")
        assert (await next_of(socket))["seq"] == 2


async def test_a_follower_gets_only_what_it_asked_for(server: str, gateway: Gateway) -> None:
    ada, bea = await new_bot(gateway), await new_bot(gateway, "Bea")
    await connect_bot(gateway, ada)
    await connect_bot(gateway, bea)
    query = f"?after=0&botId={bea}&type=session.requested&type=session.qr"
    async with listening(server, query) as socket:
        await next_of(socket)
        only = await next_of(socket)

    assert (only["type"], only["botId"]) == ("session.requested", bea)


async def test_a_browser_offers_its_key_as_a_subprotocol(server: str) -> None:
    offered = [Subprotocol(events.SUBPROTOCOL), Subprotocol(f"{KEY_PROTOCOL}{KEY}")]
    async with listening(server, headers={}, subprotocols=offered) as socket:
        assert socket.subprotocol == events.SUBPROTOCOL
        assert (await next_of(socket))["type"] == "stream.opened"


async def test_the_key_may_be_a_bearer_token(server: str) -> None:
    async with listening(server, headers={"Authorization": f"Bearer {KEY}"}) as socket:
        assert (await next_of(socket))["type"] == "stream.opened"


async def test_a_follower_reads_remedies_in_its_own_language(
    server: str, gateway: Gateway, clock: ManualClock
) -> None:
    """Also when another one reads the same events at the same time."""
    bot = await new_bot(gateway)
    await connect_bot(gateway, bot)
    query = "?type=session.disconnected"
    languages = ("es", "id")
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                listening(server, query, headers={"x-api-key": KEY, "Accept-Language": language})
            )
            for language in languages
        ]
        for socket in sockets:
            await next_of(socket)
        clock.advance(WINDOW)
        await move(gateway.store, bot, Looked())
        await gateway.tell(DEFAULT_TENANT, bot)
        spanish, indonesian = [(await next_of(socket))["data"] for socket in sockets]

    assert spanish["reason"] == indonesian["reason"] == "window_over"
    assert spanish["remedy"].startswith("Conecta el bot de nuevo")
    assert indonesian["remedy"].startswith("Hubungkan bot lagi")


async def test_who_may_not_follow_is_told_so_in_its_own_language(server: str) -> None:
    status, told = await refused(server, headers={"Accept-Language": "pt"})

    assert status == 401
    assert told["message"] == "Envie sua chave de API no cabeçalho x-api-key."


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "sl_wrong"}])
async def test_nobody_listens_without_a_key(server: str, headers: dict[str, str]) -> None:
    status, body = await refused(server, headers=headers)
    assert (status, body["error"]) == (401, "not_authenticated")


async def test_pages_of_other_servers_are_refused(server: str) -> None:
    status, body = await refused(server, origin=Origin("https://evil.example.com"))
    assert (status, body["error"]) == (403, "not_allowed")


@pytest.mark.parametrize("origin", ["null", "http://[", "", "file://"])
async def test_what_is_no_page_of_a_server_is_refused(server: str, origin: str) -> None:
    status, _ = await refused(server, headers={"x-api-key": KEY, "Origin": origin})
    assert status == 403


@pytest.mark.parametrize("page", ["http://{}", ALLOWED])
async def test_pages_of_this_server_and_allowed_ones_may_listen(server: str, page: str) -> None:
    origin = Origin(page.format(server))
    async with listening(server, origin=origin) as socket:
        assert (await next_of(socket))["type"] == "stream.opened"


@pytest.mark.parametrize(
    "query",
    [
        "?after=-1",
        "?after=x",
        f"?after={2**53 + 1}",
        "?after=٣",
        "?after=" + "9" * 5000,
        "?type=bot.exploded",
    ],
)
async def test_a_place_or_type_that_is_none_is_refused(server: str, query: str) -> None:
    status, body = await refused(server, query)
    assert (status, body["error"]) == (422, "invalid_input")


async def test_a_follower_that_does_not_read_is_closed(
    server: str, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it missed stands in the log. Its buffers are full from the start, here."""

    async def full(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(events, "SLOW_AFTER_S", 0.01)
    monkeypatch.setattr(WebSocket, "send_text", full)
    async with listening(server) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await next_of(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == events.CLOSED_TOO_SLOW


async def test_a_fault_of_ours_is_not_blamed_on_the_follower(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that does not answer times out, too."""

    async def late(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(log, "_read", late)
    async with listening(server) as socket:
        await next_of(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await next_of(socket)
    assert closed.value.rcvd is None or closed.value.rcvd.code == CloseCode.INTERNAL_ERROR


async def test_a_follower_whose_key_was_revoked_is_closed(
    server: str, gateway: Gateway, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEY_CHECKED_EVERY_S", -1.0)
    async with listening(server) as socket:
        await next_of(socket)
        object.__setattr__(keyring, "bootstrap", "another")
        await new_bot(gateway)
        with pytest.raises(ConnectionClosed) as closed:
            await next_of(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == events.CLOSED_KEY_REVOKED


async def test_what_a_follower_says_is_of_no_interest(server: str, gateway: Gateway) -> None:
    async with listening(server) as socket:
        await next_of(socket)
        await socket.send("hello")
        await socket.send(b"\x00")
        await new_bot(gateway)
        assert (await next_of(socket))["type"] == "bot.created"


async def test_the_log_is_read_in_pieces_of_the_types_that_one_wants(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    await connect_bot(gateway, bot)

    answer = await door.get("/v1/events", params={"type": "session.requested"})
    unknown = await door.get("/v1/events", params={"type": "nothing"})

    (event,) = answer.json()["events"]
    assert (event["seq"], event["type"], "message" in event) == (2, "session.requested", False)
    assert (unknown.status_code, unknown.json()["field"]) == (422, "types")
