"""The event log as JSON."""

from typing import Any, Literal

from pydantic import Field

from sololine.core.signals import TypingState
from sololine.web.shapes.base import Shape


class TypingTold(Shape):
    """Who types in a chat, or records, or stopped."""

    chat: str = Field(description="Send to it as `to`.")
    sender: str | None = Field(
        description="A number or a LID; null when it is not known, or in a group someone else "
        "typed since then."
    )
    state: TypingState


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
    typing: TypingTold | None = Field(
        default=None, description="Of `chat.typing`: who types where; none when the bot is gone."
    )


class Events(Shape):
    """A stretch of the event log; ask again with `after` set to `last`."""

    success: Literal[True] = True
    events: list[EventShape]
    last: int
