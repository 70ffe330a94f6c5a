"""What WhatsApp adds to a message before it is encrypted, so that lengths tell less."""

import os
from typing import Final

from sololine.wire.signal.errors import MalformedMessage

MAX_PADDING: Final = 15


def pad(plaintext: bytes) -> bytes:
    """The plaintext and 1 to 15 bytes more, each of which says how many they are."""
    size = 1 + os.urandom(1)[0] % MAX_PADDING
    return plaintext + bytes((size,)) * size


def unpad(padded: bytes) -> bytes:
    """The plaintext without its padding.

    Raises:
        MalformedMessage: if there is none.
    """
    size = padded[-1] if padded else 0
    if not 1 <= size <= MAX_PADDING or not padded.endswith(bytes((size,)) * size):
        raise MalformedMessage("a message without its padding")
    return padded[:-size]
