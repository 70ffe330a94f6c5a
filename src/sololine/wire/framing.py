"""Frames: how the byte stream between client and server is cut.

    client, once:  [ "ED" 0 1, length, edge routing ]  "WA" 6 3     then frames
    both:          length, body                                     lengths are 24 bits

Clients that first put the pieces of one frame into two WebSocket messages are known to go deaf,
so a sender puts whole frames into one message; a receiver here does not mind.
"""

from typing import Final

from sololine.wire import tokens
from sololine.wire.errors import MalformedFrame

PROLOGUE: Final = b"WA\x06" + bytes((tokens.VERSION,))
"""What a client says first: magic, protocol version, dictionary version. Noise authenticates it."""

ROUTING: Final = b"ED\x00\x01"
"""Begins the optional preamble by which a client asks for the edge that it used before."""

MAX_FRAME_BYTES: Final = 0xFFFFFF

_LENGTH_BYTES: Final = 3


def pack(frame: bytes) -> bytes:
    """The frame behind its length.

    Raises:
        MalformedFrame: if it is longer than `MAX_FRAME_BYTES`.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise MalformedFrame(f"a frame may not be longer than {MAX_FRAME_BYTES} bytes")
    return len(frame).to_bytes(_LENGTH_BYTES, "big") + frame


def split_prologue(first: bytes) -> tuple[bytes, bytes]:
    """Divide a client's first bytes into its prologue and what follows it.

    Edge routing is skipped: it is no part of what Noise authenticates.

    Raises:
        MalformedFrame: if these are not the first bytes of a client we can understand; all of
            the prologue must be there.
    """
    start = 0
    if first.startswith(ROUTING):
        start = len(ROUTING) + _LENGTH_BYTES
        start += int.from_bytes(first[len(ROUTING) : start], "big")
    end = start + len(PROLOGUE)
    prologue = first[start:end]
    if prologue != PROLOGUE:
        raise MalformedFrame(f"a client's first bytes must be {PROLOGUE!r}")
    return prologue, first[end:]


class FrameBuffer:
    """Collects received bytes and gives back whole frames.

    `max_frame_bytes` bounds what one peer can make us hold.
    """

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the frames that are complete with them.

        Raises:
            MalformedFrame: if a frame announces more than the allowed length.
        """
        self._held += data
        frames = []
        start = 0
        while len(self._held) - start >= _LENGTH_BYTES:
            body = start + _LENGTH_BYTES
            length = int.from_bytes(self._held[start:body], "big")
            if length > self._max_frame_bytes:
                raise MalformedFrame(f"a frame is longer than {self._max_frame_bytes} bytes")
            if len(self._held) - body < length:
                break
            start = body + length
            frames.append(bytes(self._held[body:start]))
        del self._held[:start]
        return frames

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._held)
