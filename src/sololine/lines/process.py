"""The process's own name, which no other living process has.

A name is a numbered slot of the data folder, held by a file lock. The operating system frees the
lock when the process dies, however it dies: whoever holds a slot knows that its last holder is
gone, and may take over the leases in its name at once instead of waiting for them to expire.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sololine.core.ids import ProcessId


@contextmanager
def process_slot(data_dir: Path) -> Iterator[ProcessId]:
    """Hold the first free slot of the data folder while the context lasts."""
    folder = data_dir / "processes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for slot in count():
        lock = os.open(folder / f"{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            yield ProcessId(f"{socket.gethostname()}:{slot}")
        finally:
            os.close(lock)
        return
