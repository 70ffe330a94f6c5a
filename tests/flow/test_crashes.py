"""A server may die at any moment: no number is claimed without a link, no link without a claim."""

from pathlib import Path

import httpx2
import pytest

from tests.flow.house import PhoneRefused, Server, WhatsApp, until

MOMENTS = 60
"""At least as many as the way below has; `test_the_list_of_moments_is_long_enough` checks it."""
FIRST, SECOND, THIRD = "First", "Second", "Third"


async def walk(server: Server, phones: WhatsApp, number: str) -> None:
    """Link a bot, have a second refused and a third replace it, unlink that: every decision."""
    await phones.phone(number)
    first = await server.bot(FIRST)
    await server.link(first, number)
    second = await server.bot(SECOND)
    await server.connect(second, conflictPolicy="refuse")
    await phones.scan(number, await server.qr(second))
    await server.event("session.disconnected", second)
    await server.event("device.logged_out", second)
    third = await server.bot(THIRD)
    await server.link(third, number)
    await server.event("device.logged_out", first)
    await server.ask("POST", f"/v1/whatsapp/disconnect/{third}")
    await server.event("device.logged_out", third)


async def settled(server: Server, phones: WhatsApp, number: str) -> bool:
    """Whether what the phone lists is what the bots say, and nothing is still under way."""
    bots = (await server.ask("GET", "/v1/bots/default"))["bots"]
    linked = [bot for bot in bots if bot["phoneNumber"]]
    assert len(linked) <= 1, "two bots have one number"
    resting = all(
        bot["connection"]["state"] in ("connected", "awaiting_scan", "disconnected") for bot in bots
    )
    return resting and len(await phones.devices(number)) == len(linked)


def replacing(phones: WhatsApp, tmp_path: Path) -> Server:
    return Server(phones, tmp_path / "data", {"SOLOLINE_CONFLICT_POLICY": "replace"})


async def test_the_list_of_moments_is_long_enough(
    phones: WhatsApp, tmp_path: Path, number: str
) -> None:
    server = await replacing(phones, tmp_path).start(die_at=0)
    await walk(server, phones, number)
    assert await settled(server, phones, number)
    assert int(server.count_file.read_text()) <= MOMENTS
    await server.stop()


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
async def test_killed_at_any_moment_the_law_holds_after_the_restart(
    phones: WhatsApp, tmp_path: Path, number: str, moment: int
) -> None:
    server = await replacing(phones, tmp_path).start(die_at=moment)
    try:
        await walk(server, phones, number)
    except (httpx2.TransportError, PhoneRefused):
        await server.died()
    else:
        await server.stop()  # the way has fewer moments

    await server.start()

    async def look() -> bool:
        return await settled(server, phones, number)

    await until(look, f"bots and phone agree after the death at moment {moment}")
    await server.stop()
