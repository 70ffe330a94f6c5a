"""Processes on one store, one bus and one WhatsApp: lines by themselves, or whole switchboards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sololine.actions.gateway import Gateway
from sololine.bus import Bus
from sololine.clock import ManualClock
from sololine.core.ids import BotId, DeviceId, ProcessId
from sololine.core.lease import Lease
from sololine.core.session import Session, State
from sololine.engine.port import Link
from sololine.lines.line import Line
from sololine.lines.manners import Manners
from sololine.lines.switchboard import Switchboard
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.fakes.engine import ScriptedEngine, ScriptedLink, ScriptedWhatsApp
from tests.unit.scenes import session_of, until


async def nothing(_: Transaction) -> None:
    """Begins when the transactions before it have ended: there is one writer at a time."""


@dataclass(slots=True)
class RunningLine:
    """A line of its own, whose given-up devices are collected instead of logged out."""

    line: Line
    task: asyncio.Task[None]
    given_up: list[tuple[DeviceId, Link | None]]

    def look(self) -> None:
        self.line.look()

    async def ended(self) -> None:
        """Wait until the line has ended by itself; what it failed with is raised."""
        async with asyncio.timeout(10):
            await asyncio.shield(self.task)

    async def heard(self) -> None:
        """Wait until everything that was said before has been dealt with."""
        await asyncio.sleep(0)  # links deliver in the next round of the event loop
        await until(lambda: self.line._mailbox.idle or self.task.done(), "everything is heard")
        await self.line._store.run(nothing)

    async def kill(self) -> None:
        """End it at once, as a crash would; nothing is written any more."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Hours:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        sleeper = (self.now + seconds, woken)
        self._sleepers.append(sleeper)
        try:
            await woken.wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def asleep(self) -> None:
        """Wait until someone sleeps."""
        await until(lambda: self._sleepers, "someone is asleep")

    def wake(self) -> None:
        """Let so much time go by that all who sleep now wake up."""
        for due, woken in self._sleepers:
            self.now = max(self.now, due)
            woken.set()
        self._sleepers.clear()

    async def pass_(self, span: timedelta) -> None:
        """Let time go by; whoever was woken has gone back to sleep when this returns."""
        end = self.now + span.total_seconds()
        while True:
            await until(lambda: self._sleepers, "someone is asleep")
            due, woken = min(self._sleepers, key=lambda sleeper: sleeper[0])
            if due > end:
                break
            self._sleepers.remove((due, woken))
            self.now = due
            woken.set()
            await asyncio.sleep(0)
        self.now = end


@dataclass(slots=True)
class Stage:
    """What a test needs to run lines; `gateway` plays the API."""

    gateway: Gateway
    clock: ManualClock
    whatsapp: ScriptedWhatsApp = field(default_factory=ScriptedWhatsApp)
    lines: list[RunningLine] = field(default_factory=list)
    hours: Hours = field(default_factory=Hours)
    """By which lines pace what they send."""

    def __post_init__(self) -> None:
        self.whatsapp.now = self.clock.now

    @property
    def store(self) -> Store:
        return self.gateway.store

    @property
    def bus(self) -> Bus:
        return self.gateway.bus

    async def lease(self, bot: BotId, process: str = "here") -> Lease:
        lease = await self.store.run(lambda tx: tx.leases.take(bot, ProcessId(process)))
        assert lease is not None, "another process has the lease"
        return lease

    async def line(
        self,
        bot: BotId,
        process: str = "here",
        engine: ScriptedEngine | None = None,
        *,
        store: Store | None = None,
        **manners: Any,
    ) -> RunningLine:
        """Take the bot's lease and run its line, in a process without a switchboard."""
        hours = self.hours
        given_up: list[tuple[DeviceId, Link | None]] = []
        line = Line(
            bot,
            await self.lease(bot, process),
            store=store or self.store,
            bus=self.bus,
            engine=engine or ScriptedEngine(self.whatsapp),
            retire=lambda device, link: given_up.append((device, link)),
            manners=Manners(**manners),
            monotonic=hours.monotonic,
            sleep=hours.sleep,
        )
        running = RunningLine(line, asyncio.create_task(line.run()), given_up)
        self.lines.append(running)
        return running

    @asynccontextmanager
    async def process(
        self, name: str = "here", engine: ScriptedEngine | None = None, store: Store | None = None
    ) -> AsyncIterator[Switchboard]:
        """A whole process with its switchboard."""
        switchboard = Switchboard(
            ProcessId(name),
            store=store or self.store,
            bus=self.bus,
            engine=engine or ScriptedEngine(self.whatsapp),
        )
        async with switchboard.running():
            yield switchboard

    # ------------------------------------------------------------------ what is waited for

    async def session(self, bot: BotId) -> Session:
        return await session_of(self.store, bot)

    async def reached(self, bot: BotId, state: State) -> Session:
        """The bot's session, once it is in this state."""

        async def look() -> Session | None:
            session = await self.session(bot)
            return session if session.state is state else None

        return await until(look, f"the session is {state.value}")

    async def quiet(self) -> None:
        """Wait until lines have looked again after their own last notices."""
        for _ in range(3):  # the notice is heard, the line looks, nothing has changed
            await asyncio.sleep(0)
            await self.store.run(nothing)

    async def scanned(self, bot: BotId, number: str, *, up: bool = True) -> DeviceId:
        """Scan the code that the bot shows, once it shows one; returns the new device."""
        link = await self.showing(bot)
        assert link.code is not None
        self.whatsapp.scan(link.code, number, up=up)
        return link.device

    async def showing(self, bot: BotId) -> ScriptedLink:
        """The bot's open link, once the session shows the code that it last issued."""

        async def look() -> ScriptedLink | None:
            session = await self.session(bot)
            link = self.whatsapp.links.get(session.linking) if session.linking else None
            shown = session.code.text if session.code else None
            return link if link is not None and link.code and link.code == shown else None

        return await until(look, "a code is shown")

    async def opened(self, device: DeviceId) -> ScriptedLink:
        """The open link of a device, once there is one."""
        return await until(lambda: self.whatsapp.links.get(device), f"a link of {device} is open")

    async def closed(self, device: DeviceId) -> None:
        await until(lambda: device not in self.whatsapp.links, f"no link of {device} is open")

    async def devices(self, number: str, *expected: DeviceId) -> None:
        """Wait until the number's phone lists exactly these devices."""
        await until(
            lambda: sorted(self.whatsapp.devices(number)) == sorted(expected),
            f"the phone lists {expected}",
        )
