import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire.signal.cbc import seal, unseal
from sololine.wire.signal.errors import MalformedMessage

KEY, IV = bytes(range(32)), bytes(range(16))


@given(st.binary())
def test_what_is_sealed_opens(plain: bytes) -> None:
    sealed = seal(KEY, IV, plain)
    assert len(plain) < len(sealed) <= len(plain) + 16
    assert unseal(KEY, IV, sealed) == plain


def test_sealing_is_the_standards() -> None:
    """NIST SP 800-38A, F.2.5, the first block."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    sealed = bytes.fromhex("f58c4c04d6e5f1ba779eabfb5f7bfbd6")
    assert seal(key, IV, plain)[:16] == sealed


@pytest.mark.parametrize("length", [0, 15, 17])
def test_what_does_not_end_with_a_block_is_refused(length: int) -> None:
    with pytest.raises(MalformedMessage):
        unseal(KEY, IV, bytes(length))


@pytest.mark.parametrize("last", [b"\x00", b"\x11", b"\x01\x02"])
def test_a_last_block_that_is_not_filled_is_refused(last: bytes) -> None:
    cipher = Cipher(AES256(KEY), CBC(IV)).encryptor()
    sealed = cipher.update(last.rjust(16, b"\x05")) + cipher.finalize()
    with pytest.raises(MalformedMessage):
        unseal(KEY, IV, sealed)
