"""A worker: a process that holds one link.

`python -m sololine.engine.worker --socket FD --data DIR` is started by `engine.process` with one
end of a socket pair, and speaks `core.frames` over it. It exists because the library cannot be
trusted with a server: its faults abort the process, and while it shows codes only killing it ends
it. The worker ends with its server: the socket's end tells it, and what it has received by then
and cannot tell any more, it leaves in the journal.

It has no event loop. Its main thread reads orders; the library's call has a thread, as has every
order while it is carried out; signals are written on the library's own threads, so that a slow
server slows the library down instead of filling the memory.
"""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from sololine.core.frames import (
    BadFrame,
    Call,
    Close,
    Done,
    Failed,
    Frame,
    FrameBuffer,
    LogOut,
    Open,
    RequestPairingCode,
    Returned,
    Said,
    Settled,
    encode,
)
from sololine.engine.credentials import Credentials
from sololine.engine.library import Library, library_file, load
from sololine.engine.media_folder import MediaFolder
from sololine.engine.worker_link import WorkerLink

_DRAIN_AT_MOST_S: Final = 3.0
"""Of what the library has received; the next worker waits for the lock a little longer."""
_READ_BYTES: Final = 1 << 16
_EXIT_BROKEN: Final = 70


class Worker:
    """The process's one link, and the socket to the server."""

    def __init__(self, connection: socket.socket, data_dir: Path) -> None:
        self._connection = connection
        self._credentials = Credentials(data_dir)
        self._media = MediaFolder(data_dir)
        self._writing = threading.Lock()
        self._link: WorkerLink | None = None

    def serve(self, get_library: Callable[[], Library]) -> NoReturn:
        """Carry out orders until the server is gone or the link has ended; never returns."""
        buffer = FrameBuffer()
        try:
            while data := self._connection.recv(_READ_BYTES):
                for frame in buffer.feed(data):
                    self._obey(frame, get_library)
        except (OSError, BadFrame):
            pass  # either way there is nobody left to work for
        if self._link is not None:
            # WhatsApp believes that we have what the library is still about to report.
            drained = _in_thread(self._link.drain)
            drained.join(_DRAIN_AT_MOST_S)
        os._exit(0)

    def _write(self, frame: bytes) -> None:
        """Write an encoded frame, if anybody is there to read it."""
        # Where nobody is, the reader of the orders sees to the end.
        with self._writing, contextlib.suppress(OSError):
            self._connection.sendall(frame)

    def _obey(self, frame: Frame, get_library: Callable[[], Library]) -> None:
        match frame:
            case Open() if self._link is None:
                self._link = WorkerLink(frame, self._credentials, self._media, self._write)
                _in_thread(self._link.run, get_library)
            case RequestPairingCode() if self._link is not None:
                _in_thread(self._link.request_pairing_code, frame)
            case LogOut() if self._link is not None:
                _in_thread(self._link.log_out, frame)
            case Close() if self._link is not None:
                _in_thread(self._link.close, frame)
            case Call() if self._link is not None:
                _in_thread(self._link.call, frame)
            case Settled():
                if self._link is not None:
                    self._link.settled(frame)
            case Open() | RequestPairingCode() | LogOut() | Close() | Call():
                refusal = Failed(device=frame.device, order=frame.order, detail="out of turn")
                self._write(encode(refusal))
            case Done() | Returned() | Failed() | Said():
                raise BadFrame("a worker takes orders only")


def main(arguments: list[str], get_library: Callable[[], Library]) -> NoReturn:
    """Serve on the socket that the arguments name; never returns."""
    # The library makes its files itself; nobody else may read them.
    os.umask(0o077)
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    connection = socket.socket(fileno=int(options["--socket"]))
    Worker(connection, Path(options["--data"])).serve(get_library)


def _in_thread(call: Callable[..., None], *arguments: object) -> threading.Thread:
    def run() -> None:
        try:
            call(*arguments)
        finally:
            # Only a mistake of ours comes here with an error, and then nobody would answer.
            if sys.exc_info()[0] is not None:
                os._exit(_EXIT_BROKEN)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    main(sys.argv[1:], lambda: load(library_file()))
