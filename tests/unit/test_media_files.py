import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from sololine.core.ids import MediaId
from sololine.media_files import MediaFiles

CAT = MediaId("med_" + "0c" * 12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "media"


@pytest.fixture
def files(folder: Path) -> MediaFiles:
    return MediaFiles(folder)


def test_a_file_has_its_name_only_when_it_is_whole(files: MediaFiles, folder: Path) -> None:
    draft = files.new(CAT)
    draft.write_bytes(b"mew")
    before = files.exists(CAT)

    kept = files.keep(draft, CAT)

    assert (before, files.exists(CAT)) == (False, True)
    assert kept == files.path(CAT) == folder / CAT
    assert kept.read_bytes() == b"mew"
    assert [each.name for each in folder.iterdir()] == [CAT]


def test_two_who_write_the_same_file_do_not_meet(files: MediaFiles) -> None:
    first, second = files.new(CAT), files.new(CAT)
    first.write_bytes(b"mew")
    second.write_bytes(b"mew")

    files.keep(first, CAT)
    files.keep(second, CAT)

    assert first != second
    assert files.path(CAT).read_bytes() == b"mew"


def test_files_are_for_their_owner_alone(files: MediaFiles, folder: Path) -> None:
    draft = files.new(CAT)
    draft.write_bytes(b"mew")

    kept = files.keep(draft, CAT)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_file_is_deleted_once_or_twice(files: MediaFiles) -> None:
    draft = files.new(CAT)
    draft.write_bytes(b"mew")
    files.keep(draft, CAT)

    files.delete(CAT)
    files.delete(CAT)

    assert not files.exists(CAT)


@pytest.mark.parametrize(
    "name",
    ["", "..", "../api-key", "/etc/passwd", "med_", CAT + "/x", CAT + "\n", CAT[:-1], "x" + CAT],
)
def test_nothing_but_an_id_names_a_file(files: MediaFiles, folder: Path, name: str) -> None:
    for ask in (files.path, files.new, files.exists, files.delete):
        with pytest.raises(ValueError, match="id of a medium"):
            ask(MediaId(name))

    assert not folder.exists()


DAY = timedelta(days=1)


def test_files_and_drafts_are_idle_when_nobody_wrote_to_them_for_so_long(
    files: MediaFiles, folder: Path
) -> None:
    assert files.idle(DAY) == ([], [])
    old, young = files.new(CAT), files.new(CAT)
    for each in (old, young, folder / CAT, folder / "notes.txt"):
        each.touch()
    assert files.idle(DAY) == ([], [])
    for each in (old, folder / CAT, folder / "notes.txt"):
        os.utime(each, (0, 0))
    assert files.idle(DAY) == ([CAT], [old])
