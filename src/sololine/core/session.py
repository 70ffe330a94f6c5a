"""The session: a bot's WhatsApp connection, as one value.

                  connect             QR or code issued        linked & granted
     disconnected ───────▶ connecting ───────────▶ awaiting_scan ──────────▶ connecting
          ▲                     │ link up                │ refused · window over · asked
          │◀────────────────────┼────────────────────────┘
          │                     ▼        link lost
          │◀──────────────── connected ◀─────────────▶ reconnecting ──▶ disconnected

A session has two halves with one writer each. The **intent** is written by whoever asks (the API);
the **life** is written by the line alone. `obeyed` is the number of the last intent that the line
took up: an intent with a higher number is still to be done.

Three things follow from a session and are never remembered apart from it, so that a crash cannot
separate them: the claims (`claims`), the credentials that must exist (`devices`: what leaves this
set must be logged out of the phone), and the link that the engine should hold open (`link`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from sololine.core.claim import Claim, ClaimKind
from sololine.core.ids import BotId, DeviceId, TenantId
from sololine.core.linking import Code, Window
from sololine.core.number import Number
from sololine.core.sentence import Sentence

STALL: Final = timedelta(seconds=120)
"""How long a link may stay on its way up before its worker is replaced."""


class State(StrEnum):
    """Where a session is in its life."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    AWAITING_SCAN = "awaiting_scan"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"

    @property
    def status(self) -> str:
        """As session checks and reports write it: CONNECTED, DISCONNECTED, QR_PENDING and so on."""
        return "QR_PENDING" if self is State.AWAITING_SCAN else self.value.upper()


class EndReason(StrEnum):
    """Why a session is disconnected."""

    ASKED = "asked"
    WINDOW_OVER = "window_over"
    UNREACHABLE = "unreachable"
    NUMBER_TAKEN = "number_taken"
    NUMBER_MISMATCH = "number_mismatch"
    LOGGED_OUT = "logged_out"
    UNLINKED = "unlinked"
    REPLACED_BY_POLICY = "replaced_by_policy"
    CREDENTIALS_IN_USE = "credentials_in_use"
    BANNED = "banned"
    ENGINE_OUTDATED = "engine_outdated"
    PASSKEY_REQUIRED = "passkey_required"

    @property
    def remedy(self) -> Sentence:
        """What a person can do about it, as a sentence."""
        return _REMEDIES[self]


_REMEDIES: Final = {
    EndReason.ASKED: Sentence("Connect the bot again."),
    EndReason.WINDOW_OVER: Sentence("Connect the bot again and scan the QR within five minutes."),
    EndReason.UNREACHABLE: Sentence(
        "WhatsApp could not be reached. Check the network, then connect again."
    ),
    EndReason.NUMBER_TAKEN: (
        Sentence(
            "Disconnect the bot that has this number first, or use a different WhatsApp number."
        )
    ),
    EndReason.NUMBER_MISMATCH: (
        Sentence(
            "Another phone than the declared one scanned the QR. Connect again with "
            "the right phone."
        )
    ),
    EndReason.LOGGED_OUT: Sentence(
        "The phone removed this device. Connect the bot again and scan a new QR."
    ),
    EndReason.UNLINKED: Sentence("Connect the bot again and scan a new QR."),
    EndReason.REPLACED_BY_POLICY: Sentence(
        "Another bot took the number over. Connect with another number."
    ),
    EndReason.CREDENTIALS_IN_USE: (
        Sentence(
            "Someone runs these credentials elsewhere. Stop the other installation, "
            "then connect again."
        )
    ),
    EndReason.BANNED: Sentence(
        "WhatsApp has restricted this account for a while. Wait until it is lifted."
    ),
    EndReason.ENGINE_OUTDATED: Sentence(
        "WhatsApp refuses this version. Ask the operator to upgrade."
    ),
    EndReason.PASSKEY_REQUIRED: (
        Sentence(
            "WhatsApp asks this account for a passkey, which linking does not "
            "support yet. Use another account."
        )
    ),
}


class Wish(StrEnum):
    """What is wanted of a session."""

    ONLINE = "online"
    OFFLINE = "offline"
    """Not connected, but still linked: the bot keeps its number."""
    UNLINKED = "unlinked"
    """Not connected and not linked: the number is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The last order given to a session; `window` when it asks for a new link."""

    no: int = 0
    wish: Wish = Wish.OFFLINE
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The credentials that make a bot a linked device of a number."""

    id: DeviceId
    number: Number
    jid: str = field(repr=False)
    lid: str = field(repr=False)
    linked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Why and when a session ended; `until` for an end that passes by itself."""

    reason: EndReason
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A bot's WhatsApp connection.

    Attributes:
        intent: the half that the API writes; all that follows is the line's.
        obeyed: number of the last intent that the line took up.
        end: why the session is disconnected; None in every other state, and before the first
            connect.
        device: the credentials, when the bot is linked; the law binds its claim to them.
        linking: credentials that a linking worker is making; not the bot's before the grant.
        round: which linking worker of the window that is, from 1.
        restarted: how often the window has begun anew by itself.
        restarted_at: when it last did.
        code: what to show to the phone now.
        attempt: failed tries in a row, for the backoff.
        retry_at: when to open the link again; no link is open until then.
        since: when `state` began.
        connected_at: when messages last began to flow.
        losses: how often the connection was lost in the hour that began at `losses_since`.
    """

    bot: BotId
    tenant: TenantId
    intent: Intent = field(default_factory=Intent)
    obeyed: int = 0
    state: State = State.DISCONNECTED
    end: End | None = None
    device: Device | None = None
    linking: DeviceId | None = None
    round: int = 0
    restarted: int = 0
    restarted_at: datetime | None = None
    code: Code | None = None
    attempt: int = 0
    retry_at: datetime | None = None
    since: datetime
    connected_at: datetime | None = None
    losses: int = 0
    losses_since: datetime | None = None

    @property
    def idle(self) -> bool:
        """Nothing to run and nothing to obey: no line is needed."""
        return self.state is State.DISCONNECTED and self.intent.no == self.obeyed

    @property
    def link(self) -> DeviceId | None:
        """The credentials whose link should be open now, or None when none should."""
        if self.state is State.DISCONNECTED or self.retry_at is not None:
            return None
        if self.linking is not None:
            return self.linking
        return self.device.id if self.device is not None else None

    @property
    def devices(self) -> frozenset[DeviceId]:
        """The credentials that may exist for this session; any other must be logged out."""
        held = {self.device.id} if self.device is not None else set()
        return frozenset(held if self.linking is None else held | {self.linking})

    @property
    def taken_up(self) -> Window | None:
        """The window that `linking` is for; None without one, or once a newer intent waits.

        Only by this window may what a phone accepted be judged: the intent may hold another one
        by then, or none.
        """
        if self.linking is None or self.obeyed < self.intent.no:
            return None
        return self._window

    def window(self, now: datetime) -> Window | None:
        """The linking window, while it is open: not yet taken up, or being worked on."""
        window = self._window
        if window is None or window.ends_at <= now:
            return None
        untouched = self.obeyed < self.intent.no
        return window if untouched or self.linking is not None else None

    @property
    def _window(self) -> Window | None:
        """The last window that was asked for, as it stands after it began anew."""
        window = self.intent.window
        if window is None or self.restarted_at is None or self.obeyed < self.intent.no:
            return window
        return window.begun_anew(self.restarted_at, self.restarted)

    def claims(self) -> frozenset[Claim]:
        """The claims that this session makes: the law, read from left to right."""
        claims = set()
        if self.device is not None:
            claims.add(
                Claim(
                    number=self.device.number,
                    bot=self.bot,
                    tenant=self.tenant,
                    kind=ClaimKind.HELD,
                    since=self.device.linked_at,
                )
            )
        window = self._window
        open_window = self.obeyed < self.intent.no or self.linking is not None
        if (
            window is not None
            and open_window
            and window.number is not None
            and window.reserves
            and not (self.device and self.device.number == window.number)
        ):
            claims.add(
                Claim(
                    number=window.number,
                    bot=self.bot,
                    tenant=self.tenant,
                    kind=ClaimKind.RESERVED,
                    since=window.opened_at,
                    expires_at=window.ends_at,
                )
            )
        return frozenset(claims)

    def due(self) -> datetime | None:
        """When the session must be looked at again though nobody says anything."""
        moments = []
        match self.state:
            case State.DISCONNECTED:
                if self.end is not None and self.end.until is not None:
                    moments.append(self.end.until)
            case State.CONNECTING | State.RECONNECTING:
                moments.append(self.retry_at or self.since + STALL)
            case State.AWAITING_SCAN | State.CONNECTED:
                pass
            case _ as never:  # pragma: no cover — the type checker proves it
                assert_never(never)
        if self.linking is not None and self._window is not None:
            moments.append(self._window.ends_at)
        return min(moments, default=None)
