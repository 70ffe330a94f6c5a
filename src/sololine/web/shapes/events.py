"""The event log as JSON."""

from typing import Any, Literal

from pydantic import Field

from sololine.web.shapes.base import Shape


class EventShape(Shape):
    """A fact of the event log."""

    seq: int
    type: str
    bot_id: str | None
    at: str = Field(description="When it happened, as RFC 3339.")
    data: dict[str, Any]
    message: dict[str, Any] | None = Field(
        default=None,
        description="The message that the event is about, as it is now; none when it is gone.",
    )


class Events(Shape):
    """A stretch of the event log; ask again with `after` set to `last`."""

    success: Literal[True] = True
    events: list[EventShape]
    last: int
