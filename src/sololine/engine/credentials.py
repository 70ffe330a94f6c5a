"""Credentials on disk: one SQLite file for each device, in a folder of its own.

    <data_dir>/credentials/dev_….sqlite3     the library's own tables; keys in plain text
    <data_dir>/credentials/dev_….lock        held as long as a process may touch the files
    <data_dir>/credentials/dev_….unsettled   what was said and is not stored yet: `engine.journal`

Two processes on one file would log in with the same keys and throw each other out for ever, and
neither the library nor WhatsApp prevents it. So whoever opens, reads or deletes a device's file
holds its lock; the system frees it however the holder dies. Only copying does without (`copy`): it
must be possible while the holder works. Everything here blocks.
"""

import contextlib
import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from sololine.core.ids import DeviceId
from sololine.core.sentence import Sentence
from sololine.core.signals import Linked
from sololine.engine.errors import DeviceBusy, UnreadableCredentials
from sololine.whole_file import whole

LOCK_PATIENCE: Final = timedelta(seconds=5)
"""How long to wait for a device's lock: a worker that held it before may be dying, which takes it
3 s at most."""

_DEVICE: Final = re.compile(r"[A-Za-z0-9_]+")
_SUFFIX: Final = ".sqlite3"
_JOURNAL_SUFFIX: Final = ".unsettled"
_DRAFT_SUFFIX: Final = ".part"
_OWN: Final = re.compile(
    rf"({_DEVICE.pattern})\.(?:sqlite3(?:-wal|-shm|-journal)?|lock|part|unsettled(?:-new)?)"
)
"""What `erase` deletes; its first group is the device."""
_LOOK_AGAIN_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A device's files, as they were at one moment.

    Attributes:
        database: the file of the credentials.
        unsettled: the journal of what was heard and is not stored yet; empty when there is none.
        at_rest: whether nobody held the device meanwhile. If somebody did, the keys have moved on.
    """

    database: bytes = field(repr=False)
    unsettled: bytes = field(default=b"", repr=False)
    at_rest: bool


class Credentials:
    """The folder of device files. Made when first written to, for its owner's eyes only."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "credentials"

    def file(self, device: DeviceId) -> Path:
        """Where the device's credentials are, or will be."""
        if _DEVICE.fullmatch(device) is None:
            raise ValueError("a device id holds only letters, digits and _")
        return self.folder / f"{device}{_SUFFIX}"

    def journal(self, device: DeviceId) -> Path:
        """Where the device's journal is, or will be."""
        return self.file(device).with_suffix(_JOURNAL_SUFFIX)

    def make_folder(self) -> None:
        """Make the folder if need be, closed to others."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def idle(self, for_: timedelta) -> list[DeviceId]:
        """The devices none of whose files was written to for so long, by their names.

        Whatever is left of a device counts, be it a lock alone.
        """
        until = time.time() - for_.total_seconds()
        touched: dict[str, float] = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                if (own := _OWN.fullmatch(entry.name)) is not None:
                    with contextlib.suppress(FileNotFoundError):  # somebody was faster
                        last = max(touched.get(own[1], 0), entry.stat().st_mtime)
                        touched[own[1]] = last
        return sorted(DeviceId(name) for name, last in touched.items() if last <= until)

    @contextlib.contextmanager
    def hold(self, device: DeviceId, patience: timedelta) -> Iterator[None]:
        """Hold the device's lock. Raises `DeviceBusy` when another holds it for `patience`."""
        path = self.file(device).with_suffix(".lock")
        self.make_folder()
        until = time.monotonic() + patience.total_seconds()
        while (held := _try_lock(path)) is None:
            if time.monotonic() >= until:
                raise DeviceBusy(f"another process holds the credentials of {device}")
            time.sleep(_LOOK_AGAIN_S)
        try:
            yield
        finally:
            os.close(held)

    def stored(self, device: DeviceId) -> Linked | None:
        """Whose credentials they are, or None when there are none. The lock must be held.

        Raises `UnreadableCredentials`.
        """
        path = self.file(device)
        if not path.exists():
            return None
        try:
            # Writable, since a killed worker may have left a journal to be rolled back.
            with contextlib.closing(sqlite3.connect(path)) as database:
                row = database.execute(
                    "SELECT jid, lid, platform FROM whatsmeow_device ORDER BY rowid DESC LIMIT 1"
                ).fetchone()
        except sqlite3.DatabaseError as error:
            if "no such table" in str(error):
                return None  # the worker died before it had made its tables
            raise _unreadable(device) from error
        if row is None or not row[0]:
            return None
        return Linked(jid=row[0], lid=row[1] or "", platform=row[2] or "")

    def exists(self, device: DeviceId) -> bool:
        """Whether there is a file of the device."""
        return self.file(device).exists()

    def copy(self, device: DeviceId, patience: timedelta) -> Copied | None:
        """Copy a device's files, whether or not somebody works with them; None without a file.

        The lock is waited for as long as `patience`. Without it, the copy is whole all the same, as
        the database lets a reader in between two writes; but it is of a past moment.

        Raises `UnreadableCredentials`.
        """
        if not self.exists(device):
            return None
        try:
            with self.hold(device, patience):
                return self._copied(device, at_rest=True)
        except DeviceBusy:
            return self._copied(device, at_rest=False)

    def _copied(self, device: DeviceId, *, at_rest: bool) -> Copied | None:
        if not self.exists(device):
            return None
        try:
            journal = self.journal(device).read_bytes()
        except FileNotFoundError:
            journal = b""
        try:
            # Not read-only: a killed worker may have left a journal to be rolled back.
            with (
                contextlib.closing(sqlite3.connect(self.file(device))) as database,
                contextlib.closing(sqlite3.connect(":memory:")) as copy,
            ):
                database.backup(copy)
                content = copy.serialize()
        except sqlite3.DatabaseError as error:
            raise _unreadable(device) from error
        return Copied(database=content, unsettled=journal, at_rest=at_rest)

    def place(self, device: DeviceId, copied: Copied) -> None:
        """Put copied files where a worker will look for them. The lock must be held.

        What was there of the device before is gone. The credentials come last, and in one step: a
        crash leaves none of them, or all.
        """
        self.make_folder()
        self._clear(device)
        if copied.unsettled:
            self._put(device, self.journal(device), copied.unsettled)
        self._put(device, self.file(device), copied.database)

    def _put(self, device: DeviceId, path: Path, content: bytes) -> None:
        with whole(path, self.file(device).with_suffix(_DRAFT_SUFFIX)) as file:
            file.write(content)

    def erase(self, device: DeviceId) -> None:
        """Delete the credentials and what belongs to them. The lock must be held.

        The lock file goes last and while held, so a waiting process finds it gone and starts anew.
        """
        self._clear(device)
        self.file(device).with_suffix(".lock").unlink(missing_ok=True)

    def _clear(self, device: DeviceId) -> None:
        path = self.file(device)
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        journal = self.journal(device)
        for each in (journal, journal.with_name(f"{journal.name}-new")):
            each.unlink(missing_ok=True)
        path.with_suffix(_DRAFT_SUFFIX).unlink(missing_ok=True)


def _try_lock(path: Path) -> int | None:
    """An open, locked file, or None. Its lock ends when it is closed or the process ends."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The one who held it may have deleted it: then ours is a lock on nothing.
        if os.fstat(opened).st_ino == path.stat().st_ino:
            return opened
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(opened)
    return None


def _unreadable(device: DeviceId) -> UnreadableCredentials:
    return UnreadableCredentials(
        Sentence("the credentials of {device} are unreadable", device=device)
    )
