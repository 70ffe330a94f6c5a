"""How many messages become durable in a second when the engine costs nothing.

recorded signals ──▶ the scripted engine's port ──▶ real lines ──▶ real store
"""

import asyncio
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from sololine.actions import bots, sessions
from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.clock import SystemClock
from sololine.core.access import Caller
from sololine.core.ids import DEFAULT_TENANT, BotId, ProcessId
from sololine.core.session import State
from sololine.emulator.phones import letters
from sololine.lines.manners import Manners
from sololine.lines.switchboard import Switchboard
from sololine.store.migrate import migrate
from sololine.store.store import Store
from tests.fakes.engine import ScriptedEngine, ScriptedWhatsApp
from tests.flow.house import until

BOTS = 20
MESSAGES = 10_000
PEOPLE = 50
AT_ONCE = 100
PLAIN = 500
CALLER = Caller(tenant=DEFAULT_TENANT)
_TEXT = "Good morning, is the blue one still there? I could come on Friday."


async def recorded(url: str) -> list[float]:
    """Messages a second that a process stores, over 20 bots."""
    await migrate(url)
    store, whatsapp = await Store.open(url, SystemClock()), ScriptedWhatsApp()
    try:
        await store.run(lambda tx: tx.tenants.ensure(DEFAULT_TENANT))
        gateway = Gateway(store=store, bus=(bus := MemoryBus()))
        board = Switchboard(
            ProcessId("bench:0"),
            store=store,
            bus=bus,
            engine=ScriptedEngine(whatsapp),
            manners=Manners(),
        )
        async with board.running():
            made = [await _linked(gateway, whatsapp, no) for no in range(BOTS)]
            devices = [await _device(store, bot) for bot in made]
            message = letters.text(_TEXT).SerializeToString()
            before = await _last(store)
            began = time.perf_counter()
            for no in range(MESSAGES):
                sender = f"3467{no % PEOPLE:07d}@s.whatsapp.net"
                whatsapp.receive(devices[no % BOTS], message, sender)
                if no % AT_ONCE == 0:
                    await asyncio.sleep(0)

            async def all_stored() -> bool:
                return await _last(store) >= before + MESSAGES

            await until(all_stored, "all messages stored", 120)
            return [MESSAGES / (time.perf_counter() - began)]
    finally:
        await store.close()


async def _linked(gateway: Gateway, whatsapp: ScriptedWhatsApp, no: int) -> BotId:
    bot = (await bots.create(gateway, CALLER, user=None, name=f"Bot {no}")).bot.id
    await sessions.connect(gateway, CALLER, bot, user=None)
    code, _ = await sessions.code(gateway, CALLER, bot, user=None, wait_s=10)
    whatsapp.scan(code.text, f"3465{no:07d}")

    async def connected() -> bool:
        async with gateway.store.read() as tx:
            session = await tx.sessions.get(bot)
        return session is not None and session.state is State.CONNECTED

    await until(connected, "the bot is connected")
    return bot


async def _device(store: Store, bot: BotId) -> str:
    async with store.read() as tx:
        session = await tx.sessions.get(bot)
    if session is None or session.device is None:
        raise RuntimeError("a bot that is connected has a device")
    return session.device.id


async def _last(store: Store) -> int:
    async with store.read() as tx:
        return await tx.events.last(DEFAULT_TENANT)


async def plain_inserts(url: str) -> list[float]:
    """Messages a second that the database's own driver stores: two rows and a counter each."""
    began = time.perf_counter()
    if url.startswith("sqlite"):
        await asyncio.to_thread(_plain_sqlite, Path(urlsplit(url).path[1:]))
    else:
        await _plain_postgres(urlunsplit(urlsplit(url)._replace(scheme="postgresql")))
    return [PLAIN / (time.perf_counter() - began)]


_SCHEMA = (
    "CREATE TABLE plain_counter (seq BIGINT)",
    "INSERT INTO plain_counter VALUES (0)",
    "CREATE TABLE plain_messages (id TEXT PRIMARY KEY, seq BIGINT, body TEXT, at BIGINT)",
    "CREATE TABLE plain_events (seq BIGINT PRIMARY KEY, message TEXT, at BIGINT)",
)
_COUNT = "UPDATE plain_counter SET seq = seq + 1"


def _plain_sqlite(file: Path) -> None:
    database = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        database.execute(f"PRAGMA {pragma}")
    for statement in _SCHEMA:
        database.execute(statement)
    for no in range(PLAIN):
        at = int(datetime.now(UTC).timestamp() * 1000)
        database.execute("BEGIN IMMEDIATE")
        database.execute(_COUNT)
        database.execute(
            "INSERT INTO plain_messages VALUES (?, ?, ?, ?)", (f"m{no}", no, _TEXT, at)
        )
        database.execute("INSERT INTO plain_events VALUES (?, ?, ?)", (no, f"m{no}", at))
        database.execute("COMMIT")
    database.close()


async def _plain_postgres(url: str) -> None:
    database = await asyncpg.connect(url)
    for statement in _SCHEMA:
        await database.execute(statement)
    for no in range(PLAIN):
        at = int(datetime.now(UTC).timestamp() * 1000)
        async with database.transaction():
            await database.execute(_COUNT)
            await database.execute(
                "INSERT INTO plain_messages VALUES ($1, $2, $3, $4)", f"m{no}", no, _TEXT, at
            )
            await database.execute("INSERT INTO plain_events VALUES ($1, $2, $3)", no, f"m{no}", at)
    for table in ("counter", "messages", "events"):
        await database.execute(f"DROP TABLE plain_{table}")
    await database.close()
