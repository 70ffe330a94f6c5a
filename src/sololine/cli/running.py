"""Running the service, for the commands that do; loads everything, so it is loaded late."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
import uvicorn
from fastapi import FastAPI

from sololine.assembly import OtherCredentials, assembled, keyring_of
from sololine.cli.output import fail, said_by, say
from sololine.cli.sandbox import Sandbox
from sololine.core.sentence import Sentence
from sololine.engine.launch import WorkerLaunch
from sololine.engine.loopback import loopback_launch
from sololine.settings import Settings

log = structlog.get_logger()

LEAVES_WITHIN_S: Final = 5.0
"""How long an ordered end may take."""
_SHUTDOWN_S: Final = 1
"""Of it, how long requests have that wait for something."""
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)
_FRAME_MAX: Final = 4096
"""Bytes of a WebSocket frame that a client may send: what it says is of no interest."""


@asynccontextmanager
async def _emulator(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Run the loopback WhatsApp beside us; it ends with us, however we end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sololine.emulator",
        "--folder",
        str(folder),
        "--with-parent",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 — pipes
    try:
        line = await process.stdout.readline()
        if not line:
            fail(Sentence("The loopback WhatsApp did not start; its message stands above."))
        yield json.loads(line)
    finally:
        process.stdin.close()
        await process.wait()


async def run(
    settings: Settings, launch: WorkerLaunch | None, announce: Callable[[str], None]
) -> None:
    """Serve until a signal ends it; `announce` hears the URL when requests are answered."""
    try:
        await _serve(settings, launch, announce)
    except (OtherCredentials, ValueError) as error:
        fail(said_by(error))


async def _serve(
    settings: Settings, launch: WorkerLaunch | None, announce: Callable[[str], None]
) -> None:
    async with assembled(settings, launch) as app:
        try:
            listening = socket.create_server((settings.host, settings.port))
        except OSError as error:
            fail(
                Sentence(
                    "Port {port} of {host} cannot be used: {reason}. Choose another one "
                    "with SOLOLINE_PORT.",
                    port=settings.port,
                    host=settings.host,
                    reason=error.strerror,
                )
            )
        host, bound = listening.getsockname()[:2]
        await _Server(_config(app), lambda: announce(f"http://{host}:{bound}")).serve([listening])


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        ws_max_size=_FRAME_MAX,
    )


class _Server(uvicorn.Server):
    """A uvicorn that says when it answers, and lets us end in good order.

    Its own way with signals is to raise them again once it has ended: that would end the process
    before the lines have given their leases back.
    """

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal for the order to end; a second one ends the process where it stands."""
        loop = asyncio.get_running_loop()
        for wanted in _ENDING:
            loop.add_signal_handler(wanted, self._end)
        try:
            yield
        finally:
            for wanted in _ENDING:
                loop.remove_signal_handler(wanted)
                signal.signal(wanted, signal.SIG_DFL)

    def _end(self) -> None:
        self.should_exit = True
        asyncio.get_running_loop().call_later(LEAVES_WITHIN_S, _leave)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()
        sys.stdout.flush()


def _leave() -> None:
    """End though something is still under way: the next start finds it, as after a crash."""
    log.warning("did not end in time")
    os._exit(1)


async def run_sandbox(settings: Settings) -> None:
    """Serve with a loopback WhatsApp beside us, until a signal ends it."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with _emulator(settings.data_dir / "whatsapp") as words:
        launch = loopback_launch(
            port=words["port"],
            ca_file=Path(words["caFile"]),
            root_public=bytes.fromhex(words["rootPublic"]),
        )
        key = keyring_of(settings).bootstrap

        def announce(url: str) -> None:
            control = f"http://127.0.0.1:{words['controlPort']}"
            Sandbox(api=url, key=key, control=control).save(settings.data_dir)
            say(_welcome(url, key))

        await run(settings, launch, announce)


def _welcome(url: str, key: str) -> Sentence:
    return Sentence(
        """\
Sololine's sandbox answers at {url}  (its pages: {url}/docs)
API key: {key}

Try it in another terminal, in this folder:
  python3 dev.py bot create Support             # prints the bot's id
  python3 dev.py bot connect BOT_ID             # opens the linking window
  python3 dev.py phone add +34600111222 && python3 dev.py phone scan +34600111222 --bot BOT_ID
  python3 dev.py phone add +34600333444 && python3 dev.py phone send +34600333444 BOT_ID "hola"
""",
        url=url,
        key=key,
    )
