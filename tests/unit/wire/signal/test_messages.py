import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire import fields
from sololine.wire.curve import KeyPair, prefixed
from sololine.wire.signal.errors import MalformedMessage
from sololine.wire.signal.messages import (
    VERSION,
    Distribution,
    PrekeyMessage,
    RatchetMessage,
    SenderKeyMessage,
)

KEY, OTHER = KeyPair.generate().public, KeyPair.generate().public
OPENING = PrekeyMessage(
    registration_id=1, prekey_id=2, signed_prekey_id=3, base=KEY, identity=OTHER, message=b"m"
)
DISTRIBUTION = Distribution(key_id=7, iteration=8, chain_key=bytes(32), signer=KEY)
READERS = [RatchetMessage, PrekeyMessage, Distribution, SenderKeyMessage]


def test_a_message_of_a_session_is_read_as_written() -> None:
    body = RatchetMessage.write_body(ratchet_key=KEY, counter=5, previous=6, ciphertext=b"c")
    assert body == bytes.fromhex("33 0a21") + prefixed(KEY) + bytes.fromhex("1005 1806 220163")
    assert RatchetMessage.read(body + b"12345678") == RatchetMessage(
        body=body, ratchet_key=KEY, counter=5, ciphertext=b"c", mac=b"12345678"
    )


def test_a_message_that_begins_a_session_is_read_as_written() -> None:
    assert OPENING.write() == (
        bytes.fromhex("33 0802 1221") + prefixed(KEY) + b"\x1a\x21" + prefixed(OTHER)
    ) + bytes.fromhex("22016d 2801 3003")
    assert PrekeyMessage.read(OPENING.write()) == OPENING


@pytest.mark.parametrize("prekey_id", [None, 0, 0xFFFFFF])
def test_a_prekey_of_number_zero_is_not_the_same_as_none(prekey_id: int | None) -> None:
    opening = PrekeyMessage(
        registration_id=1,
        prekey_id=prekey_id,
        signed_prekey_id=3,
        base=KEY,
        identity=OTHER,
        message=b"m",
    )
    assert PrekeyMessage.read(opening.write()).prekey_id == prekey_id


def test_a_distribution_is_read_as_written() -> None:
    assert DISTRIBUTION.write() == (
        bytes.fromhex("33 0807 1008 1a20") + bytes(32) + b"\x22\x21" + prefixed(KEY)
    )
    assert Distribution.read(DISTRIBUTION.write()) == DISTRIBUTION


def test_a_message_for_a_group_is_read_as_written() -> None:
    body = SenderKeyMessage.write_body(key_id=7, iteration=8, ciphertext=b"c")
    assert body == bytes.fromhex("33 0807 1008 1a0163")
    assert SenderKeyMessage.read(body + bytes(64)) == SenderKeyMessage(
        body=body, key_id=7, iteration=8, ciphertext=b"c", signature=bytes(64)
    )


def test_numbers_that_are_not_written_are_zero() -> None:
    message = VERSION + fields.write({1: prefixed(KEY), 4: b"c"}) + bytes(8)
    assert RatchetMessage.read(message).counter == 0


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(reader: type[RatchetMessage], data: bytes) -> None:
    for message in (data, VERSION + data):
        with contextlib.suppress(MalformedMessage):
            reader.read(message)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({3: bytes(31)}, id="a short chain key"),
        pytest.param({4: KEY}, id="a key without its type"),
        pytest.param({4: prefixed(KEY[:31] + b"\x80")}, id="a key with its top bit"),
        pytest.param({2: 2**32}, id="a number of 33 bits"),
        pytest.param({2: b"8"}, id="bytes in place of a number"),
    ],
)
def test_a_distribution_that_is_none_is_refused(broken: dict[int, int | bytes]) -> None:
    whole: dict[int, int | bytes] = {1: 7, 2: 8, 3: bytes(32), 4: prefixed(KEY)}
    Distribution.read(VERSION + fields.write(whole))
    with pytest.raises(MalformedMessage):
        Distribution.read(VERSION + fields.write(whole | broken))


def test_another_version_is_refused() -> None:
    for version in (b"", b"\x23", b"\x34", b"\x44"):
        with pytest.raises(MalformedMessage):
            PrekeyMessage.read(version + OPENING.write()[1:])


def test_messages_do_not_show_themselves() -> None:
    for value in (OPENING, DISTRIBUTION):
        assert KEY.hex() not in repr(value)
        assert repr(KEY) not in repr(value)
