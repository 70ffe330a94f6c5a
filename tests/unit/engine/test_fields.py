"""Protobuf read and written by hand is held to what the protobuf library reads and writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.engine.fields import data, number, signed, text
from sololine.wire.errors import MalformedPayload
from sololine.wire.fields import read, write
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


def test_absent_fields_are_empty() -> None:
    assert (number({}, 1), signed({}, 1), data({}, 1), text({}, 1)) == (None, None, b"", "")


def test_a_field_of_another_kind_is_refused() -> None:
    fields = read(write({1: 5, 2: b"\xff"}))
    with pytest.raises(MalformedPayload, match="must hold bytes"):
        data(fields, 1)
    with pytest.raises(MalformedPayload, match="must hold a number"):
        number(fields, 2)
    with pytest.raises(MalformedPayload, match="not UTF-8") as refused:
        text(fields, 2)
    assert refused.value.__cause__ is None
