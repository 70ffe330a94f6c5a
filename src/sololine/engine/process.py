"""A worker as its server sees it: started, spoken to, heard and ended.

The worker's end shows as the end of its socket, which no other process holds. So nothing waits
for child processes: when the socket has ended, or the worker is unwanted, it is killed and
collected at once.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from sololine.core.frames import BadFrame, Frame, FrameBuffer, Order, Settled, encode
from sololine.engine.launch import WorkerLaunch

_PASSED_ON: Final = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
        *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
"""What a worker gets of the server's environment; the rest may hold the server's secrets."""

_ENGINE_ENVIRONMENT: Final[Mapping[str, str]] = {
    # Unset, the library marks every message as a business bot's.
    "NEONIZE_BOT_TAG": "off",
    # A link is idle most of its life: few threads and arenas are enough for it.
    "GOMAXPROCS": "2",
    "MALLOC_ARENA_MAX": "2",
    # Without it the library keeps what a large file took (200 MB after one of 60) for minutes.
    "GOMEMLIMIT": "64MiB",
}


class WorkerProcess:
    """A running worker. Its methods belong to the event loop that started it."""

    def __init__(self, process: "subprocess.Popen[bytes]", wire: "_Wire") -> None:
        self._process = process
        self._wire = wire

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def send(self, order: Order | Settled) -> None:
        """Write to the worker; one that is gone does not mind. Raises `FrameTooLong`."""
        self._wire.write(encode(order))

    async def end(self) -> int:
        """Kill the worker if it still runs, and collect it; its exit status, negative for a signal.

        The answer is -9 also when it would have ended by itself a moment later.
        """
        self._process.kill()
        self._wire.close()
        return await asyncio.to_thread(self._process.wait)


async def start_worker(
    launch: WorkerLaunch,
    data_dir: Path,
    *,
    on_frame: Callable[[Frame], None],
    on_end: Callable[[str], None],
) -> WorkerProcess:
    """Start a worker. Raises `OSError` when the system cannot.

    `on_frame` is called with each of its frames, in order; `on_end` once, after the last, with what
    was wrong, or "" when the worker's end of the socket simply ended.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = _spawn(launch, data_dir, theirs)
        except OSError:
            ours.close()
            raise
    wire = _Wire(on_frame, on_end)
    try:
        await asyncio.get_running_loop().create_connection(lambda: wire, sock=ours)
    except BaseException:  # cancelled in between: nobody else knows of the worker
        ours.close()
        process.kill()
        process.wait()
        raise
    return WorkerProcess(process, wire)


def _spawn(
    launch: WorkerLaunch, data_dir: Path, connection: socket.socket
) -> "subprocess.Popen[bytes]":
    number = connection.fileno()
    passed_on = {name: os.environ[name] for name in _PASSED_ON & os.environ.keys()}
    return subprocess.Popen(  # noqa: S603 — our own interpreter and module
        (
            *(sys.executable, "-m", launch.module, *launch.arguments),
            *("--socket", str(number), "--data", str(data_dir)),
        ),
        pass_fds=(number,),
        env={**passed_on, **_ENGINE_ENVIRONMENT, **launch.environment},
        # The library prints codes and numbers to both.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Out of the terminal's reach: Ctrl+C is for the server, which closes its links in order.
        start_new_session=True,
    )


class _Wire(asyncio.Protocol):
    """Our end of the socket."""

    def __init__(self, on_frame: Callable[[Frame], None], on_end: Callable[[str], None]) -> None:
        self._on_frame = on_frame
        self._on_end = on_end
        self._buffer = FrameBuffer()
        self._transport: asyncio.Transport | None = None
        self._wrong = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A socket's transport reads and writes; uvloop's do not say so by their class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._buffer.feed(data):
                self._on_frame(frame)
        except BadFrame:
            # Whatever comes after is unreadable: the end of the socket is the end of the link.
            self._wrong = "the worker and the server do not speak the same language"
            self.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._on_end(self._wrong)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
