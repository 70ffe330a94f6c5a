import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pytest

from sololine.emulator.errors import BrokenMedia, UnknownMedia
from sololine.emulator.phones.media import Attachment, Kind, open_sealed, seal
from sololine.emulator.storage.shelf import MEDIA_HOST, PICTURE_HOST, Shelf

KEY = bytes(range(32))
CONTENT = b"a picture of the sun"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "media")


def described(stored: bytes, content: bytes = CONTENT, kind: Kind = Kind.IMAGE) -> Attachment:
    return Attachment(
        kind=kind,
        direct_path="",
        key=KEY,
        size=len(content),
        sha256=hashlib.sha256(content).digest(),
        enc_sha256=hashlib.sha256(stored).digest(),
    )


def expanded(info: bytes) -> bytes:
    """HKDF-SHA256 by hand: 112 bytes under this name, with a salt of zeros."""
    secret = hmac.digest(bytes(32), KEY, "sha256")
    out, block = b"", b""
    for count in range(1, 5):
        block = hmac.digest(secret, block + info + bytes([count]), "sha256")
        out += block
    return out[:112]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.IMAGE, b"WhatsApp Image Keys"),
        (Kind.VIDEO, b"WhatsApp Video Keys"),
        (Kind.AUDIO, b"WhatsApp Audio Keys"),
        (Kind.DOCUMENT, b"WhatsApp Document Keys"),
        (Kind.STICKER, b"WhatsApp Image Keys"),
    ],
)
def test_each_kind_is_sealed_under_its_name_and_ends_in_a_short_mac(
    kind: Kind, name: bytes
) -> None:
    stored = seal(CONTENT, kind, KEY)

    keys = expanded(name)
    mac = hmac.digest(keys[48:80], keys[:16] + stored[:-10], "sha256")
    assert stored[-10:] == mac[:10]
    assert len(stored) == 32 + 10, "padded to whole blocks, and one more when it is whole"
    assert open_sealed(stored, described(stored, kind=kind)) == CONTENT


@pytest.mark.parametrize("size", [0, 15, 16, 17, 50_000])
def test_files_of_any_size_come_back(size: int) -> None:
    content = bytes(size)
    stored = seal(content, Kind.DOCUMENT, KEY)

    assert len(stored) == size // 16 * 16 + 16 + 10
    assert open_sealed(stored, described(stored, content, Kind.DOCUMENT)) == content


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"enc_sha256": bytes(32)}, "stored bytes have another SHA-256"),
        ({"kind": Kind.VIDEO}, "another kind of media"),
        ({"key": bytes(32)}, "another key"),
        ({"size": 3}, "another size"),
        ({"sha256": bytes(32)}, "file has another SHA-256"),
    ],
)
def test_a_file_that_is_not_what_was_promised_is_refused_with_the_reason(
    changes: dict[str, object], says: str
) -> None:
    stored = seal(CONTENT, Kind.IMAGE, KEY)

    with pytest.raises(BrokenMedia, match=says):
        open_sealed(stored, replace(described(stored), **changes))  # type: ignore[arg-type]


def test_a_file_cut_short_is_refused() -> None:
    stored = seal(CONTENT, Kind.IMAGE, KEY)[:5]

    with pytest.raises(BrokenMedia, match="MAC does not hold"):
        open_sealed(stored, described(stored))


def test_an_uploaded_file_can_be_downloaded_with_what_the_message_says(shelf: Shelf) -> None:
    attachment = shelf.upload(CONTENT, Kind.AUDIO)

    assert shelf.download(attachment) == CONTENT
    assert (attachment.size, attachment.sha256) == (
        len(CONTENT),
        hashlib.sha256(CONTENT).digest(),
    )
    assert shelf.upload(CONTENT, Kind.AUDIO).key != attachment.key


@pytest.mark.parametrize(
    "path",
    [
        "/v/t62.7118-24/../../world.sqlite3.enc",
        "/v/t62.7118-24/" + "0" * 64 + ".enc",
        "/etc/passwd",
        "",
        "//",
    ],
)
def test_a_path_that_was_never_given_out_leads_nowhere(shelf: Shelf, path: str) -> None:
    shelf.upload(CONTENT, Kind.IMAGE)

    assert shelf.find(MEDIA_HOST, path) is None
    assert shelf.find(PICTURE_HOST, path) is None


def test_a_message_without_a_stored_file_says_so(shelf: Shelf) -> None:
    attachment = replace(shelf.upload(CONTENT, Kind.IMAGE), direct_path="/v/gone")

    with pytest.raises(UnknownMedia):
        shelf.download(attachment)


def test_pictures_stand_on_a_host_of_their_own(shelf: Shelf) -> None:
    path = shelf.put_picture(b"jpeg").partition("?")[0]

    found = shelf.find(PICTURE_HOST, path)
    assert found is not None
    assert found.read_bytes() == b"jpeg"
    assert shelf.find(MEDIA_HOST, path) is None
