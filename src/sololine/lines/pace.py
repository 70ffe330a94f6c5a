"""The pace: how fast a bot may send, so that WhatsApp does not take it for a machine gun.

A bucket of tokens: each message takes one, and they come back evenly. So an answer leaves at once,
a few in a row do, too, and a long queue leaves at the chosen rate.
"""

from collections.abc import Callable
from typing import Final

BURST: Final = 10
"""Messages that may leave in a row after a pause."""


class Pace:
    """How fast one bot sends.

    Args:
        per_minute: messages a minute in the long run; 0 for no limit.
        monotonic: seconds that never jump back.
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_second = per_minute / 60
        self._monotonic = monotonic
        self._tokens = float(BURST)
        self._at = monotonic()

    def pause(self) -> float:
        """Seconds until the next message may leave; 0.0 when it may now."""
        if not self._per_second:
            return 0.0
        now = self._monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        # Rounding must not leave a wait of no length.
        return 0.0 if self._tokens >= 1 - 1e-9 else (1 - self._tokens) / self._per_second

    def spend(self) -> None:
        """A message leaves."""
        if self._per_second:
            self._tokens -= 1
