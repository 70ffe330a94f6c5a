"""The switchboard: which lines this process keeps.

    notice or sweep ──▶ candidates ──take lease──▶ line ──idle or fenced──▶ release
    every 10 s      ──▶ renew all leases; not renewed in time ──▶ stop every line

A process that cannot reach the store stops its lines before the store gives its leases away: it
trusts a lease for `lease.TRUST` from the moment before it last asked for renewal, by its own
monotonic clock. Where a whole machine was suspended, and that clock with it, the term of the lease
still refuses whatever its lines would write.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from sololine.bus import EVERYTHING, QUEUES, SESSIONS, Bus, Notice
from sololine.core.ids import BotId, DeviceId, ProcessId
from sololine.core.lease import RENEWED_EVERY, TRUST, Lease
from sololine.engine.port import Engine, Link
from sololine.lines.line import Line
from sololine.lines.manners import Manners
from sololine.lines.retirement import WORKED_ON_FOR, log_out
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()

SWEEP_EVERY_S: Final = 2.0
"""How often the store is asked for work that no notice told of."""
REMINDED_EVERY_S: Final = 10.0
"""How often lines hear of queued messages whose notice may have been lost."""
TAKEN_AT_ONCE: Final = 50
"""Sessions and devices that one sweep takes up."""
PAUSE_AFTER_FAULT_S: Final = 1.0
FINISH_S: Final = 2.0
"""How long a stopping process waits for messages that are being sent, then for devices that are
being logged out."""


class Switchboard:
    """Keeps the lines of one process.

    Args:
        process: the name in leases; guarded by a lock that dies with the process, since a lease
            in this name is taken over at once.
        manners: how its lines behave towards WhatsApp.
        monotonic: seconds that never jump back, by which leases are trusted and messages are
            paced; tests hand in theirs.
        sleep: waits by the same clock.
    """

    def __init__(
        self,
        process: ProcessId,
        *,
        store: Store,
        bus: Bus,
        engine: Engine,
        manners: Manners | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._process = process
        self._store = store
        self._bus = bus
        self._engine = engine
        self._manners = manners
        self._monotonic = monotonic
        self._sleep = sleep
        self._lines: dict[BotId, asyncio.Task[None]] = {}
        self._running: dict[BotId, Line] = {}
        self._retiring: dict[DeviceId, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._trusted_until = 0.0
        self._remind_at = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep lines while the context lasts; leave none behind, nor a lease."""
        await self._store.run(lambda tx: tx.retired.recover(self._process))
        loops = [
            asyncio.create_task(self._again(work, name), name=f"switchboard {name}")
            for work, name in (
                (self._listen, "listen"),
                (self._sweep, "sweep"),
                (self._renew, "renew"),
            )
        ]
        try:
            yield
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self._finish_sending()
            await self._stop_lines()
            await self._finish_retiring()

    async def _again(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Run a loop of ours again when it fails: the store or the bus may be away for a while."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("switchboard fault", loop=name)
                await asyncio.sleep(PAUSE_AFTER_FAULT_S)

    # ------------------------------------------------------------------ what to do

    async def _listen(self) -> None:
        """Hear of sessions that changed, and of messages that wait."""
        async with self._bus.subscribe(SESSIONS, QUEUES) as notices:
            async for notice in notices:
                if notice.topic == QUEUES and notice.key != EVERYTHING:
                    if (line := self._running.get(BotId(notice.key))) is not None:
                        line.look_at_queue()
                    continue
                self._heard(notice)

    def _heard(self, notice: Notice) -> None:
        line = self._running.get(BotId(notice.key))
        if line is not None:
            line.look()
        elif notice.key == EVERYTHING:
            for each in self._running.values():
                each.look()
        # A notice of a session that we run may also be about a device that another one lost.
        self._wake.set()

    async def _sweep(self) -> None:
        """Take up what needs a line, and devices that wait to be logged out."""
        while True:
            self._wake.clear()
            await self._take_lines()
            await self._take_retired()
            await self._remind()
            try:
                async with asyncio.timeout(SWEEP_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _take_lines(self) -> None:
        # Our own lines may be among the candidates, before those that a predecessor left.
        limit = TAKEN_AT_ONCE + len(self._lines)
        async with self._store.read() as tx:
            bots = await tx.leases.candidates(self._process, limit)
            unheeded = await tx.leases.unheeded(self._process)
        for bot in unheeded:
            # Commands give orders without a notice, and a bus may lose one.
            if (line := self._running.get(bot)) is not None:
                line.look()
        for bot in bots:
            if bot in self._lines:
                continue
            asked = self._monotonic()
            lease = await self._take(bot)
            if lease is not None:
                if not self._lines:
                    self._trusted_until = asked + TRUST.total_seconds()
                self._lines[bot] = asyncio.create_task(self._keep(bot, lease), name=f"line {bot}")

    async def _remind(self) -> None:
        """Have lines look whose bots have something to send, since a notice may be lost."""
        now = self._monotonic()
        if now < self._remind_at:
            return
        self._remind_at = now + REMINDED_EVERY_S
        async with self._store.read() as tx:
            waiting = await tx.messages.waiting_among(list(self._running))
        for bot in waiting:
            if (line := self._running.get(bot)) is not None:
                line.look()

    async def _take(self, bot: BotId) -> Lease | None:
        return await self._store.run(lambda tx: tx.leases.take(bot, self._process))

    async def _keep(self, bot: BotId, lease: Lease) -> None:
        line = Line(
            bot,
            lease,
            store=self._store,
            bus=self._bus,
            engine=self._engine,
            retire=self._retire,
            manners=self._manners,
            monotonic=self._monotonic,
            sleep=self._sleep,
        )
        self._running[bot] = line
        try:
            await line.run()
        except Exception:
            log.exception("line fault", bot=bot)
            await asyncio.sleep(PAUSE_AFTER_FAULT_S)
        finally:
            del self._running[bot]
            del self._lines[bot]
            await self._release(bot, lease)
            self._wake.set()

    async def _release(self, bot: BotId, lease: Lease) -> None:
        try:
            await self._store.run(lambda tx: tx.leases.release(bot, lease))
        except Exception:
            # The lease expires by itself.
            log.exception("lease not released", bot=bot)

    # ------------------------------------------------------------------ leases

    async def _renew(self) -> None:
        """Renew the leases, and stop every line when that was not possible in time."""
        pause = RENEWED_EVERY.total_seconds()
        while True:
            await self._sleep(pause)
            pause = RENEWED_EVERY.total_seconds()
            if not self._lines:
                continue
            asked = self._monotonic()
            try:
                async with asyncio.timeout(max(0.0, self._trusted_until - asked)):
                    held = await self._store.run(lambda tx: tx.leases.renew(self._process))
            except Exception:
                log.exception("leases not renewed")
                left = self._trusted_until - self._monotonic()
                if left > 0:
                    # A whole pause might end after the trust does, and after the lease.
                    pause = min(PAUSE_AFTER_FAULT_S, left)
                else:
                    await self._stop_lines()
                continue
            self._trusted_until = asked + TRUST.total_seconds()
            for bot, line in list(self._running.items()):
                if (bot, line.lease.term) not in held:
                    line.look()

    async def _finish_sending(self) -> None:
        """Let messages that are being sent come to an outcome, so that none is left in doubt."""
        sending = [asyncio.create_task(line.finish_sending()) for line in self._running.values()]
        if sending:
            await asyncio.wait(sending, timeout=FINISH_S)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    async def _stop_lines(self) -> None:
        tasks = list(self._lines.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------ retired devices

    def _retire(self, device: DeviceId, link: Link | None) -> None:
        """Log a device out in the background; its row is taken already."""
        if device in self._retiring:
            return
        task = asyncio.create_task(self._log_out(device, link), name=f"retire {device}")
        self._retiring[device] = task

    async def _log_out(self, device: DeviceId, link: Link | None) -> None:
        try:
            await log_out(device, link, store=self._store, bus=self._bus, engine=self._engine)
        except Exception:
            log.exception("device not logged out", device=device)
        finally:
            del self._retiring[device]

    async def _take_retired(self) -> None:
        async with self._store.read() as tx:
            due = await tx.retired.due(TAKEN_AT_ONCE)
        in_use = {line.device for line in self._running.values()}
        for retired in due:
            device = retired.device
            if device in self._retiring or device in in_use:
                continue

            async def take(tx: Transaction, device: DeviceId = device) -> bool:
                return await tx.retired.take(device, self._process, WORKED_ON_FOR)

            if await self._store.run(take):
                self._retire(device, None)

    async def _finish_retiring(self) -> None:
        """Let what is nearly done end; the rest is done by whoever starts next."""
        tasks = list(self._retiring.values())
        if tasks:
            await asyncio.wait(tasks, timeout=FINISH_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
