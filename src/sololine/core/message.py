"""A message of a bot's, in or out, and how far it has come.

    out    queued ──▶ sent ──▶ delivered ──▶ read ──▶ played
              │ └──▶ failed(reason)
              └────▶ uncertain                      (─▶ delivered …, once a receipt proves it)
    in     received

`uncertain` is what was being sent when the process or the connection died: it may have arrived, so
it is never sent again by itself. Only an engine that chooses ids can match a receipt to it. A
status only moves forward; each keeps the time of its coming.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sololine.core.chat import ChatId, PersonId, masked
from sololine.core.content import (
    Content,
    Context,
    File,
    Kind,
    Text,
    emptied,
    kind_of,
    with_text,
)
from sololine.core.events import Event, EventType
from sololine.core.ids import BotId, MessageId, TenantId
from sololine.core.sentence import Sentence


class Status(StrEnum):
    """How far a message has come."""

    RECEIVED = "received"
    """Someone else's message, or one that the bot's own phone sent."""
    QUEUED = "queued"
    SENT = "sent"
    """WhatsApp has it."""
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Failure(StrEnum):
    """Why a message was not sent."""

    NOT_ON_WHATSAPP = "not_on_whatsapp"
    NOT_IN_GROUP = "not_in_group"
    UNLINKED = "unlinked"
    MEDIA_REFUSED = "media_refused"
    REFUSED = "refused"
    UNSENDABLE = "unsendable"

    @property
    def sentence(self) -> Sentence:
        """The mistake and the remedy, for people."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    Failure.NOT_ON_WHATSAPP: Sentence(
        "This number is not on WhatsApp. Check it, country code included."
    ),
    Failure.NOT_IN_GROUP: Sentence(
        "The bot is not a member of this group. Have its number added first."
    ),
    Failure.UNLINKED: (
        Sentence(
            "The bot was unlinked before this message was sent. Link it and send the message again."
        )
    ),
    Failure.MEDIA_REFUSED: Sentence(
        "WhatsApp did not take the file. Send a smaller one, or another format."
    ),
    Failure.REFUSED: Sentence(
        "WhatsApp refused this message. Look at the bot's account before you go on."
    ),
    Failure.UNSENDABLE: (
        Sentence("The message cannot be sent any more: what it refers to is gone. Send it anew.")
    ),
}


class Origin(StrEnum):
    """Who made a message."""

    CONTACT = "contact"
    """Somebody else, on WhatsApp."""
    PHONE = "phone"
    """The bot's own account, on its phone or another linked device."""
    API = "api"
    RULE = "rule"
    """The bot answered by itself, by a rule of its training."""


_STEPS: Final = (Status.QUEUED, Status.SENT, Status.DELIVERED, Status.READ, Status.PLAYED)
_SETTLED: Final = frozenset({Status.RECEIVED, Status.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a bot's.

    Attributes:
        seq: place of the event that told of it; orders a bot's messages.
        chat: the conversation that it belongs to.
        sender: who wrote it; None for the bot's own account.
        sender_name: what the sender calls himself; never to be trusted as an identity.
        sender_jid: the address under which WhatsApp named the sender, to whom receipts and
            reactions are addressed; empty for the bot's own account.
        whatsapp_id: WhatsApp's id, unique for the bot; None before it is sent.
        at: when it was written, by WhatsApp's clock; when it was accepted, until it is sent.
        times: when each status came, by name; the times of receipts are WhatsApp's.
        client_ref: what the caller calls it; unique for the bot.
        idempotency_key, fingerprint: of the request that made it: the same key finds this message
            again, and the fingerprint tells whether the request is the same.
        sending_since: when a line began to send it; set while the outcome is open.
        answers: the received message that a rule answers with this one.
    """

    id: MessageId
    tenant: TenantId
    bot: BotId
    seq: int
    chat: ChatId = field(repr=False)
    origin: Origin
    sender: PersonId | None = field(default=None, repr=False)
    sender_name: str = field(default="", repr=False)
    sender_jid: str = field(default="", repr=False)
    content: Content
    context: Context = field(default_factory=Context)
    whatsapp_id: str | None = None
    at: datetime
    status: Status
    times: Mapping[str, datetime] = field(default_factory=dict)
    failure: Failure | None = None
    client_ref: str | None = field(default=None, repr=False)
    idempotency_key: str | None = field(default=None, repr=False)
    fingerprint: str | None = field(default=None, repr=False)
    sending_since: datetime | None = None
    answers: MessageId | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def from_me(self) -> bool:
        """Whether the bot's own account wrote it."""
        return self.origin is not Origin.CONTACT

    @property
    def kind(self) -> Kind:
        """What kind of message it is."""
        return kind_of(self.content)

    def moved(self, status: Status, at: datetime) -> "Message":
        """The message after hearing `status`; the same one when that is no news.

        `uncertain` gives way to whatever proves that the message was sent. No status is dated
        before the one that it follows: WhatsApp counts whole seconds, by a clock of its own.
        """
        if self.status in _SETTLED or not self._is_forward(status):
            return self
        times = {**self.times, status.value: max([at, *self.times.values()])}
        return replace(self, status=status, times=times, sending_since=None)

    def failed(self, failure: Failure, at: datetime) -> "Message":
        """The message that was not sent; the same one when it was, or may have been."""
        if self.status is not Status.QUEUED:
            return self
        times = {**self.times, Status.FAILED.value: at}
        return replace(self, status=Status.FAILED, failure=failure, times=times, sending_since=None)

    def edited(self, text: str, at: datetime) -> "Message":
        """The message with a new text; the same one when it has none that could be edited."""
        if self.deleted_at is not None or not isinstance(self.content, Text | File):
            return self
        return replace(self, content=with_text(self.content, text), edited_at=at)

    def deleted(self, at: datetime) -> "Message":
        """The message of which nothing is left but that it was there."""
        if self.deleted_at is not None:
            return self
        return replace(self, content=emptied(self.content), context=Context(), deleted_at=at)

    def _is_forward(self, status: Status) -> bool:
        if status is Status.UNCERTAIN:
            return self.status is Status.QUEUED
        if status not in _STEPS:
            return False
        if self.status is Status.UNCERTAIN:
            return status is not Status.QUEUED
        return _STEPS.index(status) > _STEPS.index(self.status)


def told(message: Message, type_: EventType) -> Event:
    """The event of this type about a message: it points at the message and shows nothing of it."""
    data = {
        "messageId": message.id,
        "kind": message.kind.value,
        "chat": masked(message.chat),
        "fromMe": message.from_me,
    }
    if message.failure is not None:
        data |= {"reason": message.failure.value, "remedy": message.failure.sentence}
    return Event(type=type_, data=data)
