import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.media import MediaKind
from sololine.media_type import ANYTHING, HEAD_BYTES, OPUS, objection, sniff, suitable


def ogg(codec: bytes) -> bytes:
    return b"OggS\0\x02" + bytes(8) + b"seri" + bytes(8) + b"\x01\x13" + codec + bytes(40)


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x20ftyp" + brand + b"\0\0\x02\0isomiso2mp41" + bytes(20)


def ebml(kind: bytes) -> bytes:
    return b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84" + kind + bytes(20)


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name in names:
            packed.writestr(name, "x" * 10)
    return file.getvalue()


def office() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        packed.writestr("content.xml", "<x/>")
    return file.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"GIF89a" + bytes(20), "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\x10\0\0\0AVI LIST", "video/x-msvideo"),
        (b"BM" + struct.pack("<IHHI", 99, 0, 0, 54), "image/bmp"),
        (ftyp(b"isom"), "video/mp4"),
        (ftyp(b"mp42"), "video/mp4"),
        (ftyp(b"M4V "), "video/mp4"),
        (ftyp(b"3gp5"), "video/3gpp"),
        (ftyp(b"3g2a"), "video/3gpp2"),
        (ftyp(b"qt  "), "video/quicktime"),
        (ftyp(b"M4A "), "audio/mp4"),
        (ftyp(b"heic"), "image/heic"),
        (ftyp(b"mif1"), "image/heif"),
        (ftyp(b"avif"), "image/avif"),
        (ftyp(b"avc1"), "video/mp4"),
        (ogg(b"OpusHead"), OPUS),
        (ogg(b"\x01vorbis"), "audio/ogg"),
        (ogg(b"\x80theora"), "video/ogg"),
        (b"ID3\x04\0\0\0\0\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(20), "audio/mpeg"),
        (b"\xff\xf3\x44\xc4" + bytes(20), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (b"\xff\xf9\x50\x80" + bytes(20), "audio/aac"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"#!AMR\n\x3c", "audio/amr"),
        (b"#!AMR-WB\n\x3c", "audio/amr-wb"),
        (ebml(b"webm"), "video/webm"),
        (ebml(b"matroska"), "video/x-matroska"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        (b"\x00printer\n%PDF-1.4\n", "application/pdf"),
        (archive("a.txt"), "application/zip"),
        (
            archive("[Content_Types].xml", "word/document.xml"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (office(), "application/vnd.oasis.opendocument.text"),
        (archive("AndroidManifest.xml"), "application/vnd.android.package-archive"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (OLE, "application/x-ole-storage"),
        (b"Rar!\x1a\x07\x01\x00", "application/vnd.rar"),
        (b"hello", "text/plain"),
        ("größe".encode(), "text/plain"),
        (b"\xff\xfeh\0i\0", "text/plain"),
        (b"about %PDF- files", "text/plain"),
        (b"BMW is a word", "text/plain"),
        (bytes(100), ANYTHING),
        (b"", ANYTHING),
    ],
)
def test_the_bytes_say_what_it_is(head: bytes, said: str) -> None:
    assert sniff(head) == said


@pytest.mark.parametrize("lie", ["image/jpeg", "audio/ogg; codecs=opus", "text/html", "x", None])
def test_the_bytes_win_over_whatever_it_is_called(lie: str | None) -> None:
    assert sniff(b"%PDF-1.7\n", "photo.jpg", lie) == "application/pdf"


@pytest.mark.parametrize(
    ("file_name", "declared"), [("a.m4a", None), ("", "audio/mp4"), ("a.mp4", "AUDIO/MP4; x=y")]
)
def test_a_container_for_films_may_hold_sound(file_name: str, declared: str | None) -> None:
    assert sniff(ftyp(b"mp42"), file_name, declared) == "audio/mp4"
    assert sniff(ebml(b"webm"), file_name, declared) == "audio/webm"


def test_a_photo_is_not_sound_whatever_it_is_called() -> None:
    assert sniff(ftyp(b"heic"), "a.m4a", "audio/mp4") == "image/heic"


@pytest.mark.parametrize(
    ("head", "file_name", "declared", "said"),
    [
        (archive("a"), "a.XLSX", None, "spreadsheetml.sheet"),
        (archive("a"), "", "application/epub+zip", "application/epub+zip"),
        (archive("a"), "", "image/png", "application/zip"),
        (OLE, "a.doc", None, "application/msword"),
        (OLE, "", "application/vnd.ms-excel", "application/vnd.ms-excel"),
        (OLE, "", "image/png", "application/x-ole-storage"),
        (b"a,b\n", "a.csv", None, "text/csv"),
        (b"a,b\n", "", "text/csv", "text/csv"),
        (b"{}", "a.json", None, "application/json"),
        (b"<svg/>", "a.svg", None, "image/svg+xml"),
        (b"<html>", "a.jpg", "image/jpeg", "text/plain"),
        (b"<html>", "a.html", None, "text/html"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a.7z", None, "application/x-7z-compressed"),
        (b"\x80\x81\x82", "", "application/x-mine", "application/x-mine"),
        (b"\x80\x81\x82", "", "image/jpeg", ANYTHING),
        (b"\x80\x81\x82", "", "text/html", ANYTHING),
        (b"\x80\x81\x82", "a.jpg", None, ANYTHING),
        (b"\x80\x81\x82", "a.sqlite3", "nonsense", ANYTHING),
    ],
)
def test_names_help_where_the_bytes_say_little(
    head: bytes, file_name: str, declared: str | None, said: str
) -> None:
    assert sniff(head, file_name, declared).endswith(said)


def test_a_text_may_be_cut_amid_a_character() -> None:
    head = ("a" * (HEAD_BYTES - 1) + "ü").encode()[:HEAD_BYTES]
    assert sniff(head) == "text/plain"
    assert sniff(head[-9:]) != "text/plain"


@given(st.binary(max_size=200), st.text(max_size=20), st.none() | st.text(max_size=20))
def test_whatever_comes_there_is_a_type(head: bytes, file_name: str, declared: str | None) -> None:
    said = sniff(head, file_name, declared)
    assert said == OPUS or said.count("/") == 1
    assert said.isascii()
    assert said == said.lower()
    assert suitable(MediaKind.DOCUMENT, said)


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [
        (MediaKind.IMAGE, "image/jpeg"),
        (MediaKind.IMAGE, "image/png"),
        (MediaKind.IMAGE, "image/webp"),
        (MediaKind.STICKER, "image/webp"),
        (MediaKind.VIDEO, "video/mp4"),
        (MediaKind.VIDEO, "video/3gpp"),
        (MediaKind.VOICE, OPUS),
        (MediaKind.AUDIO, OPUS),
        (MediaKind.AUDIO, "audio/mpeg"),
        (MediaKind.AUDIO, "audio/mp4"),
        (MediaKind.AUDIO, "audio/aac"),
        (MediaKind.AUDIO, "audio/amr"),
        (MediaKind.DOCUMENT, "text/html"),
        (MediaKind.DOCUMENT, ANYTHING),
    ],
)
def test_phones_show_these(kind: MediaKind, mime_type: str) -> None:
    assert suitable(kind, mime_type)
    assert objection(kind, mime_type) is None


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [
        (MediaKind.IMAGE, "image/gif"),
        (MediaKind.IMAGE, "image/heic"),
        (MediaKind.IMAGE, "image/svg+xml"),
        (MediaKind.STICKER, "image/png"),
        (MediaKind.VIDEO, "video/quicktime"),
        (MediaKind.VIDEO, "video/webm"),
        (MediaKind.VOICE, "audio/ogg"),
        (MediaKind.VOICE, "audio/mpeg"),
        (MediaKind.AUDIO, "audio/wav"),
        (MediaKind.AUDIO, "video/mp4"),
    ],
)
def test_phones_do_not_show_those_and_the_user_is_told_what_to_send(
    kind: MediaKind, mime_type: str
) -> None:
    assert not suitable(kind, mime_type)
    told = objection(kind, mime_type)
    assert told is not None
    assert mime_type in told
    assert "document" in told
