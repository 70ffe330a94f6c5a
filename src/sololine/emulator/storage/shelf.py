"""Where uploaded media and profile pictures are kept: files named by what is in them.

A path that a client asks for is only ever compared with the form of the paths given out here;
the file's name comes from our own hash, so nothing from outside becomes a path on disk.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

from sololine.emulator.errors import UnknownMedia
from sololine.emulator.phones.media import KEY_SIZE, Attachment, Kind, open_sealed, seal

MEDIA_HOST: Final = "mmg.whatsapp.net"
PICTURE_HOST: Final = "pps.whatsapp.net"

AUTH: Final = "loopback-media"
"""What the server gives a client to show when it uploads. It protects nothing here."""

MAX_STORED: Final = 110 * 2**20
"""Bytes that one file may have as stored; WhatsApp's own limit is about as high."""

_MEDIA: Final = re.compile(r"/v/t62\.7118-24/([0-9a-f]{64})\.enc")
_PICTURE: Final = re.compile(r"/v/t61\.24694-24/([0-9a-f]{64})\.jpg")


class Shelf:
    """The stored files of an emulator, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def incoming(self) -> Path:
        """Where bytes that are still arriving may be written; the caller removes it."""
        return self._folder / f"incoming-{secrets.token_hex(8)}"

    def put(self, arrived: Path, sha256: bytes) -> str:
        """Keep a file that has arrived whole; return its path and query on `MEDIA_HOST`."""
        arrived.replace(self._folder / f"{sha256.hex()}.enc")
        # Clients append their own words with "&": there must be a query already.
        return f"/v/t62.7118-24/{sha256.hex()}.enc?ccb=11-4"

    def find(self, host: str, path: str) -> Path | None:
        """The stored file behind a path without its query; None if there is none."""
        form, suffix = (_PICTURE, "jpg") if host == PICTURE_HOST else (_MEDIA, "enc")
        name = form.fullmatch(path)
        file = self._folder / f"{name[1]}.{suffix}" if name else None
        return file if file is not None and file.is_file() else None

    def upload(self, content: bytes, kind: Kind) -> Attachment:
        """Encrypt and keep a file, as a phone does before it sends it."""
        key = os.urandom(KEY_SIZE)
        stored = seal(content, kind, key)
        sha256 = hashlib.sha256(stored).digest()
        arriving = self.incoming()
        arriving.write_bytes(stored)
        return Attachment(
            kind=kind,
            direct_path=self.put(arriving, sha256),
            key=key,
            size=len(content),
            sha256=hashlib.sha256(content).digest(),
            enc_sha256=sha256,
        )

    def download(self, attachment: Attachment) -> bytes:
        """The file that a message speaks of, checked and decrypted.

        Raises:
            UnknownMedia: if it is not here.
            BrokenMedia: if it is not what the message promises.
        """
        file = self.find(MEDIA_HOST, attachment.direct_path.partition("?")[0])
        if file is None:
            raise UnknownMedia
        return open_sealed(file.read_bytes(), attachment)

    def put_picture(self, content: bytes) -> str:
        """Keep a profile picture; return its path and query on `PICTURE_HOST`."""
        name = hashlib.sha256(content).hexdigest()
        arriving = self.incoming()
        arriving.write_bytes(content)
        arriving.replace(self._folder / f"{name}.jpg")
        return f"/v/t61.24694-24/{name}.jpg?ccb=11-4"
