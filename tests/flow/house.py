"""The whole house for flow tests: a loopback WhatsApp, and servers that start, die and start again.

Everything is real: the command-line server, its workers with the real engine, the emulator.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

KEY = "test-key-of-the-default-tenant"
PATIENCE_S = 30.0


class PhoneRefused(Exception):
    """The loopback WhatsApp refused what a phone or a test wanted."""


@dataclass(slots=True)
class WhatsApp:
    """The loopback WhatsApp, and its phones."""

    words: Mapping[str, Any]
    control: httpx2.AsyncClient

    async def phone(self, number: str) -> None:
        await self.ask("POST", "/phones", {"number": number.lstrip("+")})

    async def scan(self, number: str, qr: str) -> Any:
        return await self.ask("POST", f"/phones/{number.lstrip('+')}/scan", {"qr": qr})

    async def enter_code(self, number: str, code: str) -> Any:
        return await self.ask("POST", f"/phones/{number.lstrip('+')}/code", {"code": code})

    async def devices(self, number: str) -> list[dict[str, Any]]:
        return (await self.ask("GET", f"/phones/{number.lstrip('+')}/devices"))["devices"]

    async def unlink(self, number: str, device: int) -> None:
        await self.ask("DELETE", f"/phones/{number.lstrip('+')}/devices/{device}")

    async def fault(self, **words: Any) -> None:
        await self.ask("POST", "/faults", words)

    async def clear_faults(self) -> None:
        await self.ask("DELETE", "/faults")

    async def unknown(self) -> list[str]:
        return (await self.ask("GET", "/health"))["unknown"]

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Use the control interface: `sololine.emulator.control.app` and its neighbours list it."""
        content = await self.content(method, path, body, **query)
        return json.loads(content) if content else None

    async def content(self, method: str, path: str, body: Any = None, **query: Any) -> bytes:
        """As `ask`, for what is no JSON."""
        answer = await self.control.request(method, path, json=body, params=query)
        if not answer.is_success:
            raise PhoneRefused(answer.status_code, answer.text)
        return answer.content


@asynccontextmanager
async def whatsapp(folder: Path) -> AsyncIterator[WhatsApp]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sololine.emulator", "--folder", str(folder), "--with-parent"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        words = json.loads(await process.stdout.readline())
        base = f"http://127.0.0.1:{words['controlPort']}"
        async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE_S) as control:
            yield WhatsApp(words, control)
    finally:
        process.stdin.close()
        await process.wait()


@dataclass(slots=True)
class Server:
    """A server process that can be killed and started again on the same data."""

    whatsapp: WhatsApp
    data_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    api: httpx2.AsyncClient | None = None
    guests: list["Server"] = field(default_factory=list)
    """The same server, as other tenants see it."""

    async def start(self, *, die_at: int | None = None) -> "Server":
        words = self.whatsapp.words
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.flow.server", str(words["port"]), words["caFile"], words["rootPublic"]),
            *((str(die_at), str(self.count_file)) if die_at is not None else ()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "SOLOLINE_PORT": "0",
                "SOLOLINE_DATA_DIR": str(self.data_dir),
                "SOLOLINE_API_KEY": KEY,
                **self.settings,
            },
        )
        assert self.process.stdout is not None
        url = (await self.process.stdout.readline()).decode().strip()
        assert url, "the server did not start; its output stands above"
        self.api = self.client(url, KEY)
        return self

    @staticmethod
    def client(url: str, key: str) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_connections=100)
        return httpx2.AsyncClient(
            base_url=url, headers={"x-api-key": key}, timeout=PATIENCE_S, limits=limits
        )

    @property
    def count_file(self) -> Path:
        """Where a server that is to die counts its moments."""
        return self.data_dir / "moments"

    async def kill(self) -> None:
        """End the process as a power cut would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """End the process as an operator would; returns its exit code."""
        return await self._end(signal.SIGTERM)

    async def died(self) -> None:
        """Wait until the process ended by itself."""
        assert self.process is not None
        async with asyncio.timeout(PATIENCE_S):
            await self.process.wait()
        await self._close()

    async def _end(self, how: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(how)
        code = await process.wait()
        await self._close()
        return code

    async def _close(self) -> None:
        if self.api is not None:
            await self.api.aclose()
            self.api = None
        for guest in self.guests:
            await guest._close()
        self.guests.clear()

    # ------------------------------------------------------------------ what users do

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = await self.answer(method, path, body, **options)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json()

    async def answer(
        self, method: str, path: str, body: Any = None, **options: Any
    ) -> httpx2.Response:
        assert self.api is not None
        return await self.api.request(method, path, json=body, **options)

    async def bot(self, name: str = "Support", user: str | None = None) -> str:
        body = {"name": name, **({"userId": user} if user else {})}
        return (await self.ask("POST", "/v1/bots/create", body))["bot"]["id"]

    async def connect(self, bot: str, **body: Any) -> Any:
        return await self.ask("POST", f"/v1/whatsapp/connect/{bot}", body)

    async def qr(self, bot: str) -> str:
        shown = await self.ask("GET", f"/v1/whatsapp/qr/{bot}", params={"wait": 20})
        return shown["qr"] or shown["pairingCode"]

    async def session(self, bot: str) -> dict[str, Any]:
        bots = []
        for user in ("default", "ana", "ben"):
            bots += (await self.ask("GET", f"/v1/bots/{user}"))["bots"]
        (found,) = [each for each in bots if each["id"] == bot]
        return found

    async def last(self) -> int:
        seen = 0
        while True:
            page = await self.ask("GET", "/v1/events", params={"after": seen, "limit": 1000})
            if page["last"] == seen:
                return seen
            seen = page["last"]

    async def event(
        self, type_: str, bot: str, *, after: int = 0, patience_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """The first event of a type about a bot; waits for it."""
        async with asyncio.timeout(patience_s):
            while True:
                asked = {"after": after, "botId": bot, "wait": 5}
                page = await self.ask("GET", "/v1/events", params=asked)
                for event in page["events"]:
                    if event["type"] == type_:
                        return event
                after = page["last"]

    async def link(self, bot: str, number: str, **body: Any) -> None:
        """Connect a bot and have a phone scan its QR, to the end."""
        seen = await self.last()
        await self.connect(bot, **body)
        await self.whatsapp.phone(number)
        await self.whatsapp.scan(number, await self.qr(bot))
        await self.event("session.connected", bot, after=seen)


async def other_tenant(server: Server, tenant: str) -> Server:
    """The same server, as a key of another tenant sees it."""
    assert server.api is not None
    key = await command(server, "keys", "create", "--tenant", tenant)
    seen = Server(server.whatsapp, server.data_dir, server.settings)
    seen.api = server.client(str(server.api.base_url), key)
    server.guests.append(seen)
    return seen


async def revoke_keys(server: Server, tenant: str) -> None:
    """Make all keys of a tenant void, as an operator does."""
    for line in (await command(server, "keys", "list", "--tenant", tenant)).splitlines():
        await command(server, "keys", "revoke", line.split()[0], "--tenant", tenant)


async def command(server: Server, *words: str, may_fail: bool = False) -> str:
    """What the command line says, on the server's data."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from sololine.cli import main; main()", *words),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "SOLOLINE_DATA_DIR": str(server.data_dir), **server.settings},
    )
    out, _ = await process.communicate()
    assert may_fail or process.returncode == 0
    return out.decode().strip()


async def until(look: Any, what: str, patience_s: float = PATIENCE_S) -> Any:
    """The first true answer of `look`, asked again and again for a bounded time."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while asyncio.get_running_loop().time() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not in time: {what}")
