"""Each fault of a connection, on one bot among others: how it ends, and that nobody else notices.

By default among six; with SOLOLINE_TEST_FULL=1 among fifty, and with the half-open connection, of
which the engine takes more than a minute to be sure.
"""

import os
from collections.abc import Mapping
from typing import Any

import pytest
import pytest_asyncio

from tests.flow.conftest import new_number
from tests.flow.house import Server, WhatsApp
from tests.flow.test_many import linked_bots

FULL = bool(os.environ.get("SOLOLINE_TEST_FULL"))
NEIGHBOURS = 49 if FULL else 5

Fault = Mapping[str, Any]
DROP: Fault = {"kind": "drop"}
BACK: Mapping[str, list[Fault]] = {
    "the connection broke": [DROP],
    "the server is busy": [{"kind": "stream_error", "code": 503}],
    "a login is refused with 503": [{"kind": "login_failure", "reason": 503}, DROP],
    **({"half open": [{"kind": "mute"}]} if FULL else {}),
}
"""After these a bot is connected again by itself."""
ENDS: Mapping[str, tuple[list[Fault], str, bool]] = {
    "replaced": ([{"kind": "replaced"}], "credentials_in_use", True),
    "removed on the phone": ([{"kind": "device_removed"}], "logged_out", False),
    "401": ([{"kind": "login_failure", "reason": 401}, DROP], "logged_out", False),
    "403": ([{"kind": "login_failure", "reason": 403}, DROP], "logged_out", False),
    "402": (
        [{"kind": "login_failure", "reason": 402, "code": 101, "expire_s": 3600}, DROP],
        "banned",
        True,
    ),
    "405": ([{"kind": "client_outdated"}, DROP], "engine_outdated", True),
}
"""After these its session is over: with this reason, and with or without its number."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def neighbours(talking: Server) -> list[str]:
    """Bots that nothing happens to."""
    return [bot.id for bot in await linked_bots(talking, NEIGHBOURS)]


async def strike(phones: WhatsApp, number: str, faults: list[Fault]) -> None:
    for fault in faults:
        await phones.fault(number=number.lstrip("+"), **fault)


async def disturbed(server: Server, neighbours: list[str], after: int) -> list[str]:
    """What happened to the neighbours meanwhile, and whose connection is not up."""
    found = []
    last = await server.last()
    while after < last:
        asked = {"after": after, "limit": 1000}
        page = await server.ask("GET", "/v1/events", params=asked)
        found += [each["type"] for each in page["events"] if each["botId"] in neighbours]
        after = page["last"]
    states = [(await server.session(bot))["connection"]["state"] for bot in neighbours]
    return found + [state for state in states if state != "connected"]


@pytest.mark.parametrize("fault", BACK)
async def test_a_bot_comes_back_by_itself(
    talking: Server, phones: WhatsApp, neighbours: list[str], fault: str
) -> None:
    bot, number = await talking.bot(), new_number()
    await talking.link(bot, number)
    seen = await talking.last()
    await strike(phones, number, BACK[fault])
    lost = await talking.event("session.reconnecting", bot, after=seen, patience_s=90)
    await talking.event("session.connected", bot, after=lost["seq"], patience_s=60)

    assert await disturbed(talking, neighbours, seen) == []
    assert await phones.unknown() == []


@pytest.mark.parametrize("fault", ENDS)
async def test_a_session_ends_with_its_reason_and_stays_so(
    talking: Server, phones: WhatsApp, neighbours: list[str], fault: str
) -> None:
    faults, reason, keeps = ENDS[fault]
    bot, number = await talking.bot(), new_number()
    await talking.link(bot, number)
    seen = await talking.last()
    await strike(phones, number, faults)
    ended = await talking.event("session.disconnected", bot, after=seen)
    session = await talking.session(bot)

    assert ended["data"]["reason"] == session["connection"]["endReason"] == reason
    assert session["connection"]["state"] == "disconnected"
    assert (session["phoneNumber"] == number) is keeps
    assert ("until" in ended["data"]) is (reason == "banned")
    assert await disturbed(talking, neighbours, seen) == []
