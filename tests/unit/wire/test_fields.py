import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire import fields
from sololine.wire.errors import MalformedPayload

MESSAGES = st.dictionaries(
    st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1) | st.binary(max_size=300)
)


@given(MESSAGES)
def test_what_is_written_is_read(message: dict[int, int | bytes]) -> None:
    assert fields.read(fields.write(message)) == message


def test_a_message_looks_as_the_documentation_of_protobuf_says() -> None:
    assert fields.write({1: 150, 2: b"testing"}) == bytes.fromhex("089601 120774657374696e67")


def test_none_is_not_written() -> None:
    assert fields.write({1: None, 2: 0}) == bytes.fromhex("1000")


def test_the_last_of_two_fields_counts() -> None:
    assert fields.read(bytes.fromhex("0801 0802")) == {1: 2}


def test_fixed_fields_are_read_as_bytes() -> None:
    assert fields.read(bytes.fromhex("0d01020304 110102030405060708")) == {
        1: bytes.fromhex("01020304"),
        2: bytes.fromhex("0102030405060708"),
    }


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("08", id="no number"),
        pytest.param("0880", id="half a number"),
        pytest.param("08" + "ff" * 10, id="an endless number"),
        pytest.param("12", id="no length"),
        pytest.param("1202ff", id="fewer bytes than their length"),
        pytest.param("0d010203", id="fewer bytes than their kind"),
        pytest.param("0b", id="a group"),
    ],
)
def test_broken_messages_are_refused(broken: str) -> None:
    with pytest.raises(MalformedPayload):
        fields.read(bytes.fromhex(broken))


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    with contextlib.suppress(MalformedPayload):
        fields.read(message)


def test_a_field_holds_what_it_is_asked_for_or_is_refused() -> None:
    message = {1: 7, 2: b"bytes"}
    assert fields.number(message, 1) == fields.optional_number(message, 1) == 7
    assert fields.data(message, 2) == b"bytes"
    assert fields.optional_number(message, 3) is None
    assert fields.number(message, 3, absent=0) == 0
    assert fields.data(message, 3, absent=b"") == b""
    for at in (2, 3):
        with pytest.raises(MalformedPayload):
            fields.number(message, at)
    for at in (1, 3):
        with pytest.raises(MalformedPayload):
            fields.data(message, at)


def test_a_repeated_field_has_all_its_values() -> None:
    message = fields.write({1: b"one", 2: 7}) + fields.write({1: b"two"})
    assert fields.repeated(message, 1) == [b"one", b"two"]
    assert fields.repeated(message, 2) == fields.repeated(message, 3) == []


def test_a_text_is_written_as_utf_8() -> None:
    assert fields.write({1: "é"}) == fields.write({1: "é".encode()})
