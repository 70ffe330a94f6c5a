from datetime import UTC, datetime, timedelta, timezone

import pytest

from sololine.clock import Clock, ManualClock, SystemClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_the_system_clock_tells_an_aware_instant_in_utc() -> None:
    clock: Clock = SystemClock()

    before = datetime.now(UTC)
    now = clock.now()

    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_a_manual_clock_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(NOON)

    assert (clock.now(), clock.now()) == (NOON, NOON)

    clock.advance(timedelta(minutes=5))

    assert clock.now() == NOON + timedelta(minutes=5)


def test_a_manual_clock_speaks_utc_wherever_it_was_started() -> None:
    clock = ManualClock(NOON.astimezone(timezone(timedelta(hours=-3))))

    assert clock.now().tzinfo is UTC
    assert clock.now() == NOON


def test_a_manual_clock_refuses_a_naive_start() -> None:
    with pytest.raises(ValueError, match="needs an aware start"):
        ManualClock(NOON.replace(tzinfo=None))


def test_a_manual_clock_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="must be >= 0"):
        ManualClock(NOON).advance(timedelta(seconds=-1))
