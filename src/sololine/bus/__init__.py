"""Notices between the parts of Sololine, and between its processes: "look again".

A notice carries no news, only the key of the row where the news stands. It may be lost, repeated
or late, and everyone who waits for notices also looks by itself now and then; so nothing ever
depends on the bus but how soon a change is seen. The truth is in the store.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from sololine.health import Condition

EVERYTHING: Final = "*"
"""The key that means: look at every row of the topic."""


SESSIONS: Final = "sessions"
"""Topic of a bot's session; the key is the bot's id."""

QUEUES: Final = "queues"
"""Topic of the messages that a bot is to send; the key is the bot's id."""

EVENTS: Final = "events"
"""Topic of a tenant's event log; the key is the tenant."""

WEBHOOKS: Final = "webhooks"
"""Topic of a tenant's webhooks, and of what is to be sent to them again; the key is the tenant."""

CHORES: Final = "chores"
"""Topic of a chore that is done or has failed; the key is the chore's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Look again at one row.

    Attributes:
        topic: what kind of row, and whose; subscribers name topics exactly, there are no patterns.
        key: which row; `EVERYTHING` when it is not known which, as after an outage.
    """

    topic: str
    key: str


class Bus(Protocol):
    """Carries notices to whoever subscribed, in this process and, with some adapters, in others."""

    @property
    def lost(self) -> int:
        """How many notices could not be passed on since the start; for metrics."""
        ...

    def condition(self) -> Condition:
        """Whether notices reach the other processes now."""
        ...

    async def publish(self, notice: Notice) -> None:
        """Tell all subscribers of the topic. Neither raises nor waits when the bus is down."""
        ...

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Notice]]:
        """Listen to topics for as long as the context is open.

        Look at the rows after entering, not before: what is published from then on is announced,
        once for several changes if they come faster than they are taken. An iterator that falls
        far behind, or whose bus was away, gets `EVERYTHING` instead of what it missed. It has no
        end while the context is open, and is for one task.
        """
        ...
