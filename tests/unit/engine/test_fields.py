"""The hand-made protobuf reading is held to what the protobuf library reads and writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.engine.fields import NoMessage, data, number, read, signed, text, write
from sololine.wire.protobuf import load

NEONIZE = load("Neonize_pb2")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(user=TEXTS, device=st.integers(0, 2**32 - 1), server=TEXTS)
def test_what_is_written_is_what_the_protobuf_library_reads(
    user: str, device: int, server: str
) -> None:
    jid = NEONIZE.JID.FromString(write({1: user, 2: 0, 3: device, 4: 0, 5: server}))
    assert (jid.User, jid.Device, jid.Server) == (user, device, server)
    assert jid.IsInitialized()


@given(count=st.integers(-(2**63), 2**63 - 1), last=st.integers(0, 2**63 - 1))
def test_numbers_are_read_as_the_protobuf_library_writes_them(count: int, last: int) -> None:
    message = NEONIZE.KeepAliveTimeout(ErrorCount=count, LastSuccess=last).SerializeToString()
    fields = read(message)
    assert signed(fields, 1) == count
    assert number(fields, 2) == last


@given(code=TEXTS, error=TEXTS)
def test_texts_are_read_as_the_protobuf_library_writes_them(code: str, error: str) -> None:
    message = NEONIZE.PairPhoneReturnFunction(Code=code, Error=error).SerializeToString()
    fields = read(message)
    assert (text(fields, 1), text(fields, 2)) == (code, error)


@given(st.binary())
def test_any_bytes_are_a_message_or_are_refused(message: bytes) -> None:
    try:
        fields = read(message)
    except NoMessage:
        return
    assert all(isinstance(value, int | bytes) for value in fields.values())


def test_of_a_repeated_field_the_last_counts() -> None:
    assert read(write({1: 1}) + write({1: 2})) == {1: 2}


def test_fixed_width_fields_are_stepped_over() -> None:
    message = b"\x09" + bytes(8) + b"\x15" + bytes(4) + write({3: 7})
    assert number(read(message), 3) == 7


def test_absent_fields_are_empty() -> None:
    assert (number({}, 1), signed({}, 1), data({}, 1), text({}, 1)) == (None, None, b"", "")


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"\x08", "within a number"),
        (b"\x08" + b"\xff" * 10, "longer than 64 bits"),
        (b"\x0a\x05abc", "within a field"),
        (b"\x09abc", "within a field"),
        (b"\x0b", "no kind"),
    ],
)
def test_what_is_no_message_is_refused(message: bytes, complaint: str) -> None:
    with pytest.raises(NoMessage, match=complaint):
        read(message)


def test_a_field_of_another_kind_is_refused() -> None:
    fields = read(write({1: 5, 2: b"\xff"}))
    with pytest.raises(NoMessage, match="no text"):
        data(fields, 1)
    with pytest.raises(NoMessage, match="no number"):
        number(fields, 2)
    with pytest.raises(NoMessage, match="not UTF-8"):
        text(fields, 2)
