"""Files to send: the beginnings are real, so that their types are told by their bytes."""

import secrets
from dataclasses import dataclass
from hashlib import sha256

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x0a"
OGG_OPUS = (
    b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
)
WEBP = b"RIFF\x24\x80\x00\x00WEBPVP8 "
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a type that WhatsApp carries, with bytes that no other file has."""

    type: str
    name: str
    mime_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return sha256(self.content).hexdigest()


def file_of(type_: str, size: int = 3000) -> File:
    """A new file of that type of messages."""
    name, mime_type, beginning = _KINDS[type_]
    content = beginning + secrets.token_bytes(size - len(beginning))
    return File(type_, name, mime_type, content)


_KINDS = {
    "image": ("cat.jpg", "image/jpeg", JPEG),
    "video": ("film.mp4", "video/mp4", MP4),
    "audio": ("song.mp3", "audio/mpeg", MP3),
    "voice": ("voice.ogg", "audio/ogg; codecs=opus", OGG_OPUS),
    "document": ("paper.pdf", "application/pdf", PDF),
    "sticker": ("sticker.webp", "image/webp", WEBP),
}

FILE_TYPES = tuple(_KINDS)
