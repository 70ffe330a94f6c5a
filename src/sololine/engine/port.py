"""The port: what the lines ask of an engine, and what an engine promises.

    line ── open ──▶ Engine ── Link ──▶ WhatsApp
      ▲                          │
      └──────── signals ─────────┘

Messages travel in WhatsApp's own form, bytes of a `waE2E.Message`, in both directions.

An engine may fail at anything; failure is a signal (`EngineStopped` in the end), not an
exception, so that a line has one way to hear about everything.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from sololine.core.ids import DeviceId
from sololine.core.media import MediaKind, Uploaded
from sololine.core.message import Failure
from sololine.core.signals import Linked, Signal, TypingState
from sololine.engine.errors import DeviceBusy as DeviceBusy  # noqa: PLC0414 — for all to import
from sololine.engine.errors import UnreadableCredentials as UnreadableCredentials  # noqa: PLC0414 — for all to import

Known = Callable[[Collection[DeviceId]], Awaitable[Collection[DeviceId]]]
"""Says which of some devices anybody knows of. What it says is true when it is asked."""

Deliver = Callable[[Signal], None]
"""Takes a signal; never blocks and never raises. Called in the event loop of `Engine.open`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can promise; a line asks for the best way its engine has."""

    asks_before_linking: bool = False
    """Can hold a link until the claim is decided. Otherwise a refused device is logged out."""
    pairing_code: bool = False
    passkey: bool = False
    chosen_message_ids: bool = False
    """A message may be sent again under the same id, and WhatsApp drops the second. Otherwise what
    was being sent when the link died is uncertain for good."""
    acks_after_commit: bool = False
    """WhatsApp hears of a message's arrival only after `Link.settled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """WhatsApp has taken a message."""

    id: str
    """WhatsApp's id of it."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Whether a number that was asked for is on WhatsApp, and under which address."""

    asked: str = field(repr=False)
    jid: str | None = field(default=None, repr=False)
    """The person's address; None when the number is not on WhatsApp."""
    lid: str = field(default="", repr=False)
    """The same person's LID, as far as WhatsApp told."""
    business_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What WhatsApp shows of a person; empty where it shows nothing."""

    name: str = field(default="", repr=False)
    """What the address book of the bot's phone calls the person, else what they call themselves."""
    about: str = field(default="", repr=False)
    picture_url: str = field(default="", repr=False)
    """Where the picture can be fetched, for some hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Someone in a group."""

    jid: str = field(repr=False)
    other: str = field(default="", repr=False)
    """The same person's other address (number or LID), as far as WhatsApp told."""
    admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInfo:
    """A group that the bot's number is in."""

    jid: str
    subject: str = field(repr=False)
    description: str = field(default="", repr=False)
    created_at: datetime | None = None
    """Right to about a minute: the library gives the time as a 32-bit float."""
    members: tuple[Member, ...] = ()


class SendRefused(Exception):
    """WhatsApp did not take the message, for certain; `failure` says why."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(detail or failure.value)
        self.failure = failure


class NoSuch(Exception):
    """WhatsApp knows no such person, group or file; or the file is gone."""


class LinkClosed(Exception):
    """The link ended before it could do what was asked; the outcome is unknown."""


class NotSent(LinkClosed):
    """There was no connection to do it with: nothing was asked of WhatsApp, and it may be again."""


class NoName(NotSent):
    """WhatsApp wants an account to have a name for that, and this one has none, as far as known."""


class Link(Protocol):
    """An open connection of one device. Every method may be called at any time, also twice."""

    async def request_pairing_code(self, digits: str) -> None:
        """Ask for a code to type into the phone with this number; `PairingCodeIssued` follows.

        `digits` is the number as E.164 without `+`. Only while linking, after the first
        `QrIssued`. Raises `LinkClosed` when the link is gone or WhatsApp refused.
        """

    # What follows needs a link that is up, and raises `NotSent` without one. When the link ends
    # meanwhile, or WhatsApp does not answer in time, it raises `LinkClosed`: nobody knows whether
    # it was done.

    async def send(self, to: str, message: bytes) -> Sent:
        """Send a serialised `waE2E.Message` to a person's or a group's address.

        Raises `SendRefused` when WhatsApp did not take it, and `NotSent` when it was not asked;
        any other `LinkClosed` leaves open whether it was sent. Calls for one link are carried out
        one after the other, in their order.
        """

    async def upload(self, file: Path, kind: MediaKind) -> Uploaded:
        """Give a file to WhatsApp, encrypted. Raises `SendRefused` when WhatsApp does not take it.

        `file` lies in the data folder.
        """

    async def download(self, message: bytes, file: Path) -> None:
        """Fetch the file that a received `waE2E.Message` tells of, and write it decrypted.

        `file` is a new path in the data folder; nothing is left there on failure. Raises `NoSuch`
        when WhatsApp does not have it any more, or what it has is not what the message promised.
        """

    async def show_typing(self, chat: str, state: TypingState) -> None:
        """Let the chat see what the bot is doing."""

    async def show_online(self, *, online: bool) -> None:
        """Let the bot be seen online, or no longer. Raises `NoName`."""

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str], *, played: bool) -> None:
        """Let the sender see that messages were read, or played."""

    async def on_whatsapp(self, numbers: Sequence[str]) -> list[Registered]:
        """Which numbers (digits in international form) are on WhatsApp, in the order given."""

    async def profile(self, jid: str) -> Profile:
        """What WhatsApp shows of a person. Raises `NoSuch`."""

    async def groups(self) -> list[GroupInfo]:
        """The groups that the bot's number is in."""

    async def group(self, jid: str) -> GroupInfo:
        """One group. Raises `NoSuch`; also when the bot's number is not in it."""

    def settled(self, count: int) -> None:
        """The next `count` chat signals, in the order they were delivered, are stored for good.

        An engine that keeps what it has delivered until then repeats the rest after a crash. Never
        blocks, never raises.
        """

    async def log_out(self) -> None:
        """Remove the device from its phone and delete its credentials.

        Waits until the link is up if it is about to be. Returns when WhatsApp confirmed; the link
        is closed then, as `close` does. Raises `LinkClosed` when that is not possible now; the
        credentials are then kept, and the link is as it was.
        """

    async def close(self) -> None:
        """End the connection and free everything; credentials are kept. Never raises.

        After it returns no further signal is delivered and the credentials may be opened again.
        """


class Engine(Protocol):
    """A way to WhatsApp."""

    capabilities: Capabilities

    # Each of these four raises DeviceBusy when the device is in use. `link` and `resume` raise it
    # for a link of this process only; what another process holds ends in EngineStopped.

    async def link(self, device: DeviceId, deliver: Deliver) -> Link:
        """Open a link for credentials that do not exist yet: codes follow, then `Linked`."""

    async def resume(self, device: DeviceId, deliver: Deliver) -> Link:
        """Open a link with credentials that exist; `LoggedOut` follows when they do not."""

    async def linked(self, device: DeviceId) -> Linked | None:
        """What the stored credentials say: whose they are, or None when there are none.

        Asked after a crash, to learn of a link whose word was lost. Only while no link is open.
        """

    async def forget(self, device: DeviceId) -> None:
        """Delete the stored credentials, if any. Only while no link is open."""

    async def forget_unknown(
        self, known: Known, idle_for: timedelta, *, dry_run: bool = False
    ) -> list[DeviceId]:
        """Delete stored credentials that nobody knows of and nobody touched for `idle_for`.

        Never those in use, nor those of a link that begins meanwhile: see `engine.neonize`. With
        `dry_run` they are only named.
        """

    async def close(self) -> None:
        """Close every link; nothing of the engine is left running."""
