"""A process of the simulated installation: its own store, bus and engine, and a switchboard.

    Process ─┬─ Way ───────────▶ one database
             ├─ LossyBus ──────▶ one audience
             └─ MortalEngine ──▶ one WhatsApp

It dies by being cut off: whatever its tasks still try reaches nothing, as if they were gone.
"""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sololine.actions.gateway import Gateway
from sololine.bus import Notice
from sololine.bus.audience import Audience
from sololine.core.claim import Policy
from sololine.core.ids import DeviceId, ProcessId
from sololine.core.lease import RENEWED_EVERY
from sololine.core.signals import Linked
from sololine.engine.port import Deliver
from sololine.lines.switchboard import SWEEP_EVERY_S, Switchboard
from sololine.store.columns import Row
from sololine.store.database import Begun, Connections, Database
from sololine.store.errors import DatabaseError
from sololine.store.statements import Statements
from sololine.store.store import Store
from tests.fakes.engine import ScriptedEngine, ScriptedLink, ScriptedWhatsApp
from tests.simulation.fast_loop import FastLoop, Poll

RUNS: ContextVar["Process"] = ContextVar("RUNS")
"""Which process the running task belongs to."""


class Away(DatabaseError):
    """The database cannot be reached."""


@dataclass
class Misfortune:
    """What is wrong with the world that processes share; each may have its own troubles, too.

    Attributes:
        lost, twice, late: how many of a thousand notices are lost, repeated, late.
        away: names of the processes that do not reach the database.
        mute: no notice gets through.
        half_commits: of a thousand commits that the database goes away from, how many are done.
    """

    lost: int = 150
    twice: int = 50
    late: int = 50
    away: set[str] = field(default_factory=set)
    mute: bool = False
    half_commits: int = 300


class LossyBus:
    """Carries notices as badly as the port allows."""

    def __init__(self, process: "Process", audience: Audience, rng: random.Random) -> None:
        self._process = process
        self._audience = audience
        self._rng = rng

    @property
    def lost(self) -> int:
        return 0

    async def publish(self, notice: Notice) -> None:
        misfortune = self._process.misfortune
        if self._process.dead or misfortune.mute:
            return
        chance = self._rng.randrange(1000) - misfortune.lost
        if chance < 0:
            return
        loop = asyncio.get_running_loop()
        if chance < misfortune.twice:
            loop.call_later(self._rng.randrange(5000) / 1000, self._audience.tell, notice)
        elif chance < misfortune.twice + misfortune.late:
            loop.call_later(self._rng.randrange(5000) / 1000, self._audience.tell, notice)
            return
        self._audience.tell(notice)

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Notice]]:
        return self._subscribed(topics)

    @asynccontextmanager
    async def _subscribed(self, topics: tuple[str, ...]) -> AsyncIterator[AsyncIterator[Notice]]:
        with self._audience.listening(topics) as backlog:
            yield backlog


class MortalEngine(ScriptedEngine):
    """An engine of a process that may be dead."""

    dead = False

    def _open(self, verb: str, device: DeviceId, deliver: Deliver) -> ScriptedLink:
        self._live()
        return super()._open(verb, device, deliver)

    async def linked(self, device: DeviceId) -> Linked | None:
        self._live()
        return await super().linked(device)

    async def forget(self, device: DeviceId) -> None:
        self._live()
        await super().forget(device)

    def _live(self) -> None:
        if self.dead:
            raise Away("the process is dead")

    def die(self) -> None:
        self.dead = True
        super().die()


class Process:
    """One process, from its start to its end.

    Args:
        database: shared by all processes.
        committed: called after each commit of a writer; with whether it wrote sessions or claims.
        part: makes its polls different from other timers.
        rng: decides what becomes of its notices.
    """

    def __init__(
        self,
        name: str,
        *,
        database: Database,
        committed: Callable[[bool], None],
        audience: Audience,
        whatsapp: ScriptedWhatsApp,
        misfortune: Misfortune,
        loop: FastLoop,
        part: int,
        rng: random.Random,
        seed: int,
    ) -> None:
        self.name = ProcessId(name)
        self.misfortune = misfortune
        self.dead = False
        self.loop = loop
        self.rng = rng
        self.seed = seed
        self.committed = committed
        self.store = Store(
            Database(
                dialect=database.dialect,
                writer=_Way(database.writer, self, writes=True),
                reader=_Way(database.reader, self, writes=False),
            )
        )
        self.store._statements = _statements(database)
        self.bus = LossyBus(self, audience, rng)
        self.engine = MortalEngine(whatsapp)
        self.gateway = Gateway(store=self.store, bus=self.bus, policy=Policy.REPLACE)
        self.switchboard = Switchboard(
            self.name,
            store=self.store,
            bus=self.bus,
            engine=self.engine,
            monotonic=loop.time,
        )
        self.sweep = Poll(int(SWEEP_EVERY_S), part)
        self.renew = Poll(int(RENEWED_EVERY.total_seconds()), part + 1)
        self.running = False
        self._asking: list[asyncio.Task[Any]] = []
        self._stopping = asyncio.Event()
        self._context = copy_context()
        self._context.run(RUNS.set, self)
        self._task = loop.create_task(self._run(), name=f"process {name}", context=self._context)

    def poll(self, task: str) -> Poll | None:
        """The poll that a task of this process waits for, by the task's name."""
        return {"switchboard sweep": self.sweep, "switchboard renew": self.renew}.get(task)

    def ask(self, asking: Coroutine[Any, Any, None], what: str) -> None:
        """Do what somebody asks of this process's API; nothing, when it is dead."""
        if self.dead:
            asking.close()
            return
        self._asking = [task for task in self._asking if not task.done()]
        self._asking.append(self.loop.create_task(asking, name=what, context=self._context))

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                async with self.switchboard.running():
                    self.running = True
                    await self._stopping.wait()
            except DatabaseError:
                if not self.dead:
                    await asyncio.sleep(5)  # whoever watches over processes starts it again
            finally:
                self.running = False

    async def stop(self) -> None:
        """End in order."""
        self._stopping.set()
        await asyncio.wait([self._task, *self._asking])
        self.running = False
        self.dead = True
        await self.engine.close()

    def kill(self) -> None:
        """End it at once: nothing is written, closed or told any more."""
        self.dead = True
        self.running = False
        self._stopping.set()
        self.engine.die()
        for task in (self._task, *self._asking):
            task.cancel()


@cache
def _statements(database: Database) -> Statements:
    """Written once for all processes, which spares the most of a start."""
    return Statements(database.dialect)


class _Way:
    """The way of one process to the database."""

    def __init__(self, connections: Connections, process: Process, *, writes: bool) -> None:
        self._connections = connections
        self._process = process
        self._writes = writes
        self._at, self._begun = 0.0, 0

    def check(self) -> None:
        process = self._process
        if process.dead or process.name in process.misfortune.away:
            raise Away("the database is away")

    async def begin(self) -> Begun:
        self.check()
        for _ in range(self._turns()):
            await asyncio.sleep(0)
        begun = await self._connections.begin()
        return _Begun(begun, self, self._process, writes=self._writes)

    def _turns(self) -> int:
        """Rounds of the loop that the way takes: no time, but others may be faster.

        From the seed and the moment, so that looking in vain at another one changes no fate.
        """
        process, now = self._process, self._process.loop.time()
        self._at, self._begun = now, self._begun + 1 if now == self._at else 0
        return zlib.crc32(f"{process.seed}/{process.name}/{now}/{self._begun}".encode()) % 4

    async def close(self) -> None:
        """The database is closed by whoever opened it."""


class _Begun:
    """A transaction of a process, which may die in it, or lose the database."""

    def __init__(self, begun: Begun, way: _Way, process: Process, *, writes: bool) -> None:
        self._begun = begun
        self._way = way
        self._process = process
        self._writes = writes
        self._wrote = False

    async def now(self) -> int:
        return await self._begun.now()

    async def rows(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        self._way.check()
        self._wrote = self._wrote or sql.startswith("UPDATE bot_sessions")
        return await self._begun.rows(sql, values)

    async def change(self, sql: str, values: Sequence[Any]) -> int:
        self._way.check()
        self._wrote = self._wrote or "bot_sessions" in sql or "number_claims" in sql
        return await self._begun.change(sql, values)

    async def change_each(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        self._way.check()
        await self._begun.change_each(sql, values)

    async def end(self, *, commit: bool) -> None:
        away = self._process.dead or self._process.name in self._process.misfortune.away
        process = self._process
        if away and commit and process.rng.randrange(1000) >= process.misfortune.half_commits:
            await self._begun.end(commit=False)
            raise Away("the database went away before the commit")
        await self._begun.end(commit=commit)
        if commit and self._writes:
            process.committed(self._wrote)
        if away and commit:
            raise Away("the database went away after the commit")
