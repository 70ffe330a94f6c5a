"""What time it is, as something that is handed in: nothing below the shells reads the wall clock.

Instants are aware and in UTC everywhere; only the edge that talks to people turns them into
local time.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock; it may jump when the machine's time is corrected."""

    def now(self) -> datetime:
        """The present instant by the machine's clock, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock for tests: it stands still until it is advanced."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock needs an aware start, got {start!r}; give it tzinfo=UTC")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant of the last advance, aware, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move on `by` a span; time does not run backwards."""
        if by < timedelta():
            raise ValueError(f"a clock cannot be advanced by {by}; the span must be >= 0")
        self._now += by
