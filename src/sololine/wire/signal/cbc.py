"""AES-256-CBC with PKCS #7, as messages are encrypted: one key and IV for one message."""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from sololine.wire.signal.errors import MalformedMessage

_BLOCK_BYTES: Final = 16


def seal(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """The ciphertext of the plaintext, 1 to 16 bytes longer."""
    fill = _BLOCK_BYTES - len(plain) % _BLOCK_BYTES
    cipher = Cipher(AES256(key), CBC(iv)).encryptor()
    return cipher.update(plain + bytes((fill,)) * fill) + cipher.finalize()


def unseal(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    """The plaintext of the ciphertext, whose MAC or signature must have been checked before.

    Raises:
        MalformedMessage: if it is no whole number of blocks, or not filled as it must be.
    """
    if not sealed or len(sealed) % _BLOCK_BYTES:
        raise MalformedMessage("a ciphertext that does not end with a block")
    cipher = Cipher(AES256(key), CBC(iv)).decryptor()
    plain = cipher.update(sealed) + cipher.finalize()
    fill = plain[-1]
    if not 1 <= fill <= _BLOCK_BYTES or not plain.endswith(bytes((fill,)) * fill):
        raise MalformedMessage("a ciphertext whose last block is not filled as it must be")
    return plain[:-fill]
