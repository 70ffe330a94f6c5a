"""Files in messages: the six kinds, read as `File` and written with where WhatsApp keeps them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sololine.core.content import File
from sololine.core.media import MediaKind, Uploaded
from sololine.wire.content import texts
from sololine.wire.content.forms import Form, e2e

VOICE_TYPE: Final = "audio/ogg; codecs=opus"
"""What a voice note must be for phones to play it as one."""

_SHA256_SIZE: Final = 32

_PARTS: Final[Mapping[str, MediaKind]] = {
    "imageMessage": MediaKind.IMAGE,
    "videoMessage": MediaKind.VIDEO,
    "ptvMessage": MediaKind.VIDEO,
    "audioMessage": MediaKind.AUDIO,
    "documentMessage": MediaKind.DOCUMENT,
    "stickerMessage": MediaKind.STICKER,
}

_USUAL: Final[Mapping[MediaKind, str]] = {
    MediaKind.IMAGE: "image/jpeg",
    MediaKind.VIDEO: "video/mp4",
    MediaKind.AUDIO: "audio/mp4",
    MediaKind.VOICE: VOICE_TYPE,
    MediaKind.DOCUMENT: "application/octet-stream",
    MediaKind.STICKER: "image/webp",
}
"""The MIME types to assume where a message names none."""


def is_file(name: str) -> bool:
    """Whether the part of that name is a file."""
    return name in _PARTS


def read_file(name: str, part: Form, *, view_once: bool) -> File:
    """The file that the part of that name tells of."""
    kind = _PARTS[name]
    if kind is MediaKind.AUDIO and part.PTT:
        kind = MediaKind.VOICE
    named = texts.file_name(_value(part, "fileName", "")) or texts.file_name(
        _value(part, "title", "")
    )
    return File(
        kind=kind,
        mime_type=texts.mime_type(part.mimetype, _USUAL[kind]),
        size=texts.size(part.fileLength),
        sha256=part.fileSHA256.hex() if len(part.fileSHA256) == _SHA256_SIZE else "",
        caption=texts.text(_value(part, "caption", "")),
        file_name=named,
        seconds=texts.count(_value(part, "seconds", 0)),
        width=texts.count(_value(part, "width", 0)),
        height=texts.count(_value(part, "height", 0)),
        view_once=view_once or _value(part, "viewOnce", False),
    )


def write_file(file: File, uploaded: Uploaded, now: datetime) -> Form:
    """A message with that file. A caption needs no context, so documents come unwrapped."""
    kept: dict[str, Any] = {
        "URL": uploaded.url,
        "directPath": uploaded.direct_path,
        "mediaKey": uploaded.media_key,
        "mediaKeyTimestamp": int(now.timestamp()),
        "fileSHA256": uploaded.sha256,
        "fileEncSHA256": uploaded.encrypted_sha256,
        "fileLength": uploaded.size,
        "mimetype": VOICE_TYPE if file.kind is MediaKind.VOICE else file.mime_type,
    }
    caption = {"caption": texts.text(file.caption)}
    extent = {"width": texts.count(file.width), "height": texts.count(file.height)}
    seconds = {"seconds": texts.count(file.seconds)}
    once = {"viewOnce": file.view_once}
    match file.kind:
        case MediaKind.IMAGE:
            part = e2e.ImageMessage(**kept, **_told(caption | extent | once))
            return e2e.Message(imageMessage=part)
        case MediaKind.VIDEO:
            part = e2e.VideoMessage(**kept, **_told(caption | extent | seconds | once))
            return e2e.Message(videoMessage=part)
        case MediaKind.AUDIO | MediaKind.VOICE:
            voice = {"PTT": file.kind is MediaKind.VOICE}
            part = e2e.AudioMessage(**kept, **voice, **_told(seconds | once))
            return e2e.Message(audioMessage=part)
        case MediaKind.DOCUMENT:
            named = texts.file_name(file.file_name)
            told = _told(caption | {"fileName": named, "title": named})
            return e2e.Message(documentMessage=e2e.DocumentMessage(**kept, **told))
        case MediaKind.STICKER:
            return e2e.Message(stickerMessage=e2e.StickerMessage(**kept, **_told(extent)))


def _value(part: Form, name: str, otherwise: Any) -> Any:
    """The field of that name; not every kind has every field."""
    return getattr(part, name, otherwise)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known: phones leave such fields out."""
    return {name: value for name, value in values.items() if value}
