"""The way from connect to connected, beside the bare engine on the same loopback WhatsApp."""

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.table import Figure, show
from tests.flow.emulator.engine import Engine
from tests.flow.house import Server, WhatsApp, until, whatsapp

LINKS = 10
STARTS = 3
ROUNDS = 20
AT_ONCE = 50
QUIET = {"SOLOLINE_LOG_LEVEL": "warning"}


async def main() -> None:
    """Measure and print; takes about a minute and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="sololine-bench-") as folder:
        async with whatsapp(Path(folder) / "whatsapp") as phones:
            starts, bare_starts = await _starts(phones, Path(folder))
            server = await Server(phones, Path(folder) / "data", QUIET).start()
            try:
                ours = [await _linked(server, f"+3461{no:07d}") for no in range(LINKS)]
                bare = [
                    await _bare(phones, Path(folder) / f"bare-{no}.sqlite3", f"+3462{no:07d}")
                    for no in range(LINKS)
                ]
                gone = [await _refused(server, f"+3461{no:07d}") for no in range(LINKS)]
                last, bare_last = await _at_once(server)
                pss = _worker_pss(server)
            finally:
                await server.stop()
    engine = "the engine alone"
    show(
        f"From connect to connected, {LINKS} times, on SQLite",
        [
            Figure(
                what="start to ready",
                unit="s",
                ours=starts,
                baseline=bare_starts,
                baseline_is="importing FastAPI, uvicorn, SQLAlchemy",
            ),
            Figure(
                what="connect to QR",
                unit="s",
                ours=[each.qr for each in ours],
                baseline=[each.qr for each in bare],
                baseline_is=engine,
            ),
            Figure(
                what="scan to connected",
                unit="s",
                ours=[each.connected for each in ours],
                baseline=[each.connected for each in bare],
                baseline_is=engine,
            ),
            Figure(what="scan refused to device gone from the phone", unit="s", ours=gone),
            Figure(
                what=f"{AT_ONCE} connects at once, the last answer",
                unit="s",
                ours=last,
                baseline=bare_last,
                baseline_is=f"{AT_ONCE} times /health/live at once",
            ),
            Figure(what="a linked worker's memory (PSS)", unit="MB", ours=pss),
        ],
    )


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one linking."""

    qr: float
    connected: float


async def _starts(phones: WhatsApp, folder: Path) -> tuple[list[float], list[float]]:
    ours, bare = [], []
    for no in range(STARTS):
        server = Server(phones, folder / f"start-{no}", QUIET)
        began = time.perf_counter()
        await server.start()
        ours.append(time.perf_counter() - began)
        await server.stop()
        began = time.perf_counter()
        imports = "import fastapi, uvicorn, sqlalchemy.ext.asyncio"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", imports)
        await process.wait()
        bare.append(time.perf_counter() - began)
    return ours, bare


async def _linked(server: Server, number: str) -> Times:
    bot = await server.bot()
    await server.whatsapp.phone(number)
    seen = await server.last()
    began = time.perf_counter()
    await server.connect(bot)
    qr = await server.qr(bot)
    shown = time.perf_counter()
    await server.whatsapp.scan(number, qr)
    await server.event("session.connected", bot, after=seen)
    return Times(shown - began, time.perf_counter() - shown)


async def _bare(phones: WhatsApp, database: Path, number: str) -> Times:
    emulator: Any = SimpleNamespace(
        port=phones.words["port"],
        ca_file=phones.words["caFile"],
        root_public=bytes.fromhex(phones.words["rootPublic"]),
    )
    await phones.phone(number)
    async with Engine(emulator, database) as engine:
        began = time.perf_counter()
        await engine.start()
        qr = await engine.qr()
        shown = time.perf_counter()
        await phones.scan(number, qr)
        await engine.event("Connected")
        return Times(shown - began, time.perf_counter() - shown)


async def _refused(server: Server, number: str) -> float:
    bot = await server.bot()
    await server.connect(bot)
    qr = await server.qr(bot)
    began = time.perf_counter()
    await server.whatsapp.scan(number, qr)

    async def alone() -> bool:
        return len(await server.whatsapp.devices(number)) == 1

    await until(alone, "the refused device leaves the phone's list")
    return time.perf_counter() - began


async def _at_once(server: Server) -> tuple[list[float], list[float]]:
    bots = [await server.bot() for _ in range(AT_ONCE)]
    ours, bare = [], []
    for no in range(ROUNDS):
        body = {"phoneNumber": f"+3463{no:07d}"}
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(server.answer("POST", f"/v1/whatsapp/connect/{bot}", body) for bot in bots)
        )
        ours.append(time.perf_counter() - began)
        (winner,) = [bot for bot, each in zip(bots, answers, strict=True) if each.is_success]
        await server.ask("POST", f"/v1/whatsapp/disconnect/{winner}")
        began = time.perf_counter()
        await asyncio.gather(*(server.answer("GET", "/health/live") for _ in bots))
        bare.append(time.perf_counter() - began)
    return ours, bare


def _worker_pss(server: Server) -> list[float]:
    """Megabytes of each worker, shared pages counted in proportion."""
    found = []
    parent = f"PPid:\t{server.process.pid}\n" if server.process else ""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if parent in status.read_text():
                rollup = (status.parent / "smaps_rollup").read_text()
                found += [
                    int(line.split()[1]) / 1024
                    for line in rollup.splitlines()
                    if line[:4] == "Pss:"
                ]
        except OSError:
            continue  # it ended meanwhile
    return found
