"""`python -m sololine.emulator`: the emulator and its control interface, a process of their own."""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import uvicorn

from sololine import event_loop
from sololine.emulator.control.app import control_app
from sololine.emulator.server import Emulator


def main() -> None:
    """Run until told to end by SIGTERM or SIGINT, or by the end of stdin with --with-parent."""
    parser = argparse.ArgumentParser(prog="python -m sololine.emulator", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="keeps keys and linked devices")
    parser.add_argument("--port", type=int, default=0, help="where clients connect; 0: a free one")
    parser.add_argument("--control-port", type=int, default=0, help="0: a free one")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    parser.add_argument("--log-level", default="warning", help="debug, info, warning, error")
    options = parser.parse_args()
    logging.basicConfig(level=options.log_level.upper(), stream=sys.stderr)
    event_loop.run(_run(options))


async def _run(options: argparse.Namespace) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, done.set)
    async with Emulator(options.folder, port=options.port) as emulator:
        control = socket.create_server(("127.0.0.1", options.control_port))
        server = _Control(
            uvicorn.Config(
                control_app(emulator),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[control]))
        if options.with_parent:
            await loop.connect_read_pipe(lambda: _EndOfStdin(done), sys.stdin)
        words = {
            "port": emulator.port,
            "controlPort": control.getsockname()[1],
            "rootPublic": emulator.root_public.hex(),
            "caFile": str(emulator.ca_file.resolve()),
        }
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
        await done.wait()
        server.should_exit = True
        await serving


class _Control(uvicorn.Server):
    """A uvicorn that leaves the signals to its host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class _EndOfStdin(asyncio.Protocol):
    """Sets the event when stdin ends, as it does when the parent dies, however that happens."""

    def __init__(self, done: asyncio.Event) -> None:
        self._done = done

    def eof_received(self) -> None:
        self._done.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._done.set()


if __name__ == "__main__":
    main()
