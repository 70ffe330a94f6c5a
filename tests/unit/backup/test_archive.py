"""A backup on disk: what goes in comes out, and nothing comes out before all of it is whole."""

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from sololine.backup import archive
from sololine.backup.archive import ArchiveReader, OtherContents
from sololine.core.backup import CONTENTS, Backup
from sololine.core.ids import DeviceId
from sololine.engine.credentials import Copied
from sololine.sealed_file import Damaged, WrongPassphrase, sealed
from tests.unit.backup.conftest import PASSPHRASE
from tests.unit.scenes import NOON

NOTHING = Backup(taken_at=NOON, bots=())
ONE, OTHER = DeviceId("dev_a_1_1"), DeviceId("dev_b_1_1")
KEYS = b"the keys" * 20_000


def write(file: Path) -> None:
    with archive.written(file, PASSPHRASE) as writer:
        writer.add(ONE, Copied(database=KEYS, unsettled=b"heard", at_rest=True))
        writer.add(OTHER, Copied(database=b"", at_rest=True))
        writer.finish(NOTHING)


def test_what_goes_in_comes_out(file: Path, reading: Callable[[], ArchiveReader]) -> None:
    write(file)
    found = reading()
    assert found.contents == NOTHING
    for _ in range(2):
        assert list(found.credentials()) == [(ONE, KEYS, b"heard"), (OTHER, b"", b"")]


def test_nothing_of_it_is_on_the_disk_in_plain_text(file: Path) -> None:
    write(file)
    assert [each.name for each in file.parent.iterdir() if each.is_file()] == [file.name]
    content = file.read_bytes()
    assert b"the keys" not in content
    assert b"dev_a" not in content


def test_with_another_passphrase_nothing_comes_out(file: Path) -> None:
    write(file)
    with pytest.raises(WrongPassphrase), archive.read(file, "another one"):
        pass


def test_a_fault_at_its_very_end_is_noticed_before_anything_comes_out(file: Path) -> None:
    write(file)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(Damaged), archive.read(file, PASSPHRASE):
        pass


def test_a_backup_that_breaks_off_leaves_no_file(file: Path) -> None:
    def break_off() -> None:
        with archive.written(file, PASSPHRASE) as writer:
            writer.add(ONE, Copied(database=KEYS, at_rest=True))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert [each for each in file.parent.iterdir() if each.is_file()] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("backup.json", b'{"contents": "something_else"}'),
        ("backup.json", b"no json"),
        ("other.json", b"{}"),
    ],
)
def test_what_another_version_wrote_is_said_to_be_that(
    file: Path, name: str, content: bytes
) -> None:
    with (
        sealed(file, PASSPHRASE, cost=1) as out,
        tarfile.open(fileobj=cast("BinaryIO", out), mode="w|") as tar,
    ):
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, BytesIO(content))
    with pytest.raises(OtherContents, match="another version"), archive.read(file, PASSPHRASE):
        pass


def test_what_is_no_archive_at_all_is_said_to_be_another_versions(file: Path) -> None:
    with sealed(file, PASSPHRASE, cost=1) as out:
        out.write(b"x" * 2000)
    with pytest.raises(OtherContents), archive.read(file, PASSPHRASE):
        pass


def test_what_stands_behind_the_archive_is_looked_at_too(file: Path) -> None:
    """An archive tells its own end, and nobody who reads it needs the rest of the file."""
    content = json.dumps(CONTENTS.to_json(NOTHING)).encode()
    with sealed(file, PASSPHRASE, cost=1) as out:
        with tarfile.open(fileobj=cast("BinaryIO", out), mode="w|") as tar:
            entry = tarfile.TarInfo("backup.json")
            entry.size = len(content)
            tar.addfile(entry, BytesIO(content))
        out.write(bytes(200_000))
    with archive.read(file, PASSPHRASE) as found:
        assert found.contents == NOTHING
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    with pytest.raises(Damaged), archive.read(file, PASSPHRASE):
        pass
