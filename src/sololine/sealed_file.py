"""A file sealed with a passphrase: read by nobody without it, and changed by nobody unnoticed.

    magic · version · cost · size of chunks · salt            what the key is made of
    length of the file · checksum · proof of the passphrase   so that an error can be named
    chunk 0 · chunk 1 · … · last chunk                        each with its tag of 16 bytes

The key is scrypt's (RFC 7914) of the passphrase and the salt, so no two files have the same. Chunks
are sealed with AES-256-GCM in the manner of STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the
nonce of a chunk is its number and whether it is the last, and what the key is made of is sealed in
with each. So a chunk that is changed, moved, repeated or left out opens no more.

Everything here blocks.
"""

import hashlib
import hmac
import os
import secrets
import struct
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sololine.core.sentence import Sentence
from sololine.whole_file import whole

MAGIC: Final = b"SOLOLINE"
VERSION: Final = 1
COST: Final = 17
"""Binary logarithm of scrypt's cost: 128 MB and about half a second for each guess."""
CHUNK: Final = 64 * 2**10
"""Bytes of a chunk before it is sealed; the last may be shorter."""

_COST_MAX: Final = 20
_CHUNK_MAX: Final = 16 * 2**20
_TAG: Final = 16
_BEGINNING: Final = struct.Struct(">8sH")
_MADE_OF: Final = struct.Struct(">8sHBI16s")
_REST: Final = struct.Struct(">Q8s16s")
_HEADER: Final = _MADE_OF.size + _REST.size


class SealedFileError(Exception):
    """The file cannot be opened; its sentence, without a full stop, says why and what to do."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)


class NotSealed(SealedFileError):
    """The file is none of ours."""

    def __init__(self) -> None:
        super().__init__(Sentence("this is no backup of Sololine"))


class NewerVersion(SealedFileError):
    """A later version of Sololine wrote it."""

    def __init__(self, version: int) -> None:
        super().__init__(
            Sentence(
                "a newer version of Sololine made this backup (format {version}, and this one "
                "knows {known}); upgrade first",
                version=version,
                known=VERSION,
            )
        )


class WrongPassphrase(SealedFileError):
    """The file is whole, and was sealed with another passphrase."""

    def __init__(self) -> None:
        super().__init__(Sentence("the passphrase is not the one that the backup was made with"))


class Truncated(SealedFileError):
    """The end of the file is missing."""

    def __init__(self) -> None:
        super().__init__(Sentence("the end of the backup is missing; copy the file again"))


class Damaged(SealedFileError):
    """The file is not as it was written: a fault of a disk, or somebody's work."""

    def __init__(self) -> None:
        super().__init__(Sentence("the backup is not as it was written; take another copy of it"))


class Sealer:
    """Takes what is to be sealed, in pieces of any size."""

    def __init__(self, file: BinaryIO, passphrase: str, cost: int, chunk: int) -> None:
        self._file = file
        self._chunk = chunk
        self._made_of = _MADE_OF.pack(MAGIC, VERSION, cost, chunk, secrets.token_bytes(16))
        key, self._proof_key = _keys(passphrase, self._made_of, cost)
        self._cipher = AESGCM(key)
        self._waiting = bytearray()
        self._number = 0
        file.write(bytes(_HEADER))

    def write(self, data: bytes) -> int:
        """Seal `data` behind what was written before; how long it is."""
        self._waiting += data
        # The last chunk is marked, so one is kept back until it is known whether more follows.
        while len(self._waiting) > self._chunk:
            self._seal(last=False)
        return len(data)

    def finish(self) -> None:
        """Seal the last chunk, and write the header in front of it all."""
        self._seal(last=True)
        length = self._file.tell()
        self._file.seek(0)
        self._file.write(_header(self._made_of, length, self._proof_key))

    def _seal(self, *, last: bool) -> None:
        piece = bytes(self._waiting[: self._chunk])
        del self._waiting[: self._chunk]
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), piece, self._made_of))
        self._number += 1


class Opened:
    """Reads what was sealed, from the first byte to the last.

    Only once `read` has returned nothing is it known that nothing is missing.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        """Check the file's header and the passphrase.

        Raises:
            SealedFileError: one of its kinds.
        """
        header = file.read(_HEADER)
        _refuse_others(header)
        self._made_of = header[: _MADE_OF.size]
        _, _, cost, self._chunk, _ = _MADE_OF.unpack(self._made_of)
        length, checksum, _ = _REST.unpack(header[_MADE_OF.size :])
        if checksum != _checksum(self._made_of, length):
            raise Damaged
        if not 1 <= cost <= _COST_MAX or not 1 <= self._chunk <= _CHUNK_MAX:
            raise Damaged
        there = os.fstat(file.fileno()).st_size
        if there != length:
            raise Truncated if there < length else Damaged
        key, proof_key = _keys(passphrase, self._made_of, cost)
        if not hmac.compare_digest(header, _header(self._made_of, length, proof_key)):
            raise WrongPassphrase
        self._file = file
        self._cipher = AESGCM(key)
        self._ahead = b""
        self.rewind()

    def rewind(self) -> None:
        """Go back to the first byte."""
        self._file.seek(_HEADER)
        self._plain = b""
        self._number = 0
        self._ahead = self._file.read(self._chunk + _TAG)
        self._over = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes, and none only at the end. Raises `Damaged`."""
        while not self._plain and not self._over:
            self._open_next()
        given, self._plain = self._plain[:size], self._plain[size:]
        return given

    def _open_next(self) -> None:
        sealed, self._ahead = self._ahead, self._file.read(self._chunk + _TAG)
        self._over = not self._ahead
        try:
            nonce = _nonce(self._number, self._over)
            self._plain = self._cipher.decrypt(nonce, sealed, self._made_of)
        except InvalidTag:
            raise Damaged from None
        self._number += 1


@contextmanager
def sealed(
    path: Path, passphrase: str, *, cost: int = COST, chunk: int = CHUNK
) -> Iterator[Sealer]:
    """Write a sealed file, readable by its owner alone; it is there whole, or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with whole(path, draft) as file:
        sealer = Sealer(file, passphrase, cost, chunk)
        yield sealer
        sealer.finish()


@contextmanager
def opened(path: Path, passphrase: str) -> Iterator[Opened]:
    """Read a sealed file. Raises one of the kinds of `SealedFileError`."""
    with path.open("rb") as file:
        yield Opened(file, passphrase)


def _refuse_others(header: bytes) -> None:
    """Raise when the file's beginning tells that we cannot read it."""
    if not header or not MAGIC.startswith(header[: len(MAGIC)]):
        raise NotSealed
    if len(header) >= _BEGINNING.size:
        _, version = _BEGINNING.unpack_from(header)
        if version > VERSION:
            raise NewerVersion(version)
        if version < VERSION:
            raise Damaged
    if len(header) < _HEADER:
        raise Truncated


def _keys(passphrase: str, made_of: bytes, cost: int) -> tuple[bytes, bytes]:
    """The key of the chunks, and the one that proves the passphrase."""
    # What looks the same is the same, whichever keyboard it was typed on.
    typed = unicodedata.normalize("NFC", passphrase).encode()
    made = hashlib.scrypt(
        typed, salt=made_of[-16:], n=1 << cost, r=8, p=1, maxmem=2**31 - 1, dklen=64
    )
    return made[:32], made[32:]


def _header(made_of: bytes, length: int, proof_key: bytes) -> bytes:
    checksum = _checksum(made_of, length)
    proof = hmac.digest(proof_key, made_of + length.to_bytes(8), "sha256")[:16]
    return made_of + _REST.pack(length, checksum, proof)


def _checksum(made_of: bytes, length: int) -> bytes:
    """Tells a damaged header from a wrong passphrase; it proves nothing else."""
    return hashlib.sha256(made_of + length.to_bytes(8)).digest()[:8]


def _nonce(number: int, last: bool) -> bytes:  # noqa: FBT001 — half of the nonce, not an option
    return number.to_bytes(11) + bytes([last])
