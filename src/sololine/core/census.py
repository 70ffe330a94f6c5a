"""The census: how many there are of what, over all tenants, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sololine.core.session import EndReason, State
from sololine.core.webhook import WebhookState


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Counts of a deployment, for those who operate it: it names nobody.

    Attributes:
        sessions: by state, and by the reason of the end where a session is disconnected.
        wanted: sessions that should be online.
        queued: messages that wait to be sent.
        webhooks: by state.
        waiting: deliveries that wait, by the state of their webhook.
        overdue_s: for how long the delivery that waits longest beyond its time has done so, in
            seconds; of active webhooks only, 0 when none is late.
        retiring: devices that bots gave up, and that are still to be logged out.
        events: all that were ever logged.
    """

    sessions: Mapping[tuple[State, EndReason | None], int] = field(default_factory=dict[Any, int])
    wanted: int = 0
    queued: int = 0
    webhooks: Mapping[WebhookState, int] = field(default_factory=dict[Any, int])
    waiting: Mapping[WebhookState, int] = field(default_factory=dict[Any, int])
    overdue_s: float = 0.0
    retiring: int = 0
    events: int = 0
