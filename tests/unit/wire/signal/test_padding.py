import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire.signal.errors import MalformedMessage
from sololine.wire.signal.padding import MAX_PADDING, pad, unpad


@given(st.binary())
def test_padding_comes_off_again(plaintext: bytes) -> None:
    assert unpad(pad(plaintext)) == plaintext


def test_padding_is_of_one_to_fifteen_bytes() -> None:
    assert {len(pad(b"")) for _ in range(2000)} == set(range(1, MAX_PADDING + 1))


@pytest.mark.parametrize("broken", [b"", b"\x00", b"\x02", b"a\x01\x02", b"\x10" * 16])
def test_a_message_without_padding_is_refused(broken: bytes) -> None:
    with pytest.raises(MalformedMessage):
        unpad(broken)
