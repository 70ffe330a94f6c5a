"""A backup as a file: a tar archive, sealed with a passphrase.

    credentials/dev_….unsettled     what was heard and not stored yet, if anything
    credentials/dev_….sqlite3       the credentials
    backup.json                     what it all is

The first two stand there for each linked bot. What it all is comes last, since it also says how
copying went.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from sololine.core.backup import CONTENTS, Backup
from sololine.core.coding import BadCoding
from sololine.core.ids import DeviceId
from sololine.core.sentence import Sentence
from sololine.engine.credentials import Copied
from sololine.sealed_file import Opened, SealedFileError, opened, sealed

_CONTENTS: Final = "backup.json"
_FOLDER: Final = "credentials/"
_DATABASE: Final = ".sqlite3"
_UNSETTLED: Final = ".unsettled"
_DRAIN: Final = 2**20


class OtherContents(SealedFileError):
    """The file is whole, and holds something that this version does not know."""

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "another version of Sololine made this backup, and this one cannot read it; upgrade"
            )
        )


class ArchiveWriter:
    """Takes what is to be in a backup: the credentials first, then what it all is."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, device: DeviceId, copied: Copied) -> None:
        """Put a device's credentials in."""
        if copied.unsettled:
            self._put(f"{_FOLDER}{device}{_UNSETTLED}", copied.unsettled)
        self._put(f"{_FOLDER}{device}{_DATABASE}", copied.database)

    def finish(self, backup: Backup) -> None:
        """Say what it all is."""
        self._put(_CONTENTS, json.dumps(CONTENTS.to_json(backup)).encode())

    def _put(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        entry.mode = 0o600
        self._tar.addfile(entry, io.BytesIO(content))


class ArchiveReader:
    """A backup that was read to its end, so that all of it is known to be whole.

    Attributes:
        contents: what it is.
    """

    def __init__(self, file: Opened) -> None:
        self._file = file
        contents: Backup | None = None
        for name, content in self._entries():
            if name == _CONTENTS:
                contents = _contents(content)
        if contents is None:
            raise OtherContents
        self.contents = contents

    def credentials(self) -> Iterator[tuple[DeviceId, bytes, bytes]]:
        """The devices, each with its credentials and its journal."""
        unsettled: dict[str, bytes] = {}
        for name, content in self._entries():
            device = name.removeprefix(_FOLDER).rpartition(".")[0]
            if name.endswith(_UNSETTLED):
                unsettled[device] = content
            elif name.endswith(_DATABASE):
                yield DeviceId(device), content, unsettled.pop(device, b"")

    def _entries(self) -> Iterator[tuple[str, bytes]]:
        self._file.rewind()
        try:
            with tarfile.open(fileobj=cast("BinaryIO", self._file), mode="r|") as tar:
                for entry in tar:
                    content = tar.extractfile(entry)
                    if content is not None:
                        yield entry.name, content.read()
        except tarfile.TarError as error:
            raise OtherContents from error
        # What stands behind the archive is nothing, but only its end shows that nothing is missing.
        while self._file.read(_DRAIN):
            continue


@contextmanager
def written(path: Path, passphrase: str) -> Iterator[ArchiveWriter]:
    """Write a backup; it is there whole, or not at all."""
    # A stream of tar is only ever written to, or read from.
    with (
        sealed(path, passphrase) as file,
        tarfile.open(fileobj=cast("BinaryIO", file), mode="w|") as tar,
    ):
        yield ArchiveWriter(tar)


@contextmanager
def read(path: Path, passphrase: str) -> Iterator[ArchiveReader]:
    """Read a backup. Raises one of the kinds of `SealedFileError`, before anything is given."""
    with opened(path, passphrase) as file:
        yield ArchiveReader(file)


def _contents(content: bytes) -> Backup:
    try:
        contents: Backup = CONTENTS.from_json(json.loads(content))
    except (ValueError, BadCoding) as error:
        raise OtherContents from error
    return contents
