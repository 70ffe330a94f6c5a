"""An import is shown before it is done, and done only when somebody means it."""

import asyncio
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.cli import app
from sololine.opened_store import opened_store
from sololine.settings import Settings
from tests.unit.cli.conftest import Run
from tests.unit.scenes import connected_bot, new_bot

HEAD = "userId,botName,phoneNumber,plan,lastConnectedAt\n"
ROWS = """\
eva,Support,34600111222,gold,2025-11-03T10:30:00Z
ben,Sales,+34 600 111 222,,
ben,Shop,34600111333,,
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "bots.csv"
    file.write_text(HEAD + ROWS, encoding="utf-8-sig")
    return file


def answered(file: Path, answer: str) -> str:
    return CliRunner().invoke(app, ["import", str(file)], input=answer).output


LOOK = """\
IMPORTING WHATSAPP CONNECTIONS

   - Bots in the file: 3
   - New bots: 3
   - Known bots of which the file says something new: 0
   - Known already: 0
   - Columns that mean nothing here: plan

1 NUMBER WOULD BE IN CONFLICT:

Number: 34600111222
   Duplicate connections: 2

   1. User: eva
      - Bot: Support (new)
      - Status: DISCONNECTED, as imported
      - Last connection: 2025-11-03 10:30 UTC

   2. User: ben
      - Bot: Sales (new)
      - Status: DISCONNECTED, as imported
      - Last connection: unknown
"""


def test_a_dry_run_tells_what_would_be_and_changes_nothing(run: Run, file: Path) -> None:
    result = run("import", str(file), "--dry-run")

    assert result.exit_code == 0
    assert result.stdout == LOOK + "\nDRY RUN: NOTHING WAS CHANGED\n"
    assert "Total connections: 0" in run("conflicts", "detect").stdout


def test_it_is_asked_for_before_it_is_done(run: Run, file: Path) -> None:
    refused = answered(file, "n\n")
    assert "Import 3 of them? [y/N]: n\nAborted" in refused
    assert "Total connections: 0" in run("conflicts", "detect").stdout

    done = answered(file, "y\n")
    assert done.endswith(
        "\nIMPORT COMPLETED: 3 of 3\n`sololine conflicts resolve` leaves each number to one bot.\n"
    )
    assert "Total connections: 3" in run("conflicts", "detect").stdout


def test_the_same_file_adds_nothing_and_asks_nothing(run: Run, file: Path) -> None:
    run("import", str(file), "--yes")

    again = run("import", str(file))

    assert again.exit_code == 0
    assert "   - Known already: 3\n" in again.stdout
    assert again.stdout.endswith("\nThere is nothing to import.\n")


def test_rows_that_repeat_another_one_are_counted(run: Run, file: Path) -> None:
    file.write_text(HEAD + "eva,Support,34600111222,,\neva,Support,34600111222,,\n")
    run("import", str(file), "--yes")
    result = run("import", str(file))
    assert "   - Rows that repeat another one: 1\n" in result.stdout


def test_bots_that_are_left_out_are_told(run: Run, file: Path) -> None:
    async def link() -> None:
        async with opened_store(Settings()) as store:
            gateway = Gateway(store=store, bus=MemoryBus())
            await connected_bot(gateway, "34600999999", name="Support", user="eva")
            for _ in range(2):
                await new_bot(gateway, "Sales", user="ben")

    asyncio.run(link())
    told = run("import", str(file), "--yes").stdout

    linked = r"^Line 2 is left out: the bot bot_\w{20} is linked with another number here\. "
    assert re.search(linked, told, re.MULTILINE)
    assert "\nLine 3 is left out: the user has several bots of this name. " in told
    assert told.endswith("\nIMPORT COMPLETED: 1 of 3\n")


def test_nothing_is_imported_of_a_file_with_mistakes(run: Run, file: Path) -> None:
    file.write_text(HEAD + "eva,A,34600111222,,\n,B,34600111333,,\neva,C,none,,\n")

    result = run("import", str(file), "--yes")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Line 3: There is no userId. Name the user whose bot it is.\n"
        "Line 4: The number has letters in it. Send digits only, and no extension: "
        "WhatsApp knows none.\n"
        "Nothing was imported. Mend the file and try again.\n"
    )
    assert "Total connections: 0" in run("conflicts", "detect").stdout


def test_a_file_that_is_none_is_told_as_a_whole(run: Run, file: Path) -> None:
    file.write_text("botName\n")
    told = run("import", str(file)).stderr
    assert told.startswith("The header names no column userId.")

    file.write_bytes(b"\xff\xfe")
    assert "cannot be read: it is not UTF-8.\n" in run("import", str(file)).stderr
    missing = run("import", str(file.with_name("nowhere.csv")))
    assert (missing.exit_code, missing.stderr.count("No such file or directory.\n")) == (1, 1)


def test_national_numbers_are_read_by_the_setting(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("userId,phone\neva,600 111 222\n")
    assert run("import", str(file), "--yes").exit_code == 1
    monkeypatch.setenv("SOLOLINE_REGION", "ES")
    assert run("import", str(file), "--yes").exit_code == 0


def test_bots_may_go_to_a_tenant_of_their_own(run: Run, file: Path) -> None:
    assert run("import", str(file), "--yes", "--tenant", "acme").exit_code == 0
    assert run("conflicts", "detect", "--tenant", "acme").exit_code == 1
    assert run("conflicts", "detect", "--tenant", "default").exit_code == 0
