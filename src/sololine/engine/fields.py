"""The fields of the library's messages, in which what is absent is empty.

Reading and writing is `wire.fields`, so that a worker needs no protobuf library.
"""

from sololine.wire import fields
from sololine.wire.errors import MalformedPayload
from sololine.wire.fields import Fields


def number(found: Fields, at: int) -> int | None:
    """The whole number in a field, or None when the field is absent. Raises `MalformedPayload`."""
    return fields.optional_number(found, at)


def signed(found: Fields, at: int) -> int | None:
    """As `number`, for an int64, whose negative values are written as 64-bit complements."""
    value = number(found, at)
    return value - (1 << 64) if value is not None and value >> 63 else value


def data(found: Fields, at: int) -> bytes:
    """The bytes in a field; none when the field is absent. Raises `MalformedPayload`."""
    return fields.data(found, at, absent=b"")


def text(found: Fields, at: int) -> str:
    """The text in a field; empty when the field is absent. Raises `MalformedPayload`."""
    try:
        return data(found, at).decode()
    except UnicodeDecodeError:
        # The cause would show the text.
        raise MalformedPayload(f"field {at} of a protobuf message is not UTF-8") from None
