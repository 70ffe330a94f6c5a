"""Webhooks and their deliveries."""

from typing import Literal

from pydantic import Field

from sololine.core.events import EventType
from sololine.core.webhook import DeliveryState, WebhookState
from sololine.web.shapes.base import Instant, Shape, Text

_URL_MAX = 2048


class NewWebhook(Shape):
    """An address to send events to."""

    url: Text = Field(max_length=_URL_MAX, examples=["https://example.com/hooks/whatsapp"])
    types: list[EventType] = Field(
        default=[],
        max_length=100,
        description="Only events of these types; none for all.",
        examples=[["message.received", "session.disconnected"]],
    )
    bot_id: Text | None = Field(
        default=None, max_length=64, description="Only this bot's events; none for all bots."
    )
    user_id: Text | None = Field(default=None, max_length=255)
    description: Text = Field(default="", max_length=200)


class WebhookChanges(Shape):
    """What to change; a field that is left out stays."""

    url: Text | None = Field(default=None, max_length=_URL_MAX)
    types: list[EventType] | None = Field(default=None, max_length=100)
    description: Text | None = Field(default=None, max_length=200)


class WebhookShape(Shape):
    """A webhook. Its secret is shown when it is made or renewed, and never again."""

    id: str
    url: str
    types: list[EventType]
    bot_id: str | None
    description: str
    state: WebhookState
    failures: int = Field(description="Failed tries in a row.")
    failing_since: Instant | None
    created_at: Instant


class WebhookWithSecret(WebhookShape):
    """A webhook with the secret that its deliveries are signed with."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class OneWebhook(Shape):
    """A webhook."""

    success: Literal[True] = True
    webhook: WebhookShape


class OneWebhookWithSecret(Shape):
    """A webhook, and its secret: keep it, it is not shown again."""

    success: Literal[True] = True
    webhook: WebhookWithSecret


class Webhooks(Shape):
    """The tenant's webhooks."""

    success: Literal[True] = True
    webhooks: list[WebhookShape]


class DeliveryShape(Shape):
    """One event on its way to one webhook."""

    id: str = Field(description="Sent as `webhook-id`; the same at every try.")
    seq: int = Field(description="Place of the event in the log.")
    type: EventType
    state: DeliveryState
    tries: int
    due_at: Instant | None = Field(description="When the next try is made.")
    status: int | None = Field(description="The receiver's last HTTP status.")
    error: str | None = Field(description="Why the last try failed; null when it arrived.")
    created_at: Instant
    ended_at: Instant | None


class Deliveries(Shape):
    """A stretch of a webhook's deliveries, latest first."""

    success: Literal[True] = True
    deliveries: list[DeliveryShape]
    next_before: int | None = Field(description="Ask again with this as `before` for older ones.")


class Redriven(Shape):
    """Deliveries that will be sent again."""

    success: Literal[True] = True
    count: int
