import pytest

from sololine.core.content import Card
from sololine.wire.content.vcards import read_card, write_card


def card(*lines: str, named: str = "") -> Card:
    return read_card(named, "\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD"]))


def test_the_account_behind_a_number_is_preferred_to_how_it_is_written() -> None:
    assert card("TEL;type=CELL;waid=447700900123:07700 900123").numbers == ("447700900123",)


@pytest.mark.parametrize(
    "line", ["TEL:+44 7700 900123", "TEL;VALUE=uri:tel:+44-7700-900123;ext=1", "tel:+447700900123"]
)
def test_a_number_with_its_country_is_read(line: str) -> None:
    assert card(line).numbers == ("447700900123",)


@pytest.mark.parametrize("line", ["TEL:07700 900123", "TEL:+1", "TEL:", "NOTE:+447700900123"])
def test_what_could_not_be_written_to_is_no_number(line: str) -> None:
    assert card(line).numbers == ()


def test_numbers_come_once_each_also_from_apples_phones() -> None:
    lines = ("item1.TEL;waid=447700900123:+44 7700 900123", "TEL:+447700900123", "TEL:+4366012345")
    assert card(*lines).numbers == ("447700900123", "4366012345")


def test_folded_lines_are_joined() -> None:
    assert card("TEL;type=CELL;wa\r\n id=447700900123:+44").numbers == ("447700900123",)


def test_the_name_is_what_the_message_shows_else_what_the_card_says() -> None:
    assert card("FN:Ada\\, L.", named="Ada").name == "Ada"
    assert card("FN:Ada\\, L.").name == "Ada, L."


def test_pictures_are_left_out() -> None:
    found = card("PHOTO;ENCODING=b:" + "A" * 50_000, " " + "B" * 9000, "FN:Ada")
    assert found.vcard == "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nEND:VCARD"


def test_of_a_card_that_is_too_long_name_and_numbers_are_kept() -> None:
    found = card("FN:Ada", "TEL:+447700900123", "NOTE:" + "x" * 9000)
    assert found == Card(name="Ada", numbers=("447700900123",))


def test_a_name_that_would_break_the_card_is_escaped() -> None:
    text = write_card(Card(name="A;B,C\\D\nTEL:1"))
    assert "FN:A\\;B\\,C\\\\D TEL:1\n" in text


def test_a_card_that_is_text_already_is_kept() -> None:
    assert write_card(Card(name="Ada", vcard="BEGIN:VCARD…")) == "BEGIN:VCARD…"


def test_numbers_are_written_as_digits() -> None:
    text = write_card(Card(name="Ada", numbers=("+44 7700 900123", "x")))
    assert text.count("TEL") == 1
    assert "waid=447700900123:+447700900123" in text
