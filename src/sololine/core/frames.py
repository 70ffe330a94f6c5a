"""Frames: what a server and its workers write to each other on a socket.

    server                                    worker
      │ ── Open, RequestPairingCode, LogOut, Close ──▶ │     orders, numbered per link
      │ ── Call ─────────────────────────────────────▶ │     an order too: one of many a link takes
      │ ◀── Done, Returned, Failed ─────────────────── │     one answer for each order but Open
      │ ◀── Said(signal) ───────────────────────────── │     in the order they happened
      │ ── Settled ──────────────────────────────────▶ │     what was said may be forgotten

On the wire a frame is a length (4 bytes, big endian) and that many bytes of JSON:
`{"v": 1, "frame": "said", "device": "dev_…", "signal": {"signal": "link_up"}}`. Every frame names
its device, so that one worker may host many links. Nothing in here knows a vendor: what a call
says and returns is for the two ends to know.

What people wrote must survive the end of either process. So a worker keeps each chat signal but
typing until it is settled, and says it again when it is opened anew.

Coding is pure and strict: an unknown name, a missing, spare or mistyped field is an error, since
both ends ship together and a mismatch means that two versions of Sololine run at once.

This module imports the standard library only, so that a worker process stays small.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sololine.core.coding import BadCoding, ClosedUnion
from sololine.core.ids import DeviceId
from sololine.core.signals import Signal

VERSION: Final = 1
"""Of this page; both ends must speak the same one."""

MAX_BODY_BYTES: Final = 24 << 20
"""The longest body that is written or read; a longer one means the stream is out of step.

Room for the members of every group that a number is in. Files do not travel in frames.
"""

_LENGTH_BYTES: Final = 4


class BadFrame(Exception):
    """The bytes are no frame of ours; nothing after them can be trusted."""


class FrameTooLong(BadFrame):
    """A frame's body exceeds `MAX_BODY_BYTES`."""


class WrongVersion(BadFrame):
    """The other end speaks another version of this page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Open the link of a device: the first order, and the only one that signals answer."""

    device: DeviceId
    order: int
    fresh: bool
    """True: credentials that do not exist yet. False: those that exist."""
    shown_as: str
    """What the phone lists under "Linked devices"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPairingCode:
    """Ask for a code to type into the phone of this number."""

    device: DeviceId
    order: int
    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOut:
    """Remove the device from its phone. After `Done` the worker ends by itself."""

    device: DeviceId
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """End the link in good order, credentials kept. After `Done` the worker ends by itself."""

    device: DeviceId
    order: int


class Function(StrEnum):
    """What can be called for while a link is up."""

    SEND = "send"
    UPLOAD = "upload"
    """Names a file in the folder for media, which the worker reads."""
    DOWNLOAD = "download"
    """Names a new file in the folder for media, which the worker writes."""
    SHOW_TYPING = "show_typing"
    SHOW_ONLINE = "show_online"
    MARK_READ = "mark_read"
    ON_WHATSAPP = "on_whatsapp"
    LID_OF = "lid_of"
    NUMBER_OF = "number_of"
    CONTACT = "contact"
    ABOUT = "about"
    PICTURE = "picture"
    GROUPS = "groups"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Have WhatsApp asked, or told, something. Answered by `Returned` once that has ended.

    Calls run beside each other: whoever wants them in order awaits one before the next.
    """

    device: DeviceId
    order: int
    function: Function
    arguments: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The next `count` chat signals that were said, typing left out, are stored for good.

    It has no answer.
    """

    device: DeviceId
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The order with this number was carried out."""

    device: DeviceId
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The call with this number has ended; whether it went well, `value` says."""

    device: DeviceId
    order: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The order with this number was not carried out, or its outcome is unknown."""

    device: DeviceId
    order: int
    detail: str
    """For operators; free of numbers, names and codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A signal of the device's link."""

    device: DeviceId
    signal: Signal


Order = Open | RequestPairingCode | LogOut | Close | Call
Answer = Done | Returned | Failed
Frame = Order | Settled | Answer | Said


def encode(frame: Frame) -> bytes:
    """The frame as bytes, its length in front. Raises `FrameTooLong`."""
    body = {"v": VERSION, **_FRAMES.to_json(frame)}
    raw = json.dumps(body, separators=(",", ":")).encode()
    if len(raw) > MAX_BODY_BYTES:
        raise FrameTooLong(f"a frame of {len(raw)} bytes; {MAX_BODY_BYTES} are allowed")
    return len(raw).to_bytes(_LENGTH_BYTES, "big") + raw


def decode(body: bytes) -> Frame:
    """The frame that a body (without its length) holds. Raises `BadFrame`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        # The cause would show the text, and a frame may hold a code.
        raise BadFrame("a frame's body is not JSON") from None
    if not isinstance(document, dict):
        raise BadFrame("a frame's body is not a JSON object")
    version = document.pop("v", None)
    if version != VERSION:
        raise WrongVersion(f"the other end speaks version {version!r}, this one {VERSION}")
    try:
        frame: Frame = _FRAMES.from_json(document)
    except BadCoding as error:
        raise BadFrame(str(error)) from None
    return frame


class FrameBuffer:
    """Cuts a byte stream into frames. After an error the stream must be closed."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes, oldest first. Raises `BadFrame`."""
        self._bytes += data
        while len(self._bytes) >= _LENGTH_BYTES:
            length = int.from_bytes(self._bytes[:_LENGTH_BYTES], "big")
            if length > MAX_BODY_BYTES:
                raise FrameTooLong(f"a frame of {length} bytes; {MAX_BODY_BYTES} are allowed")
            end = _LENGTH_BYTES + length
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[_LENGTH_BYTES:end])
            del self._bytes[:end]
            yield decode(body)


_FRAMES: Final = ClosedUnion("frame", Frame)
