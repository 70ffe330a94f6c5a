"""24 hours of everything, for many seeds; and that such a day is worth something as a test.

A seed that fails prints its last steps and how to see it again.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from sololine.core.claim import Claim
from sololine.core.ids import BotId, ProcessId
from sololine.core.session import Session
from sololine.core.signals import LinkDown, Signal
from sololine.lines import step
from sololine.lines.changes import Changes
from sololine.lines.mailbox import Mailbox, OpenLink
from sololine.store import retired
from sololine.store.leases import Leases
from sololine.store.transaction import Transaction
from tests.simulation.world import Failed, World

TRIED = 20
"""Seeds within which a fault has to be found."""


@pytest.mark.timeout(600)
def test_for_a_day_the_law_holds_at_every_step_and_nobody_is_stuck(
    seeds: range, migrated_file: Path, tmp_path: Path
) -> None:
    for seed in seeds:
        World(seed, migrated_file, tmp_path).run()


def test_a_seed_replays(migrated_file: Path, tmp_path: Path) -> None:
    first, second = (World(4, migrated_file, tmp_path).run(hours=6) for _ in range(2))
    other = World(5, migrated_file, tmp_path).run(hours=6)

    assert first == second
    assert first != other


def test_passing_over_looks_that_find_nothing_changes_nothing(
    migrated_file: Path, tmp_path: Path
) -> None:
    looked = World(7, migrated_file, tmp_path, passing_over=False)
    passed = World(7, migrated_file, tmp_path)

    assert looked.run(hours=1) == passed.run(hours=1)
    assert list(looked.steps) == list(passed.steps)


# ---------------------------------------------------------------------- faults that are found

Plant = Callable[[pytest.MonkeyPatch], None]


def _no_timer_after_a_failed_try(monkeypatch: pytest.MonkeyPatch) -> None:
    due = Session.due

    def without(session: Session) -> datetime | None:
        return None if session.retry_at is not None else due(session)

    monkeypatch.setattr(Session, "due", without)


def _no_reminder_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(self: Leases, process: ProcessId) -> list[BotId]:
        return []

    monkeypatch.setattr(Leases, "unheeded", none)


def _a_fallen_link_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    put = Mailbox.put

    def deaf(self: Mailbox, signal: Signal, by: OpenLink) -> None:
        if not isinstance(signal, LinkDown):
            put(self, signal, by)

    monkeypatch.setattr(Mailbox, "put", deaf)


def _sent_again_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    async def again(tx: Transaction, changes: Changes) -> None:
        for message in await tx.messages.sending(changes.bot):
            changes.put(replace(message, sending_since=None))

    monkeypatch.setattr(step, "doubt", again)


def _nobody_logs_devices_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(*_: object) -> None:
        """Note nothing."""

    monkeypatch.setattr(retired, "retire", forget)


def _reservations_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that is over leaves its claim, where the schema cannot see it."""
    of = Session.claims

    def more(session: Session) -> frozenset[Claim]:
        held = frozenset(claim for claim in of(session) if claim.expires_at is None)
        return held if session.state.value == "awaiting_scan" else of(session)

    monkeypatch.setattr(Session, "claims", more)


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (_no_timer_after_a_failed_try, "nothing will move it"),
        (_no_reminder_of_orders, "does not know of its intent"),
        (_a_fallen_link_is_not_heard, "nothing will move it"),
        (_sent_again_after_a_crash, "is sent a second time"),
        (_nobody_logs_devices_out, "phones list devices of no bot"),
        (_reservations_are_kept, "windows reserve"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else value.replace(" ", "-"),
)
def test_a_day_finds(
    plant: Plant, found: str, migrated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was planted, by the check that is made for it, and says how to see it again."""
    plant(monkeypatch)
    report = _first_failure(migrated_file, tmp_path)
    assert found in report
    assert "python3 dev.py test tests/simulation --seed" in report


def _first_failure(file: Path, folder: Path) -> str:
    for seed in range(1, TRIED + 1):
        try:
            World(seed, file, folder).run()
        except Failed as failed:
            return str(failed)
    pytest.fail(f"{TRIED} days found nothing")
