"""The name of a process is its own as long as it lives, and free at once when it dies."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sololine.lines.process import process_slot

HOLDER = """
import sys
from pathlib import Path
from sololine.lines.process import process_slot

with process_slot(Path(sys.argv[1])) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that holds a slot until its stdin ends, and the name it has."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def test_processes_that_live_at_once_have_different_names(tmp_path: Path) -> None:
    with another_process(tmp_path) as (_, first), process_slot(tmp_path) as second:
        assert first == f"{socket.gethostname()}:0"
        assert second == f"{socket.gethostname()}:1"


def test_a_killed_processs_name_is_free_at_once(tmp_path: Path) -> None:
    with another_process(tmp_path) as (process, name):
        process.send_signal(signal.SIGKILL)
        process.wait()
        with process_slot(tmp_path) as next_name:
            assert next_name == name


def test_a_name_is_given_back_when_the_process_stops(tmp_path: Path) -> None:
    with process_slot(tmp_path) as first:
        pass
    with process_slot(tmp_path) as second:
        assert first == second


def test_a_name_is_given_back_by_a_process_that_fails(tmp_path: Path) -> None:
    with pytest.raises(LookupError), process_slot(tmp_path) as first:
        raise LookupError
    with process_slot(tmp_path) as second:
        assert first == second


def test_the_first_free_slot_is_taken(tmp_path: Path) -> None:
    with ExitStack() as held:
        first = ExitStack()
        names = [first.enter_context(process_slot(tmp_path))]
        names += [held.enter_context(process_slot(tmp_path)) for _ in range(2)]
        first.close()
        with process_slot(tmp_path) as name:
            assert name == names[0]
    assert len(set(names)) == 3


def test_other_data_folders_have_slots_of_their_own(tmp_path: Path) -> None:
    with process_slot(tmp_path / "a") as a, process_slot(tmp_path / "b") as b:
        assert a == b


def test_a_child_that_outlives_its_parent_does_not_keep_the_name(tmp_path: Path) -> None:
    """As a worker may, when the server is killed: the lock is not inherited."""
    with process_slot(tmp_path) as name:
        child = subprocess.Popen(["sleep", "60"])
    try:
        with process_slot(tmp_path) as again:
            assert again == name
    finally:
        child.kill()
        child.wait()


def test_the_slots_are_for_their_owners_eyes_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with process_slot(tmp_path / "data"):
            folder = tmp_path / "data" / "processes"
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "0.lock")]
    finally:
        os.umask(before)

    assert modes == [0o700, 0o600]
