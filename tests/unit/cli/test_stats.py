"""Figures are printed for people, or as the API gives them for programs."""

import asyncio
import json

from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.core.ids import BotId
from sololine.opened_store import opened_store
from sololine.settings import Settings
from tests.unit.cli.conftest import Run
from tests.unit.scenes import OTHER_TENANT, STRANGER, connected_bot


def connected() -> BotId:
    """A bot of the default tenant that is connected; another tenant has one, too."""

    async def link() -> BotId:
        async with opened_store(Settings()) as store:
            await store.run(lambda tx: tx.tenants.ensure(OTHER_TENANT))
            gateway = Gateway(store=store, bus=MemoryBus())
            await connected_bot(gateway, "34600000009", caller=STRANGER)
            return await connected_bot(gateway)

    return asyncio.run(link())


def test_figures_are_printed_line_by_line(run: Run) -> None:
    bot = connected()

    told = run("stats", "--tenant", "default").stdout.splitlines()

    assert told[:7] == [
        "WHATSAPP STATISTICS",
        "",
        "   - Total connections: 1",
        "   - Active connections: 1",
        "   - Pending QR: 0",
        "   - Disconnected: 0",
        "   - Duplicates: 0",
    ]
    tally = "1, connected 1 (100%), failed 0"
    assert told[8].startswith("Attempts to connect since 2")
    assert told[8].endswith(f": {tally}")
    assert told[9].startswith("Time to connect with a QR or code: half within 0.")
    assert told[11] == "Per day:"
    assert told[12].endswith(tally)
    assert told[14:] == ["Per bot:", f"   {bot}: {tally}"]
    assert "   - Total connections: 2" in run("stats").stdout


def test_programs_get_what_the_api_gives(run: Run) -> None:
    bot = connected()

    told = json.loads(run("stats", "--json", "--days", "1", "--tenant", "default").stdout)

    assert (told["success"], told["pendingQR"], told["activeConnections"]) == (True, 0, 1)
    assert [each["botId"] for each in told["perBot"]] == [bot]


def test_where_nothing_was_tried_there_is_no_rate(run: Run) -> None:
    told = run("stats").stdout
    assert told.endswith(": 0, connected 0, failed 0\n")
    assert "Time to connect" not in told
