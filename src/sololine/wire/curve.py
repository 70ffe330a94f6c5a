"""Keys of Curve25519 that agree on secrets and, unusually, also sign (XEdDSA).

WhatsApp's variant of XEdDSA signs with the Edwards form of the key as it is and keeps the sign of
that form in the top bit of the signature. (The published XEdDSA makes the sign positive instead.)
"""

import hashlib
import os
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sololine.wire import edwards
from sololine.wire.errors import MalformedPayload

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

KEY_TYPE: Final = b"\x05"
"""Stands before a public key wherever Signal writes or signs one."""

_NONCE_LABEL: Final = b"\xfe" + b"\xff" * 31
_SIGN_BIT: Final = 0x80


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A private key and its public half, 32 bytes each. Shows neither in its text form."""

    private: bytes
    public: bytes = field(init=False)
    _secret: X25519PrivateKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.private) != KEY_BYTES:
            raise MalformedPayload(f"a private key has {KEY_BYTES} bytes")
        secret = X25519PrivateKey.from_private_bytes(self.private)
        object.__setattr__(self, "_secret", secret)
        object.__setattr__(self, "public", secret.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> Self:
        """A new pair from the system's randomness."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def from_private(cls, private: bytes) -> Self:
        """The pair of a private key of 32 bytes.

        Raises:
            MalformedPayload: if it has another length.
        """
        return cls(private)

    def agree(self, public: bytes) -> bytes:
        """The 32-byte secret shared with the holder of that public key.

        Raises:
            MalformedPayload: if the key has another length than 32 bytes, or is one of those few
                that would give everyone the same secret.
        """
        try:
            return self._secret.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError as error:
            raise MalformedPayload("not a public key that a secret can be shared with") from error

    def sign(self, message: bytes) -> bytes:
        """A 64-byte signature of the message; another one each time."""
        clamped = bytearray(self.private)
        clamped[0] &= 0xF8
        clamped[31] = clamped[31] & 0x7F | 0x40
        scalar = int.from_bytes(clamped, "little")
        own = edwards.times_base(scalar)
        nonce = _number(_NONCE_LABEL, clamped, message, os.urandom(64))
        commitment = edwards.times_base(nonce)
        challenge = _number(commitment, own, message)
        answer = bytearray(((nonce + challenge * scalar) % edwards.ORDER).to_bytes(32, "little"))
        answer[31] |= own[31] & _SIGN_BIT
        return commitment + bytes(answer)

    def __repr__(self) -> str:
        return "KeyPair(...)"


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of that public key (32 bytes) signed the message."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    sign = signature[63] >> 7
    own = edwards.from_montgomery(public, sign=sign)
    if own is None:
        return False
    plain = signature[:63] + bytes((signature[63] & ~_SIGN_BIT,))
    try:
        Ed25519PublicKey.from_public_bytes(own).verify(plain, message)
    except InvalidSignature:
        return False
    return True


def prefixed(public: bytes) -> bytes:
    """The public key behind its type byte, 33 bytes: as Signal writes and signs it."""
    return KEY_TYPE + public


def unprefixed(data: bytes) -> bytes:
    """The public key in its 33-byte form.

    Raises:
        MalformedPayload: if it has another length or type.
    """
    if len(data) != len(KEY_TYPE) + KEY_BYTES or not data.startswith(KEY_TYPE):
        raise MalformedPayload("a public key of type 5 has 33 bytes and begins with that type")
    return data[len(KEY_TYPE) :]


def _number(*parts: bytes | bytearray) -> int:
    digest = hashlib.sha512(b"".join(parts)).digest()
    return int.from_bytes(digest, "little") % edwards.ORDER
