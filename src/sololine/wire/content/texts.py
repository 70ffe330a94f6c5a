"""Texts and numbers of strangers, made fit to be stored and shown.

A string that is no UTF-8 comes out of the protobuf library as bytes, and a number in it has the
whole range of its type. Databases are narrower: PostgreSQL stores no NUL, and no integer of more
than 63 bits.
"""

import math
import re
from typing import Final

TEXT_MAX: Final = 65_536
"""Characters of a text; WhatsApp's own limit."""

NAME_MAX: Final = 256
"""Characters of names, titles and the like."""

SIZE_MAX: Final = 1 << 40
"""Bytes of a file; far beyond what WhatsApp carries."""

COUNT_MAX: Final = (1 << 31) - 1
"""Pixels and seconds."""

_MIME_TYPE: Final = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}"
    r"(?:; ?[A-Za-z0-9_-]{1,32}=\"?[A-Za-z0-9_., +-]{1,64}\"?){0,4}"
)
_JID: Final = re.compile(r"[0-9]{1,24}(?:[.:][0-9]{1,5}){0,2}@(?:s\.whatsapp\.net|lid|c\.us)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_LATITUDE_MAX: Final = 90.0
_LONGITUDE_MAX: Final = 180.0


def text(value: str | bytes, limit: int = TEXT_MAX) -> str:
    """The text without what cannot be stored, cut after `limit` characters."""
    if isinstance(value, bytes):
        value = value[: 4 * limit].decode(errors="replace")
    # Lone surrogates, which JSON can bring in, have no UTF-8.
    return value.replace("\0", "")[:limit].encode(errors="replace").decode()


def line(value: str | bytes, limit: int = NAME_MAX) -> str:
    """A text that is one line: a name or a title."""
    return _CONTROL.sub(" ", text(value, limit)).strip()


def identifier(value: str | bytes) -> str:
    """WhatsApp's id of something; empty when it cannot be one."""
    name = line(value)
    return name if name == value and len(name) <= NAME_MAX // 2 else ""


def file_name(value: str | bytes) -> str:
    """What people call a file, never a path."""
    name = re.split(r"[/\\]", line(value, TEXT_MAX))[-1].strip()
    if len(name) <= NAME_MAX:
        return "" if name in {".", ".."} else name
    # The ending says what kind of file it is.
    stem, dot, ending = name.rpartition(".")
    ending = f"{dot}{ending}" if dot and len(ending) < NAME_MAX // 8 else ""
    return (stem or name)[: NAME_MAX - len(ending)] + ending


def mime_type(value: str | bytes, otherwise: str) -> str:
    """The MIME type, or `otherwise` when it is none; fit for an HTTP header."""
    name = line(value)
    return name if _MIME_TYPE.fullmatch(name) else otherwise


def person_jid(value: str | bytes) -> str:
    """The address of a person; empty when it is none."""
    name = line(value)
    return name if _JID.fullmatch(name) else ""


def size(value: int) -> int:
    """Bytes of a file; 0, which means unknown, when it cannot be."""
    return value if 0 <= value <= SIZE_MAX else 0


def count(value: int) -> int:
    """Pixels or seconds; 0, which means unknown, when it cannot be."""
    return value if 0 <= value <= COUNT_MAX else 0


def is_place(latitude: float, longitude: float) -> bool:
    """Whether these degrees name a place on earth."""
    return (
        math.isfinite(latitude)
        and math.isfinite(longitude)
        and abs(latitude) <= _LATITUDE_MAX
        and abs(longitude) <= _LONGITUDE_MAX
    )
