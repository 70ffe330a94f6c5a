"""Linking by a code that a person types on the phone, instead of a QR code that it sees.

    companion                                                 phone ("primary")
    Companion(identity)
      .code             ~ ~ ~ typed by a person ~ ~ ~ ~ ~ ~>  Primary(code, identity)
      .hello            -------- companion_hello --------->   .answer(hello)
      .finish(...)      <------- notification -------------
                        -------- companion_finish -------->   .finish(bundle, ...)
    adv secret                                                the same adv secret

Each side wraps a fresh public key under the code. A wrong code therefore unwraps to a wrong key,
which shows only at the end, when the bundle does not open. After it, linking goes on as with a QR
code (see `linking`).
"""

import hashlib
import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from sololine.wire.curve import KEY_BYTES, KeyPair
from sololine.wire.errors import DecryptionFailed, MalformedPayload
from sololine.wire.kdf import hkdf

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
"""32 characters that are not mistaken for each other: no 0, I, O, U."""

CODE_CHARACTERS: Final = 8
ROUNDS: Final = 131_072
WRAPPED_BYTES: Final = 80

_SALT_BYTES: Final = 32
_IV_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SECRET_BYTES: Final = 32
_BUNDLE_INFO: Final = b"link_code_pairing_key_bundle_encryption_key"
_ADV_INFO: Final = b"adv_secret"


def new_code() -> str:
    """A fresh code of eight characters: 40 bits of the system's randomness."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in os.urandom(CODE_CHARACTERS))


def display(code: str) -> str:
    """The code as people read it: `XXXX-XXXX`."""
    half = CODE_CHARACTERS // 2
    return f"{code[:half]}-{code[half:]}"


def read_code(text: str) -> str:
    """The code that a person typed, in either case, with or without hyphen and spaces.

    Raises:
        MalformedPayload: if that is no code; the message does not show it.
    """
    code = text.upper().replace("-", "").replace(" ", "")
    if len(code) != CODE_CHARACTERS or not set(code) <= set(ALPHABET):
        raise MalformedPayload(f"a linking code has {CODE_CHARACTERS} characters out of {ALPHABET}")
    return code


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CompanionFinish:
    """What a companion sends in companion_finish, and the secret that it has from then on."""

    key_bundle: bytes
    adv_secret: bytes


class Companion:
    """The side that shows the code.

    `identity` is the key it will sign with in `linking`; `hello` is its wrapped ephemeral key,
    80 bytes for companion_hello. Deriving keys from the code takes a moment, on purpose.
    """

    def __init__(self, identity: KeyPair, *, code: str | None = None) -> None:
        self.code = new_code() if code is None else code
        self._identity = identity
        self._ephemeral = KeyPair.generate()
        self.hello = wrap_key(self.code, self._ephemeral.public)

    def finish(self, wrapped: bytes, primary_identity: bytes) -> CompanionFinish:
        """Answer the phone's notification; may be called again if the phone tries again.

        Raises:
            MalformedPayload: if it holds no keys. A wrong code cannot be told here.
        """
        shared = self._ephemeral.agree(unwrap_key(self.code, wrapped))
        secret = os.urandom(_SECRET_BYTES)
        plain = self._identity.public + primary_identity + secret
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        sealed = AESGCM(_bundle_key(shared, salt)).encrypt(nonce, plain, None)
        return CompanionFinish(
            key_bundle=salt + nonce + sealed,
            adv_secret=_adv_secret(shared, self._identity.agree(primary_identity), secret),
        )


@dataclass(slots=True, repr=False)
class Primary:
    """The phone, on which a person typed the code; one object for one try.

    `identity` is the account's key, the one that signs in `linking`.
    """

    code: str
    identity: KeyPair
    _shared: bytes | None = field(default=None, init=False)

    def answer(self, wrapped: bytes) -> bytes:
        """The phone's wrapped ephemeral key, 80 bytes, in answer to the companion's.

        Raises:
            MalformedPayload: if the companion's is none.
        """
        ephemeral = KeyPair.generate()
        self._shared = ephemeral.agree(unwrap_key(self.code, wrapped))
        return wrap_key(self.code, ephemeral.public)

    def finish(self, key_bundle: bytes, companion_identity: bytes) -> bytes:
        """The secret shared with the companion, for `linking.seal_identity`.

        `companion_identity` is the key that the companion registered with the server.

        Raises:
            DecryptionFailed: if the code was wrong.
            MalformedPayload: if the bundle is for other keys, or none at all.
        """
        head = _SALT_BYTES + _NONCE_BYTES
        if self._shared is None or len(key_bundle) <= head:
            raise MalformedPayload("no key bundle, or one before its time")
        salt, nonce = key_bundle[:_SALT_BYTES], key_bundle[_SALT_BYTES:head]
        try:
            plain = AESGCM(_bundle_key(self._shared, salt)).decrypt(nonce, key_bundle[head:], None)
        except InvalidTag as error:
            raise DecryptionFailed("the linking code is not the one the companion shows") from error
        keys, secret = plain[: 2 * KEY_BYTES], plain[2 * KEY_BYTES :]
        if keys != companion_identity + self.identity.public or len(secret) != _SECRET_BYTES:
            raise MalformedPayload("the key bundle names other keys than the two that are linking")
        return _adv_secret(self._shared, self.identity.agree(companion_identity), secret)


def wrap_key(code: str, public: bytes) -> bytes:
    """The public key under the code: salt (32), iv (16), key (32)."""
    salt, iv = os.urandom(_SALT_BYTES), os.urandom(_IV_BYTES)
    return salt + iv + _cipher(code, salt, iv, public)


def unwrap_key(code: str, wrapped: bytes) -> bytes:
    """The public key that was wrapped under the code; another one if the code is wrong.

    Raises:
        MalformedPayload: if it is shorter than 80 bytes. What follows them is for others.
    """
    if len(wrapped) < WRAPPED_BYTES:
        raise MalformedPayload(f"a wrapped key has at least {WRAPPED_BYTES} bytes")
    head = _SALT_BYTES + _IV_BYTES
    salt, iv = wrapped[:_SALT_BYTES], wrapped[_SALT_BYTES:head]
    return _cipher(code, salt, iv, wrapped[head:WRAPPED_BYTES])


def _cipher(code: str, salt: bytes, iv: bytes, data: bytes) -> bytes:
    # Counter mode: the same step wraps and unwraps.
    key = hashlib.pbkdf2_hmac("sha256", code.encode(), salt, ROUNDS, 32)
    return Cipher(AES256(key), CTR(iv)).encryptor().update(data)


def _bundle_key(shared: bytes, salt: bytes) -> bytes:
    return hkdf(shared, salt=salt, info=_BUNDLE_INFO, length=32)


def _adv_secret(shared: bytes, identities: bytes, secret: bytes) -> bytes:
    return hkdf(shared + identities + secret, info=_ADV_INFO, length=32)
