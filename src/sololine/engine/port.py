"""The port: what the lines ask of an engine, and what an engine promises.

    line ── open ──▶ Engine ── Link ──▶ WhatsApp
      ▲                          │
      └──────── signals ─────────┘

An engine may fail at anything; failure is a signal (`EngineStopped` in the end), not an
exception, so that a line has one way to hear about everything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sololine.core.ids import DeviceId
from sololine.core.signals import Linked, Signal

Deliver = Callable[[Signal], None]
"""Takes a signal; never blocks and never raises. Called in the event loop of `Engine.open`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can promise; a line asks for the best way its engine has."""

    asks_before_linking: bool = False
    """Can hold a link until the claim is decided. Otherwise a refused device is logged out."""
    pairing_code: bool = False
    passkey: bool = False


class LinkClosed(Exception):
    """The link ended before it could do what was asked; the outcome is unknown."""


class DeviceBusy(Exception):
    """The credentials are in use: by an open link, or by another process."""


class UnreadableCredentials(Exception):
    """The device's file exists, and is not what the library writes."""


class Link(Protocol):
    """An open connection of one device. Every method may be called at any time, also twice."""

    async def request_pairing_code(self, digits: str) -> None:
        """Ask for a code to type into the phone with this number; `PairingCodeIssued` follows.

        `digits` is the number as E.164 without `+`. Only while linking, after the first
        `QrIssued`. Raises `LinkClosed` when the link is gone or WhatsApp refused.
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

    async def close(self) -> None:
        """Close every link; nothing of the engine is left running."""
