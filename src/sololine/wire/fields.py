"""Protobuf messages as their fields by number, without the protobuf library.

It is for formats that come without generated modules, and for the engine's workers: one runs for
every number, and the library with its modules would cost it 10 MB (measured), a quarter of its
memory. So this module imports the standard library only, but for its error.

Varints are `int`, everything else is `bytes`.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from sololine.wire.errors import MalformedPayload

Fields: TypeAlias = Mapping[int, int | bytes]

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_SIZES: Final[Mapping[int, int]] = {_FIXED64: 8, _FIXED32: 4}
_MORE: Final = 0x80
_MAX_VARINT_BITS: Final = 64


def read(message: bytes) -> dict[int, int | bytes]:
    """The fields of a message by number; of one that comes more than once, the last.

    Raises:
        MalformedPayload: if it is none.
    """
    return dict(_each(message))


def repeated(message: bytes, at: int) -> list[bytes]:
    """Every value of a field of texts or messages, in their order.

    Raises:
        MalformedPayload: if it is no message.
    """
    return [value for number, value in _each(message) if number == at and isinstance(value, bytes)]


def write(fields: Mapping[int, int | str | bytes | None]) -> bytes:
    """A message of these fields, without those that are None; numbers must not be negative."""
    out = bytearray()
    for at, value in fields.items():
        if value is None:
            continue
        if isinstance(value, int):
            _write_varint(out, at << 3 | _VARINT)
            _write_varint(out, value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            _write_varint(out, at << 3 | _BYTES)
            _write_varint(out, len(raw))
            out += raw
    return bytes(out)


def number(fields: Fields, at: int, *, absent: int | None = None) -> int:
    """The number in a field; `absent` when there is none, if that is given.

    Raises:
        MalformedPayload: if the field is missing or holds bytes.
    """
    value = fields.get(at, absent)
    if not isinstance(value, int):
        raise MalformedPayload(f"field {at} of a protobuf message must hold a number")
    return value


def optional_number(fields: Fields, at: int) -> int | None:
    """The number in a field, None when there is none.

    Raises:
        MalformedPayload: if the field holds bytes.
    """
    return number(fields, at) if at in fields else None


def data(fields: Fields, at: int, *, absent: bytes | None = None) -> bytes:
    """The bytes in a field; `absent` when there are none, if that is given.

    Raises:
        MalformedPayload: if the field is missing or holds a number.
    """
    value = fields.get(at, absent)
    if not isinstance(value, bytes):
        raise MalformedPayload(f"field {at} of a protobuf message must hold bytes")
    return value


def _each(message: bytes) -> Iterator[tuple[int, int | bytes]]:
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
            raise MalformedPayload("a protobuf field of a kind that is not in use")
        if at + size > len(message):
            raise MalformedPayload("a protobuf message ends within a field")
        yield number, message[at : at + size]
        at += size


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < _MAX_VARINT_BITS:
        if at >= len(message):
            raise MalformedPayload("a protobuf message ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & ~_MORE) << shift
        if byte < _MORE:
            return value, at
        shift += 7
    raise MalformedPayload("a protobuf number is longer than 64 bits")


def _write_varint(out: bytearray, value: int) -> None:
    while value >= _MORE:
        out.append(value & ~_MORE & 0xFF | _MORE)
        value >>= 7
    out.append(value)
