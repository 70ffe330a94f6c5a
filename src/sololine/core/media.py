"""Media: files that messages carry. The bytes are in the data folder, what they are is a row.

A file that arrives stays with WhatsApp until someone wants it (`remote`); a file to be sent is
stored before its message is accepted. Files are named by their id, never by a name from outside.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from sololine.core.ids import BotId, MediaId, TenantId

FILE_NAME_MAX: Final = 150
_ENDING_MAX: Final = 16


class MediaKind(StrEnum):
    """What a file is to WhatsApp; it is encrypted and shown accordingly."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    """Audio that was spoken into the phone: Opus in an Ogg container."""
    DOCUMENT = "document"
    STICKER = "sticker"


class Place(StrEnum):
    """Where the bytes of a file are."""

    REMOTE = "remote"
    """With WhatsApp, from where they can be fetched while the bot is connected."""
    STORED = "stored"
    """In the data folder."""
    GONE = "gone"
    """Nowhere any more: WhatsApp keeps media for some weeks only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file of a bot.

    Attributes:
        size: in bytes, as far as it is known.
        sha256: of the bytes, in hexadecimal digits; empty while it is not known.
        file_name: what people call it; never a path.
        place: where the bytes are.
    """

    id: MediaId
    tenant: TenantId
    bot: BotId
    mime_type: str
    size: int
    sha256: str
    file_name: str = field(default="", repr=False)
    place: Place
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A file that WhatsApp keeps for its receivers, who need all of this to fetch and read it."""

    url: str = field(repr=False)
    direct_path: str = field(repr=False)
    media_key: bytes = field(repr=False)
    sha256: bytes
    """Of the file."""
    encrypted_sha256: bytes
    """Of what WhatsApp keeps."""
    size: int
    """Of the file, in bytes."""


def labelled(name: str) -> str:
    """A file's name from outside, as a label: no path in it, no control characters, not too long.

    Where it is too long, its ending is kept, since people tell files by it. Empty when nothing is
    left.
    """
    last = re.split(r"[/\\]", name)[-1]
    # Category C holds controls, half surrogate pairs, and what turns the direction of writing.
    label = "".join(each for each in last if unicodedata.category(each)[0] != "C").strip()
    if not label.strip(". "):
        return ""
    if len(label) <= FILE_NAME_MAX:
        return label
    stem, dot, ending = label.rpartition(".")
    if not dot or not stem or len(ending) > _ENDING_MAX:
        return label[:FILE_NAME_MAX]
    return f"{stem[: FILE_NAME_MAX - len(ending) - 1]}.{ending}"
