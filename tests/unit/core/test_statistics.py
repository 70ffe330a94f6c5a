from datetime import date

from sololine.core.statistics import DayTally, Tally, total


def test_the_success_rate_is_about_the_attempts_that_ended() -> None:
    assert Tally(attempts=5, connected=3, failed=1).success_rate == 0.75
    assert Tally(attempts=1, connected=0, failed=0).success_rate is None


def test_days_add_up() -> None:
    first = DayTally(day=date(2026, 5, 1), attempts=3, connected=2, failed=1)
    second = DayTally(day=date(2026, 5, 2), attempts=2, connected=0, failed=1)
    assert total([first, second]) == Tally(attempts=5, connected=2, failed=2)
    assert total([]) == Tally(attempts=0, connected=0, failed=0)
