import multiprocessing
import os
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from sololine.secret_file import kept


def never() -> str:
    raise AssertionError("nothing is to be made")


def test_a_secret_is_made_once_and_then_kept(tmp_path: Path) -> None:
    file = tmp_path / "secret"

    assert kept(file, lambda: "made") == "made"
    assert kept(file, never) == "made"
    assert list(tmp_path.iterdir()) == [file]


def test_a_secret_and_its_folder_are_for_their_owners_eyes_only(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret"
    before = os.umask(0)
    try:
        kept(file, lambda: "made")
    finally:
        os.umask(before)

    assert [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)] == [0o700, 0o600]


def test_a_secret_that_was_written_by_hand_is_read_without_the_line_end(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" by hand\n")

    assert kept(file, never) == "by hand"


def test_an_empty_file_is_no_secret(tmp_path: Path) -> None:
    """A power cut may leave one, and an operator; to go on without a secret would be worse."""
    file = tmp_path / "secret"
    file.write_text("\n")

    with pytest.raises(ValueError, match=r"secret is empty; restore it from a backup"):
        kept(file, never)


def _keep(file: Path, barrier: Barrier, word: str) -> str:
    def make() -> str:
        barrier.wait(timeout=30)  # both have found no file
        return word

    return kept(file, make)


def _tell(file: Path, barrier: Barrier, word: str, told: "multiprocessing.Queue[str]") -> None:
    told.put(_keep(file, barrier, word))


def test_two_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    barrier, told = spawning.Barrier(2), spawning.Queue()
    file = tmp_path / "secret"
    processes = [
        spawning.Process(target=_tell, args=(file, barrier, word, told)) for word in ("a", "b")
    ]
    for process in processes:
        process.start()
    answers = [told.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()

    assert answers == [file.read_text()] * 2
    assert list(tmp_path.iterdir()) == [file], "no draft is left"


def test_what_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        kept(tmp_path / "secret", never)

    assert list(tmp_path.iterdir()) == []
