"""Cleaning up on demand counts what the janitor clears."""

import asyncio
import os
from pathlib import Path

import pytest
import structlog

from sololine import new_ids
from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.opened_store import opened_store
from sololine.settings import Settings
from tests.unit.cli.conftest import Run
from tests.unit.scenes import connected_bot


@pytest.fixture(autouse=True)
def _unconfigured() -> object:
    yield
    structlog.reset_defaults()


def left_behind() -> Path:
    """A connection that nobody keeps, and a file that nobody knows, in the service's own folder."""

    async def leave() -> None:
        settings = Settings()
        async with opened_store(settings) as store:
            await connected_bot(Gateway(store=store, bus=MemoryBus()))
            settings.folder_file.write_text("the-folder")
            await store.run(lambda tx: tx.deployment.bind("the-folder"))

    asyncio.run(leave())
    file = Settings().data_dir / "media" / new_ids.media()
    file.parent.mkdir()
    file.touch()
    os.utime(file, (0, 0))
    return file


REPORT = """\
CLEANING UP

   - Linking windows that were over: 0
   - Connections that no process kept: 1
   - Reservations of numbers that expired: 0
   - Chores that nobody waited for: 0
   - Old attempts to connect: 0
   - Devices whose credentials no bot uses: 0
   - Files that no message uses: 1

{end}
"""


def test_what_is_cleared_is_counted_and_a_dry_run_only_counts(run: Run) -> None:
    file = left_behind()

    dry = run("clean", "--dry-run")
    assert (dry.exit_code, dry.output) == (0, REPORT.format(end="DRY RUN: NOTHING WAS CHANGED"))
    assert file.exists()
    done = run("clean")
    assert (done.exit_code, done.output) == (0, REPORT.format(end="CLEANING COMPLETED"))
    assert not file.exists()
    assert run("clean").stdout.count(": 1") == 0


def test_files_are_left_alone_where_no_service_has_run(run: Run) -> None:
    result = run("clean")

    assert "Credentials and files were left alone: no service has run" in result.stdout
    assert result.stdout.endswith("\nCLEANING COMPLETED\n")
