"""The house on paper: people, lines, processes and phones around the pure core, in memory.

    people ──connect, disconnect──▶ Store ◀──steps── Line ◀──signals── WhatsApp ◀── phones

As small as it can be and still go wrong in the ways in which the real house can: people ask at any
moment, processes die at any moment and others take their lines over, lines act on what they read
a while ago, links speak on after they were closed. Each method is one thing that may happen;
nothing happens by itself. `tests/unit/core/test_law.py` lets it happen in every order.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sololine.core.advance import Began, Evicted, Granted, LineSignal, Looked, Refused, advance
from sololine.core.claim import Claim, Evict, Grant, Policy, Refuse, decide
from sololine.core.ids import BotId, DeviceId, ProcessId, TenantId
from sololine.core.lease import TERM_LENGTH, Lease, may_take
from sololine.core.linking import Window
from sololine.core.number import Number, from_jid
from sololine.core.session import Device, EndReason, Intent, Session, State, Wish
from sololine.core.signals import EngineStopped, Linked, LinkUp, LoggedOut, Signal

PROCESSES = ProcessId("north"), ProcessId("south")


class Fenced(Exception):
    """The lease that the writer names is no longer the one on the row."""


class Taken(Exception):
    """The number has a claim already: the database's unique constraint."""


class Store:
    """What the database holds. The claims and the retired devices follow from the sessions."""

    def __init__(self) -> None:
        self.sessions: dict[BotId, Session] = {}
        self.claims: dict[Number, Claim] = {}
        self.retired: set[DeviceId] = set()
        self.leases: dict[BotId, Lease] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = {name: copy(table) for name, table in vars(self).items()}
        try:
            yield
        except (Fenced, Taken):
            vars(self).update(before)
            raise

    def save(self, after: Session, now: datetime) -> None:
        before = self.sessions[after.bot]
        for claim in before.claims() - after.claims():
            if self.claims.get(claim.number) == claim:
                del self.claims[claim.number]
        for claim in after.claims() - before.claims():
            standing = self.claims.get(claim.number)
            if standing is not None and standing.stands(now):
                raise Taken
            self.claims[claim.number] = claim
        self.retired |= before.devices - after.devices
        self.sessions[after.bot] = after

    def save_life(self, after: Session, lease: Lease, now: datetime) -> None:
        """Save what a line decided; the intent on the row is not the line's to write."""
        if self.leases[after.bot].term != lease.term:
            raise Fenced
        self.save(replace(after, intent=self.sessions[after.bot].intent), now)

    def evict(self, claim: Claim, by: BotId, now: datetime) -> None:
        """Take a number from its holder, whose line must not write any more."""
        holder = self.sessions[claim.bot]
        assert holder.tenant == self.sessions[by].tenant
        if claim not in holder.claims():
            raise Taken
        if claim.bot in self.leases:
            lease = self.leases[claim.bot]
            self.leases[claim.bot] = replace(lease, term=lease.term + 1, expires_at=now)
        self.save(advance(holder, Evicted(by=by), now).session, now)


@dataclass(slots=True, eq=False)
class Line:
    """A running line, maybe one that lost its lease and does not know it yet.

    Attributes:
        session: the row as this line read or wrote it last.
        link: the device whose connection to WhatsApp is open.
        scannable: whether that connection shows codes that no phone has accepted.
        mailbox: what links said and the line has not heard yet, each with its device.
        holder: whose the scanned number was when the line asked, which may be a while ago.
    """

    lease: Lease
    session: Session
    link: DeviceId | None = None
    scannable: bool = False
    mailbox: deque[tuple[DeviceId, Signal]] = field(default_factory=deque)
    holder: list[Claim | None] = field(default_factory=list)

    @property
    def accepted(self) -> Linked | None:
        """The word of a phone's acceptance, when that is what the line hears next."""
        signal = self.mailbox[0][1] if self.mailbox else None
        return signal if isinstance(signal, Linked) else None


class House:
    """Everything that there is, and everything that may happen to it.

    Attributes:
        lines: the running lines; a bot may have one in each process, of which one may write.
        shown: the devices that phones show, and the number of each phone.
        disk: the credentials that a phone accepted, whoever knows of it.
    """

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.store = Store()
        self.lines: dict[tuple[BotId, ProcessId], Line] = {}
        self.shown: dict[DeviceId, Number] = {}
        self.disk: dict[DeviceId, Linked] = {}

    # ------------------------------------------------------------------ people

    def create(self, tenant: TenantId) -> BotId:
        bot = BotId(f"bot_{len(self.store.sessions)}")
        self.store.sessions[bot] = Session(bot=bot, tenant=tenant, since=self.now)
        return bot

    def connect(
        self, bot: BotId, declared: Number | None, policy: Policy, *, use_existing: bool
    ) -> None:
        """Ask for a connection, unless it can be refused at once."""
        session = self.store.sessions[bot]
        waits = session.obeyed < session.intent.no
        runs = waits or session.state is not State.DISCONNECTED
        connected = session.device and session.intent.wish is Wish.ONLINE and runs
        if connected or session.window(self.now):
            return
        window = None
        if session.device is None or not use_existing:
            holder = self.store.claims.get(declared) if declared else None
            verdict = decide(holder, bot=bot, tenant=session.tenant, policy=policy, now=self.now)
            if isinstance(verdict, Refuse):
                return
            window = replace(
                Window.opened(self.now, number=declared, policy=policy),
                reserves=isinstance(verdict, Grant),
            )
        self.ask(bot, Wish.ONLINE, window)

    def ask(self, bot: BotId, wish: Wish, window: Window | None = None) -> None:
        session = self.store.sessions[bot]
        intent = Intent(no=session.intent.no + 1, wish=wish, window=window)
        self.store.save(replace(session, intent=intent), self.now)

    # ------------------------------------------------------------------ phones

    def scan(self, line: Line, number: Number, *, survives: bool = True) -> None:
        """A phone accepts a device; the engine reports it, or dies before it can."""
        assert line.link is not None
        line.scannable = False
        self.shown[line.link] = number
        linked = Linked(jid=f"{number}:1@s.whatsapp.net", lid="1:1@lid")
        self.disk[line.link] = linked
        said: list[Signal] = [linked, LinkUp()] if survives else [EngineStopped()]
        line.mailbox.extend((line.link, signal) for signal in said)

    def unlink(self, device: DeviceId) -> None:
        """Someone removes a device from the phone's list; an open link hears of it at once."""
        del self.shown[device]
        for line in self.lines.values():
            if line.link == device:
                self.disk.pop(device, None)
                line.mailbox.append((device, LoggedOut()))

    # ------------------------------------------------------------------ lines

    def begin(self, bot: BotId, process: ProcessId) -> None:
        """A process takes the line over, and first asks what its predecessor may have missed."""
        lease = self.store.leases.get(bot)
        if (bot, process) in self.lines or not may_take(lease, process, self.now):
            return
        term = lease.term + 1 if lease is not None else 1
        lease = Lease(process=process, term=term, expires_at=self.now + TERM_LENGTH)
        self.store.leases[bot] = lease
        line = Line(lease=lease, session=self.store.sessions[bot])
        self.lines[bot, process] = line
        linking = line.session.linking
        if linking in self.disk:
            self._judge(line, linking, self.disk[linking])
        self._step(line, Began())

    def look(self, line: Line) -> None:
        """A line reads its row again: it was told to, or something is due."""
        line.session = self.store.sessions[line.session.bot]
        with self._giving_way(line):
            self._step(line, Looked())

    def hear(self, line: Line) -> None:
        """A line takes up the next signal, by the row as it read it last: only fences hold it."""
        device, signal = line.mailbox.popleft()
        with self._giving_way(line):
            if isinstance(signal, Linked):
                self._judge(line, device, signal)
            else:
                # Links that were closed are heard too, which is more than real lines do.
                self._step(line, signal)

    def ask_for_the_holder(self, line: Line) -> None:
        """A line reads whose an accepted number is, and then is slow to act on it."""
        assert line.accepted is not None
        line.holder = [self.store.claims.get(from_jid(line.accepted.jid))]

    def _judge(self, line: Line, device: DeviceId, linked: Linked) -> None:
        """Grant or refuse what a phone accepted; a lost race is run again on fresh facts."""
        session, number = line.session, from_jid(linked.jid)
        window = session.taken_up
        if window is None or session.linking != device:
            self._step(line, Looked())
            return
        if window.number is not None and window.number != number:
            self._step(line, Refused(reason=EndReason.NUMBER_MISMATCH))
            return
        stale = bool(line.holder)
        holder = line.holder.pop() if stale else self.store.claims.get(number)
        verdict = decide(
            holder, bot=session.bot, tenant=session.tenant, policy=window.policy, now=self.now
        )
        ours = Device(id=device, number=number, jid=linked.jid, lid=linked.lid, linked_at=self.now)
        try:
            with self.store.transaction():
                match verdict:
                    case Grant():
                        self._step(line, Granted(device=ours))
                    case Evict(holder=other):
                        self.store.evict(other, session.bot, self.now)
                        self._step(line, Granted(device=ours, evicted=other.bot))
                    case Refuse():
                        self._step(line, Refused(reason=EndReason.NUMBER_TAKEN))
        except Taken:
            if not stale:
                raise
            self._judge(line, device, linked)

    def _step(self, line: Line, signal: LineSignal) -> None:
        """Decide, commit, and make the link match what was committed."""
        after = advance(line.session, signal, self.now).session
        self.store.save_life(after, line.lease, self.now)
        line.session = after
        if line.link == after.link:
            return
        line.link, line.scannable = after.link, after.link is not None
        if after.link is not None and after.link != after.linking:
            line.scannable = False
            line.mailbox.append((after.link, self._resumed(after.link)))

    def _resumed(self, device: DeviceId) -> Signal:
        """What the engine says when it opens a link with credentials that should exist."""
        if device in self.shown:
            return LinkUp()
        self.disk.pop(device, None)
        return LoggedOut()

    @contextmanager
    def _giving_way(self, line: Line) -> Iterator[None]:
        try:
            yield
        except Fenced:
            self.lines = {key: other for key, other in self.lines.items() if other is not line}
            line.link, line.scannable = None, False
            line.mailbox.clear()

    # ------------------------------------------------------------------ the rest

    def crash(self, process: ProcessId) -> None:
        """A process dies: its links close, and what its lines have not heard is lost."""
        self.lines = {key: line for key, line in self.lines.items() if key[1] != process}

    @property
    def retirable(self) -> list[DeviceId]:
        """Devices to log out: those whose link is closed, since two must not have them open."""
        return sorted(self.store.retired - {line.link for line in self.lines.values()})

    def log_out(self, device: DeviceId) -> None:
        """The device leaves its phone's list, and its credentials are deleted."""
        self.shown.pop(device, None)
        self.disk.pop(device, None)
        self.store.retired.remove(device)

    def come_to_rest(self) -> None:
        """Everything that was said is heard, and everything that is to be done is done."""
        for _ in range(20):
            for line in list(self.lines.values()):
                while line.mailbox:
                    self.hear(line)
                self.look(line)
            for device in self.retirable:
                self.log_out(device)
            for bot, session in self.store.sessions.items():
                for process in PROCESSES if not session.idle else ():
                    self.begin(bot, process)
            if not self.store.retired and not any(line.mailbox for line in self.lines.values()):
                return
        raise AssertionError("the house does not come to rest")
