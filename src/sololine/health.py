"""How the parts of a running service are doing, as each of them tells it when it is asked."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from sololine.core.sentence import Sentence


class Verdict(StrEnum):
    """How well something does."""

    OK = "ok"
    DEGRADED = "degraded"
    """It works, and not as it should: something is late, or waits."""
    UNAVAILABLE = "unavailable"
    """What rests on it cannot be done at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a part is doing, and why, in a sentence that holds nothing secret."""

    verdict: Verdict = Verdict.OK
    reason: Sentence | None = None


OK: Final = Condition()


def degraded(reason: Sentence) -> Condition:
    """The condition of a part that works, and not as it should."""
    return Condition(verdict=Verdict.DEGRADED, reason=reason)


Parts = Mapping[str, Callable[[], Condition]]
"""What tells the condition of each part that runs in this process; quick, and never raises."""


class Pulse:
    """Tells whether something that is to happen again and again still does.

    Args:
        late_s: after how many seconds without a beat it no longer does.
        monotonic: seconds that never jump back.
    """

    def __init__(self, late_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._late_s = late_s
        self._monotonic = monotonic
        self._last = monotonic()

    def beat(self) -> None:
        """It has happened."""
        self._last = self._monotonic()

    @property
    def silent_s(self) -> int:
        """For how many seconds it has not happened, rounded up; 0 while it is not late."""
        silent = self._monotonic() - self._last
        return ceil(silent) if silent >= self._late_s else 0
