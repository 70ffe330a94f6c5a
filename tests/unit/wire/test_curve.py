import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire import edwards
from sololine.wire.curve import KeyPair, prefixed, unprefixed, verify
from sololine.wire.errors import MalformedPayload

KEYS = st.binary(min_size=32, max_size=32)


def test_a_secret_is_shared_as_the_standard_says() -> None:
    """RFC 7748, section 5.2, the first vector."""
    pair = KeyPair.from_private(
        bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    )
    theirs = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert pair.agree(theirs) == bytes.fromhex(
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    )


def test_two_pairs_share_one_secret() -> None:
    one, other = KeyPair.generate(), KeyPair.generate()
    assert one.agree(other.public) == other.agree(one.public)


@given(KEYS)
def test_our_edwards_form_is_that_of_ed25519(seed: bytes) -> None:
    """An Ed25519 key is a hashed seed; its scalar, taken for itself, leads to the same point."""
    scalar = bytearray(hashlib.sha512(seed).digest()[:32])
    scalar[0] &= 0xF8
    scalar[31] = scalar[31] & 0x7F | 0x40
    theirs = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert edwards.times_base(int.from_bytes(scalar, "little")) == theirs
    montgomery = KeyPair.from_private(bytes(scalar)).public
    assert edwards.from_montgomery(montgomery, sign=theirs[31] >> 7) == theirs


@given(KEYS, st.binary(max_size=100))
def test_a_signature_is_an_ed25519_signature_with_a_sign_bit(seed: bytes, message: bytes) -> None:
    theirs = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    pair = KeyPair.from_private(hashlib.sha512(seed).digest()[:32])
    signature = pair.sign(message)
    assert signature[63] & 0x80 == theirs[31] & 0x80
    plain = signature[:63] + bytes((signature[63] & 0x7F,))
    Ed25519PublicKey.from_public_bytes(theirs).verify(plain, message)
    assert verify(pair.public, message, signature)


def test_a_signature_made_by_another_library_holds() -> None:
    """The identity's signature of an ephemeral key that libsignal's own tests carry."""
    identity = bytes.fromhex("ab7e717d4a163b7d9a1d8071dfe9dcf8cdcd1cea3339b6356be84d887e322c64")
    message = bytes.fromhex("05edce9d9c415ca78cb7252e72c2c4a554d3eb29485a0e1d503118d1a82d99fb4a")
    signature = bytes.fromhex(
        "5de88ca9a89b4a115da79109c67c9c7464a3e4180274f1cb8c63c2984e286dfb"
        "ede82deb9dcd9fae0bfbb821569b3d9001bd8130cd11d486cef047bd60b86e88"
    )
    assert verify(identity, message, signature)
    for place in range(64):
        broken = bytearray(signature)
        broken[place] ^= 1
        assert not verify(identity, message, bytes(broken))


def test_a_signature_holds_for_its_key_and_message_only() -> None:
    pair = KeyPair.generate()
    signature = pair.sign(b"message")
    assert verify(pair.public, b"message", signature)
    assert not verify(pair.public, b"massage", signature)
    assert not verify(KeyPair.generate().public, b"message", signature)
    assert not verify(pair.public, b"message", signature[:63])
    assert not verify(pair.public[:31], b"message", signature)


def test_the_one_key_without_edwards_form_signs_nothing() -> None:
    minus_one = (edwards.PRIME - 1).to_bytes(32, "little")
    assert not verify(minus_one, b"", bytes(64))


def test_no_two_signatures_are_the_same() -> None:
    pair = KeyPair.generate()
    assert pair.sign(b"") != pair.sign(b"")


def test_a_key_that_shares_one_secret_with_all_is_refused() -> None:
    with pytest.raises(MalformedPayload):
        KeyPair.generate().agree(bytes(32))


def test_keys_of_other_lengths_are_refused() -> None:
    with pytest.raises(MalformedPayload):
        KeyPair.generate().agree(bytes(33))
    with pytest.raises(MalformedPayload):
        KeyPair.from_private(bytes(31))


def test_a_public_key_is_written_behind_its_type() -> None:
    public = KeyPair.generate().public
    assert prefixed(public) == b"\x05" + public
    assert unprefixed(prefixed(public)) == public
    for broken in (public, b"\x06" + public, b"\x05" + public + b"\0"):
        with pytest.raises(MalformedPayload):
            unprefixed(broken)


def test_a_pair_does_not_show_itself() -> None:
    pair = KeyPair.generate()
    assert repr(pair) == "KeyPair(...)"
    assert pair == KeyPair.from_private(pair.private)
