"""Receipts that came before the word that their message was sent.

WhatsApp tells the bot of a delivery as soon as it has happened, which may be before the message's
own sending is written down. Such receipts wait here for a minute. Those for messages that nobody
knows, sent from the phone before the bot was linked, are forgotten then.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sololine.core.message import Status

KEPT_S: Final = 60.0
KEPT_AT_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Early:
    """What a receipt says of one message."""

    whatsapp_id: str
    status: Status
    at: datetime


class EarlyReceipts:
    """Receipts of one line that wait for their messages."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: dict[str, tuple[float, list[Early]]] = {}

    def keep(self, receipts: Iterable[Early]) -> None:
        """Let receipts wait for their messages."""
        now = self._monotonic()
        for each in receipts:
            self._waiting.setdefault(each.whatsapp_id, (now + KEPT_S, []))[1].append(each)
        # The oldest stand first.
        for whatsapp_id, (until, _) in list(self._waiting.items()):
            if until > now and len(self._waiting) <= KEPT_AT_MOST:
                break
            del self._waiting[whatsapp_id]

    def of(self, whatsapp_id: str) -> tuple[Early, ...]:
        """The receipts that wait for a message."""
        _, waiting = self._waiting.get(whatsapp_id, (0.0, ()))
        return tuple(waiting)

    def forget(self, whatsapp_id: str) -> None:
        """Drop the receipts for a message: they have been heeded."""
        self._waiting.pop(whatsapp_id, None)
