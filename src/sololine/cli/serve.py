"""`sololine serve` and `sololine sandbox`."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from fastapi import FastAPI

from sololine.assembly import assembled, keyring_of
from sololine.cli.logs import configure_logs
from sololine.cli.output import fail
from sololine.cli.sandbox import SANDBOX_DIR, Sandbox
from sololine.engine.launch import WorkerLaunch
from sololine.engine.loopback import available, loopback_launch
from sololine.settings import Settings

_SHUTDOWN_S = 3


def serve(
    port: Annotated[int | None, typer.Option(help="Port of the API (SOLOLINE_PORT).")] = None,
) -> None:
    """Run the service against the real WhatsApp."""
    settings = _settings(port)
    configure_logs(settings.log_level)

    def announce(url: str) -> None:
        key = "in SOLOLINE_API_KEY" if settings.api_key else f"in {settings.data_dir / 'api-key'}"
        typer.echo(f"Sololine answers at {url}  (its pages: {url}/docs)")
        typer.echo(f"API key of the tenant 'default': {key}")

    asyncio.run(run(settings, None, announce))


def sandbox(
    port: Annotated[int | None, typer.Option(help="Port of the API (SOLOLINE_PORT).")] = None,
) -> None:
    """Run the service with a WhatsApp of its own on this machine: no phone, no account needed."""
    reason = available()
    if reason is not None:
        fail(f"The sandbox cannot run here: {reason}.")
    if "SOLOLINE_DATA_DIR" not in os.environ:
        os.environ["SOLOLINE_DATA_DIR"] = SANDBOX_DIR
    settings = _settings(port)
    configure_logs(settings.log_level)
    asyncio.run(_sandbox(settings))


async def _sandbox(settings: Settings) -> None:
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
            typer.echo(_WELCOME.format(url=url, key=key))

        await run(settings, launch, announce)


_WELCOME = """\
Sololine's sandbox answers at {url}  (its pages: {url}/docs)
API key: {key}

Try it in another terminal, in this folder:
  python3 dev.py bot create Support             # prints the bot's id
  python3 dev.py bot connect BOT_ID             # opens the linking window
  python3 dev.py phone add +34600111222 && python3 dev.py phone scan +34600111222 --bot BOT_ID
"""


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
            fail("The loopback WhatsApp did not start; its message stands above.")
        yield json.loads(line)
    finally:
        process.stdin.close()
        await process.wait()


async def run(
    settings: Settings, launch: WorkerLaunch | None, announce: Callable[[str], None]
) -> None:
    """Serve until a signal ends it; `announce` hears the URL when requests are answered."""
    async with assembled(settings, launch) as app:
        try:
            listening = socket.create_server((settings.host, settings.port))
        except OSError as error:
            fail(
                f"Port {settings.port} of {settings.host} cannot be used: {error.strerror}. "
                "Choose another one with SOLOLINE_PORT."
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
    )


class _Server(uvicorn.Server):
    """A uvicorn that says when it answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()
        sys.stdout.flush()


def _settings(port: int | None) -> Settings:
    return Settings() if port is None else Settings(port=port)
