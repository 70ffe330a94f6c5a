"""Following the events on a WebSocket: nothing is missed, nothing comes twice, whatever breaks."""

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sololine.web.events import (
    CLOSED_KEY_REVOKED,
    CLOSED_TOO_SLOW,
    SUBPROTOCOL,
)
from tests.flow.bot import Bot, Event
from tests.flow.house import KEY, PATIENCE_S, Server, other_tenant, revoke_keys
from tests.flow.listener import address, listening
from tests.flow.phone import Phone
from tests.flow.server import KEY_CHECKED_EVERY_S, SLOW_AFTER_S

DROPS = 100
LONG = 150


async def test_a_client_that_drops_and_resumes_a_hundred_times_sees_every_event_once_in_order(
    bot: Bot, ana: Phone
) -> None:
    """It breaks off at random places while messages come in and go out."""
    dice = random.Random(20)
    start, seen = bot.after, list[int]()
    enough = asyncio.Event()
    talking = asyncio.create_task(_talk(bot, ana, enough))
    for _ in range(DROPS):
        after = seen[-1] if seen else start
        async with listening(bot.server, after) as listener:
            assert listener.opened["after"] == after
            for _ in range(dice.randrange(8)):
                seen.append((await listener.next())["seq"])
            listener.break_off()
    enough.set()
    await talking
    last = await bot.server.last()
    async with listening(bot.server, seen[-1]) as listener:
        while seen[-1] < last:
            seen.append((await listener.next())["seq"])
    assert seen == list(range(start + 1, last + 1))


async def _talk(bot: Bot, ana: Phone, enough: asyncio.Event) -> None:
    while not enough.is_set():
        said = await ana.flood([bot.number], 10, "flood")
        await bot.accepted(ana.number, text="answer")
        await bot.received(said[-1])


async def test_an_event_about_a_message_comes_beside_the_message(bot: Bot, ana: Phone) -> None:
    async with listening(bot.server, botId=bot.id, type="message.received") as listener:
        sent = await ana.say(bot.number, "beside the event")
        event = await listener.next()
    assert event["type"] == "message.received"
    assert event["botId"] == bot.id
    assert event["message"] == await bot.message(event["data"]["messageId"])
    assert event["message"]["whatsappId"] == sent
    assert event["message"]["text"] == "beside the event"
    assert "beside" not in json.dumps(event["data"])


async def test_only_what_was_asked_for_comes(talking: Server) -> None:
    one, other = await talking.bot("One"), await talking.bot("Other")
    async with listening(talking, botId=one, type=["bot.updated", "bot.deleted"]) as listener:
        for bot in (other, one):
            for name in ("Second name", "Third name"):
                await talking.ask("PATCH", f"/v1/bots/default/{bot}", {"name": name})
        await talking.ask("DELETE", f"/v1/bots/default/{one}")
        told = await listener.until("bot.deleted")
    assert [event["type"] for event in told] == ["bot.updated", "bot.updated", "bot.deleted"]
    assert {event["botId"] for event in told} == {one}


async def test_without_a_place_it_begins_now(talking: Server) -> None:
    last = await talking.last()
    async with listening(talking) as listener:
        assert listener.opened == {"type": "stream.opened", "after": last, "last": last}
        made = await talking.bot("Fresh")
        assert (await listener.until("bot.created"))[-1]["botId"] == made


@pytest.mark.parametrize(
    ("headers", "query", "status", "error"),
    [
        ({"x-api-key": "wrong"}, {}, 401, "not_authenticated"),
        ({}, {}, 401, "not_authenticated"),
        ({"x-api-key": KEY, "origin": "https://evil.example"}, {}, 403, "not_allowed"),
        ({"x-api-key": KEY}, {"type": "no.such"}, 422, "invalid_input"),
        ({"x-api-key": KEY}, {"after": "-1"}, 422, "invalid_input"),
    ],
    ids=["wrong key", "no key", "page of another server", "unknown type", "no place"],
)
async def test_who_may_not_listen_is_told_why(
    talking: Server, headers: dict[str, str], query: dict[str, str], status: int, error: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(address(talking, **query), additional_headers=headers)
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["error"] == error


async def test_a_page_of_this_server_may_listen_with_its_key_as_a_subprotocol(
    talking: Server,
) -> None:
    assert talking.api is not None
    origin = str(talking.api.base_url).rstrip("/")
    offered = [SUBPROTOCOL, f"sololine.key.{KEY}"]
    async with connect(address(talking), origin=origin, subprotocols=offered) as socket:
        assert socket.subprotocol == SUBPROTOCOL
        assert json.loads(await socket.recv())["type"] == "stream.opened"


async def test_a_reader_that_does_not_read_is_told_so_and_finds_everything_when_it_comes_back(
    talking: Server, number: str
) -> None:
    bot = await Bot.linked(talking, number)
    await talking.ask("POST", f"/v1/whatsapp/disconnect/{bot.id}", {"unlink": False})
    start = await talking.last()
    # More than any buffer on the way holds, and nobody sends it: the bot is offline.
    long = "long " * 12_000
    await asyncio.gather(*(bot.accepted("+34600000000", text=long) for _ in range(LONG)))
    options = {"additional_headers": {"x-api-key": KEY}, "ping_interval": None, "max_queue": 1}
    url = address(talking, start, botId=bot.id)
    async with connect(url, compression=None, **options) as lazy:
        assert json.loads(await lazy.recv())["type"] == "stream.opened"
        lazy.transport.pause_reading()
        await asyncio.sleep(SLOW_AFTER_S + 1)  # not reading for a while is what is tested
        lazy.transport.resume_reading()
        seen = [event["seq"] async for event in what_is_left(lazy)]
        assert lazy.close_code == CLOSED_TOO_SLOW
    assert len(seen) < LONG
    async with listening(talking, seen[-1] if seen else start, botId=bot.id) as listener:
        while len(seen) < LONG:
            seen.append((await listener.next())["seq"])
    assert len(set(seen)) == LONG
    assert seen == sorted(seen)


async def what_is_left(socket: ClientConnection) -> AsyncIterator[Event]:
    """The events until the server ends the connection."""
    try:
        while True:
            yield json.loads(await socket.recv())
    except ConnectionClosed:
        return


async def test_a_listener_whose_key_is_revoked_is_sent_away(talking: Server) -> None:
    tenant = f"guest-{secrets.token_hex(4)}"
    guest = await other_tenant(talking, tenant)
    assert guest.api is not None
    async with listening(guest, key=guest.api.headers["x-api-key"]) as listener:
        await guest.bot("Before")
        assert (await listener.next())["type"] == "bot.created"
        await revoke_keys(guest, tenant)
        await asyncio.sleep(KEY_CHECKED_EVERY_S)  # a key is good for so long after it was checked
        await (await other_tenant(talking, tenant)).bot("After")
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(listener.socket.recv(), PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CLOSED_KEY_REVOKED
