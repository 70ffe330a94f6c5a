"""What kind of file it is, told from its first bytes, and what WhatsApp can show it as.

The bytes win over what anyone called the file: phones go by the MIME type in the message, and
show nothing when it is wrong. What phones play and show is known here exactly; of everything else,
which travels as a document, a rough word is enough.
"""

import mimetypes
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

import puremagic

from sololine.core.media import MediaKind
from sololine.core.sentence import Sentence

HEAD_BYTES: Final = 4096
"""How many bytes from its start tell what a file is."""

OPUS: Final = "audio/ogg; codecs=opus"
"""What phones record, and the only thing that they play as a voice note."""

ANYTHING: Final = "application/octet-stream"
ZIP: Final = "application/zip"
OLE: Final = "application/x-ole-storage"

_TAKEN: Final[Mapping[MediaKind, frozenset[str]]] = {
    MediaKind.IMAGE: frozenset({"image/jpeg", "image/png", "image/webp"}),
    MediaKind.STICKER: frozenset({"image/webp"}),
    MediaKind.VIDEO: frozenset({"video/mp4", "video/3gpp"}),
    MediaKind.VOICE: frozenset({OPUS}),
    MediaKind.AUDIO: frozenset({OPUS, "audio/aac", "audio/amr", "audio/mp4", "audio/mpeg"}),
}

_RATES: Final = bytes(
    rate << 4 | sampling << 2 | rest
    for rate in range(1, 0b1111)
    for sampling in range(0b11)
    for rest in range(0b100)
)
"""Bytes of a bit rate (four bits) and a sampling rate (two) that MP3 has."""

_MARKS: Final = tuple(
    (re.compile(mark, re.DOTALL), said)
    for mark, said in (
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"BM.{4}\x00{4}", "image/bmp"),
        (rb"#!AMR-WB\n", "audio/amr-wb"),
        (rb"#!AMR\n", "audio/amr"),
        (rb"ID3[\x02-\x04]", "audio/mpeg"),
        (rb"fLaC", "audio/flac"),
        (rb"%PDF-", "application/pdf"),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
        (rb"PK\x03\x04|PK\x05\x06", ZIP),
        (rb"\x1f\x8b\x08", "application/gzip"),
        # Sound without a container is frames, which begin with eleven or twelve set bits; then
        # come version and layer, bit rate and sampling rate. Layer 0 is AAC, 1 and 2 are MP3's.
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd][" + re.escape(_RATES) + rb"]", "audio/mpeg"),
    )
)

_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

_BRANDS: Final = (
    (b"M4A", "audio/mp4"),
    (b"M4B", "audio/mp4"),
    (b"3gp", "video/3gpp"),
    (b"3g2", "video/3gpp2"),
    (b"qt", "video/quicktime"),
    (b"he", "image/heic"),
    (b"mif1", "image/heif"),
    (b"msf1", "image/heif"),
    (b"avi", "image/avif"),
    (b"crx", "image/x-canon-cr3"),
)
"""Of the container that films, sounds and pictures share; the other brands are films."""

_PACKED: Final = {
    "apk": "application/vnd.android.package-archive",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip",
    "jar": "application/java-archive",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""By ending: formats that are zip archives."""

_OLE: Final = {
    "doc": "application/msword",
    "msg": "application/vnd.ms-outlook",
    "ppt": "application/vnd.ms-powerpoint",
    "xls": "application/vnd.ms-excel",
}
"""By ending: formats of older offices."""

_INSIDE: Final = (
    (b"word/", _PACKED["docx"]),
    (b"xl/", _PACKED["xlsx"]),
    (b"ppt/", _PACKED["pptx"]),
    (b"AndroidManifest.xml", _PACKED["apk"]),
)
"""Names of files in archives, by which some formats are known."""

_NAMED_INSIDE: Final = re.compile(rb"mimetype(application/[a-z0-9.+-]{1,80})PK\x03")

_TEXTS: Final = frozenset({"application/json", "application/xml", "image/svg+xml"})
"""Texts whose type does not begin with `text/`."""

_KNOWN_BY_BYTES: Final = frozenset(
    {
        *(said for _, said in _MARKS),
        *_RIFF.values(),
        *(said for _, said in _BRANDS),
        *_TEXTS,
        *(said for taken in _TAKEN.values() for said in taken),
        *_PACKED.values(),
        *_OLE.values(),
        "audio/ogg",
        "audio/webm",
        "video/ogg",
        "video/webm",
    }
)
"""What is not believed without the bytes for it."""

_ENDINGS: Final = mimetypes.MimeTypes(filenames=())
"""By ending, as Python itself knows them: the machine's own list would make a difference."""

for _type, _ending in (
    # Those that not every version of Python knows.
    ("audio/3gpp", ".3ga"),
    ("audio/mp4", ".m4a"),
    ("audio/mp4", ".m4b"),
    ("audio/webm", ".weba"),
    ("audio/x-matroska", ".mka"),
    ("text/markdown", ".md"),
):
    _ENDINGS.add_type(_type, _ending)

_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SURE_ENOUGH: Final = 0.4


def sniff(head: bytes, file_name: str = "", declared: str | None = None) -> str:
    """The MIME type of a file, in lower case; `application/octet-stream` when nobody knows.

    Args:
        head: the first `HEAD_BYTES` bytes of the file, or all if it has fewer.
        file_name: what people call it; empty when it has no name.
        declared: the MIME type that whoever sent it named, if any.
    """
    declared = (declared or "").partition(";")[0].strip().lower()
    declared = declared if _TYPE.fullmatch(declared) else ""
    ending = PurePosixPath(file_name.lower()).suffix.removeprefix(".")
    by_name = _ENDINGS.guess_type(f"a.{ending}")[0] or ""
    is_sound = (declared or by_name).startswith("audio/")

    found = _contained(head, is_sound=is_sound) or _marked(head)
    if found == ZIP:
        return _inside(head) or _PACKED.get(ending) or _same(declared, _PACKED) or ZIP
    if found == OLE:
        return _OLE.get(ending) or _same(declared, _OLE) or OLE
    if found:
        return found
    if _is_text(head):
        return next((said for said in (by_name, declared) if _says_text(said)), "text/plain")
    return _guessed(head, ending) or _believed(declared) or _believed(by_name) or ANYTHING


def suitable(kind: MediaKind, mime_type: str) -> bool:
    """Whether phones can show a file of that type as that kind."""
    return objection(kind, mime_type) is None


def objection(kind: MediaKind, mime_type: str) -> Sentence | None:
    """Why a file of that type cannot be sent as that kind; None when it can."""
    taken = _TAKEN.get(kind)
    if taken is None or mime_type in taken:
        return None
    these = ", ".join(sorted(taken))
    return Sentence(
        "WhatsApp shows no {mime_type} as {kind}. Send one of these: {these}; or send it as a "
        "document.",
        mime_type=mime_type,
        kind=kind.value,
        these=these,
    )


def _contained(head: bytes, *, is_sound: bool) -> str:
    """The type of what has its mark in a container of several types; empty for other files."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        found = next((said for mark, said in _BRANDS if head[8:].startswith(mark)), "video/mp4")
        # The container does not say what is in it: recorders put sound in the one for films.
        return "audio/mp4" if is_sound and found.startswith("video/") else found
    if head[:4] == b"OggS":
        if b"OpusHead" in head[:128]:
            return OPUS
        return "video/ogg" if b"theora" in head[:128] else "audio/ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        form = "webm" if b"webm" in head[:64] else "x-matroska"
        return f"audio/{form}" if is_sound else f"video/{form}"
    return ""


def _marked(head: bytes) -> str:
    """The type by the mark at the start; empty if there is none."""
    found = next((said for mark, said in _MARKS if mark.match(head)), "")
    if not found and b"%PDF-" in head[:1024] and not _is_text(head):
        # Some programs write lines of their own before a PDF; readers look for it.
        return "application/pdf"
    return found


def _inside(head: bytes) -> str:
    """The type of a zip archive by what is in it; empty if that does not say."""
    if named := _NAMED_INSIDE.match(head, 30):
        return named[1].decode("ascii")
    return next((said for name, said in _INSIDE if name in head), "")


def _same(declared: str, known: Mapping[str, str]) -> str:
    return declared if declared in known.values() else ""


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if not head or _CONTROL.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The head may end amid a character.
        return len(head) == HEAD_BYTES and error.start > len(head) - 4
    return True


def _says_text(said: str) -> bool:
    return said.startswith("text/") or said in _TEXTS


def _guessed(head: bytes, ending: str) -> str:
    """What a large table of marks says, which is often several things; empty if nothing."""
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return ""
    likely = [
        guess
        for guess in guesses
        if guess.confidence >= _SURE_ENOUGH and _believed(guess.mime_type.lower())
    ]
    # Of equals the one that the file is called.
    likely.sort(key=lambda guess: (guess.extension != f".{ending}", -guess.confidence))
    return likely[0].mime_type.lower() if likely else ""


def _believed(said: str) -> str:
    """A type that nothing in the bytes confirms nor contradicts; empty if they contradict."""
    if said in _KNOWN_BY_BYTES or said.startswith("text/") or not _TYPE.fullmatch(said):
        return ""
    return said
