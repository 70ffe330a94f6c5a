"""A line: the running side of one session, one task with one mailbox.

    engine ──signals──▶ mailbox ──▶ gather facts → decide → commit → make the link match the row
    notices, time ────▶

Each step is one transaction, fenced by the lease. What must be so afterwards is read off the
committed session (`Session.link`), never remembered: a line that dies between the commit and what
follows from it leaves a row from which the next line does the same.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from sololine.bus import EVENTS, SESSIONS, Bus, Notice
from sololine.core.advance import (
    Began,
    Evicted,
    Granted,
    LineSignal,
    Looked,
    Order,
    Refused,
    RequestPairingCode,
    advance,
)
from sololine.core.bot import Setup
from sololine.core.claim import Evict, Grant, Refuse, decide
from sololine.core.events import Event
from sololine.core.ids import BotId, DeviceId
from sololine.core.lease import Lease
from sololine.core.number import from_jid
from sololine.core.session import Device, EndReason, Session, State
from sololine.core.signals import ConnectRefused, EngineStopped, Linked, LoggedOut, Signal
from sololine.engine.port import Engine, Link, LinkClosed, UnreadableCredentials
from sololine.store.errors import Fenced
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()

RETIRING: Final = timedelta(seconds=30)
"""How long a line has a device that it gave up to itself, before a sweep may take it over."""


@dataclass(slots=True)
class OpenLink:
    """The engine's link that this line holds open.

    Attributes:
        linked: whether a phone knows its credentials, so that closing is not enough to end them.
        token: tells what this link says from what an earlier link of the same device said.
    """

    device: DeviceId
    link: Link
    linked: bool
    token: object


@dataclass(frozen=True, slots=True)
class Said:
    """A signal in the mailbox; `by` is the token of the link that said it, None for the line."""

    signal: LineSignal
    by: object | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What a step's transaction made durable."""

    before: Session
    after: Session
    orders: tuple[Order, ...]
    events: tuple[Event, ...]
    evicted: BotId | None
    due_in: float | None


Retire = Callable[[DeviceId, Link | None], None]
"""Logs a given-up device out of its phone, in the background; takes the open link over."""


class Line:
    """Runs one session while its lease lasts.

    Args:
        bot: whose session.
        lease: the right to run it; every write names its term.
        retire: takes over devices that the session gave up.
    """

    def __init__(
        self, bot: BotId, lease: Lease, *, store: Store, bus: Bus, engine: Engine, retire: Retire
    ) -> None:
        self.bot = bot
        self.lease = lease
        self._store = store
        self._bus = bus
        self._engine = engine
        self._retire = retire
        self._mailbox: asyncio.Queue[Said] = asyncio.Queue()
        self._open: OpenLink | None = None
        self._session: Session | None = None
        self._due_in: float | None = None

    def look(self) -> None:
        """Have the line read its row again soon."""
        self._mailbox.put_nowait(Said(Looked()))

    @property
    def device(self) -> DeviceId | None:
        """The credentials that this line has in use."""
        return self._open.device if self._open else None

    async def run(self) -> None:
        """Run the session until it is idle or the lease is lost; no link is left open."""
        try:
            await self._begin()
            while self._session is not None and not self._session.idle:
                await self._follow(self._session)
                await self._step(await self._heard())
        except Fenced:
            log.info("line gives way", bot=self.bot, term=self.lease.term)
            await self._give_way()
        finally:
            await self._close()

    # ------------------------------------------------------------------ the mailbox

    async def _heard(self) -> LineSignal:
        """The next signal that counts; `Looked` when something is due first."""
        while True:
            try:
                async with asyncio.timeout(self._due_in):
                    said = await self._mailbox.get()
            except TimeoutError:
                return Looked()
            if said.by is None or (self._open is not None and said.by is self._open.token):
                return said.signal

    # ------------------------------------------------------------------ steps

    async def _begin(self) -> None:
        """Take the session over from a line that may have died at any moment."""
        async with self._store.read() as tx:
            session = await tx.sessions.get(self.bot)
        if session is None:
            return
        if session.linking is not None:
            # A phone may have accepted the link while nobody was there to hear of it.
            try:
                found = await self._engine.linked(session.linking)
            except UnreadableCredentials:
                found = None  # of no use to anyone; the next round gives them up
            if found is not None:
                await self._step(found)
        await self._step(Began())

    async def _step(self, signal: LineSignal) -> None:
        committed = await self._store.run(lambda tx: self._commit(tx, signal))
        if committed is None:
            self._session = None
            return
        if isinstance(signal, EngineStopped | ConnectRefused):
            log.warning("link lost", bot=self.bot, why=_why(signal))
        self._session = committed.after
        self._due_in = committed.due_in
        if self._open is not None:
            if isinstance(signal, Linked):
                self._open.linked = True
            elif isinstance(signal, LoggedOut):
                self._open.linked = False
        for event in committed.events:
            log.info(event.type.value, bot=self.bot, **_told(event))
        if committed.events:
            await self._bus.publish(Notice(topic=SESSIONS, key=self.bot))
            await self._bus.publish(Notice(topic=EVENTS, key=committed.after.tenant))
        if committed.evicted is not None:
            await self._bus.publish(Notice(topic=SESSIONS, key=committed.evicted))
        await self._part(committed.before.devices - committed.after.devices)
        for order in committed.orders:
            await self._obey(order)

    async def _commit(self, tx: Transaction, signal: LineSignal) -> Committed | None:
        """One transaction: facts, decision, and everything that follows from it in the store."""
        before = await tx.sessions.lock(self.bot)
        if before is None:
            return None
        lease = await tx.leases.of(self.bot)
        if lease is None or (lease.process, lease.term) != (self.lease.process, self.lease.term):
            raise Fenced(self.bot, self.lease.term)
        evicted: BotId | None = None
        lost: tuple[Event, ...] = ()
        if isinstance(signal, Linked):
            signal = await self._judge(tx, before, signal)
            if isinstance(signal, Granted) and signal.evicted is not None:
                evicted = signal.evicted
                lost = await self._evict(tx, evicted)
        step = advance(before, signal, tx.now)
        if step.session != before:
            await tx.sessions.save_life(before, step.session, self.lease)
        for device in before.devices - step.session.devices:
            await tx.retired.take(device, self.lease.process, RETIRING)
        if step.session.state is State.CONNECTED and before.state is not State.CONNECTED:
            await _complete_setup(tx, self.bot)
        # The tenant's counter is the last lock of a transaction, so events come last.
        if evicted is not None and lost:
            await tx.events.append(before.tenant, evicted, *lost)
        if step.events:
            await tx.events.append(before.tenant, self.bot, *step.events)
        due = step.session.due()
        return Committed(
            before=before,
            after=step.session,
            orders=step.orders,
            events=step.events,
            evicted=evicted,
            due_in=max(0.0, (due - tx.now).total_seconds()) if due is not None else None,
        )

    async def _judge(self, tx: Transaction, session: Session, linked: Linked) -> LineSignal:
        """Whether the number that was just linked may be this bot's."""
        window = session.taken_up
        if window is None or session.linking is None:
            return Looked()
        number = from_jid(linked.jid)
        if window.number is not None and window.number != number:
            return Refused(reason=EndReason.NUMBER_MISMATCH)
        holder = await tx.claims.holder(number)
        verdict = decide(
            holder, bot=self.bot, tenant=session.tenant, policy=window.policy, now=tx.now
        )
        device = Device(
            id=session.linking, number=number, jid=linked.jid, lid=linked.lid, linked_at=tx.now
        )
        match verdict:
            case Grant():
                return Granted(device=device)
            case Evict(holder=other):
                return Granted(device=device, evicted=other.bot)
            case Refuse(holder=other, foreign=foreign):
                return Refused(reason=EndReason.NUMBER_TAKEN, holder=None if foreign else other.bot)

    async def _evict(self, tx: Transaction, bot: BotId) -> tuple[Event, ...]:
        """Take the number from its holder, in the newcomer's transaction; returns its events."""
        holder = await tx.sessions.lock(bot)
        if holder is None:
            return ()
        step = advance(holder, Evicted(by=self.bot), tx.now)
        await tx.sessions.evict(holder, step.session)
        return step.events

    async def _obey(self, order: Order) -> None:
        match order:
            case RequestPairingCode(digits=digits):
                if self._open is not None:
                    try:
                        await self._open.link.request_pairing_code(digits)
                    except LinkClosed:
                        log.info("no pairing code was given", bot=self.bot)

    # ------------------------------------------------------------------ the link

    async def _follow(self, session: Session) -> None:
        """Make the engine's link match the committed session."""
        wanted = session.link
        if self._open is not None and self._open.device != wanted:
            await self._close()
        if wanted is not None and self._open is None:
            fresh = session.linking == wanted
            token = object()

            def deliver(signal: Signal) -> None:
                self._mailbox.put_nowait(Said(signal, token))

            opening = self._engine.link if fresh else self._engine.resume
            link = await opening(wanted, deliver)
            self._open = OpenLink(device=wanted, link=link, linked=not fresh, token=token)

    async def _part(self, devices: frozenset[DeviceId]) -> None:
        """Hand the devices that the session gave up over, with their link where it is open."""
        for device in devices:
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


async def _complete_setup(tx: Transaction, bot_id: BotId) -> None:
    """A bot whose last open step was connecting is complete once it was connected."""
    bot = await tx.bots.get(bot_id)
    if bot is not None and bot.setup is Setup.CONNECT:
        await tx.bots.update(replace(bot, setup=Setup.COMPLETE))
