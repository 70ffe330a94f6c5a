"""Events: facts that the log keeps and everyone may read.

An event never carries a QR, a code, a message text or a number in full; numbers are masked. An
event about a message points at it (`messageId`): whoever may read the message gets it beside the
event when that is delivered, and nothing of it when it is deleted by then. So does an event about
typing point at the chat (`chatRef`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sololine.core.ids import BotId, TenantId


class EventType(StrEnum):
    """Every type an event can have; `docs/concepts.md` explains each one."""

    BOT_CREATED = "bot.created"
    BOT_UPDATED = "bot.updated"
    BOT_DELETED = "bot.deleted"
    BOT_TRAINED = "bot.trained"
    """A bot's training was changed."""
    BOT_BACKED_UP = "bot.backed_up"
    """Someone took a copy of a bot, with its credentials if it has any."""
    BOT_RESTORED = "bot.restored"
    """A bot came back from a backup; held back, unless its original is known to be stopped."""
    BOT_TAKEN_OVER = "bot.taken_over"
    """An operator said that the original of a restored bot is stopped: it may connect."""
    SESSION_REQUESTED = "session.requested"
    """Someone asked for a connection; a line will take it up."""
    SESSION_CONNECTING = "session.connecting"
    SESSION_QR = "session.qr"
    """A new QR or pairing code can be fetched by its owner."""
    SESSION_RESTARTING = "session.restarting"
    """The linking window was over and has begun anew; a new QR or pairing code follows."""
    SESSION_LINKED = "session.linked"
    """A phone accepted the link, and the number is the bot's."""
    SESSION_CONNECTED = "session.connected"
    SESSION_RECONNECTING = "session.reconnecting"
    SESSION_UNSTABLE = "session.unstable"
    """The connection is lost again and again: it is tried more seldom, and someone should look."""
    SESSION_DISCONNECTED = "session.disconnected"
    """The session ended; `reason` says why, `remedy` what to do."""
    CONFLICT_REFUSED = "conflict.refused"
    """A scan was refused, since the number belongs to another bot."""
    CONFLICT_REPLACED = "conflict.replaced"
    """A number moved from one bot of a tenant to another."""
    CONFLICT_RESOLVED = "conflict.resolved"
    """Of several bots that were said to have a number, one was kept."""
    DEVICE_LOGGED_OUT = "device.logged_out"
    """Credentials that a bot gave up were removed from the phone's list of linked devices."""
    MESSAGE_RECEIVED = "message.received"
    """A message came in, or was sent from the bot's own phone (`fromMe`)."""
    MESSAGE_QUEUED = "message.queued"
    """A message was accepted and will be sent."""
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_READ = "message.read"
    MESSAGE_PLAYED = "message.played"
    MESSAGE_FAILED = "message.failed"
    """A message was not sent; `reason` says why."""
    MESSAGE_UNCERTAIN = "message.uncertain"
    """A message may have been sent: the connection died meanwhile. It is not sent again."""
    MESSAGE_EDITED = "message.edited"
    """An earlier message has a new text."""
    MESSAGE_DELETED = "message.deleted"
    """An earlier message was deleted for everyone."""
    MESSAGE_REACTION = "message.reaction"
    """Someone put an emoji on an earlier message, or took it back."""
    CHAT_TYPING = "chat.typing"
    """Someone types or records in a chat, or stopped."""
    WEBHOOK_PAUSED = "webhook.paused"
    """A webhook failed too often, or its receiver said that it is gone."""
    WEBHOOK_RESUMED = "webhook.resumed"
    WEBHOOK_TESTED = "webhook.tested"
    """Someone asked for a test delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact about a bot, before the log gives it a place.

    `data` is JSON as it is delivered: camelCase keys; instants as RFC 3339 text.
    """

    type: EventType
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An event in its place: `seq` grows by one for each event of a tenant, without gaps."""

    seq: int
    tenant: TenantId
    bot: BotId | None
    type: EventType
    data: Mapping[str, Any]
    at: datetime
