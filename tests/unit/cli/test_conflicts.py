"""What an operator reads of conflicts has the structure of the document's reports."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from click.testing import Result

from sololine.actions import conflicts
from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.core.ids import BotId
from sololine.core.signals import LoggedOut
from sololine.opened_store import opened_store
from sololine.settings import Settings
from tests.unit.cli.conftest import Run
from tests.unit.scenes import connected_bot, move

FILE = """\
userId,botName,phoneNumber,status,lastConnectedAt
user1@example.com,Support,573001234567,CONNECTED,2025-11-03T10:30:00Z
user2@example.com,Sales,+57 300 123 4567,DISCONNECTED,2025-11-02T17:15:00Z
user3@example.com,Shop,573009876543,,
"""


@pytest.fixture(autouse=True)
def no_line_will_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", 0)


@pytest.fixture
def imported(run: Run, tmp_path: Path) -> None:
    """Three bots, two of which are said to have one number."""
    file = tmp_path / "bots.csv"
    file.write_text(FILE)
    assert run("import", str(file), "--yes").exit_code == 0


def holding(number: str) -> str:
    """A bot that is linked with the number."""

    async def link() -> str:
        async with opened_store(Settings()) as store:
            return await connected_bot(Gateway(store=store, bus=MemoryBus()), number)

    return asyncio.run(link())


def shown(result: Result) -> str:
    """What was printed, with the ids of bots left out."""
    return re.sub(r"bot_[0-9a-z]{20}", "BOT", result.stdout)


REPORT = """\
DETECTING WHATSAPP CONFLICTS

Total connections: 3

1 CONFLICT WAS FOUND:

Number: 573001234567
   Duplicate connections: 2

   1. User: user1@example.com
      - Bot: Support (BOT)
      - Status: CONNECTED, as imported
      - Last connection: 2025-11-03 10:30 UTC

   2. User: user2@example.com
      - Bot: Sales (BOT)
      - Status: DISCONNECTED, as imported
      - Last connection: 2025-11-02 17:15 UTC
"""


@pytest.mark.usefixtures("imported")
def test_conflicts_are_reported_number_by_number_and_by_the_exit_code(run: Run) -> None:
    result = run("conflicts", "detect")

    assert (result.exit_code, shown(result)) == (1, REPORT)


def test_where_there_are_none_it_says_so(run: Run) -> None:
    result = run("conflicts", "detect")

    assert result.exit_code == 0
    assert result.stdout == (
        "DETECTING WHATSAPP CONFLICTS\n\nTotal connections: 0\n\nNO CONFLICTS WERE FOUND\n"
    )


@pytest.mark.usefixtures("imported")
def test_programs_are_told_the_same_as_json(run: Run) -> None:
    result = run("conflicts", "detect", "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["totalConnections"], told["leftDevices"]) == (3, 0)
    (conflict,) = told["conflicts"]
    assert (conflict["phoneNumber"], conflict["takenElsewhere"]) == ("573001234567", False)
    first, second = conflict["bots"]
    assert {**first, "botId": ""} == {
        "tenant": "default",
        "userId": "user1@example.com",
        "botId": "",
        "botName": "Support",
        "basis": "listed",
        "status": "CONNECTED",
        "lastConnectedAt": "2025-11-03T10:30:00.000Z",
    }
    assert second["userId"] == "user2@example.com"


RESOLUTION = """\
RESOLVING WHATSAPP CONFLICTS

Resolving the conflict of number: 573001234567
   Keeping: user1@example.com (BOT)
   Disconnecting: user2@example.com (BOT)
   Conflict resolved

RESOLUTION COMPLETED

Summary:
   - Conflicts resolved: 1
   - Connections disconnected: 1
   - Connections kept: 1
"""


@pytest.mark.usefixtures("imported")
def test_a_dry_run_shows_the_plan_that_is_then_carried_out(run: Run) -> None:
    dry = run("conflicts", "resolve", "--dry-run")
    assert run("conflicts", "detect").exit_code == 1
    done = run("conflicts", "resolve")

    assert (done.exit_code, shown(done)) == (0, RESOLUTION)
    assert shown(dry) == RESOLUTION.replace("   Conflict resolved\n", "").replace(
        "RESOLUTION COMPLETED", "DRY RUN: NOTHING WAS CHANGED"
    )
    assert run("conflicts", "detect").exit_code == 0
    assert "NO CONFLICTS WERE FOUND" in run("conflicts", "resolve").stdout


@pytest.mark.usefixtures("imported")
def test_it_is_said_when_a_line_has_something_left_to_do(run: Run) -> None:
    holder = holding("573001234567")

    result = run("conflicts", "resolve", "--keep", "oldest")

    assert f"Disconnecting: default ({holder})" in result.stdout
    assert result.stdout.endswith(
        "\n1 device that lost its number may still stand on its phone.\n"
        "The service logs out such devices by itself: now if it runs, else when it is started.\n"
    )
    left = run("conflicts", "detect")
    assert left.exit_code == 1
    assert "NO CONFLICTS WERE FOUND\n\n1 device that lost its number" in left.stdout


def test_devices_that_stand_on_phones_are_named_with_their_bot(run: Run) -> None:
    bot = holding("573001234567")

    async def removed() -> None:
        async with opened_store(Settings()) as store:
            await move(store, BotId(bot), LoggedOut())

    asyncio.run(removed())

    seen = run("conflicts", "detect")
    assert seen.exit_code == 1
    assert re.search(
        rf"^   - Bot: {bot}, since 2\d{{3}}-.* UTC, tries: 0$", seen.stdout, re.MULTILINE
    )
    (device,) = json.loads(run("conflicts", "detect", "--json").stdout)["devices"]
    assert (device["tenant"], device["botId"], device["tries"]) == ("default", bot, 0)


@pytest.mark.usefixtures("imported")
def test_a_bot_may_be_named_by_its_id(run: Run) -> None:
    second = json.loads(run("conflicts", "detect", "--json").stdout)["conflicts"][0]["bots"][1]

    result = run("conflicts", "resolve", "--keep", second["botId"], "--json")

    told = json.loads(result.stdout)
    assert (told["dryRun"], told["leftDevices"], told["loggedOutDevices"]) == (False, 0, 0)
    (resolved,) = told["resolved"]
    assert resolved["kept"] == second
    assert [each["userId"] for each in resolved["disconnected"]] == ["user1@example.com"]


@pytest.mark.usefixtures("imported")
def test_what_is_neither_an_order_nor_a_bot_is_refused(run: Run) -> None:
    result = run("conflicts", "resolve", "--keep", "573001234567")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("--keep is newest, oldest, or the id of a bot.")


def test_a_database_that_is_none_of_ours_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLOLINE_DATABASE_URL", "mysql://localhost/x")
    for words in (("conflicts", "detect"), ("stats",), ("clean",)):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "postgresql" in result.stderr


@pytest.mark.usefixtures("imported")
def test_one_tenant_may_be_looked_at_alone(run: Run, tmp_path: Path) -> None:
    assert run("conflicts", "detect", "--tenant", "acme").exit_code == 0
    assert run("conflicts", "resolve", "--tenant", "acme").exit_code == 0
    assert run("conflicts", "detect", "--tenant", "default").exit_code == 1
    assert run("conflicts", "detect", "--tenant", " ").stderr.startswith("A tenant's name has")
    holding("573001234567")
    run("import", str(tmp_path / "bots.csv"), "--yes", "--tenant", "acme")

    seen = run("conflicts", "detect", "--tenant", "acme").stdout
    assert "   This number is already registered in another account.\n" in seen
    assert "      - Tenant: acme\n" in seen
    resolved = run("conflicts", "resolve", "--tenant", "acme").stdout
    assert "   This number is already registered in another account.\n" in resolved
    assert "   - Connections kept: 0\n" in resolved


def test_what_would_move_the_cursor_is_not_shown(run: Run) -> None:
    async def name() -> None:
        async with opened_store(Settings()) as store:
            gateway = Gateway(store=store, bus=MemoryBus())
            await connected_bot(gateway, "573001234567", name="Shop\x1b[2J")

    asyncio.run(name())
    file = Path("bots.csv")
    file.write_text("userId,phone\neva,573001234567\n")
    run("import", str(file), "--yes")

    assert "Bot: Shop?[2J (" in run("conflicts", "detect").stdout
