"""Webhooks: where a tenant's events are sent, and when a delivery is tried again.

Each event that a webhook asks for makes a delivery, in the event's own transaction. A delivery is
tried until the receiver answers 2xx; it may arrive twice, always under the same id, and not in the
order of the events. After three days, or when the receiver says 410, no more tries are made.
"""

import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sololine.core.events import EventType
from sololine.core.ids import BotId, DeliveryId, TenantId, WebhookId

RETRIED_AFTER: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 57_600, 72_000)
)
"""How long after each failed try the next one is made: 12 of them, over 64 hours and jitter."""

_JITTER: Final = 0.25
_ABOUT_WEBHOOKS: Final = "webhook."
PAUSED_AFTER: Final = 20
"""Failed tries in a row after which a webhook is paused, if they last for an hour at least."""
PAUSED_AFTER_AT_LEAST: Final = timedelta(hours=1)


class WebhookState(StrEnum):
    """Whether a webhook is served."""

    ACTIVE = "active"
    PAUSED = "paused"
    """By its owner, or after too many failures: deliveries wait."""
    GONE = "gone"
    """The receiver said 410: nothing is sent there any more, until the owner resumes it."""


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """No more tries are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that events are sent to.

    Attributes:
        bot: only this bot's events; None for all of the tenant.
        types: only events of these types; empty for all.
        secret: keys the signature of each delivery, as Standard Webhooks spells it (`whsec_…`).
        failures: failed tries in a row; `failing_since` when the first of them was.
    """

    id: WebhookId
    tenant: TenantId
    bot: BotId | None = None
    url: str = field(repr=False)
    types: frozenset[EventType] = frozenset()
    description: str = ""
    secret: str = field(repr=False)
    state: WebhookState = WebhookState.ACTIVE
    failures: int = 0
    failing_since: datetime | None = None
    created_at: datetime

    def wants(self, type_: EventType, bot: BotId | None) -> bool:
        """Whether an event is to be sent there.

        What happens to webhooks is told only to those that name it, or a receiver that fails would
        be told of that, too. A test is for the tested webhook alone (see `wanting`).
        """
        if self.state is WebhookState.GONE or type_ is EventType.WEBHOOK_TESTED:
            return False
        named = type_ in self.types or (not self.types and not type_.startswith(_ABOUT_WEBHOOKS))
        return named and (self.bot is None or self.bot == bot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook.

    Attributes:
        seq: the event's place in the tenant's log.
        tries: how often it was sent so far.
        due_at: when it is to be sent (again).
        status: the receiver's last HTTP status; None when it did not come to an answer.
        error: why the last try failed, in a few words that hold nothing from outside.
    """

    id: DeliveryId
    webhook: WebhookId
    tenant: TenantId
    seq: int
    type: EventType
    state: DeliveryState = DeliveryState.WAITING
    tries: int = 0
    due_at: datetime
    status: int | None = None
    error: str = ""
    created_at: datetime
    ended_at: datetime | None = None


def next_try(tries: int, delivery: DeliveryId) -> timedelta | None:
    """How long to wait after the `tries`-th failed try; None when it was the last.

    The wait differs by up to a quarter between deliveries, so that those who failed together do not
    come back together; it is the same for one delivery whenever it is asked for.
    """
    if tries > len(RETRIED_AFTER):
        return None
    wait = RETRIED_AFTER[max(tries, 1) - 1]
    spread = zlib.crc32(f"{delivery}:{tries}".encode()) / 2**32
    return wait * (1 + _JITTER * spread)


def is_failing(failures: int, failing_since: datetime | None, now: datetime) -> bool:
    """Whether a webhook has failed so often and so long that it is to be paused."""
    return (
        failures >= PAUSED_AFTER
        and failing_since is not None
        and now - failing_since >= PAUSED_AFTER_AT_LEAST
    )


def wanting(
    webhooks: Collection[Webhook],
    type_: EventType,
    bot: BotId | None,
    only: WebhookId | None = None,
) -> tuple[Webhook, ...]:
    """The webhooks that an event is to be sent to; `only` this one, whatever it asks for."""
    if only is not None:
        return tuple(webhook for webhook in webhooks if webhook.id == only)
    return tuple(webhook for webhook in webhooks if webhook.wants(type_, bot))
