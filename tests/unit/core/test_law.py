"""The law, while everything goes wrong at once.

Hypothesis plays with the house on paper and looks for an order of things in which the law does not
hold: a number is claimed by a bot ⇔ that bot is linked with it. And, once nothing is left to be
heard or done, for a device that a phone still shows though no bot answers for it.
"""

from collections.abc import Callable
from datetime import timedelta

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

from sololine.core.claim import ClaimKind, Policy
from sololine.core.ids import BotId, ProcessId, TenantId
from sololine.core.number import Number
from sololine.core.session import Wish
from sololine.core.signals import (
    Banned,
    ConnectRefused,
    CredentialsInUse,
    EngineOutdated,
    EngineStopped,
    KeepAliveMissed,
    LinkDown,
    LinkingTimedOut,
    LinkUp,
    PasskeyRequired,
    QrIssued,
    Signal,
)
from tests.fakes.paper_house import PROCESSES, House, Line

TENANTS = TenantId("acme"), TenantId("globex")
NUMBERS = Number(digits="447700900123"), Number(digits="447700900124")
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


def scannable(line: Line) -> bool:
    return line.scannable


def open_(line: Line) -> bool:
    return line.link is not None


def addressed(line: Line) -> bool:
    return bool(line.mailbox)


def about_to_judge(line: Line) -> bool:
    return line.accepted is not None


def anyone(line: Line) -> bool:
    return True


class Life(RuleBasedStateMachine):
    """What may happen to the house, in any order."""

    bots = Bundle("bots")

    def __init__(self) -> None:
        super().__init__()
        self.house = House()

    def lines(self, wanted: Callable[[Line], bool]) -> list[tuple[BotId, ProcessId]]:
        return [key for key, line in self.house.lines.items() if wanted(line)]

    def one(self, data: st.DataObject, wanted: Callable[[Line], bool]) -> Line:
        return self.house.lines[data.draw(st.sampled_from(self.lines(wanted)))]

    # ------------------------------------------------------------------ people

    @initialize(target=bots)
    def begin_with_rivals(self) -> MultipleResults[BotId]:
        return multiple(*(self.house.create(tenant) for tenant in (TENANTS[0], *TENANTS)))

    @precondition(lambda self: len(self.house.store.sessions) < 4)
    @rule(target=bots, tenant=st.sampled_from(TENANTS))
    def create_bot(self, tenant: TenantId) -> BotId:
        return self.house.create(tenant)

    @rule(
        bot=bots,
        declared=st.none() | st.sampled_from(NUMBERS),
        policy=st.sampled_from(Policy),
        use_existing=st.booleans(),
    )
    def connect(
        self, bot: BotId, declared: Number | None, policy: Policy, *, use_existing: bool
    ) -> None:
        self.house.connect(bot, declared, policy, use_existing=use_existing)

    @rule(bot=bots, wish=st.sampled_from([Wish.OFFLINE, Wish.UNLINKED]))
    def disconnect(self, bot: BotId, wish: Wish) -> None:
        self.house.ask(bot, wish)

    @rule(
        bot=bots,
        process=st.sampled_from(PROCESSES),
        declares=st.booleans(),
        policy=st.sampled_from(Policy),
        asks=st.booleans(),
        hears=st.integers(min_value=0, max_value=2),
    )
    def link(
        self,
        bot: BotId,
        process: ProcessId,
        policy: Policy,
        *,
        declares: bool,
        asks: bool,
        hears: int,
    ) -> None:
        """The ordinary way in one rule, to the number that all want: conflicts come soon then."""
        number = NUMBERS[0]
        self.house.ask(bot, Wish.OFFLINE)
        self.house.begin(bot, process)
        line = self.house.lines.get((bot, process))
        if line is None:
            return
        self.house.look(line)
        self.house.connect(bot, number if declares else None, policy, use_existing=False)
        self.house.look(line)
        if line.scannable:
            self.house.scan(line, number)
        if asks and about_to_judge(line):
            self.house.ask_for_the_holder(line)
        for _ in range(min(hears, len(line.mailbox))):
            self.house.hear(line)

    # ------------------------------------------------------------------ phones

    @precondition(lambda self: self.lines(scannable))
    @rule(data=st.data(), number=st.sampled_from(NUMBERS), survives=st.booleans())
    def scan(self, data: st.DataObject, number: Number, *, survives: bool) -> None:
        self.house.scan(self.one(data, scannable), number, survives=survives)

    @precondition(lambda self: self.house.shown)
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        self.house.unlink(data.draw(st.sampled_from(sorted(self.house.shown))))

    # ------------------------------------------------------------------ lines

    @rule(bot=bots, process=st.sampled_from(PROCESSES))
    def begin(self, bot: BotId, process: ProcessId) -> None:
        self.house.begin(bot, process)

    @precondition(lambda self: self.lines(open_))
    @rule(data=st.data(), signal=st.sampled_from(TROUBLES))
    def trouble(self, data: st.DataObject, signal: Signal) -> None:
        """An engine says something, true or not."""
        line = self.one(data, open_)
        assert line.link is not None
        line.mailbox.append((line.link, signal))

    @precondition(lambda self: self.lines(addressed))
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        self.house.hear(self.one(data, addressed))

    @precondition(lambda self: self.lines(anyone))
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        self.house.look(self.one(data, anyone))

    @precondition(lambda self: self.lines(about_to_judge))
    @rule(data=st.data())
    def ask_for_the_holder(self, data: st.DataObject) -> None:
        self.house.ask_for_the_holder(self.one(data, about_to_judge))

    # ------------------------------------------------------------------ what nobody asked for

    @rule(process=st.sampled_from(PROCESSES))
    def crash(self, process: ProcessId) -> None:
        self.house.crash(process)

    @rule(seconds=st.sampled_from([1, 10, 31, 121, 301, 3601]))
    def time_passes(self, seconds: int) -> None:
        self.house.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.house.retirable)
    @rule(data=st.data())
    def log_out(self, data: st.DataObject) -> None:
        self.house.log_out(data.draw(st.sampled_from(self.house.retirable)))

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def a_number_is_claimed_exactly_while_its_bot_is_linked(self) -> None:
        store = self.house.store
        linked = [(s.device.number, s.bot) for s in store.sessions.values() if s.device]
        held = [(c.number, c.bot) for c in store.claims.values() if c.kind is ClaimKind.HELD]
        assert sorted(linked) == sorted(held)

    @invariant()
    def the_claims_that_stand_are_those_that_the_sessions_make(self) -> None:
        store, now = self.house.store, self.house.now
        made = {claim for session in store.sessions.values() for claim in session.claims()}
        assert {c for c in made if c.stands(now)} == {
            c for c in store.claims.values() if c.stands(now)
        }

    @invariant()
    def every_device_is_one_bots_or_will_be_logged_out(self) -> None:
        store = self.house.store
        owned = [device for session in store.sessions.values() for device in session.devices]
        assert len(owned) == len(set(owned))
        assert store.retired.isdisjoint(owned)
        assert self.house.shown.keys() <= store.retired | set(owned)

    @rule()
    def at_rest_every_device_that_a_phone_shows_is_a_linked_bots(self) -> None:
        self.house.come_to_rest()
        sessions = self.house.store.sessions.values()
        assert self.house.shown.keys() <= {s.device.id for s in sessions if s.device}
        for session in sessions:
            assert session.intent.no == session.obeyed
            assert session.device is None or session.intent.wish is not Wish.UNLINKED

    def teardown(self) -> None:
        """In the end all linked bots connect, and learn of what phones removed meanwhile."""
        self.at_rest_every_device_that_a_phone_shows_is_a_linked_bots()
        for session in list(self.house.store.sessions.values()):
            if session.device is not None:
                self.house.ask(session.bot, Wish.ONLINE)
        self.house.come_to_rest()
        devices = [s.device for s in self.house.store.sessions.values() if s.device]
        assert self.house.shown == {device.id: device.number for device in devices}


TestTheLaw = Life.TestCase
TestTheLaw.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)
