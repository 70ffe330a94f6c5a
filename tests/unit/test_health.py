from sololine.core.sentence import Sentence
from sololine.health import OK, Pulse, Verdict, degraded


def test_a_pulse_is_silent_once_it_is_late_and_not_before() -> None:
    now = 100.0
    pulse = Pulse(20, lambda: now)

    now = 119.9
    assert pulse.silent_s == 0
    now = 121.5
    assert pulse.silent_s == 22
    pulse.beat()
    assert pulse.silent_s == 0


def test_a_degraded_part_says_why() -> None:
    condition = degraded(Sentence("it is late"))

    assert (condition.verdict, condition.reason) == (Verdict.DEGRADED, "it is late")
    assert (OK.verdict, OK.reason) == (Verdict.OK, None)
