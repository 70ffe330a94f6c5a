"""The event log as JSON."""

from typing import Any, Literal

from sololine.web.shapes.base import Instant, Shape


class EventShape(Shape):
    """A fact of the event log."""

    seq: int
    type: str
    bot_id: str | None
    at: Instant
    data: dict[str, Any]


class Events(Shape):
    """A stretch of the event log; ask again with `after` set to `last`."""

    success: Literal[True] = True
    events: list[EventShape]
    last: int
