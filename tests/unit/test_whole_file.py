import os
import stat
from pathlib import Path

import pytest

from sololine.whole_file import whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    return tmp_path / "draft"


def test_a_file_has_its_name_once_it_is_whole(path: Path, draft: Path) -> None:
    path.write_bytes(b"before")
    with whole(path, draft) as file:
        file.write(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert not draft.exists()


def test_it_is_for_its_owner_alone(path: Path, draft: Path) -> None:
    before = os.umask(0)
    try:
        with whole(path, draft):
            assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_fails_leaves_nothing_and_changes_nothing(path: Path, draft: Path) -> None:
    path.write_bytes(b"before")

    def break_off() -> None:
        with whole(path, draft) as file:
            file.write(b"after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert path.read_bytes() == b"before"
    assert not draft.exists()


def test_a_draft_of_somebody_else_is_left_alone(path: Path, draft: Path) -> None:
    draft.write_bytes(b"theirs")
    with pytest.raises(FileExistsError), whole(path, draft):
        pass
    assert draft.read_bytes() == b"theirs"
