"""Checks of the machine: Python, the engine's library, the port, open files, the way out."""

import asyncio
import platform
import resource
import socket
import subprocess
import sys
from typing import Any, Final

import httpx2

from sololine.cli.checks import Finding, failed, warning
from sololine.cli.output import Told, spoken
from sololine.core.sentence import Sentence
from sololine.engine.library import VERSION
from sololine.settings import Settings

_PYTHONS: Final = ((3, 11), (3, 14))
_LOADING_S: Final = 60
_ANSWER_S: Final = 5.0
_FILES: Final = 128
_FILES_A_SESSION: Final = 4
"""Of each session in the server: the worker's socket, and room for what is done for it."""
WHATSAPP: Final = "web.whatsapp.com"
# In a process of its own, as workers do: a process that has loaded the library must not fork, and
# one that it breaks does not break us.
_LOAD: Final = """
import sys
from sololine.engine.library import LibraryMissing, library_file, load
from sololine.languages import Language
try:
    load(library_file())
except LibraryMissing as missing:
    sys.exit(Language(sys.argv[1]).say(missing.sentence))
"""


def python() -> Finding:
    """Whether this Python is one that we run on."""
    says = Sentence(
        "Python {version} on {machine}",
        version=platform.python_version(),
        machine=platform.machine(),
    )
    if _PYTHONS[0] <= sys.version_info[:2] < _PYTHONS[1]:
        return Finding(check="python", says=says)
    return failed("python", says, Sentence("Use Python 3.11, 3.12 or 3.13."))


def engine() -> Finding:
    """Whether workers can load the engine's library."""
    command = [sys.executable, "-c", _LOAD, spoken()]
    try:
        done = subprocess.run(  # noqa: S603 — our own interpreter and words
            command, capture_output=True, text=True, check=False, timeout=_LOADING_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return failed(
            "engine",
            Sentence(
                "no process could load the engine's library ({error})", error=type(error).__name__
            ),
            Sentence("Look at the machine's memory, and at the limit of processes."),
        )
    if done.returncode == 0:
        says = Sentence("the engine's library loads, version {version}", version=VERSION)
        return Finding(check="engine", says=says)
    told = done.stderr.strip().splitlines()
    return failed(
        "engine",
        Told(told[-1])
        if done.returncode == 1 and told
        else Sentence("the engine's library breaks its process"),
        Sentence(
            "Install sololine with the dependencies that it names, on Linux with glibc 2.34 or "
            "newer."
        ),
    )


def port(settings: Settings) -> Finding:
    """Whether the port is free, or Sololine's already."""
    if settings.port == 0:
        says = Sentence("the system chooses a free port at the start")
        return Finding(check="port", says=says)
    where = Sentence("port {port} of {host}", port=settings.port, host=settings.host)
    try:
        socket.create_server((settings.host, settings.port)).close()
    except OSError as error:
        served = _served(settings)
        if served is not None:
            return served
        return failed(
            "port",
            Sentence("{where} cannot be used: {reason}", where=where, reason=error.strerror),
            Sentence("End what listens there, or choose another one with SOLOLINE_PORT."),
        )
    return Finding(check="port", says=Sentence("{where} is free", where=where))


def _served(settings: Settings) -> Finding | None:
    """What the Sololine that has the port says of itself; None when it is something else."""
    anywhere = settings.host in {"0.0.0.0", "::"}  # noqa: S104 — compared, not listened on
    host = "127.0.0.1" if anywhere else settings.host
    host = f"[{host}]" if ":" in host else host
    try:
        ready = httpx2.get(f"http://{host}:{settings.port}/health/ready", timeout=_ANSWER_S)
        said: Any = ready.json()
        parts = {name: part["status"] for name, part in said["parts"].items()}
        parts["store"]
    except (httpx2.HTTPError, ValueError, TypeError, KeyError, AttributeError):
        return None
    ill = [name for name, status in parts.items() if status != "ok"]
    if not ill:
        says = Sentence(
            "Sololine answers at port {port}, and is {status}",
            port=settings.port,
            status=said["status"],
        )
        return Finding(check="port", says=says)
    return warning(
        "port",
        Sentence(
            "Sololine answers at port {port}, and is {status}: {parts}",
            port=settings.port,
            status=said["status"],
            parts=", ".join(ill),
        ),
        Sentence("GET /health/ready says why."),
    )


def open_files(sessions: int) -> Finding:
    """Whether so many sessions may be online at once."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _FILES + _FILES_A_SESSION * sessions
    says = Sentence(
        "{limit} files may be open, and {sessions} sessions need about {needed}",
        limit=limit,
        sessions=sessions,
        needed=needed,
    )
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return Finding(check="open files", says=says)
    return failed(
        "open files",
        says,
        Sentence("Raise the limit: LimitNOFILE={limit} in a systemd unit.", limit=2 * needed),
    )


async def whatsapp(host: str = WHATSAPP, number: int = 443) -> Finding:
    """Whether WhatsApp can be reached; only that a connection can be opened, nothing is said."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(host, number, ssl=True)
    except (OSError, TimeoutError) as error:
        return failed(
            "whatsapp",
            Sentence("{host} cannot be reached ({error})", host=host, error=type(error).__name__),
            Sentence("Look at the network, DNS and firewall: bots need TCP port 443."),
        )
    writer.close()
    return Finding(check="whatsapp", says=Sentence("{host} can be reached", host=host))
