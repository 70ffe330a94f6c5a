"""Numbers that an import gives to two bots, and what becomes of bots and phones when it is settled.

The commands run beside the server, on its data, as an operator runs them.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import Server, WhatsApp, command, until

# Each command is a process that loads everything, which takes long on a busy machine.
pytestmark = pytest.mark.timeout(300)

USERS = ("ana", "ben")


async def imported(server: Server, number: str, folder: Path) -> dict[str, str]:
    """Two bots, of Ana and of Ben, of which another system says that both have the number."""
    file = folder / "bots.csv"
    rows = [f"{user},{user.title()},{number},2025-11-0{day}" for day, user in enumerate(USERS, 1)]
    await asyncio.to_thread(
        file.write_text, "\n".join(["userId,botName,phoneNumber,lastConnectedAt", *rows])
    )
    await command(server, "import", str(file), "--yes")
    return {user: (await server.ask("GET", f"/v1/bots/{user}"))["bots"][0]["id"] for user in USERS}


async def detected(server: Server) -> list[list[str]]:
    """The bots of each conflict, as the command tells programs."""
    told = json.loads(await command(server, "conflicts", "detect", "--json", may_fail=True))
    return [[bot["botId"] for bot in each["bots"]] for each in told["conflicts"]]


async def resolved(server: Server, *words: str) -> dict[str, Any]:
    return json.loads(await command(server, "conflicts", "resolve", "--json", *words))


async def state_of(server: Server, bot: str) -> str:
    return (await server.session(bot))["connection"]["state"]


async def test_the_linked_bot_keeps_its_number_and_of_the_other_nothing_is_said(
    own_server: Server, phones: WhatsApp, number: str, tmp_path: Path
) -> None:
    bots = await imported(own_server, number, tmp_path)
    assert await detected(own_server) == [[bots["ben"], bots["ana"]]]
    await own_server.link(bots["ana"], number)
    assert await detected(own_server) == [[bots["ana"], bots["ben"]]]
    shown = await own_server.ask("GET", "/v1/conflicts")
    assert [bot["basis"] for bot in shown["conflicts"][0]["bots"]] == ["held", "listed"]

    done = await own_server.ask("POST", "/v1/conflicts")

    assert done["resolved"][0]["kept"]["botId"] == bots["ana"]
    assert await detected(own_server) == []
    assert await state_of(own_server, bots["ana"]) == "connected"
    assert len(await phones.devices(number)) == 1


async def test_a_holder_that_is_not_kept_ends_and_its_device_leaves_the_phone(
    own_server: Server, phones: WhatsApp, number: str, tmp_path: Path
) -> None:
    """The order is only a row: the line finds it by itself."""
    bots = await imported(own_server, number, tmp_path)
    await own_server.link(bots["ana"], number)

    done = await resolved(own_server, "--keep", bots["ben"])

    assert done["resolved"][0]["kept"]["botId"] == bots["ben"]
    ended = await own_server.event("session.disconnected", bots["ana"])
    assert ended["data"]["reason"] == "unlinked"
    await own_server.event("device.logged_out", bots["ana"])
    assert await phones.devices(number) == []
    told = await own_server.event("conflict.resolved", bots["ben"])
    assert (told["data"]["keptBotId"], told["data"]["droppedBotIds"]) == (
        bots["ben"],
        [bots["ana"]],
    )
    assert number.lstrip("+") not in str(told)
    assert await detected(own_server) == []
    await own_server.link(bots["ben"], number)
    assert await state_of(own_server, bots["ben"]) == "connected"


async def test_what_is_resolved_while_nothing_runs_is_done_at_the_next_start(
    own_server: Server, phones: WhatsApp, number: str, tmp_path: Path
) -> None:
    bots = await imported(own_server, number, tmp_path)
    await own_server.link(bots["ana"], number)
    await own_server.stop()

    told = await command(own_server, "conflicts", "resolve", "--keep", bots["ben"])
    assert "now if it runs, else when it is started" in told
    assert len(await phones.devices(number)) == 1

    await own_server.start()
    await own_server.event("device.logged_out", bots["ana"])
    assert await phones.devices(number) == []


async def test_many_that_resolve_at_once_and_a_kill_in_between_leave_one_bot(
    own_server: Server, phones: WhatsApp, number: str, tmp_path: Path
) -> None:
    bots = await imported(own_server, number, tmp_path)
    await own_server.link(bots["ana"], number)
    resolving = [asyncio.create_task(resolved(own_server, "--keep", bots["ben"])) for _ in range(3)]

    async def ordered() -> bool:
        return await detected(own_server) == []

    await until(ordered, "the conflict is resolved")
    await own_server.kill()
    assert sorted(len(done["resolved"]) for done in await asyncio.gather(*resolving)) == [0, 0, 1]

    await own_server.start()
    await own_server.event("device.logged_out", bots["ana"])
    assert await phones.devices(number) == []
    page = await own_server.ask("GET", "/v1/events", params={"limit": 1000})
    assert [each["type"] for each in page["events"]].count("conflict.resolved") == 1
    assert await state_of(own_server, bots["ana"]) == "disconnected"
