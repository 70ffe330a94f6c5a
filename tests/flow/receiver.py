"""A webhook receiver in a process of its own, which can be killed and comes back on its port.

    POST /NAME ──▶ signature checked ──▶ line in the file NAME.accepted ──▶ 204

What it accepted stands in a file before it answers, so its end loses nothing it has answered for.
How a name answers is told by files beside: NAME.secret, and NAME.conduct if it is not to accept.
Every request, accepted or not, is a line in NAME.tries.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.flow.house import PATIENCE_S, until


@dataclass(slots=True)
class Receiver:
    """The process, as tests order it."""

    folder: Path
    port: int = 0
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> "Receiver":
        """Start, or start again on the same port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.flow.receiver", str(self.folder), str(self.port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.port = int(await self.process.stdout.readline())
        return self

    async def kill(self) -> None:
        """End it as a power cut would."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    def hook(self, name: str) -> "Hook":
        return Hook(self, name)


@dataclass(slots=True)
class Hook:
    """One address of a receiver."""

    receiver: Receiver
    name: str
    id: str = field(default="", init=False)
    """The webhook's id, once it was made."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/{self.name}"

    async def made(self, server: Any, **wishes: Any) -> "Hook":
        """Ask a server for a webhook that leads here, and learn its secret."""
        answer = await server.ask("POST", "/v1/webhooks", {"url": self.url, **wishes})
        self.id = answer["webhook"]["id"]
        self.trust(answer["webhook"]["secret"])
        return self

    def trust(self, secret: str) -> None:
        """Accept what is signed with this secret, and nothing else."""
        self._file("secret").write_text(secret)

    def behave(self, status: int = 204, *, location: str = "", seconds: float = 0.0) -> None:
        """Answer like this from now on; 2xx accepts. `seconds` passes before the answer."""
        conduct = {"status": status, "location": location, "seconds": seconds}
        self._file("conduct").write_text(json.dumps(conduct))

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """What was accepted, in order: `id` (of the delivery) and `event`."""
        return self._lines("accepted")

    @property
    def tries(self) -> list[dict[str, Any]]:
        """Every request: `id` and the `status` that it was answered with."""
        return self._lines("tries")

    async def until(self, fits: Any, what: str, patience_s: float = PATIENCE_S) -> Any:
        """What was accepted, once `fits` says so of it."""

        async def look() -> list[dict[str, Any]] | None:
            accepted = self.accepted
            return accepted if fits(accepted) else None

        return await until(look, what, patience_s)

    async def tried(self, count: int) -> None:
        """Wait until there were that many requests."""

        async def look() -> bool:
            return len(self.tries) >= count

        await until(look, f"{count} requests at {self.name}")

    async def event(self, fits: Any) -> dict[str, Any]:
        """The first event that was accepted and fits; waits for it."""

        async def look() -> dict[str, Any] | None:
            return next((each["event"] for each in self.accepted if fits(each["event"])), None)

        return await until(look, f"an event at {self.name}")

    def _file(self, kind: str) -> Path:
        return self.receiver.folder / f"{self.name}.{kind}"

    def _lines(self, kind: str) -> list[dict[str, Any]]:
        file = self._file(kind)
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text().splitlines()]


# -------------------------------------------------------------------------------- the process


async def serve(folder: Path, port: int) -> None:
    """Serve until our end of stdin closes."""
    # Imported here, since only the process needs them.
    import uvicorn  # noqa: PLC0415
    from standardwebhooks import Webhook, WebhookVerificationError  # noqa: PLC0415

    files: dict[Path, int] = {}

    def note(name: str, kind: str, line: dict[str, Any]) -> None:
        file = folder / f"{name}.{kind}"
        if file not in files:
            files[file] = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.write(files[file], json.dumps(line, ensure_ascii=False).encode() + b"\n")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        name, body, more = scope["path"].strip("/"), b"", True
        while more:
            piece = await receive()
            body += piece.get("body", b"")
            more = piece.get("more_body", False)
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        conduct_file, secret = folder / f"{name}.conduct", folder / f"{name}.secret"
        conduct = {"status": 204, "location": "", "seconds": 0}
        if conduct_file.exists():
            conduct = json.loads(conduct_file.read_text())
        status, delivery = conduct["status"], headers.get("webhook-id", "")
        try:
            event = Webhook(secret.read_text()).verify(body, headers)
        except (WebhookVerificationError, OSError):
            status = 401
        if 200 <= status < 300:
            note(name, "accepted", {"id": delivery, "event": event})
        note(name, "tries", {"id": delivery, "status": status})
        await asyncio.sleep(conduct["seconds"])
        told = [(b"location", conduct["location"].encode())] if conduct["location"] else []
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="error", lifespan="off", ws="none"
    )
    config.load()
    listening = config.bind_socket()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()

    def follow_parent() -> None:
        if not os.read(0, 1024):
            os._exit(0)

    asyncio.get_running_loop().add_reader(0, follow_parent)
    await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
