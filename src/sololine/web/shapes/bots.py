"""Bots as JSON."""

from typing import Literal

from pydantic import Field

from sololine.core.bot import BotStatus
from sololine.core.session import EndReason, State
from sololine.web.shapes.base import Instant, Shape, Text


class NewBot(Shape):
    """A bot to create. It starts without any connection."""

    name: Text = Field(examples=["Customer Support Bot"])
    description: Text = ""
    personality: Text = ""
    user_id: Text | None = Field(default=None, examples=["user_123"], max_length=255)
    draft: bool = Field(default=False, description="Keep the first setup step open.")


class BotChanges(Shape):
    """What to change; a field that is left out stays."""

    name: Text | None = None
    description: Text | None = None
    personality: Text | None = None


class FinishedStep(Shape):
    """The setup step that the user finished."""

    step: Literal["details", "training"]


class BotShape(Shape):
    """A bot with its connection."""

    id: str
    user_id: str
    name: str
    description: str
    personality: str
    status: BotStatus
    setup_step: str = Field(description="The setup step to be done next, or `complete`.")
    whatsapp_connected: bool
    phone_number: str | None = Field(description="The linked number, E.164; null when not linked.")
    connection: "ConnectionShape"
    created_at: Instant


class ConnectionShape(Shape):
    """Where a bot's session stands."""

    state: State
    end_reason: EndReason | None = None
    remedy: str | None = None
    until: Instant | None = None
    since: Instant
    connected_at: Instant | None = None
    window_ends_at: Instant | None = None


class OneBot(Shape):
    """One bot."""

    success: Literal[True] = True
    bot: BotShape


class Bots(Shape):
    """A user's bots, incomplete ones included, oldest first."""

    success: Literal[True] = True
    bots: list[BotShape]
    next_after: str | None = Field(
        default=None, description="Send it as `after` for the next page; null on the last one."
    )
