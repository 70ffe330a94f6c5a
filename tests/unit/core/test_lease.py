from datetime import UTC, datetime, timedelta

from sololine.core.ids import ProcessId
from sololine.core.lease import RENEWED_EVERY, TERM_LENGTH, TRUST, Lease, may_take

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NORTH, SOUTH = ProcessId("north"), ProcessId("south")
LEASE = Lease(process=NORTH, term=3, expires_at=NOW + TERM_LENGTH)


def test_a_line_that_nobody_runs_may_be_taken() -> None:
    assert may_take(None, NORTH, NOW)


def test_a_line_that_another_process_runs_may_not_be_taken_before_its_lease_expires() -> None:
    assert not may_take(LEASE, SOUTH, LEASE.expires_at - timedelta(milliseconds=1))
    assert may_take(LEASE, SOUTH, LEASE.expires_at)


def test_a_process_takes_over_at_once_what_its_dead_predecessor_left() -> None:
    assert may_take(LEASE, NORTH, NOW)


def test_a_process_stops_trusting_its_lease_before_another_may_take_it() -> None:
    assert TRUST < TERM_LENGTH


def test_one_renewal_may_fail_without_costing_the_lines() -> None:
    assert 2 * RENEWED_EVERY < TRUST
