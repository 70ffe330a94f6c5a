"""The law, while everything goes wrong at once.

    people ──connect, disconnect──▶ Store ◀──steps── Line ◀──signals── WhatsApp ◀── phones

Around the pure core stands a model of the house, as small as it can be and still go wrong in the
ways in which the house can: people ask at any moment, processes die at any moment and others take
their lines over, lines act on what they read a while ago, links speak on after they were closed.
Hypothesis looks for an order of things in which the law does not hold:

    a number is claimed by a bot ⇔ that bot is linked with it

and, once nothing is left to be heard or done, for a device that a phone still shows though no bot
answers for it.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from sololine.core.advance import Began, Evicted, Granted, LineSignal, Looked, Refused, advance
from sololine.core.claim import Claim, ClaimKind, Evict, Grant, Policy, Refuse, decide
from sololine.core.ids import BotId, DeviceId, ProcessId, TenantId
from sololine.core.lease import TERM_LENGTH, Lease, may_take
from sololine.core.linking import Window
from sololine.core.number import Number, from_jid
from sololine.core.session import Device, EndReason, Intent, Session, State, Wish
from sololine.core.signals import (
    Banned,
    ConnectRefused,
    CredentialsInUse,
    EngineOutdated,
    EngineStopped,
    KeepAliveMissed,
    LinkDown,
    Linked,
    LinkingTimedOut,
    LinkUp,
    LoggedOut,
    PasskeyRequired,
    QrIssued,
    Signal,
)

TENANTS = TenantId("acme"), TenantId("globex")
PROCESSES = ProcessId("north"), ProcessId("south")
NUMBERS = tuple(Number(digits=f"4477009001{n:02}") for n in (23, 24))
TROUBLES = (
    QrIssued(code="2@qr", valid_for=timedelta(seconds=20)),
    LinkingTimedOut(),
    PasskeyRequired(),
    LinkUp(),
    LinkDown(),
    KeepAliveMissed(errors=2),
    CredentialsInUse(),
    Banned(lasts=timedelta(hours=1)),
    EngineOutdated(),
    ConnectRefused(),
    EngineStopped(),
)


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


class House(RuleBasedStateMachine):
    """Bots, numbers and processes, and whatever may happen to them."""

    bots = Bundle("bots")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.store = Store()
        self.lines: dict[tuple[BotId, ProcessId], Line] = {}
        # What is true at WhatsApp and on our disk, whoever knows of it.
        self.shown: dict[DeviceId, Number] = {}
        self.disk: dict[DeviceId, Linked] = {}

    # ------------------------------------------------------------------ people

    @initialize(target=bots)
    def begin_with_rivals(self) -> MultipleResults[BotId]:
        return multiple(*(self.create(tenant) for tenant in (TENANTS[0], *TENANTS)))

    @precondition(lambda self: len(self.store.sessions) < 4)
    @rule(target=bots, tenant=st.sampled_from(TENANTS))
    def create_bot(self, tenant: TenantId) -> BotId:
        return self.create(tenant)

    def create(self, tenant: TenantId) -> BotId:
        bot = BotId(f"bot_{len(self.store.sessions)}")
        self.store.sessions[bot] = Session(bot=bot, tenant=tenant, since=self.now)
        return bot

    @rule(
        bot=bots,
        declared=st.none() | st.sampled_from(NUMBERS),
        policy=st.sampled_from(Policy),
        use_existing=st.booleans(),
    )
    def connect(
        self, bot: BotId, declared: Number | None, policy: Policy, *, use_existing: bool
    ) -> None:
        session = self.store.sessions[bot]
        untouched = session.obeyed < session.intent.no
        busy = untouched or session.state is not State.DISCONNECTED
        if session.window(self.now) or (
            session.device and session.intent.wish is Wish.ONLINE and busy
        ):
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
        self.ask(session, Wish.ONLINE, window)

    @rule(bot=bots, wish=st.sampled_from([Wish.OFFLINE, Wish.UNLINKED]))
    def disconnect(self, bot: BotId, wish: Wish) -> None:
        self.ask(self.store.sessions[bot], wish)

    def ask(self, session: Session, wish: Wish, window: Window | None = None) -> None:
        intent = Intent(no=session.intent.no + 1, wish=wish, window=window)
        self.store.save(replace(session, intent=intent), self.now)

    @rule(
        bot=bots,
        process=st.sampled_from(PROCESSES),
        declares=st.booleans(),
        policy=st.sampled_from(Policy),
        hears=st.integers(min_value=0, max_value=2),
    )
    def link(
        self,
        bot: BotId,
        process: ProcessId,
        policy: Policy,
        *,
        declares: bool,
        hears: int,
    ) -> None:
        """The ordinary way in one rule, to the number that all want: trouble comes by itself."""
        number = NUMBERS[0]
        self.disconnect(bot, Wish.OFFLINE)
        self.begin(bot, process)
        line = self.lines.get((bot, process))
        if line is not None:
            self.look_again(line)
            self.connect(bot, number if declares else None, policy, use_existing=False)
            self.look_again(line)
            if line.scannable:
                self.accept(line, number, survives=True)
            for _ in range(min(hears, len(line.mailbox))):
                self.hear_next(line)

    # ------------------------------------------------------------------ phones

    @precondition(lambda self: self.which(lambda line: line.scannable))
    @rule(data=st.data(), number=st.sampled_from(NUMBERS), survives=st.booleans())
    def scan(self, data: st.DataObject, number: Number, *, survives: bool) -> None:
        """A phone accepts a device: the engine reports it, or dies before it can."""
        self.accept(self.one(data, lambda line: line.scannable), number, survives=survives)

    def accept(self, line: Line, number: Number, *, survives: bool) -> None:
        device = line.link
        assert device is not None
        line.scannable = False
        self.shown[device] = number
        self.disk[device] = Linked(jid=f"{number}:1@s.whatsapp.net", lid="1:1@lid")
        said: list[Signal] = [self.disk[device], LinkUp()] if survives else [EngineStopped()]
        line.mailbox.extend((device, signal) for signal in said)

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        """Someone removes a device from the phone's list; an open link hears of it at once."""
        device = data.draw(st.sampled_from(sorted(self.shown)))
        del self.shown[device]
        for line in self.lines.values():
            if line.link == device:
                self.disk.pop(device, None)
                line.mailbox.append((device, LoggedOut()))

    # ------------------------------------------------------------------ lines

    def which(self, wanted: Callable[[Line], object]) -> list[tuple[BotId, ProcessId]]:
        return [key for key, line in self.lines.items() if wanted(line)]

    def one(self, data: st.DataObject, wanted: Callable[[Line], object]) -> Line:
        return self.lines[data.draw(st.sampled_from(self.which(wanted)))]

    @rule(bot=bots, process=st.sampled_from(PROCESSES))
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
            self.judge(line, linking, self.disk[linking])
        self.step(line, Began())

    @precondition(lambda self: self.which(lambda line: line.link))
    @rule(data=st.data(), signal=st.sampled_from(TROUBLES))
    def trouble(self, data: st.DataObject, signal: Signal) -> None:
        """An engine says something, right or wrong."""
        line = self.one(data, lambda line: line.link)
        assert line.link is not None
        line.mailbox.append((line.link, signal))

    @precondition(lambda self: self.which(lambda line: line.mailbox))
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """A line takes up the next signal, by the row as it read it last: only fences hold it."""
        self.hear_next(self.one(data, lambda line: line.mailbox))

    def hear_next(self, line: Line) -> None:
        device, signal = line.mailbox.popleft()
        with self.giving_way(line):
            if isinstance(signal, Linked):
                self.judge(line, device, signal)
            else:
                # Links that were closed are heard too, which is more than real lines do.
                self.step(line, signal)

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """A line reads its row again: it was told to, or something is due."""
        self.look_again(self.one(data, lambda _: True))

    def look_again(self, line: Line) -> None:
        line.session = self.store.sessions[line.session.bot]
        with self.giving_way(line):
            self.step(line, Looked())

    @precondition(lambda self: self.which(lambda line: line.accepted))
    @rule(data=st.data())
    def ask_for_the_holder(self, data: st.DataObject) -> None:
        """A line reads whose a scanned number is, and then is slow to act on it."""
        line = self.one(data, lambda line: line.accepted)
        assert line.accepted is not None
        line.holder = [self.store.claims.get(from_jid(line.accepted.jid))]

    def judge(self, line: Line, device: DeviceId, linked: Linked) -> None:
        """Grant or refuse what a phone accepted; a lost race is run again on fresh facts."""
        session, number = line.session, from_jid(linked.jid)
        window = session.taken_up
        if window is None or session.linking != device:
            self.step(line, Looked())
            return
        if window.number is not None and window.number != number:
            self.step(line, Refused(reason=EndReason.NUMBER_MISMATCH))
            return
        stale = bool(line.holder)
        holder = line.holder.pop() if stale else self.store.claims.get(number)
        granted = Granted(
            device=Device(
                id=device, number=number, jid=linked.jid, lid=linked.lid, linked_at=self.now
            )
        )
        try:
            with self.store.transaction():
                match decide(
                    holder,
                    bot=session.bot,
                    tenant=session.tenant,
                    policy=window.policy,
                    now=self.now,
                ):
                    case Grant():
                        self.step(line, granted)
                    case Evict(holder=other):
                        self.store.evict(other, session.bot, self.now)
                        self.step(line, replace(granted, evicted=other.bot))
                    case Refuse(holder=other):
                        self.step(line, Refused(reason=EndReason.NUMBER_TAKEN, holder=other.bot))
        except Taken:
            if not stale:
                raise
            self.judge(line, device, linked)

    def step(self, line: Line, signal: LineSignal) -> None:
        """Decide, commit, and make the link match what was committed."""
        after = advance(line.session, signal, self.now).session
        self.store.save_life(after, line.lease, self.now)
        line.session = after
        if line.link == after.link:
            return
        line.link, line.scannable = after.link, after.link is not None
        if after.link is not None and after.link != after.linking:
            line.scannable = False
            line.mailbox.append((after.link, self.resumed(after.link)))

    def resumed(self, device: DeviceId) -> Signal:
        """What the engine says when it opens a link with credentials that should exist."""
        if device in self.shown:
            return LinkUp()
        self.disk.pop(device, None)
        return LoggedOut()

    @contextmanager
    def giving_way(self, line: Line) -> Iterator[None]:
        try:
            yield
        except Fenced:
            self.lines = {key: other for key, other in self.lines.items() if other is not line}
            line.link, line.scannable = None, False
            line.mailbox.clear()

    # ------------------------------------------------------------------ what nobody asked for

    @rule(process=st.sampled_from(PROCESSES))
    def crash(self, process: ProcessId) -> None:
        """A process dies: its links close, and what its lines have not heard is lost."""
        self.lines = {key: line for key, line in self.lines.items() if key[1] != process}

    @rule(seconds=st.sampled_from([1, 10, 31, 121, 301, 3601]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # ------------------------------------------------------------------ retirement

    @precondition(lambda self: self.retirable)
    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        self.log_out(data.draw(st.sampled_from(self.retirable)))

    @property
    def retirable(self) -> list[DeviceId]:
        """Devices to log out: those whose link is closed, since two must not have them open."""
        return sorted(self.store.retired - {line.link for line in self.lines.values()})

    def log_out(self, device: DeviceId) -> None:
        self.shown.pop(device, None)
        self.disk.pop(device, None)
        self.store.retired.remove(device)

    # ------------------------------------------------------------------ what must always hold

    @invariant()
    def a_number_is_claimed_exactly_while_its_bot_is_linked(self) -> None:
        linked = [(s.device.number, s.bot) for s in self.store.sessions.values() if s.device]
        held = [(c.number, c.bot) for c in self.store.claims.values() if c.kind is ClaimKind.HELD]
        assert sorted(linked) == sorted(held)

    @invariant()
    def the_claims_that_stand_are_those_that_the_sessions_make(self) -> None:
        made = [claim for session in self.store.sessions.values() for claim in session.claims()]
        standing = {claim for claim in made if claim.stands(self.now)}
        assert standing == {c for c in self.store.claims.values() if c.stands(self.now)}

    @invariant()
    def every_device_is_a_bots_or_will_be_logged_out(self) -> None:
        owned = [device for s in self.store.sessions.values() for device in s.devices]
        assert len(owned) == len(set(owned))
        assert self.store.retired.isdisjoint(owned)
        assert self.shown.keys() <= self.store.retired | set(owned)

    @rule()
    def all_comes_to_rest(self) -> None:
        """Everything is heard and everything due is done, and then phones and bots agree."""
        self.rest()
        linked = {s.device.id: s for s in self.store.sessions.values() if s.device}
        assert self.shown.keys() <= linked.keys()
        for session in self.store.sessions.values():
            assert session.intent.no == session.obeyed
            assert session.device is None or session.intent.wish is not Wish.UNLINKED

    def teardown(self) -> None:
        """A phone that removed a device is believed when its link is opened the next time."""
        self.all_comes_to_rest()
        for session in self.store.sessions.values():
            if session.device is not None:
                self.ask(session, Wish.ONLINE)
        self.rest()
        devices = [s.device for s in self.store.sessions.values() if s.device]
        assert self.shown == {device.id: device.number for device in devices}

    def rest(self) -> None:
        for _ in range(20):
            for line in list(self.lines.values()):
                while line.mailbox:
                    self.hear_next(line)
                self.look_again(line)
            for device in self.retirable:
                self.log_out(device)
            for bot, session in self.store.sessions.items():
                for process in PROCESSES if not session.idle else ():
                    self.begin(bot, process)
            if not self.store.retired and not self.which(lambda line: line.mailbox):
                return
        raise AssertionError("the house does not come to rest")


TestTheLaw = House.TestCase
TestTheLaw.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
