import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sololine.core.ids import DeviceId
from sololine.core.signals import Linked
from sololine.engine.credentials import Copied, Credentials
from sololine.engine.port import DeviceBusy, UnreadableCredentials

DEVICE = DeviceId("dev_1_1")
AT_ONCE = timedelta()
SOON = timedelta(seconds=10)


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    credentials = Credentials(tmp_path)
    credentials.make_folder()
    return credentials


def store(credentials: Credentials, *rows: tuple[str | None, str | None]) -> Path:
    path = credentials.file(DEVICE)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT, platform TEXT)")
        database.executemany("INSERT INTO whatsmeow_device VALUES (?, ?, 'android')", rows)
    return path


def test_the_folder_is_for_its_owner_only(credentials: Credentials) -> None:
    assert stat.S_IMODE(credentials.folder.stat().st_mode) == 0o700


def test_a_folder_left_open_is_closed(credentials: Credentials) -> None:
    credentials.folder.chmod(0o755)
    credentials.make_folder()
    assert stat.S_IMODE(credentials.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("device", ["", "..", "a/b", "a.b", "a?b", "a\n"])
def test_a_name_that_could_lead_elsewhere_is_refused(credentials: Credentials, device: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        credentials.file(DeviceId(device))


def test_it_says_whose_credentials_are_stored(credentials: Credentials) -> None:
    store(credentials, ("447441395830:37@s.whatsapp.net", "98765:37@lid"))
    assert credentials.stored(DEVICE) == Linked(
        jid="447441395830:37@s.whatsapp.net", lid="98765:37@lid", platform="android"
    )


def test_a_missing_lid_is_empty(credentials: Credentials) -> None:
    store(credentials, ("447441395830:37@s.whatsapp.net", None))
    stored = credentials.stored(DEVICE)
    assert stored is not None
    assert stored.lid == ""


def test_nothing_is_stored_where_there_is_no_file(credentials: Credentials) -> None:
    assert credentials.stored(DEVICE) is None
    assert not credentials.file(DEVICE).exists()


def test_nothing_is_stored_in_a_file_without_an_account(credentials: Credentials) -> None:
    store(credentials)
    assert credentials.stored(DEVICE) is None


def test_nothing_is_stored_in_a_file_without_tables(credentials: Credentials) -> None:
    credentials.file(DEVICE).touch()
    assert credentials.stored(DEVICE) is None


def test_a_file_that_is_something_else_is_not_taken_for_empty(credentials: Credentials) -> None:
    credentials.file(DEVICE).write_bytes(b"not a database" * 100)
    with pytest.raises(UnreadableCredentials):
        credentials.stored(DEVICE)


def aged(path: Path, by: timedelta) -> None:
    """Let a file have been written to so long ago."""
    path.touch()
    then = path.stat().st_mtime - by.total_seconds()
    os.utime(path, (then, then))


def test_a_device_is_idle_when_none_of_its_files_was_written_to(credentials: Credentials) -> None:
    day = timedelta(days=1)
    aged(store(credentials), 2 * day)
    other = credentials.file(DeviceId("dev_0"))
    aged(other, 2 * day)
    aged(other.with_suffix(".lock"), 2 * day)
    aged(credentials.folder / "dev_9.unsettled", 2 * day)
    aged(credentials.folder / "dev_8.sqlite3.bak", 2 * day)
    assert credentials.idle(day) == ["dev_0", DEVICE, "dev_9"]
    assert credentials.idle(3 * day) == []
    other.with_name(f"{other.name}-wal").touch()
    assert credentials.idle(day) == [DEVICE, "dev_9"]


def test_no_folder_holds_no_devices(tmp_path: Path) -> None:
    assert Credentials(tmp_path / "nowhere").idle(AT_ONCE) == []


def test_erasing_leaves_nothing_and_touches_no_other_device(credentials: Credentials) -> None:
    path = store(credentials)
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).touch()
    other = credentials.file(DeviceId("dev_1_10"))
    other.touch()
    with credentials.hold(DEVICE, AT_ONCE):
        credentials.erase(DEVICE)
    assert list(credentials.folder.iterdir()) == [other]


def test_erasing_what_is_not_there_is_fine(credentials: Credentials) -> None:
    credentials.erase(DEVICE)
    assert list(credentials.folder.iterdir()) == []


def test_a_held_device_is_refused_to_others(credentials: Credentials) -> None:
    with (
        credentials.hold(DEVICE, AT_ONCE),
        pytest.raises(DeviceBusy, match="dev_1_1"),
        credentials.hold(DEVICE, timedelta(milliseconds=50)),
    ):
        pass


def test_a_device_can_be_held_again_once_it_is_free(credentials: Credentials) -> None:
    for _ in range(2):
        with credentials.hold(DEVICE, AT_ONCE):
            assert credentials.file(DEVICE).with_suffix(".lock").exists()


def test_the_lock_of_a_killed_process_is_free(credentials: Credentials) -> None:
    """The waiting one gets it as soon as the holder is dead, without any cleaning up."""
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            (
                "import sys, time; from datetime import timedelta; from pathlib import Path\n"
                "from sololine.engine.credentials import Credentials\n"
                f"with Credentials(Path({str(credentials.folder.parent)!r}))"
                f".hold({DEVICE!r}, timedelta()):\n"
                "    print('held', flush=True); time.sleep(60)"
            ),
        ],
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DeviceBusy), credentials.hold(DEVICE, AT_ONCE):
            pass
        holder.kill()
        with credentials.hold(DEVICE, SOON):
            pass


def test_a_lock_on_a_deleted_file_counts_for_nothing(credentials: Credentials) -> None:
    """One opened the lock file, the holder deleted it: both must not believe to hold it."""
    path = credentials.file(DEVICE).with_suffix(".lock")
    with credentials.hold(DEVICE, AT_ONCE):
        stale = os.open(path, os.O_RDWR)
        credentials.erase(DEVICE)
    try:
        with credentials.hold(DEVICE, AT_ONCE):
            assert os.fstat(stale).st_ino != path.stat().st_ino
    finally:
        os.close(stale)


# --- copies


def rows(content: bytes) -> list[tuple[str]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content)
        return database.execute("SELECT jid FROM whatsmeow_device").fetchall()


def test_a_copy_at_rest_holds_the_credentials_and_the_journal(credentials: Credentials) -> None:
    store(credentials, ("a", None))
    credentials.journal(DEVICE).write_bytes(b"heard")
    copied = credentials.copy(DEVICE, AT_ONCE)
    assert copied is not None
    assert (rows(copied.database), copied.unsettled, copied.at_rest) == ([("a",)], b"heard", True)


def test_a_copy_of_what_is_in_use_is_whole_and_says_so(credentials: Credentials) -> None:
    """What the holder has not committed is not in it."""
    with (
        closing(sqlite3.connect(store(credentials, ("a", None)))) as holder,
        credentials.hold(DEVICE, AT_ONCE),
    ):
        holder.execute("INSERT INTO whatsmeow_device VALUES ('b', NULL, NULL)")
        copied = credentials.copy(DEVICE, AT_ONCE)
    assert copied is not None
    assert (rows(copied.database), copied.unsettled, copied.at_rest) == ([("a",)], b"", False)


def test_there_is_no_copy_of_what_is_not_there(credentials: Credentials) -> None:
    assert credentials.copy(DEVICE, AT_ONCE) is None
    assert list(credentials.folder.iterdir()) == []


def test_what_is_no_database_is_not_copied(credentials: Credentials) -> None:
    credentials.file(DEVICE).write_bytes(b"not a database" * 100)
    with pytest.raises(UnreadableCredentials, match=DEVICE):
        credentials.copy(DEVICE, AT_ONCE)


def test_a_placed_copy_is_all_that_is_left_of_the_device(credentials: Credentials) -> None:
    path = store(credentials, ("a", None))
    copied = credentials.copy(DEVICE, AT_ONCE)
    assert copied is not None
    path.write_bytes(b"what a crash left")
    for litter in ("dev_1_1.sqlite3-journal", "dev_1_1.unsettled", "dev_1_1.part"):
        (credentials.folder / litter).write_bytes(b"old")
    with credentials.hold(DEVICE, AT_ONCE):
        credentials.place(DEVICE, copied)
        assert credentials.stored(DEVICE) == Linked(jid="a", lid="", platform="android")
    left = {each.name for each in credentials.folder.iterdir()}
    assert left == {"dev_1_1.sqlite3", "dev_1_1.lock"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_placed_journal_is_there_before_the_credentials(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = []
    real = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        placed.append(target)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replaced)
    credentials.place(DEVICE, Copied(database=b"", unsettled=b"heard", at_rest=True))
    assert placed == [credentials.journal(DEVICE), credentials.file(DEVICE)]
    assert credentials.journal(DEVICE).read_bytes() == b"heard"
