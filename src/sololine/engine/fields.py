"""The protobuf fields that a worker reads and writes, without the protobuf library.

A worker runs once for every number, and needs a dozen small messages. The library and the
generated modules would cost it 10 MB (measured), a quarter of its memory; this page costs nothing.
Messages are read into their fields by number: varints as `int`, everything else as `bytes`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

Fields = Mapping[int, int | bytes]
"""A message's fields by number."""

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_SIZES: Final[Mapping[int, int]] = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BITS: Final = 64


class NoMessage(Exception):
    """The bytes are no protobuf message. It shows none of them."""


def read(message: bytes) -> dict[int, int | bytes]:
    """The fields of a message by number; of a repeated field the last. Raises `NoMessage`."""
    return dict(_fields(message))


def repeated(message: bytes, at: int) -> list[bytes]:
    """Every value of a repeated field of texts or messages. Raises `NoMessage`."""
    return [
        value for number, value in _fields(message) if number == at and isinstance(value, bytes)
    ]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _read_varint(message, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise NoMessage("a field has no kind that is still in use")
        if at + size > len(message):
            raise NoMessage("the message ends within a field")
        yield number, message[at : at + size]
        at += size


def number(fields: Fields, at: int) -> int | None:
    """The whole number in a field, or None when the field is absent. Raises `NoMessage`."""
    value = fields.get(at)
    if isinstance(value, bytes):
        raise NoMessage("a field is no number")
    return value


def signed(fields: Fields, at: int) -> int | None:
    """As `number`, for an int64, whose negative values are written as 64-bit complements."""
    value = number(fields, at)
    return value - (1 << 64) if value is not None and value >> 63 else value


def data(fields: Fields, at: int) -> bytes:
    """The bytes in a field; none when the field is absent. Raises `NoMessage`."""
    value = fields.get(at, b"")
    if isinstance(value, int):
        raise NoMessage("a field is no text and no message")
    return value


def text(fields: Fields, at: int) -> str:
    """The text in a field; empty when the field is absent. Raises `NoMessage`."""
    try:
        return data(fields, at).decode()
    except UnicodeDecodeError:
        raise NoMessage("a text is not UTF-8") from None


def write(fields: Mapping[int, int | str | bytes]) -> bytes:
    """A message of these fields; numbers must not be negative."""
    out = bytearray()
    for at, value in fields.items():
        if isinstance(value, int):
            out += _varint(at << 3 | _VARINT) + _varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            out += _varint(at << 3 | _BYTES) + _varint(len(raw)) + raw
    return bytes(out)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < _MAX_VARINT_BITS:
        if at >= len(message):
            raise NoMessage("the message ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 — the top bit says that more follows
            return value, at
        shift += 7
    raise NoMessage("a number is longer than 64 bits")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 — see above
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
