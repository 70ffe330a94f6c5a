from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.ids import UserId
from sololine.core.listing_file import Entry, ListingFile, read
from sololine.core.number import Number
from sololine.core.session import State

HEAD = "userId,botName,phoneNumber,status,lastConnectedAt\n"
ROW = "eva,Support,+34 600 111 222,CONNECTED,2025-11-03T10:30:00Z\n"
SUPPORT = Entry(
    line=2,
    user=UserId("eva"),
    name="Support",
    number=Number(digits="34600111222"),
    state=State.CONNECTED,
    last_connected_at=datetime(2025, 11, 3, 10, 30, tzinfo=UTC),
)


def wrong(file: ListingFile) -> list[tuple[int, str]]:
    return [(each.line, each.sentence) for each in file.mistakes]


def one(text: str, region: str | None = None) -> Entry:
    file = read(text, region)
    assert wrong(file) == []
    (entry,) = file.entries
    return entry


def of_cells(**cells: Any) -> ListingFile:
    columns = {"userId": "eva", "phoneNumber": "+34600111222", **cells}
    names, values = ",".join(columns), ",".join(map(str, columns.values()))
    return read(f"{names}\n{values}\n")


def test_a_row_says_all_there_is_of_a_bot() -> None:
    assert one(HEAD + ROW) == SUPPORT


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_are_parted_by_what_the_header_uses(delimiter: str) -> None:
    assert one((HEAD + ROW).replace(",", delimiter)) == SUPPORT


def test_lines_may_end_and_cells_may_be_quoted_as_spreadsheets_do_it() -> None:
    text = 'userId,botName,phoneNumber\r\n\r\neva,"Sup,\r\nport",34600111222\r\n'
    assert wrong(read(text)) == [
        (3, "The botName holds a character that cannot be shown. Remove it.")
    ]
    assert one(text.replace("\r\nport", "port")).name == "Sup,port"


def test_a_row_is_named_by_the_line_in_which_it_begins() -> None:
    text = HEAD + ROW + "\n" + 'eva,"two\nlines",34600111223,,\n' + "eva,C,1,,\n"
    assert [line for line, _ in wrong(read(text))] == [4, 6]


def test_json_says_the_same() -> None:
    text = (
        '[{"userId": "eva", "botName": "Support", "phoneNumber": 34600111222, "isConnected": true,'
        ' "lastConnectedAt": 1762165800}]'
    )
    assert one(text) == replace(SUPPORT, line=1)


def test_columns_may_have_other_names_and_those_that_mean_nothing_are_told() -> None:
    file = read("E-Mail;phone_number;Estado;plan\neva@example.com;34600111222;open;gold\n")
    assert wrong(file) == []
    assert file.unknown == ("plan",)
    assert (file.entries[0].user, file.entries[0].state) == ("eva@example.com", State.CONNECTED)


def test_a_bot_without_a_name_has_one_that_shows_no_number() -> None:
    name = of_cells().entries[0].name
    assert name == "WhatsApp +34*******22"
    assert one('[{"user": "eva", "phone": "34600111222", "botName": null}]').name == name


def test_national_numbers_are_read_where_the_operator_named_a_country() -> None:
    assert one("userId,phone\neva,600 111 222\n", "ES").number == SUPPORT.number
    assert len(read("userId,phone\neva,600 111 222\n").mistakes) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CONNECTED", State.CONNECTED),
        ("open", State.CONNECTED),
        ("QR_PENDING", State.AWAITING_SCAN),
        ("awaiting_scan", State.AWAITING_SCAN),
        ("connecting", State.CONNECTING),
        ("RECONNECTING", State.RECONNECTING),
        ("close", State.DISCONNECTED),
        ("False", State.DISCONNECTED),
        ("", State.DISCONNECTED),
    ],
)
def test_a_status_may_be_written_as_others_write_it(written: str, meant: State) -> None:
    assert of_cells(status=written).entries[0].state is meant


@pytest.mark.parametrize(
    "written",
    [
        "2025-11-03T10:30:00Z",
        "2025-11-03 10:30",
        "2025-11-03T10:30:00.000999Z",
        "2025-11-03T11:30:00+01:00",
        "1762165800",
        "1762165800000",
    ],
)
def test_an_instant_may_be_iso_or_a_count_since_1970(written: str) -> None:
    assert of_cells(lastConnectedAt=written).entries[0].last_connected_at == (
        SUPPORT.last_connected_at
    )


def test_an_instant_may_be_missing() -> None:
    assert of_cells(lastConnectedAt="").entries[0].last_connected_at is None


@pytest.mark.parametrize("written", ["03/11/2025", "soon", "0", "9" * 14, "9" * 20, "0001-01-01"])
def test_what_is_no_instant_is_not_guessed(written: str) -> None:
    ((line, sentence),) = wrong(of_cells(lastConnectedAt=written))
    assert line == 2
    assert sentence.startswith("The lastConnectedAt is no instant. Write it like 2025-11-03T10:30")


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"userId": ""}, "There is no userId. Name the user whose bot it is."),
        (
            {"phoneNumber": " "},
            "There is no phoneNumber. Write it with its country code, or drop the row.",
        ),
        ({"phoneNumber": "+34 1"}, "The number is too short. "),
        ({"userId": "e" * 256}, "The userId has 256 characters; at most 255 are possible."),
        ({"botName": "b" * 101}, "The botName has 101 characters; at most 100 are possible."),
        ({"userId": "e\x00"}, "The userId holds a character that cannot be shown. Remove it."),
        (
            {"status": "dunno"},
            "The status is not known. Write CONNECTED, DISCONNECTED or QR_PENDING.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(
    cells: dict[str, str], sentence: str
) -> None:
    ((line, told),) = wrong(of_cells(**cells))
    assert line == 2
    assert told.startswith(sentence)


def test_no_mistake_hides_the_others_or_shows_a_number() -> None:
    file = read(HEAD + "eva,A,+34 60011,,\n" + ROW + ",B,+34600111222,,\n")
    assert [line for line, _ in wrong(file)] == [2, 4]
    assert [entry.name for entry in file.entries] == ["Support"]
    assert "60011" not in str(file.mistakes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ""),
        ("botName,phone\n", "The header names no column userId. Name the columns userId, "),
        ("userId,botName\n", "The header names no column phoneNumber. Name the columns"),
        (
            "userId,phone,number\n",
            "Two columns of the header mean phoneNumber. Leave one of them out.",
        ),
        (
            'userId,phone\n"eva,1\n',
            "From line 2 on this is no valid CSV. Look for a quote that is not closed.",
        ),
        ("[{", "This is no valid JSON. Write a list of objects, one for each bot."),
        ("{}", "The JSON is no list. Write a list of objects, one for each bot."),
    ],
)
def test_a_file_that_is_none_is_told_as_a_whole(text: str, sentence: str) -> None:
    file = read(text)
    assert file.entries == ()
    if sentence:
        ((line, told),) = wrong(file)
        assert (line, told.startswith(sentence)) == (0, True)


def test_what_is_no_object_in_a_list_is_told_by_its_place() -> None:
    assert wrong(read("[1]")) == [(1, "There is no userId. Name the user whose bot it is.")]


def test_fields_that_say_different_things_are_told_and_equal_ones_are_not() -> None:
    row = '{"userId": "eva", "phone": "34600111222", "phoneNumber": "%s"}'
    assert one(f"[{row % '34600111222'}]").number == SUPPORT.number
    assert wrong(read(f"[{row % '34600111223'}]")) == [
        (1, "Two fields say different things of phoneNumber. Leave one of them out.")
    ]


def test_a_cell_too_many_means_nothing() -> None:
    file = read("userId,phone\neva,34600111222,spare\n")
    assert (len(file.entries), file.unknown) == (1, ("",))


@pytest.mark.parametrize("later_first", [False, True])
def test_of_rows_that_repeat_a_bot_the_latest_counts(*, later_first: bool) -> None:
    dated = ["eva,A,34600111222,,2025-01-01\n", "eva,A,+34 600 111 222,open,2025-01-02\n"]
    rows = dated[::-1] if later_first else dated
    file = read(HEAD + "".join(rows) + "eva,A,34600111222,,\n")
    assert wrong(file) == []
    (entry,) = file.entries
    assert (entry.state, file.repeats) == (State.CONNECTED, 2)


def test_of_rows_without_an_instant_the_first_counts() -> None:
    file = read(HEAD + "eva,A,34600111222,open,\neva,A,34600111222,close,\n")
    assert (file.entries[0].state, file.repeats) == (State.CONNECTED, 1)


def test_one_bot_has_one_number() -> None:
    file = read(HEAD + "eva,A,34600111222,,\neva,A,34600111223,,\nben,A,34600111223,,\n")
    assert wrong(file) == [
        (
            3,
            (
                "Line 2 gives the same bot of the same user another number. "
                "Give each bot its own botName."
            ),
        )
    ]
    assert [entry.user for entry in file.entries] == ["eva", "ben"]


@given(st.text(alphabet='[]{}",;\t\n\r0123456789abuserIdphone+- \x00'))
def test_any_text_is_read_or_told(text: str) -> None:
    file = read(text)
    assert all(entry.user for entry in file.entries)
    assert all(each.sentence.endswith(".") for each in file.mistakes)
