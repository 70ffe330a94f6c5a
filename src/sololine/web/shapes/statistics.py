"""Figures as JSON."""

from datetime import date
from typing import Literal

from pydantic import Field

from sololine.web.shapes.base import Instant, Shape


class TallyShape(Shape):
    """What became of attempts to connect; one that is neither connected nor failed still lasts."""

    attempts: int
    connected: int
    failed: int
    success_rate: float | None = Field(
        description="Part of the ended attempts that came to a connection, 0 to 1; null when none "
        "has ended."
    )


class BotTallyShape(TallyShape):
    """The attempts of one bot, which may be deleted by now."""

    bot_id: str


class DayTallyShape(TallyShape):
    """The attempts of one day in UTC."""

    day: date


class TimeShape(Shape):
    """How long attempts took that came to a connection."""

    connected: int
    median_ms: int
    p90_ms: int


class TimesShape(Shape):
    """Times to connect, apart by whether a phone had to scan; null when there was no connection."""

    with_qr: TimeShape | None
    with_existing_session: TimeShape | None


class Stats(Shape):
    """Sessions as they are now, and attempts to connect that began in a span of time."""

    success: Literal[True] = True
    total_connections: int
    active_connections: int
    pending_qr: int = Field(alias="pendingQR")
    disconnected: int
    duplicates: int = Field(
        description="Numbers that several bots are said to have, and devices that a phone may "
        "still list though they lost their number."
    )
    from_: Instant = Field(alias="from")
    to: Instant
    attempts: TallyShape
    per_bot: list[BotTallyShape] = Field(description="The thousand with the most attempts.")
    per_day: list[DayTallyShape] = Field(description="Days on which there were any.")
    time_to_connect: TimesShape
