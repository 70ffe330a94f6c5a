from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.ids import BotId, MediaId, TenantId
from sololine.core.media import FILE_NAME_MAX, Media, Place, Uploaded, labelled


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("offer.pdf", "offer.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("a\x00b\n.txt", "ab.txt"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("  ünï.png ", "ünï.png"),
        ("..", ""),
        ("a/", ""),
        ("", ""),
        (". .", ""),
        (".profile", ".profile"),
    ],
)
def test_a_name_from_outside_becomes_a_label(name: str, label: str) -> None:
    assert labelled(name) == label


def test_a_long_name_keeps_its_ending() -> None:
    assert labelled("x" * 999 + ".pdf") == "x" * (FILE_NAME_MAX - 4) + ".pdf"


@pytest.mark.parametrize(
    "name", ["x" * 999, "." + "x" * 999, "x" * 999 + "." + "y" * 17, "x." + "y" * 999]
)
def test_a_long_name_without_a_real_ending_is_cut(name: str) -> None:
    assert labelled(name) == name[:FILE_NAME_MAX]


@given(st.text(max_size=400))
def test_no_label_is_a_path_or_too_long(name: str) -> None:
    label = labelled(name)
    assert len(label) <= FILE_NAME_MAX
    assert not {"/", "\\", "\x00", "\n"} & set(label)
    assert label not in {".", ".."}
    label.encode()


def test_a_file_shows_no_name_and_no_key_when_it_is_logged() -> None:
    media = Media(
        id=MediaId("med_1"),
        tenant=TenantId("acme"),
        bot=BotId("bot_1"),
        mime_type="image/png",
        size=1,
        sha256="00",
        file_name="secret",
        place=Place.STORED,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    uploaded = Uploaded(
        url="secret",
        direct_path="secret",
        media_key=b"secret",
        sha256=b"",
        encrypted_sha256=b"",
        size=1,
    )
    assert "secret" not in repr(media) + repr(uploaded)
