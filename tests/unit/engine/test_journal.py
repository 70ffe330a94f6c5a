import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sololine.core.frames import Frame, FrameBuffer, Said, encode
from sololine.core.ids import DeviceId
from sololine.core.signals import Received, Where
from sololine.engine.journal import Journal

DEADLINE_S = 10.0
WHERE = Where(chat="5511900000001@s.whatsapp.net", sender="5511900000001@s.whatsapp.net")


def frame(number: int) -> bytes:
    message = Received(id=str(number), where=WHERE, at_s=1_700_000_000, message=b"x" * 100)
    return encode(Said(device=DeviceId("dev_1"), signal=message))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dev_1.unsettled"


def kept(file: Path) -> list[str]:
    """The ids in the file, as the next worker would find them."""
    return [identity(each) for each in FrameBuffer().feed(file.read_bytes())]


def identity(frame: Frame) -> str:
    assert isinstance(frame, Said)
    assert isinstance(frame.signal, Received)
    return frame.signal.id


def filled(file: Path, count: int, room: int = 100) -> Journal:
    journal = Journal(file, room)
    journal.restore()
    for number in range(count):
        journal.append(frame(number))
    return journal


def waits(call: Callable[[], None]) -> threading.Thread:
    """The call in a thread, which must not have come back by itself."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    return thread


def test_a_new_journal_is_no_file_until_something_is_said(file: Path) -> None:
    assert Journal(file).restore() == []
    assert not file.exists()


def test_what_is_said_is_found_by_the_next_worker(file: Path) -> None:
    filled(file, 3)
    assert Journal(file).restore() == [frame(0), frame(1), frame(2)]


def test_it_is_for_its_owner_only(file: Path) -> None:
    filled(file, 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_settled_is_not_said_again_once_nothing_is_left(file: Path) -> None:
    journal = filled(file, 3)
    journal.settle(2)
    journal.settle(1)
    assert file.stat().st_size == 0
    journal.append(frame(3))
    assert kept(file) == ["3"]


def test_what_an_earlier_worker_left_can_be_settled_too(file: Path) -> None:
    filled(file, 3)
    journal = Journal(file)
    journal.restore()
    journal.append(frame(3))
    journal.settle(4)
    assert kept(file) == []


def test_more_settled_than_said_is_no_harm(file: Path) -> None:
    journal = filled(file, 1)
    journal.settle(5)
    journal.append(frame(1))
    journal.settle(1)
    assert kept(file) == []


def test_the_file_does_not_grow_with_all_that_was_ever_said(file: Path) -> None:
    journal = filled(file, 1, room=10)
    for number in range(1, 1000):
        journal.append(frame(number))
        journal.settle(1)
    assert kept(file)[-1] == "999"
    assert file.stat().st_size < 10 * len(frame(999))
    journal.settle(1)
    assert kept(file) == []


@pytest.mark.parametrize("left", [1, 4, 60])
def test_a_frame_that_was_being_written_does_not_spoil_the_others(file: Path, left: int) -> None:
    filled(file, 2)
    file.write_bytes(file.read_bytes() + frame(2)[:left])
    journal = Journal(file)
    assert journal.restore() == [frame(0), frame(1)]
    journal.append(frame(3))
    assert kept(file) == ["0", "1", "3"]


def test_what_another_version_wrote_is_passed_over(file: Path) -> None:
    filled(file, 1)
    other = b'{"v":2}'
    file.write_bytes(file.read_bytes() + len(other).to_bytes(4, "big") + other)
    assert Journal(file).restore() == [frame(0)]


def test_whoever_says_too_much_waits_until_half_is_settled(file: Path) -> None:
    journal = filled(file, 10, room=10)
    waiting = waits(lambda: journal.append(frame(10)))
    journal.settle(4)
    waiting.join(0.1)
    assert waiting.is_alive()
    journal.settle(1)
    waiting.join(DEADLINE_S)
    assert kept(file) == [str(number) for number in range(5, 11)]


def test_at_the_end_nobody_waits(file: Path) -> None:
    journal = filled(file, 10, room=10)
    waiting = waits(lambda: journal.append(frame(10)))
    journal.lift()
    waiting.join(DEADLINE_S)
    journal.append(frame(11))
    assert kept(file)[-2:] == ["10", "11"]


def test_what_an_earlier_worker_left_takes_its_room(file: Path) -> None:
    filled(file, 10)
    journal = Journal(file, room=10)
    journal.restore()
    waits(lambda: journal.append(frame(10)))
    journal.lift()


def test_a_full_disk_loses_the_safety_but_not_the_order(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = filled(file, 1)
    write = os.write

    def full(opened: int, data: bytes) -> int:
        write(opened, data[:7])
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        journal.append(frame(1))
    journal.append(frame(2))
    assert kept(file) == ["0", "2"]
    journal.settle(2)
    assert kept(file)[-1] == "2"
    journal.settle(1)
    assert kept(file) == []


def test_a_folder_that_cannot_be_written_loses_the_safety_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gone" / "dev_1.unsettled")
    assert journal.restore() == []
    journal.append(frame(0))
    journal.settle(1)


def test_a_file_that_cannot_be_renewed_serves_on(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = filled(file, 10, room=10)
    journal.lift()
    file.with_name(f"{file.name}-new").mkdir()
    monkeypatch.setattr(Path, "unlink", lambda *_args, **_kwargs: None)
    journal.settle(6)
    journal.append(frame(10))
    assert kept(file)[-1] == "10"
    journal.settle(5)
    assert kept(file) == []


def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_opened: int, _data: bytes) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "write", full)


def test_a_file_that_could_not_be_renewed_is_renewed_when_there_is_room_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = filled(file, 10, room=10)
    journal.lift()
    with monkeypatch.context() as patched:
        unwritable(patched)
        journal.settle(6)
    for number in range(10, 20):
        journal.append(frame(number))
    journal.settle(5)
    assert kept(file) == [str(number) for number in range(11, 20)]
    journal.append(frame(20))
    journal.settle(9)
    assert kept(file)[-1] == "20"


def test_a_full_disk_takes_no_open_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(file, 10, room=10)
    opened = len(list(Path("/dev/fd").iterdir()))
    unwritable(monkeypatch)
    for _ in range(5):
        journal.settle(1)
    assert len(list(Path("/dev/fd").iterdir())) == opened
    assert list(file.parent.iterdir()) == [file]


def test_what_was_left_outlives_a_restart_on_a_full_disk(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(file, 3)
    file.write_bytes(file.read_bytes() + frame(3)[:7])
    journal = Journal(file)
    with monkeypatch.context() as patched:
        unwritable(patched)
        assert len(journal.restore()) == 3
    assert kept(file) == ["0", "1", "2"]
    journal.settle(1)
    journal.append(frame(4))
    assert kept(file)[-3:] == ["1", "2", "4"]
