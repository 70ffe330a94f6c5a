"""Keeps one server running for as long as this process's stdin stays open; run as a script.

    python keeper.py FAREWELL DIRECTORY COMMAND...

The first line on stdout is the server's process id. When stdin ends, the server gets the signal
FAREWELL (a number), and five seconds later the one that cannot be refused; DIRECTORY is removed.
When the server ends by itself, so does the keeper, and DIRECTORY stays for its log to be read.

Why a process between: stdin ends however the test run ends, by Ctrl+C, by a crash, by SIGKILL, so
no server outlives its tests. Only the standard library is used, to start fast.
"""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

GRACE_S = 5


def keep(farewell: int, directory: Path, command: list[str]) -> int:
    """Run `command` as the owner of `directory` until it or our stdin ends; its exit status."""
    # PostgreSQL refuses to be root, so tests that run as root hand it a directory of nobody's.
    uid = directory.stat().st_uid
    owner = uid if uid != os.geteuid() else None
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=owner,
            group=owner,
            extra_groups=None if owner is None else [],
        )
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    dismissed = threading.Event()

    def dismiss_when_stdin_ends() -> None:
        sys.stdin.buffer.read()
        dismissed.set()
        server.send_signal(farewell)
        with suppress(subprocess.TimeoutExpired):
            server.wait(GRACE_S)
        server.kill()

    # A daemon thread: when the server ends first, nobody waits for stdin.
    threading.Thread(target=dismiss_when_stdin_ends, daemon=True).start()
    status = server.wait()
    if dismissed.is_set():
        shutil.rmtree(directory, ignore_errors=True)
    return status


if __name__ == "__main__":
    # Not sys.exit: the interpreter's end would trip over the thread that still reads stdin.
    os._exit(keep(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]) & 0xFF)
