"""A line: the running side of one session.

    engine ──signals──▶ mailbox ─┬─ of the link ──▶ step: gather facts → decide → commit
    notices, time ────▶          │                  → make the link match the row
                                 └─ of people ───▶ inbox: store, tell
    queue ─▶ outbox ─▶ link        (beside them, while the link is up)
    chores ─▶ link ─▶ answers

Each step is one transaction, fenced by the lease. What must be so afterwards is read off the
committed session (`Session.link`), never remembered: a line that dies between the commit and what
follows from it leaves a row from which the next line does the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from sololine.bus import CHORES, Bus
from sololine.core.advance import Began, LineSignal, Looked, Order, RequestPairingCode
from sololine.core.events import Event
from sololine.core.ids import BotId, DeviceId
from sololine.core.lease import Lease
from sololine.core.session import Session, State
from sololine.core.signals import ConnectRefused, EngineStopped, Linked, LoggedOut, Signal
from sololine.engine.port import Engine, Link, LinkClosed, UnreadableCredentials
from sololine.lines.addresses import Addresses
from sololine.lines.changes import Changes
from sololine.lines.chores import Chores
from sololine.lines.inbox import Inbox
from sololine.lines.mailbox import Chatted, Look, Mailbox, OpenLink, Said
from sololine.lines.manners import Manners
from sololine.lines.outbox import Outbox
from sololine.lines.pace import Pace
from sololine.lines.pen import Pen
from sololine.lines.receipts import EarlyReceipts
from sololine.lines.step import RETIRING, Committed, commit, doubt
from sololine.lines.tasks import Tasks
from sololine.store.errors import Fenced
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()

FINISH_S: Final = 2.0
"""How long a line that ends waits for what is under way on its closed link."""

Retire = Callable[[DeviceId, Link | None], None]
"""Logs a given-up device out of its phone, in the background; takes the open link over."""


class Line:
    """Runs one session while its lease lasts.

    Args:
        bot: whose session.
        lease: the right to run it; every write names its term.
        retire: takes over devices that the session gave up.
        manners: how it behaves towards WhatsApp.
        monotonic, sleep: seconds that never jump back, and waiting by them, for the bot's pace.
    """

    def __init__(
        self,
        bot: BotId,
        lease: Lease,
        *,
        store: Store,
        bus: Bus,
        engine: Engine,
        retire: Retire,
        manners: Manners | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        manners = manners or Manners()
        early = EarlyReceipts(monotonic)
        self.bot = bot
        self.lease = lease
        self._store = store
        self._engine = engine
        self._retire = retire
        self._mailbox = Mailbox()
        self._pen = Pen(bot, lease, store=store, bus=bus)
        self._addresses = Addresses(bot)
        self._outbox = Outbox(
            self._pen,
            link=self._up,
            addresses=self._addresses,
            early=early,
            manners=manners,
            pace=Pace(manners.sends_per_minute, monotonic),
            sleep=sleep,
        )
        tasks = Tasks(self._pen, addresses=self._addresses, manners=manners)
        self._chores = Chores(self._pen, link=self._up, tasks=tasks)
        self._inbox = Inbox(
            self._pen,
            addresses=self._addresses,
            early=early,
            manners=manners,
            answered=self._outbox.stir,
            arrived=self._chores.fetch,
        )
        self._open: OpenLink | None = None
        self._session: Session | None = None
        self._due_at: float | None = None
        self._was_up: Link | None = None

    def look(self) -> None:
        """Have the line look soon at its row, its queue and its chores."""
        self._outbox.stir()
        self._mailbox.look()

    def look_at_queue(self) -> None:
        """Have the line look soon at its queue, and at nothing else."""
        self._outbox.stir()

    @property
    def device(self) -> DeviceId | None:
        """The credentials that this line has in use."""
        return self._open.device if self._open else None

    async def run(self) -> None:
        """Run the session until it is idle or the lease is lost; no link is left open."""
        try:
            await self._begin()
            async with asyncio.TaskGroup() as beside:
                tasks = [
                    beside.create_task(self._outbox.run(), name=f"outbox {self.bot}"),
                    beside.create_task(self._chores.run(), name=f"chores {self.bot}"),
                ]
                await self._live()
                await self._end(tasks)
        except* Fenced:
            log.info("line gives way", bot=self.bot, term=self.lease.term)
            await self._give_way()
        finally:
            await self._close()

    async def finish_sending(self) -> None:
        """Take up no further message; returns when none is being sent, so that none is in doubt."""
        await self._outbox.finish()

    async def _live(self) -> None:
        """Hear and do, until the session is idle."""
        while self._session is not None and not self._session.idle:
            await self._follow(self._session)
            try:
                heard = await self._mailbox.take(self._due_at)
            except TimeoutError:
                await self._step(Looked())
                continue
            match heard:
                case Look():
                    await self._glance()
                case Chatted(signals=signals, by=by):
                    if by.granted:
                        await self._inbox.store(signals, by.link)
                case Said(signal=signal, by=by):
                    if by is not self._open:
                        continue
                    if isinstance(signal, EngineStopped) and await self._recover():
                        continue
                    await self._step(signal)

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Leave nothing half done: what was heard is stored, what is being sent is settled."""
        await self._close()
        for chatted in self._mailbox.rest():
            if chatted.by.granted:
                await self._inbox.store(chatted.signals, chatted.by.link)
        try:
            async with asyncio.timeout(FINISH_S):
                await self._outbox.finish()
                await self._chores.finish()
        except TimeoutError:
            log.warning("line ends in the middle of something", bot=self.bot)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._outbox.sending:
            # No line may follow that would find it: the bot may be unlinked for good.
            await self._pen.write(self._doubt)

    async def _doubt(self, tx: Transaction) -> None:
        changes = Changes(self._pen.tenant, self.bot)
        await doubt(tx, changes)
        await changes.write(tx)

    # ------------------------------------------------------------------ steps

    async def _begin(self) -> None:
        """Take the session over from a line that may have died at any moment."""
        async with self._store.read() as tx:
            self._session = await tx.sessions.get(self.bot)
        if self._session is None:
            return
        self._pen.tenant = self._session.tenant
        await self._recover()
        await self._step(Began())

    async def _recover(self) -> bool:
        """Take up a link that a phone accepted unheard; whether there was one."""
        if self._session is None or self._session.linking is None:
            return False
        await self._close()
        try:
            found = await self._engine.linked(self._session.linking)
        except UnreadableCredentials:
            return False  # of no use to anyone; the next round gives them up
        if found is not None:
            await self._step(found)
        return found is not None

    async def _glance(self) -> None:
        """Read what a notice may have told of, and do what follows."""
        async with self._store.read() as tx:
            session = await tx.sessions.get(self.bot)
            lease = await tx.leases.of(self.bot)
            asked = await tx.chores.waiting(self.bot)
        due = session.due() if session is not None else None
        # Known is not obeyed: a signal's step takes in an order that was written before it.
        ordered = session is not None and session.intent.no > session.obeyed
        held = lease is not None and (lease.process, lease.term) == (
            self.lease.process,
            self.lease.term,
        )
        news = session != self._session or (due is not None and due <= tx.now)
        if not held or ordered or news:
            await self._step(Looked())
        if asked:
            self._chores.stir()

    async def _step(self, signal: LineSignal) -> None:
        async with self._pen.alone:
            committed = await self._store.run(lambda tx: commit(tx, self.bot, self.lease, signal))
            if committed is None:
                self._session = None
                return
            before, self._session = committed.before, committed.after
            self._addresses.belong_to(self._session.device)
        self._due_at = None
        if committed.due_in is not None:
            self._due_at = asyncio.get_running_loop().time() + committed.due_in
        if isinstance(signal, EngineStopped | ConnectRefused):
            log.warning("link lost", bot=self.bot, why=_why(signal))
        self._note(signal)
        await self._tell(committed)
        await self._part(before.devices - committed.after.devices)
        for order in committed.orders:
            await self._obey(order)
        self._stir_if_changed()

    def _note(self, signal: LineSignal) -> None:
        """Keep what is known of the open link beside it."""
        if self._open is None:
            return
        if isinstance(signal, Linked):
            self._open.linked = True
        elif isinstance(signal, LoggedOut):
            self._open.linked = False
        if self._owns(self._open.device):
            self._open.granted = True

    async def _tell(self, committed: Committed) -> None:
        """Let those look again whom a step concerns."""
        for event in committed.events:
            log.info(event.type.value, bot=self.bot, **_told(event))
        if committed.events:
            await self._pen.tell_session(self.bot)
        if committed.told:
            await self._pen.tell_events()
        if committed.evicted is not None:
            await self._pen.tell_session(committed.evicted)
        for chore in committed.void:
            await self._pen.tell(CHORES, chore)

    async def _obey(self, order: Order) -> None:
        match order:
            case RequestPairingCode(digits=digits):
                if self._open is not None:
                    try:
                        await self._open.link.request_pairing_code(digits)
                    except LinkClosed:
                        log.info("no pairing code was given", bot=self.bot)

    # ------------------------------------------------------------------ the link

    def _up(self) -> Link | None:
        """The link over which the bot speaks; None while it is not up."""
        if self._open is None or self._session is None:
            return None
        if self._session.state is not State.CONNECTED or not self._owns(self._open.device):
            return None
        return self._open.link

    def _owns(self, device: DeviceId) -> bool:
        session = self._session
        return session is not None and session.device is not None and session.device.id == device

    def _stir_if_changed(self) -> None:
        """Let those who use the link know that it went up or down."""
        up = self._up()
        if up is not self._was_up:
            self._was_up = up
            self._outbox.stir()
            self._chores.stir()

    async def _follow(self, session: Session) -> None:
        """Make the engine's link match the committed session."""
        wanted = session.link
        if self._open is not None and self._open.device != wanted:
            await self._close()
        if wanted is not None and self._open is None:
            fresh = session.linking == wanted
            opened = OpenLink(device=wanted, linked=not fresh, granted=not fresh)

            def deliver(signal: Signal) -> None:
                self._mailbox.put(signal, opened)

            opening = self._engine.link if fresh else self._engine.resume
            opened.link = await opening(wanted, deliver)
            self._open = opened
            self._stir_if_changed()

    async def _part(self, devices: frozenset[DeviceId]) -> None:
        """Hand the devices that the session gave up over, with their link where it is open."""
        for device in sorted(devices):  # a simulated day repeats in the same order
            link: Link | None = None
            if self._open is not None and self._open.device == device:
                if self._open.linked:
                    link, self._open = self._open.link, None
                else:
                    await self._close()
            self._retire(device, link)

    async def _give_way(self) -> None:
        """Log the device out if it was taken from us; another line may own the rest."""
        if self._open is None or not self._open.linked:
            return
        device = self._open.device

        async def take(tx: Transaction) -> bool:
            return await tx.retired.take(device, self.lease.process, RETIRING)

        if await self._store.run(take):
            await self._part(frozenset({device}))

    async def _close(self) -> None:
        if self._open is not None:
            opened, self._open = self._open, None
            await opened.link.close()


def _told(event: Event) -> dict[str, str]:
    """What of an event stands in the log beside its type."""
    reason = event.data.get("reason")
    return {"reason": reason} if reason else {}


def _why(signal: EngineStopped | ConnectRefused) -> str:
    """What an operator may be told of a lost link."""
    if isinstance(signal, EngineStopped):
        return signal.detail or "the engine stopped"
    return f"WhatsApp refused the login ({signal.code or 'without a reason'})"
