"""Many at once: one number has one winner, one bot has one window; on one server and on two."""

import asyncio
from collections import Counter

import pytest

from tests.flow.house import Server

ROUNDS = 20
AT_ONCE = 50


async def race(servers: list[Server], calls: list[tuple[str, dict[str, str]]]) -> Counter[str]:
    """Send the calls at the same moment, spread over the servers; how often came which answer."""
    answers = await asyncio.gather(
        *(
            servers[index % len(servers)].answer("POST", path, body)
            for index, (path, body) in enumerate(calls)
        )
    )
    return Counter(
        "accepted" if each.status_code == 202 else each.json()["error"] for each in answers
    )


async def one_number_one_winner(servers: list[Server]) -> None:
    bots = [await servers[0].bot(f"Bot {index}") for index in range(AT_ONCE)]
    for round_no in range(ROUNDS):
        number = f"+34600{round_no:06d}"
        calls = [(f"/v1/whatsapp/connect/{bot}", {"phoneNumber": number}) for bot in bots]
        counted = await race(servers, calls)
        assert counted == {"accepted": 1, "whatsapp_already_connected": AT_ONCE - 1}
        pending = [
            bot
            for bot in (await servers[0].ask("GET", "/v1/bots/default"))["bots"]
            if bot["connection"]["windowEndsAt"]
        ]
        (winner,) = pending
        await servers[0].ask("POST", f"/v1/whatsapp/disconnect/{winner['id']}")


async def one_bot_one_window(servers: list[Server]) -> None:
    for _ in range(3):
        bot = await servers[0].bot()
        calls = [(f"/v1/whatsapp/connect/{bot}", {})] * AT_ONCE
        assert await race(servers, calls) == {"accepted": 1, "qr_pending": AT_ONCE - 1}


async def test_fifty_bots_that_declare_one_number_have_one_winner(own_server: Server) -> None:
    await one_number_one_winner([own_server])


async def test_fifty_connects_of_one_bot_open_one_window(own_server: Server) -> None:
    await one_bot_one_window([own_server])


@pytest.mark.timeout(300)
async def test_two_servers_on_postgresql_do_not_differ(two_servers: list[Server]) -> None:
    await one_number_one_winner(two_servers)
    await one_bot_one_window(two_servers)
