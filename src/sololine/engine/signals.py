"""What the library reports, as signals. Pure: codes, texts and protobuf bytes in, signals out.

The library speaks through four mouths, and each has its function here:

* codes to show, one after the other: `qr`
* login statuses while linking, short texts: `login`
* events once there is an account, a number and a protobuf message: `event`
* the text with which its main call returns, empty or an error: `ended`

Where it knows no name for what WhatsApp said (an unlisted ban code, say), its event loop dies of
the missing name while the connection lives on. `ended` reads from the error which event it was.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sololine.core.signals import (
    Banned,
    ConnectRefused,
    CredentialsInUse,
    EngineOutdated,
    EngineStopped,
    KeepAliveMissed,
    KeepAliveRestored,
    LinkDown,
    Linked,
    LinkingTimedOut,
    LinkUp,
    LoggedOut,
    PasskeyRequired,
    QrIssued,
    Signal,
)
from sololine.engine.chat_events import CODES as CHAT_CODES
from sololine.engine.chat_events import chat_signal, jid
from sololine.engine.fields import data, number, signed, text
from sololine.wire.errors import MalformedPayload
from sololine.wire.fields import Fields, read

LINKING_LASTS: Final = timedelta(seconds=160)
"""From the first code to the library's time-out: 60 s and five times 20 s."""

DEVICE: Final = 0
"""Not an event one subscribes to: said once, when the library knows whose account it serves."""

_CONNECTED: Final = 3
_KEEP_ALIVE_TIMEOUT: Final = 4
_KEEP_ALIVE_RESTORED: Final = 5
_LOGGED_OUT: Final = 6
_STREAM_REPLACED: Final = 7
_TEMPORARY_BAN: Final = 8
_CONNECT_FAILURE: Final = 9
_CLIENT_OUTDATED: Final = 10
_DISCONNECTED: Final = 12

SUBSCRIBED: Final = bytes(
    (
        _CONNECTED,
        _KEEP_ALIVE_TIMEOUT,
        _KEEP_ALIVE_RESTORED,
        _LOGGED_OUT,
        _STREAM_REPLACED,
        _TEMPORARY_BAN,
        _CONNECT_FAILURE,
        _CLIENT_OUTDATED,
        _DISCONNECTED,
        *CHAT_CODES,
    )
)
"""The event codes to ask the library for; what is not asked for costs nothing."""

_REASONS: Final[Mapping[int, int]] = {
    1: 400,
    2: 401,
    3: 402,
    4: 403,
    5: 406,
    6: 405,
    7: 409,
    8: 500,
    9: 501,
    10: 503,
}
"""The library numbers WhatsApp's reasons anew; this gives WhatsApp's own numbers back."""

_BANS: Final[Mapping[int, int]] = {1: 101, 2: 102, 3: 103, 4: 104, 5: 106}
"""Likewise for the causes of a ban."""

_GONE: Final = frozenset({401, 403, 406})
_PASSING: Final = frozenset({500, 503})
_TEMPORARILY_BANNED: Final = 402
_OUTDATED: Final = 405

_FINAL: Final = (
    LinkingTimedOut
    | PasskeyRequired
    | LoggedOut
    | CredentialsInUse
    | Banned
    | EngineOutdated
    | ConnectRefused
    | EngineStopped
)


def is_final(signal: Signal) -> bool:
    """Whether the library does nothing more after this, so that its process may as well end."""
    return isinstance(signal, _FINAL)


def qr(code: str, number_: int) -> QrIssued:
    """The `number_`th code of a worker, counted from 1."""
    return QrIssued(code=code, valid_for=timedelta(seconds=60 if number_ == 1 else 20))


def login(status: str) -> Signal | None:
    """What a login status means; None for those that another signal tells better."""
    match status:
        case "timeout":
            return LinkingTimedOut()
        case "passkey-request" | "passkey-confirmation":
            return PasskeyRequired()
        case "err-client-outdated":
            return EngineOutdated()
        case "err-unexpected-state":
            # A refusal of any kind but the outdated one; the library keeps its number.
            return ConnectRefused()
        case "error":
            return EngineStopped(detail="the phone's answer to the code did not verify")
        case _:
            # "success" is told by the device event, and after a scan by a phone without linked
            # devices ("err-scanned-without-multidevice") the codes go on.
            return None


def event(code: int, message: bytes, *, fresh: bool) -> Signal | None:
    """What an event means, or None. `fresh` when this link made the credentials."""
    try:
        if code in CHAT_CODES:
            return chat_signal(code, message)
        return _event(code, read(message), fresh=fresh)
    except MalformedPayload:
        return EngineStopped(detail=f"the engine's event {code} could not be read")


def ended(error: str) -> Signal:
    """What it means that the library's main call returned; `error` is empty if all was well."""
    if not error:
        return EngineStopped(detail="the engine ended its connection")
    unnamed = re.search(r"required field neonize\.(\w+)\.", error)
    if unnamed is not None:
        return _UNNAMED.get(unnamed[1], EngineStopped(detail=f"no name for a {unnamed[1]} event"))
    # The text may hold addresses and paths: only what was recognised is passed on.
    for sign, detail in _ERRORS:
        if sign in error:
            return EngineStopped(detail=detail)
    return EngineStopped(detail="the engine failed with an unknown error")


_UNNAMED: Final[Mapping[str, Signal]] = {
    "TemporaryBan": Banned(),
    "ConnectFailure": ConnectRefused(),
    "LoggedOut": LoggedOut(),
}

_ERRORS: Final = (
    ("no such host", "the address of whatsapp cannot be resolved"),
    ("connection refused", "the connection to whatsapp was refused"),
    ("network is unreachable", "there is no network"),
    ("timeout", "whatsapp did not answer in time"),
    ("deadline exceeded", "whatsapp did not answer in time"),
    ("x509", "the server's certificate is not trusted"),
    ("cert signature", "the server could not prove that it is whatsapp"),
    ("noise handshake", "the handshake with whatsapp failed"),
    ("failed to dial", "whatsapp cannot be reached"),
    ("database", "the credentials cannot be opened"),
)


def _event(code: int, fields: Fields, *, fresh: bool) -> Signal | None:
    if code == DEVICE:
        return _linked(fields) if fresh else None
    if code == _KEEP_ALIVE_TIMEOUT:
        return KeepAliveMissed(errors=number(fields, 1) or 1)
    if code == _LOGGED_OUT:
        return LoggedOut(code=_REASONS.get(number(fields, 2) or 0))
    if code == _TEMPORARY_BAN:
        return _banned(fields)
    if code == _CONNECT_FAILURE:
        return _refused(_REASONS.get(number(fields, 1) or 0))
    return _EMPTY.get(code)


_EMPTY: Final[Mapping[int, Signal]] = {
    _CONNECTED: LinkUp(),
    _KEEP_ALIVE_RESTORED: KeepAliveRestored(),
    _STREAM_REPLACED: CredentialsInUse(),
    _CLIENT_OUTDATED: EngineOutdated(),
    _DISCONNECTED: LinkDown(),
}
"""Events whose message says nothing more."""


def _linked(fields: Fields) -> Linked:
    return Linked(jid=jid(data(fields, 1)), lid=jid(data(fields, 2)), platform=text(fields, 3))


def _banned(fields: Fields) -> Banned:
    lasts = signed(fields, 2) or 0
    return Banned(
        code=_BANS.get(number(fields, 1) or 0),
        lasts=timedelta(seconds=lasts) if lasts > 0 else None,
    )


def _refused(reason: int | None) -> Signal:
    if reason in _GONE:
        return LoggedOut(code=reason)
    if reason in _PASSING:
        return LinkDown()
    if reason == _TEMPORARILY_BANNED:
        return Banned()
    if reason == _OUTDATED:
        return EngineOutdated()
    return ConnectRefused(code=reason)
