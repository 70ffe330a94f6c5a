"""Messages: how many are made durable, how soon they are told, how soon they leave.

Each figure stands beside a baseline that is measured in the same run: what the database alone, or
the engine alone, takes for the same on this machine now. Runs on SQLite, then on PostgreSQL.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn

from bench.durable import plain_inserts, recorded
from bench.table import Figure, show
from sololine.cli.logs import configure_logs
from sololine.emulator.phones import letters
from sololine.wire.jid import USER_SERVER, Jid
from tests.flow.bot import Bot
from tests.flow.emulator.engine import Engine
from tests.flow.house import Server, WhatsApp, until, whatsapp
from tests.flow.phone import Phone
from tests.servers import fresh_database, postgres_server

BOTS = 20
INBOUND = 3_000
TOLD = 500
TOLD_PER_S = 100
SENT = 60
QUIET = {
    "SOLOLINE_LOG_LEVEL": "warning",
    "SOLOLINE_SENDS_PER_MINUTE": "0",
    "SOLOLINE_ALLOW_PRIVATE_ADDRESSES": "true",
}


async def main() -> None:
    """Measure and print; takes some minutes and leaves nothing behind."""
    configure_logs("warning")
    with tempfile.TemporaryDirectory(prefix="sololine-bench-") as folder:
        await _on("SQLite", None, Path(folder))
    with (
        tempfile.TemporaryDirectory(prefix="sololine-bench-") as folder,
        postgres_server() as server,
        _database(server) as url,
    ):
        await _on("PostgreSQL", url, Path(folder))


@contextmanager
def _database(server: str) -> Iterator[str]:
    with fresh_database(server.replace("postgresql://", "postgresql+asyncpg://")) as url:
        yield url


async def _on(name: str, url: str | None, folder: Path) -> None:
    stored = await recorded(url or f"sqlite:///{folder / 'recorded.sqlite3'}")
    plain = await plain_inserts(url or f"sqlite:///{folder / 'plain.sqlite3'}")
    settings = {**QUIET, **({"SOLOLINE_DATABASE_URL": url} if url else {})}
    async with AsyncExitStack() as stack:
        phones = await stack.enter_async_context(whatsapp(folder / "whatsapp"))
        receiver = await stack.enter_async_context(_receiver())
        server = await Server(phones, folder / "data", settings).start()
        stack.push_async_callback(server.stop)
        bots = [await Bot.linked(server, f"+3465{no:07d}") for no in range(BOTS)]
        bare = await stack.enter_async_context(_bare(phones, folder / "bare.sqlite3"))
        through = await _inbound(bots)
        alone = await _inbound_bare(bare, phones)
        told = await _told(bots[0], receiver)
        asked, accepted = await _sent(bots[0])
        sent_bare = await _sent_bare(bare, phones)
    show(
        f"Messages, on {name}",
        [
            Figure(
                what="stored for good, from recorded signals",
                unit="/s",
                ours=stored,
                baseline=plain,
                baseline_is="the same rows, a transaction each, without Sololine",
            ),
            Figure(
                what=f"stored for good, phones to {BOTS} bots",
                unit="/s",
                ours=through,
                baseline=alone,
                baseline_is="received by one engine alone",
            ),
            Figure(what=f"event to webhook at {TOLD_PER_S}/s, p50", unit="ms", ours=[_p(told, 50)]),
            Figure(what=f"event to webhook at {TOLD_PER_S}/s, p99", unit="ms", ours=[_p(told, 99)]),
            Figure(
                what="answered 202 to at WhatsApp",
                unit="ms",
                ours=accepted,
                baseline=sent_bare,
                baseline_is=(alone_is := "the engine alone, call to at WhatsApp"),
            ),
            Figure(
                what="request to at WhatsApp",
                unit="ms",
                ours=asked,
                baseline=sent_bare,
                baseline_is=alone_is,
            ),
        ],
    )


def _p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


# ---------------------------------------------------------------------- from phones to rows


async def _inbound(bots: list[Bot]) -> list[float]:
    """Messages a second, from the first one written to the last one stored."""
    server = bots[0].server
    ana = await Phone(server.whatsapp, "+34660000001").own()
    for bot in bots:  # sessions are made before the clock runs
        await ana.say(bot.number, "hello")
    await _stored(server, bots, BOTS)
    began = time.perf_counter()
    await ana.flood([bot.number for bot in bots], INBOUND, "flood")
    await _stored(server, bots, BOTS + INBOUND)
    return [INBOUND / (time.perf_counter() - began)]


async def _stored(server: Server, bots: list[Bot], count: int) -> None:
    seen, place = 0, bots[0].after
    async with asyncio.timeout(300):
        while seen < count:
            asked = {"after": place, "type": "message.received", "wait": 5, "limit": 1000}
            page = await server.ask("GET", "/v1/events", params=asked)
            seen, place = seen + len(page["events"]), page["last"]


# ---------------------------------------------------------------------- from rows to webhooks


@dataclass(slots=True)
class _Receiver:
    """A webhook's receiver, which notes when it was told of what."""

    url: str
    arrived: dict[str, float]


@asynccontextmanager
async def _receiver() -> AsyncIterator[_Receiver]:
    arrived: dict[str, float] = {}

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        now, body, more = time.time(), b"", True
        while more:
            piece = await receive()
            body, more = body + piece.get("body", b""), piece.get("more_body", False)
        # Read afterwards: what the receiver does with it is not measured.
        arrived[body.decode()] = now
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="none")
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve())

    async def started() -> bool:
        return serving.started

    await until(started, "the receiver listens")
    port = serving.servers[0].sockets[0].getsockname()[1]
    yield _Receiver(f"http://127.0.0.1:{port}/", arrived)
    serving.should_exit = True
    await task


async def _told(bot: Bot, receiver: _Receiver) -> list[float]:
    """Milliseconds from each event to its arrival at the webhook."""
    wish = {"url": receiver.url, "types": ["message.received"]}
    hook = (await bot.server.ask("POST", "/v1/webhooks", wish))["webhook"]["id"]
    ana = Phone(bot.server.whatsapp, "+34660000001")
    await ana.flood([bot.number], TOLD, "told", rate=TOLD_PER_S)

    async def all_told() -> bool:
        return len(receiver.arrived) >= TOLD

    await until(all_told, "all webhooks", 60)
    await bot.server.ask("DELETE", f"/v1/webhooks/{hook}")
    took = []
    for body, arrived in receiver.arrived.items():
        at = datetime.fromisoformat(json.loads(body)["at"]).timestamp()
        took.append((arrived - at) * 1000)
    return took


# ---------------------------------------------------------------------- out


async def _sent(bot: Bot) -> tuple[list[float], list[float]]:
    """Milliseconds to the arrival at WhatsApp: from the request, and from the answer "accepted".

    One at a time, each when the one before is done with. The second may be negative: the line does
    not wait for the answer to be read.
    """
    ben = await Phone(bot.server.whatsapp, "+34660000002").own()
    await bot.say(ben.number, "hello")
    asked, accepted = [], []
    for no in range(SENT):
        arriving = _arriving(ben, f"out {no}")
        began = time.perf_counter()
        message = await bot.accepted(ben.number, text=f"out {no}")
        answered = time.perf_counter()
        arrived = await arriving
        asked.append((arrived - began) * 1000)
        accepted.append((arrived - answered) * 1000)
        await bot.until("delivered", message)
    return asked, accepted


def _arriving(phone: Phone, text: str) -> asyncio.Task[float]:
    """When the phone has a letter of this text. It waits already, so asking takes no time."""

    async def arrived() -> float:
        await phone.letter(lambda letter: letter.get("text") == text)
        return time.perf_counter()

    return asyncio.create_task(arrived())


# ---------------------------------------------------------------------- the engine alone


@asynccontextmanager
async def _bare(phones: WhatsApp, database: Path) -> AsyncIterator[Engine]:
    """An engine without Sololine, linked with a number of its own."""
    emulator: Any = SimpleNamespace(
        port=phones.words["port"],
        ca_file=phones.words["caFile"],
        root_public=bytes.fromhex(phones.words["rootPublic"]),
    )
    number = "34650009999"
    await phones.phone(number)
    async with Engine(emulator, database) as engine:
        await engine.start()
        await phones.scan(number, await engine.qr())
        await engine.event("Connected")
        yield engine


async def _inbound_bare(engine: Engine, phones: WhatsApp) -> list[float]:
    ana = Phone(phones, "+34660000001")
    await ana.say("34650009999", "hello")
    await engine.message("hello")
    before, began = len(engine.reports), time.perf_counter()
    await ana.flood(["34650009999"], INBOUND, "bare")
    await engine.message(f"bare {INBOUND - 1}", after=before)
    return [INBOUND / (time.perf_counter() - began)]


async def _sent_bare(engine: Engine, phones: WhatsApp) -> list[float]:
    cas = await Phone(phones, "+34660000003").own()
    to = Jid(cas.digits, USER_SERVER)
    await engine.send(to, letters.text("hello"))
    took = []
    for no in range(SENT):
        arriving = _arriving(cas, f"bare {no}")
        await asyncio.sleep(0.01)  # as long as the API's answer takes in the other figure
        seen = len(engine.reports)
        began = time.perf_counter()
        await engine.send(to, letters.text(f"bare {no}"))
        took.append((await arriving - began) * 1000)
        await engine.event("Receipt", after=seen)
    return took
