"""Signals: what an engine says to a line.

An engine translates what its library reports into these words and delivers them in order. They
are neutral: nothing in here knows a vendor. JIDs stay text, since a worker process should not
carry the phone number tables in its memory; the line parses them. For the same reason a message's
content stays in WhatsApp's own form (`waE2E.Message`, a protobuf), which every engine for linked
devices speaks; `wire.content` reads it.

There are two families: what happens to the link, which moves the session, and what people say in
their chats, which is stored and told.

This module imports the standard library only, so that a worker process stays small.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class QrIssued:
    """A QR to show. Whoever sees `code` can link, so its value stays out of every repr and log."""

    code: str = field(repr=False)
    valid_for: timedelta
    """60 s for a worker's first code, 20 s for each one after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingCodeIssued:
    """A code to type into the phone; as secret as a QR. Valid while the worker's linking lasts."""

    code: str = field(repr=False)
    valid_for: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkingTimedOut:
    """The worker has no more codes (160 s after its first); it stored nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRequired:
    """WhatsApp demands a passkey of this account, which this engine cannot give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A phone accepted the link; the credentials are on disk, the link is not up yet."""

    jid: str = field(repr=False)
    """The linked device, for example `447441395830:37@s.whatsapp.net`."""
    lid: str = field(repr=False)
    """The same device by its LID, for example `98765:37@lid`; empty when WhatsApp gave none."""
    platform: str = ""
    """The phone's kind as WhatsApp names it, for example `android`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUp:
    """Logged in: messages flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDown:
    """The connection was lost; the engine is reconnecting by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAliveMissed:
    """The connection looks open, but WhatsApp did not answer `errors` pings in a row."""

    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAliveRestored:
    """WhatsApp answers pings again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """WhatsApp no longer accepts the credentials, and the engine has deleted them."""

    code: int | None = None
    """WhatsApp's reason number (401 unlinked, 403 the phone's account is gone, 406 banned)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsInUse:
    """Someone else logged in with the very same credentials, and WhatsApp dropped us for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Banned:
    """WhatsApp refuses the account for a while."""

    code: int | None = None
    """WhatsApp's number for the cause; None when the engine does not know it."""
    lasts: timedelta | None = None
    """How long; None when WhatsApp did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOutdated:
    """WhatsApp refuses this version of the engine; only an upgrade helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRefused:
    """WhatsApp refused the login for another reason and the engine will not try again."""

    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStopped:
    """The engine is gone: its worker ended, could not start or could not reach WhatsApp.

    Always the last signal of a link, whatever the cause, unless the link was closed on order.
    """

    detail: str = ""
    """For operators; free of numbers, names and codes."""


LinkSignal = (
    QrIssued
    | PairingCodeIssued
    | LinkingTimedOut
    | PasskeyRequired
    | Linked
    | LinkUp
    | LinkDown
    | KeepAliveMissed
    | KeepAliveRestored
    | LoggedOut
    | CredentialsInUse
    | Banned
    | EngineOutdated
    | ConnectRefused
    | EngineStopped
)
"""What happens to a link."""


class ReceiptKind(StrEnum):
    """What a receipt says."""

    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    READ_SELF = "read_self"
    """The bot's own account read it, on another of its devices."""


class TypingState(StrEnum):
    """What someone is doing in a chat."""

    TYPING = "typing"
    RECORDING = "recording"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """In which chat something was said, and by whom; addresses as WhatsApp used them.

    A person may come by number or by LID. Where WhatsApp tells the other one too, it stands in the
    field that ends in `_other`; otherwise that is empty.
    """

    chat: str = field(repr=False)
    """A person's address without a device, or a group's."""
    chat_other: str = field(default="", repr=False)
    sender: str = field(repr=False)
    sender_other: str = field(default="", repr=False)
    from_me: bool = False
    """Said by the bot's own account, on its phone or another of its devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message arrived."""

    id: str
    """WhatsApp's id of the message."""
    where: Where
    at_s: int
    """When it was written, by WhatsApp's clock, in seconds since 1970."""
    sender_name: str = field(default="", repr=False)
    message: bytes = field(repr=False)
    """A serialised `waE2E.Message`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A message arrived that could not be decrypted; its sender was asked to repeat it."""

    id: str
    where: Where
    at_s: int
    sender_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Messages were delivered, read or played."""

    kind: ReceiptKind
    ids: tuple[str, ...]
    where: Where
    at_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """Someone types or records in a chat, or stopped doing so."""

    where: Where
    state: TypingState


ChatSignal = Received | Unreadable | Receipt | Typing
"""What people say and do in their chats."""

Signal = LinkSignal | ChatSignal
