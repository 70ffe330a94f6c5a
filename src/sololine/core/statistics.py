"""Figures about connection attempts, for people to look at; nothing is decided by them."""

from dataclasses import dataclass
from datetime import date, timedelta

from sololine.core.ids import BotId


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of attempts to connect.

    Attributes:
        attempts: all that were begun.
        connected: those that came to a connection.
        failed: those that ended otherwise; the rest still lasts.
    """

    attempts: int
    connected: int
    failed: int

    @property
    def success_rate(self) -> float | None:
        """Which part of those that ended came to a connection, from 0 to 1; None when none did."""
        ended = self.connected + self.failed
        return self.connected / ended if ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTally(Tally):
    """The attempts of one bot, which may be deleted by now."""

    bot: BotId


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTally(Tally):
    """The attempts that began on one day in UTC."""

    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToConnect:
    """How long attempts took that came to a connection.

    Attributes:
        connected: how many those are.
        median, p90: half of them, and nine of ten, took no longer.
    """

    connected: int
    median: timedelta
    p90: timedelta


def total(tallies: list[DayTally]) -> Tally:
    """The attempts of several days together."""
    return Tally(
        attempts=sum(each.attempts for each in tallies),
        connected=sum(each.connected for each in tallies),
        failed=sum(each.failed for each in tallies),
    )
