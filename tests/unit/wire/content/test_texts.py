import pytest

from sololine.wire.content import texts


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("a.pdf", "a.pdf"),
        ("C:\\secret\\a.pdf", "a.pdf"),
        ("/etc/passwd", "passwd"),
        ("..", ""),
        ("/", ""),
        (" a\n.pdf ", "a .pdf"),
        ("x" * 999 + ".pdf", "x" * 252 + ".pdf"),
        ("x" * 999, "x" * 256),
        ("a." + "x" * 999, "a"),
    ],
)
def test_a_file_name_is_never_a_path_and_keeps_its_ending(told: str, name: str) -> None:
    assert texts.file_name(told) == name


@pytest.mark.parametrize("told", ["3EB0", "A" * 128])
def test_an_id_is_kept(told: str) -> None:
    assert texts.identifier(told) == told


@pytest.mark.parametrize("told", ["", " 3EB0", "3EB0\n", "A" * 129, "a\0", b"\xff"])
def test_what_is_no_id_is_none(told: str | bytes) -> None:
    assert texts.identifier(told) == ""


@pytest.mark.parametrize(
    "told", ["image/jpeg", "audio/ogg; codecs=opus", 'text/plain;charset="utf-8"', "a/vnd.b+xml"]
)
def test_a_mime_type_is_kept(told: str) -> None:
    assert texts.mime_type(told, "") == told


@pytest.mark.parametrize("told", ["1@lid", "1:2@lid", "1.0:2@s.whatsapp.net", "1@c.us"])
def test_the_address_of_a_person_is_kept(told: str) -> None:
    assert texts.person_jid(told) == told


@pytest.mark.parametrize("told", ["", "1@g.us", "@lid", "a@lid", "1@lid x", "1@lid\n2@lid"])
def test_the_address_of_nobody_is_none(told: str) -> None:
    assert texts.person_jid(told) == ""
