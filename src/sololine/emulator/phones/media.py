"""WhatsApp's media encryption, as a phone does it.

A file is encrypted with a key of its own before it is uploaded; the key travels in the message.

    key ──HKDF, named by kind──▶ iv · cipher key · MAC key · (unused)
    stored bytes = AES-256-CBC(file) ‖ first 10 bytes of HMAC-SHA256(iv ‖ ciphertext)

Pure: keys are given, nothing is stored.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from sololine.core.sentence import Sentence
from sololine.emulator.errors import BrokenMedia
from sololine.wire.kdf import hkdf

KEY_SIZE: Final = 32
"""Bytes of the key that a message carries for its file."""

_MAC_SIZE: Final = 10
_IV_SIZE: Final = 16
_EXPANDED: Final = 112


class Kind(StrEnum):
    """What a file is to WhatsApp. Each kind derives its keys under a name of its own."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    """Voice notes, too."""
    DOCUMENT = "document"
    STICKER = "sticker"
    """Encrypted under the name of images."""


_KEY_NAMES: Final = {
    Kind.IMAGE: b"WhatsApp Image Keys",
    Kind.VIDEO: b"WhatsApp Video Keys",
    Kind.AUDIO: b"WhatsApp Audio Keys",
    Kind.DOCUMENT: b"WhatsApp Document Keys",
    Kind.STICKER: b"WhatsApp Image Keys",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What a message says about its file: where it is stored, and how to open it."""

    kind: Kind
    direct_path: str
    """Path and query below any media host."""
    key: bytes = field(repr=False)
    size: int
    """Bytes of the file itself."""
    sha256: bytes
    """Of the file itself."""
    enc_sha256: bytes
    """Of what is stored."""


def seal(content: bytes, kind: Kind, key: bytes) -> bytes:
    """What is to be stored of a file, under a key of `KEY_SIZE` random bytes."""
    iv, cipher_key, mac_key = _expand(key, kind)
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(content) + padder.finalize()
    encryptor = Cipher(AES(cipher_key), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    return ciphertext + _mac(mac_key, iv, ciphertext)


def open_sealed(stored: bytes, attachment: Attachment) -> bytes:
    """The file, checked against everything its message says about it.

    Raises:
        BrokenMedia: if a hash, the MAC or the size differs.
    """
    if hashlib.sha256(stored).digest() != attachment.enc_sha256:
        raise BrokenMedia(Sentence("the stored bytes have another SHA-256 than the message says"))
    iv, cipher_key, mac_key = _expand(attachment.key, attachment.kind)
    ciphertext, mac = stored[:-_MAC_SIZE], stored[-_MAC_SIZE:]
    if not hmac.compare_digest(_mac(mac_key, iv, ciphertext), mac):
        raise BrokenMedia(Sentence("the MAC does not hold: another key, or another kind of media"))
    decryptor = Cipher(AES(cipher_key), CBC(iv)).decryptor()
    unpadder = PKCS7(AES.block_size).unpadder()
    try:
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        content = unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise BrokenMedia(Sentence("the ciphertext is not padded as it must be")) from None
    if len(content) != attachment.size:
        raise BrokenMedia(Sentence("the file has another size than the message says"))
    if hashlib.sha256(content).digest() != attachment.sha256:
        raise BrokenMedia(Sentence("the file has another SHA-256 than the message says"))
    return content


def _expand(key: bytes, kind: Kind) -> tuple[bytes, bytes, bytes]:
    expanded = hkdf(key, length=_EXPANDED, info=_KEY_NAMES[kind])
    return expanded[:_IV_SIZE], expanded[16:48], expanded[48:80]


def _mac(mac_key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    return hmac.digest(mac_key, iv + ciphertext, "sha256")[:_MAC_SIZE]
