"""The journal of a device: what was said of its chats and is not settled yet.

    library ──▶ append ──▶ file ──▶ socket ──▶ server ──▶ database
                              ▲                              │
                              └────────── settle ◀───────────┘

WhatsApp hears of a message's arrival before we do, so from then on nobody else has it. The worker
writes each frame here before it writes it to its server, and says it again when it is opened anew.
That holds against every end of both processes; against a power cut it does not, since waiting for
the disk would cost more than all the rest (the system writes it out within seconds).

The file holds frames as they are on the socket. It stays small: when nothing is left it is cut to
nothing, and once enough of it is settled the rest moves to its front. Whoever says more than the
server can store has to wait, so that neither the file nor the server's memory fills up.
"""

import contextlib
import os
import threading
from collections import deque
from pathlib import Path
from typing import Final

from sololine.core.frames import BadFrame, FrameBuffer, encode

ROOM: Final = 2000
"""How many frames may wait; whoever brings one more waits until half of them are settled."""

_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Journal:
    """A device's journal. The device's lock must be held; its methods are for any thread."""

    def __init__(self, file: Path, room: int = ROOM) -> None:
        self._file = file
        self._room = room
        self._changed = threading.Condition()
        self._opened: int | None = None
        self._waiting: deque[int] = deque()
        """How long each frame is that is not settled, oldest first."""
        self._settled_bytes = 0
        self._settled = 0
        """What lies before them in the file: frames that are settled, and how long they are."""
        self._full = False
        self._lifted = False

    def restore(self) -> list[bytes]:
        """What an earlier worker left, oldest first; it counts as appended. Called once, first."""
        frames: list[bytes] = []
        # Neither what was being written at the end, nor what another version wrote, is a frame.
        with contextlib.suppress(FileNotFoundError, BadFrame):
            for frame in FrameBuffer().feed(self._file.read_bytes()):
                frames.append(encode(frame))  # noqa: PERF401 — those before a bad one count
        self._waiting.extend(map(len, frames))
        if self._file.exists():
            self._open()
        self._full = len(frames) >= self._room
        return frames

    def append(self, frame: bytes) -> None:
        """Keep a frame; while too many wait, this does too."""
        with self._changed:
            self._changed.wait_for(lambda: not self._full or self._lifted)
            self._waiting.append(self._write(frame))
            self._full = len(self._waiting) >= self._room

    def settle(self, count: int) -> None:
        """Drop the oldest `count` frames."""
        with self._changed:
            for _ in range(min(count, len(self._waiting))):
                self._settled_bytes += self._waiting.popleft()
                self._settled += 1
            if not self._waiting:
                self._cut(0)
                self._settled = self._settled_bytes = 0
            elif self._settled >= self._room // 2:
                self._compact()
            if self._full and len(self._waiting) <= self._room // 2:
                self._full = False
                self._changed.notify_all()

    def lift(self) -> None:
        """Let nobody wait any more: the link ends, and what has arrived must be kept."""
        with self._changed:
            self._lifted = True
            self._changed.notify_all()

    def _write(self, frame: bytes) -> int:
        """How many bytes were added: the frame's, or none when the disk does not take it."""
        opened = self._open()
        if opened is None:
            return 0
        end = os.lseek(opened, 0, os.SEEK_END)
        try:
            if os.write(opened, frame) == len(frame):
                return len(frame)
        except OSError:
            pass
        # A full disk costs the safety against a crash, but not the message.
        self._cut(end)
        return 0

    def _open(self) -> int | None:
        """The opened file, without what stands behind its last frame; None if it cannot be."""
        if self._opened is None:
            with contextlib.suppress(OSError):
                self._opened = os.open(self._file, _OPEN, 0o600)
            self._cut(self._settled_bytes + sum(self._waiting))
        return self._opened

    def _cut(self, end: int) -> None:
        if self._opened is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._opened, end)

    def _compact(self) -> None:
        """Put a new file without what is settled in the place of the old one, in one step."""
        if self._opened is None:
            return
        rest = os.pread(self._opened, sum(self._waiting), self._settled_bytes)
        draft = self._file.with_name(f"{self._file.name}-new")
        try:
            opened = os.open(draft, _OPEN | os.O_TRUNC, 0o600)
        except OSError:
            return
        try:
            view = memoryview(rest)
            while view:
                view = view[os.write(opened, view) :]
            draft.replace(self._file)
        except OSError:
            # The old one serves on; it only grows longer than it should.
            os.close(opened)
            draft.unlink(missing_ok=True)
            return
        os.close(self._opened)
        self._opened = opened
        self._settled = self._settled_bytes = 0
