"""Keys from secrets."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hkdf(secret: bytes, *, length: int, salt: bytes = b"", info: bytes = b"") -> bytes:
    """`length` bytes derived from the secret by HKDF-SHA256; no salt means 32 zero bytes."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt or None, info=info).derive(secret)
