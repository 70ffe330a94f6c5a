from sololine.lines.pace import BURST, Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_may_leave_at_once_and_then_one_after_the_other() -> None:
    clock = Clock()
    pace = Pace(30, clock)
    for _ in range(BURST):
        assert pace.pause() == 0
        pace.spend()

    assert pace.pause() == 2.0
    clock.now += 1.5
    assert round(pace.pause(), 9) == 0.5
    clock.now += 0.5
    assert pace.pause() == 0
    pace.spend()
    assert pace.pause() == 2.0


def test_a_long_pause_saves_no_more_than_a_burst() -> None:
    clock = Clock()
    pace = Pace(60, clock)
    clock.now += 24 * 3600
    for _ in range(BURST):
        assert pace.pause() == 0
        pace.spend()

    assert pace.pause() == 1.0


def test_a_pause_that_was_waited_for_is_over() -> None:
    """However the seconds are rounded."""
    clock = Clock()
    pace = Pace(7, clock)
    for _ in range(100):
        clock.now += pace.pause()
        assert pace.pause() == 0
        pace.spend()


def test_without_a_limit_nothing_ever_waits() -> None:
    pace = Pace(0, Clock())
    for _ in range(1000):
        pace.spend()
        assert pace.pause() == 0
