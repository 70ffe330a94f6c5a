"""A line: the running side of one session, one task with one mailbox.

    engine ──signals──▶ mailbox ──▶ gather facts → decide → commit → make the link match the row
    notices, time ────▶

Each step is one transaction, fenced by the lease. What must be so afterwards is read off the
committed session (`Session.link`), never remembered: a line that dies between the commit and what
follows from it leaves a row from which the next line does the same.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from sololine.bus import EVENTS, SESSIONS, Bus, Notice
from sololine.core.advance import (
    Began,
    LineSignal,
    Looked,
    Order,
    RequestPairingCode,
)
from sololine.core.events import Event
from sololine.core.ids import BotId, DeviceId
from sololine.core.lease import Lease
from sololine.core.session import Session
from sololine.core.signals import ConnectRefused, EngineStopped, Linked, LoggedOut, Signal
from sololine.engine.port import Engine, Link, LinkClosed, UnreadableCredentials
from sololine.lines.step import RETIRING, commit
from sololine.store.errors import Fenced
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()


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
                signal = await self._heard()
                if isinstance(signal, EngineStopped) and await self._recover(self._session):
                    continue
                await self._step(signal)
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
        await self._recover(session)
        await self._step(Began())

    async def _recover(self, session: Session) -> bool:
        """Take up a link that a phone accepted unheard; whether there was one."""
        if session.linking is None:
            return False
        await self._close()
        try:
            found = await self._engine.linked(session.linking)
        except UnreadableCredentials:
            return False  # of no use to anyone; the next round gives them up
        if found is not None:
            await self._step(found)
        return found is not None

    async def _step(self, signal: LineSignal) -> None:
        committed = await self._store.run(lambda tx: commit(tx, self.bot, self.lease, signal))
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
