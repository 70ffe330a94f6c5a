from pathlib import Path

import pytest

from sololine.engine.media_folder import MediaFolder


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    (tmp_path / "media").mkdir()
    return MediaFolder(tmp_path)


@pytest.mark.parametrize("name", ["med_0a", ".med_0a.1f2e.part"])
def test_files_in_the_folder_have_a_name(folder: MediaFolder, tmp_path: Path, name: str) -> None:
    assert folder.name_of(tmp_path / "media" / name) == name


@pytest.mark.parametrize("path", ["x", "media/sub/x", "media/..", "media/a b", "media/-x", "/x"])
def test_nothing_else_has(folder: MediaFolder, tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="folder for media"):
        folder.name_of(tmp_path / path)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", ".", "", "a/b", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(folder: MediaFolder, name: str) -> None:
    with pytest.raises(ValueError, match="folder for media"):
        folder.read(name)
    with pytest.raises(ValueError, match="folder for media"):
        folder.make(name, lambda write: bool(write(memoryview(b"x"))))


def test_a_link_that_leads_elsewhere_is_not_followed(folder: MediaFolder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    (tmp_path / "media" / "med_1").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        folder.read("med_1")


def test_what_is_made_can_be_read(folder: MediaFolder) -> None:
    assert folder.make("med_1", lambda write: bool(write(memoryview(b"a file"))))
    assert folder.read("med_1") == b"a file"


def test_what_was_not_finished_leaves_nothing(folder: MediaFolder, tmp_path: Path) -> None:
    def fail(_write: object) -> bool:
        raise OSError("no space left on device")

    assert not folder.make("med_1", lambda write: not write(memoryview(b"half")))
    with pytest.raises(OSError, match="no space"):
        folder.make("med_2", fail)
    assert list((tmp_path / "media").iterdir()) == []


def test_a_file_that_exists_is_left_alone(folder: MediaFolder, tmp_path: Path) -> None:
    (tmp_path / "media" / "med_1").write_text("mine")
    with pytest.raises(FileExistsError):
        folder.make("med_1", lambda write: bool(write(memoryview(b"yours"))))
    assert (tmp_path / "media" / "med_1").read_text() == "mine"
