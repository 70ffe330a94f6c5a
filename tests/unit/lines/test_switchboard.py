import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from sololine.actions import sessions
from sololine.bus import EVERYTHING, SESSIONS, Notice
from sololine.core.claim import Policy
from sololine.core.ids import BotId, DeviceId, ProcessId
from sololine.core.lease import RENEWED_EVERY, TERM_LENGTH, TRUST
from sololine.core.linking import WINDOW
from sololine.core.session import EndReason, State
from sololine.engine.port import Deliver, DeviceBusy, Link
from sololine.lines import switchboard as module
from sololine.lines.switchboard import Switchboard
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.fakes.engine import ScriptedEngine, ScriptedLink
from tests.unit.lines.stage import Hours, Stage
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    OTHER_NUMBER,
    connect,
    connected_bot,
    events_of,
    holder_of,
    new_bot,
    retired_of,
    until,
)

T = TypeVar("T")
HERE = ProcessId("here")
SOON = 0.01
NEVER = 3600.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a second try, nor for a sweep."""
    monkeypatch.setattr(module, "PAUSE_AFTER_FAULT_S", SOON)
    monkeypatch.setattr(module, "SWEEP_EVERY_S", SOON)


class FragileStore:
    """The store, as a process sees it that may be cut off from it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fails = False
        self.hangs = False

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        await self._suffer()
        return await self._store.run(work)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        await self._suffer()
        async with self._store.read() as tx:
            yield tx

    async def _suffer(self) -> None:
        if self.fails:
            raise ConnectionError("the database is away")
        if self.hangs:
            await asyncio.Event().wait()


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def fragile(stage: Stage) -> FragileStore:
    return FragileStore(stage.store)


@asynccontextmanager
async def process(stage: Stage, hours: Hours, store: FragileStore) -> AsyncIterator[Switchboard]:
    switchboard = Switchboard(
        HERE,
        store=store,  # type: ignore[arg-type]  # all that a process asks of a store
        bus=stage.bus,
        engine=ScriptedEngine(stage.whatsapp),
        monotonic=hours.monotonic,
        sleep=hours.sleep,
    )
    async with switchboard.running():
        yield switchboard


async def process_of(stage: Stage, bot: BotId) -> str | None:
    """The process that has the bot's lease."""
    async with stage.store.read() as tx:
        lease = await tx.leases.of(bot)
    return lease.process if lease else None


async def online(stage: Stage, number: str = NUMBER) -> BotId:
    """A bot that is connected, its link kept by whatever process runs."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await stage.scanned(bot, number)
    await stage.reached(bot, State.CONNECTED)
    await stage.quiet()
    return bot


async def sleeping(stage: Stage, number: str = NUMBER) -> BotId:
    """A bot that should be connected, with credentials on disk, that no process keeps."""
    bot = await connected_bot(stage.gateway, number)
    await ready_to_resume(stage, bot, number)
    return bot


async def ready_to_resume(stage: Stage, bot: BotId, number: str) -> None:
    device = (await stage.session(bot)).device
    assert device is not None
    engine = ScriptedEngine(stage.whatsapp)
    await engine.link(device.id, lambda signal: None)
    stage.whatsapp.scan(stage.whatsapp.code_of(device.id), number)
    engine.die()


async def device_of(stage: Stage, bot: BotId) -> DeviceId:
    device = (await stage.session(bot)).device
    assert device is not None
    return device.id


# ---------------------------------------------------------------------- taking lines up


async def test_an_order_is_taken_up_at_its_notice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_EVERY_S", NEVER)
    async with stage.process():
        bot = await online(stage)
        answer = await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)

        assert answer.state is State.DISCONNECTED


async def test_an_order_whose_notice_was_lost_is_found_by_a_sweep(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(notice: Notice) -> None:
        """Tell nobody."""

    async with stage.process():
        monkeypatch.setattr(stage.bus, "publish", lost)
        await online(stage)


async def test_an_order_to_a_running_line_is_found_by_a_sweep_without_its_notice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As commands give them, which have no bus to tell it on."""

    async def lost(notice: Notice) -> None:
        """Tell nobody."""

    monkeypatch.setattr(module, "SWEEP_EVERY_S", 0.01)
    async with stage.process():
        bot = await online(stage)
        monkeypatch.setattr(stage.bus, "publish", lost)
        answer = await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)

        assert answer.state is State.DISCONNECTED


async def test_a_notice_about_everything_has_every_line_look(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it comes after the bus was away."""
    monkeypatch.setattr(module, "SWEEP_EVERY_S", NEVER)
    publish = stage.bus.publish

    async def lost(notice: Notice) -> None:
        """Tell nobody."""

    async with stage.process():
        bot = await new_bot(stage.gateway)
        await connect(stage.gateway, bot)
        await stage.showing(bot)
        monkeypatch.setattr(stage.bus, "publish", lost)
        stage.clock.advance(WINDOW)
        await publish(Notice(topic=SESSIONS, key=EVERYTHING))
        await stage.reached(bot, State.DISCONNECTED)


async def test_what_a_dead_predecessor_of_the_same_name_left_is_taken_up_at_once(
    stage: Stage,
) -> None:
    bot = await sleeping(stage)
    lease = await stage.lease(bot, "here")
    async with stage.process("here"):
        await stage.opened(await device_of(stage, bot))
        async with stage.store.read() as tx:
            new = await tx.leases.of(bot)

    assert new is not None
    assert new.term == lease.term + 1


async def test_all_that_a_predecessor_left_is_taken_up_however_much_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what does not fit into one sweep, beside the lines that run already."""
    monkeypatch.setattr(module, "TAKEN_AT_ONCE", 2)
    bots = [await sleeping(stage, f"3460000001{index}") for index in range(7)]
    for bot in bots:
        await stage.lease(bot, "here")
    async with stage.process("here"):
        for bot in bots:
            await stage.opened(await device_of(stage, bot))


async def test_another_processs_line_is_taken_up_only_when_its_lease_has_expired(
    stage: Stage,
) -> None:
    bot, own = await sleeping(stage), await sleeping(stage, OTHER_NUMBER)
    await stage.lease(bot, "there")
    async with stage.process("here"):
        await stage.opened(await device_of(stage, own))  # by then `bot` was looked at, too
        stage.clock.advance(TERM_LENGTH - timedelta(milliseconds=1))
        await sweep(stage)
        assert await process_of(stage, bot) == "there"
        stage.clock.advance(timedelta(milliseconds=1))
        await stage.opened(await device_of(stage, bot))

        assert await process_of(stage, bot) == "here"


async def sweep(stage: Stage) -> None:
    """Wait until a sweep has come round: it takes up a bot that was not there before."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await stage.showing(bot)


async def test_two_processes_share_the_bots_without_a_bot_in_both(stage: Stage) -> None:
    bots = [await sleeping(stage, f"3460000001{index}") for index in range(6)]
    engines = [ScriptedEngine(stage.whatsapp) for _ in range(2)]
    async with stage.process("here", engines[0]), stage.process("there", engines[1]):
        for bot in bots:
            await stage.opened(await device_of(stage, bot))

        opened = [device for engine in engines for _, device in engine.opened]
        assert len(opened) == len(set(opened)) == len(bots)


# ---------------------------------------------------------------------- faults


async def test_a_fault_of_one_line_is_no_matter_of_the_others_and_is_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine(stage.whatsapp)
    bot, broken = await sleeping(stage), await sleeping(stage, OTHER_NUMBER)
    resume, device = engine.resume, await device_of(stage, broken)
    tries = 0

    async def fails_twice(asked: DeviceId, deliver: Deliver) -> ScriptedLink:
        nonlocal tries
        if asked == device:
            tries += 1
            if tries <= 2:
                raise (DeviceBusy if tries == 1 else RuntimeError)("not now")
        return await resume(asked, deliver)

    monkeypatch.setattr(engine, "resume", fails_twice)
    async with stage.process(engine=engine):
        await stage.opened(await device_of(stage, bot))
        link = stage.whatsapp.links[await device_of(stage, bot)]
        await stage.opened(device)

        assert tries == 3
        assert stage.whatsapp.links[await device_of(stage, bot)] is link


async def test_a_sweep_that_failed_is_no_reason_to_stop_sweeping(
    stage: Stage, hours: Hours, fragile: FragileStore
) -> None:
    async with process(stage, hours, fragile):
        fragile.fails = True
        bot = await new_bot(stage.gateway)
        await connect(stage.gateway, bot)
        await asyncio.sleep(5 * SOON)
        assert await process_of(stage, bot) is None
        fragile.fails = False

        await stage.showing(bot)


async def test_a_bus_that_fails_is_listened_to_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_EVERY_S", NEVER)
    subscribe = stage.bus.subscribe
    tries = 0

    @asynccontextmanager
    async def fails_once(*topics: str) -> AsyncIterator[AsyncIterator[Notice]]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionError("the bus is away")
        async with subscribe(*topics) as notices:
            yield notices

    with monkeypatch.context() as patched:
        patched.setattr(stage.bus, "subscribe", fails_once)
        async with stage.process():
            await until(lambda: tries == 2, "it is listened to again")
            patched.undo()
            await online(stage)


# ---------------------------------------------------------------------- leases


async def test_leases_are_renewed_while_the_lines_run(
    stage: Stage, hours: Hours, fragile: FragileStore
) -> None:
    async with process(stage, hours, fragile):
        bot = await online(stage)
        stage.clock.advance(timedelta(seconds=20))
        await hours.pass_(RENEWED_EVERY)
        async with stage.store.read() as tx:
            lease = await tx.leases.of(bot)

        assert lease is not None
        assert lease.expires_at == stage.clock.now() + TERM_LENGTH


async def test_a_line_whose_lease_was_lost_is_found_when_leases_are_renewed(
    stage: Stage, hours: Hours, fragile: FragileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells it: it was suspended, say, and another process went on."""
    async with process(stage, hours, fragile):
        bot = await online(stage)
        device = await device_of(stage, bot)
        stage.clock.advance(TERM_LENGTH)
        await stage.lease(bot, "there")
        await hours.pass_(RENEWED_EVERY)
        await stage.closed(device)

        assert await process_of(stage, bot) == "there"
        assert device in stage.whatsapp.credentials


async def test_a_process_cut_off_from_the_store_stops_before_its_leases_can_be_anothers(
    stage: Stage, hours: Hours, fragile: FragileStore
) -> None:
    """However fast the store fails; a line left running would share its bot with another's."""
    async with process(stage, hours, fragile):
        device = await device_of(stage, await online(stage))
        began = hours.now
        fragile.fails = True
        await hours.pass_(TRUST - timedelta(seconds=1))
        assert device in stage.whatsapp.links
        await hours.pass_(timedelta(seconds=1))
        await stage.closed(device)

        assert hours.now - began <= TRUST.total_seconds() < TERM_LENGTH.total_seconds()


async def test_one_renewal_that_failed_is_tried_again_soon(
    stage: Stage, hours: Hours, fragile: FragileStore
) -> None:
    async with process(stage, hours, fragile):
        bot = await online(stage)
        fragile.fails = True
        await hours.pass_(RENEWED_EVERY)
        fragile.fails = False
        stage.clock.advance(timedelta(seconds=20))
        await hours.pass_(timedelta(seconds=2))
        async with stage.store.read() as tx:
            lease = await tx.leases.of(bot)

        assert lease is not None
        assert lease.expires_at == stage.clock.now() + TERM_LENGTH
        await hours.pass_(TRUST)  # trusted anew: nothing is stopped
        assert await device_of(stage, bot) in stage.whatsapp.links


async def test_lines_that_were_stopped_run_again_when_the_store_is_back(
    stage: Stage, hours: Hours, fragile: FragileStore
) -> None:
    async with process(stage, hours, fragile):
        bot = await online(stage)
        device = await device_of(stage, bot)
        fragile.fails = True
        await hours.pass_(TRUST)
        await stage.closed(device)
        fragile.fails = False

        await stage.opened(device)
        assert await process_of(stage, bot) == "here"


async def test_a_store_that_never_answers_is_as_good_as_one_that_fails(
    stage: Stage, fragile: FragileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWED_EVERY", timedelta(seconds=SOON))
    monkeypatch.setattr(module, "TRUST", timedelta(seconds=0.2))
    async with stage.process(store=fragile):  # type: ignore[arg-type]  # see `process`
        device = await device_of(stage, await online(stage))
        fragile.hangs = True
        await stage.closed(device)
        fragile.hangs = False


async def test_a_process_without_lines_renews_nothing_and_stops_nothing(
    stage: Stage, hours: Hours, fragile: FragileStore, said: list[dict[str, object]]
) -> None:
    async with process(stage, hours, fragile):
        fragile.fails = True
        await hours.pass_(10 * TRUST)
        fragile.fails = False
        assert "leases not renewed" not in {each["event"] for each in said}
        await hours.pass_(TRUST)
        device = await device_of(stage, await online(stage))
        await hours.pass_(10 * TRUST)

        assert device in stage.whatsapp.links


# ---------------------------------------------------------------------- the end


async def test_a_process_that_stops_leaves_no_lease_no_link_and_no_task(stage: Stage) -> None:
    before = asyncio.all_tasks()
    async with stage.process():
        connected = await online(stage)
        waiting = await new_bot(stage.gateway)
        await connect(stage.gateway, waiting)
        await stage.showing(waiting)

    assert stage.whatsapp.links == {}
    assert asyncio.all_tasks() == before
    for bot in (connected, waiting):
        assert await process_of(stage, bot) is None
    assert (await stage.session(connected)).state is State.CONNECTED, "it is to be resumed"
    assert (await stage.session(waiting)).state is State.AWAITING_SCAN


async def test_the_next_process_goes_on_where_the_last_one_stopped(stage: Stage) -> None:
    async with stage.process("here"):
        bot = await online(stage)
    async with stage.process("there"):
        await stage.opened(await device_of(stage, bot))
        await stage.reached(bot, State.CONNECTED)

    assert len(stage.whatsapp.devices(NUMBER)) == 1


async def test_a_process_that_stops_without_its_store_ends_all_the_same(
    stage: Stage, hours: Hours, fragile: FragileStore
) -> None:
    async with process(stage, hours, fragile):
        bot = await online(stage)
        fragile.fails = True

    assert stage.whatsapp.links == {}
    assert await process_of(stage, bot) == "here", "the lease expires by itself"


async def test_a_stopping_process_lets_a_logout_that_is_under_way_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, may_end = asyncio.Event(), asyncio.Event()
    log_out = ScriptedLink.log_out

    async def slowly(link: ScriptedLink) -> None:
        going.set()
        await may_end.wait()
        await log_out(link)

    monkeypatch.setattr(ScriptedLink, "log_out", slowly)
    async with stage.process():
        bot = await online(stage)
        device = await device_of(stage, bot)
        await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)
        await going.wait()
        asyncio.get_running_loop().call_later(SOON, may_end.set)

    assert stage.whatsapp.devices(NUMBER) == []
    assert await retired_of(stage.store, device) is None


async def test_a_logout_that_does_not_end_is_left_to_the_next_process(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FINISH_S", SOON)
    going = asyncio.Event()

    async def never(link: ScriptedLink) -> None:
        going.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(ScriptedLink, "log_out", never)
        async with stage.process("here"):
            bot = await online(stage)
            device = await device_of(stage, bot)
            await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)
            await going.wait()
    assert stage.whatsapp.links == {}
    assert stage.whatsapp.devices(NUMBER) == [device]

    async with stage.process("here"):  # at once: its predecessor of this name is dead
        await stage.devices(NUMBER)


# ---------------------------------------------------------------------- devices given up


async def test_a_refused_device_leaves_the_phone(stage: Stage) -> None:
    async with stage.process():
        holder = await online(stage)
        bot = await new_bot(stage.gateway)
        await connect(stage.gateway, bot)
        await stage.scanned(bot, NUMBER)
        await stage.reached(bot, State.DISCONNECTED)
        await stage.devices(NUMBER, await device_of(stage, holder))

        async def told() -> bool:
            return (await events_of(stage.store, bot))[-1] == "device.logged_out"

        await until(told, "the log says so")


async def test_a_device_scanned_as_the_window_ended_leaves_the_phone(stage: Stage) -> None:
    async with stage.process() as switchboard:
        bot = await new_bot(stage.gateway)
        await connect(stage.gateway, bot)
        await stage.showing(bot)
        stage.clock.advance(WINDOW)
        switchboard._running[bot].look()
        await stage.scanned(bot, NUMBER)
        session = await stage.reached(bot, State.DISCONNECTED)
        await stage.devices(NUMBER)

        assert session.end is not None
        assert session.end.reason is EndReason.WINDOW_OVER
        assert await holder_of(stage.store, NUMBER) is None


@pytest.mark.parametrize("told", [True, False])
async def test_an_evicted_device_is_logged_out_once_whichever_process_does_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    """Told by the bus, or (its notices lost) when its lease is not renewed."""
    monkeypatch.setattr(module, "RENEWED_EVERY", timedelta(seconds=SOON))
    stage.gateway = replace(stage.gateway, policy=Policy.REPLACE)
    logouts = []
    log_out = ScriptedLink.log_out

    async def counted(link: ScriptedLink) -> None:
        await log_out(link)
        logouts.append(link.device)

    monkeypatch.setattr(ScriptedLink, "log_out", counted)

    @asynccontextmanager
    async def deaf(*topics: str) -> AsyncIterator[AsyncIterator[Notice]]:
        async with stage_bus_subscribe("nothing") as notices:
            yield notices

    stage_bus_subscribe = stage.bus.subscribe
    async with stage.process("here"):
        holder = await online(stage)
        old = await device_of(stage, holder)
        if not told:
            monkeypatch.setattr(stage.bus, "subscribe", deaf)
        async with stage.process("there"):
            bot = await new_bot(stage.gateway)
            await connect(stage.gateway, bot)
            # Whichever process took the bot: the number moves, and the old device goes.
            await stage.scanned(bot, NUMBER)
            await stage.reached(bot, State.CONNECTED)

            async def gone() -> bool:
                stage.clock.advance(timedelta(seconds=1))  # a try that met the other is put off
                return await retired_of(stage.store, old) is None

            await until(gone, "the old device is done with")
            await stage.devices(NUMBER, await device_of(stage, bot))

    assert logouts == [old]
    types = await events_of(stage.store, holder)
    assert types.count("device.logged_out") == 1
    assert types.count("session.disconnected") == 1


async def test_a_device_is_not_taken_from_a_line_that_still_has_it_open(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep of the same process comes between the eviction and the line's giving way."""
    stage.gateway = replace(stage.gateway, policy=Policy.REPLACE)
    async with stage.process() as switchboard:
        holder = await online(stage)
        old = await device_of(stage, holder)
        monkeypatch.setattr(switchboard._running[holder], "look", lambda: None)
        bot = await online(stage)
        await sweep(stage)
        retired = await retired_of(stage.store, old)
        assert retired is not None
        assert retired.tries == 0
        assert old in stage.whatsapp.links
        stage.whatsapp.drop(old)  # now the line learns of it
        await stage.devices(NUMBER, await device_of(stage, bot))


async def test_a_fault_while_logging_out_is_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()
    log_out = ScriptedLink.log_out

    async def fails_once(link: ScriptedLink) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("a fault of ours")
        await log_out(link)

    monkeypatch.setattr(ScriptedLink, "log_out", fails_once)
    async with stage.process():
        bot = await online(stage)
        await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)
        await failed.wait()
        stage.clock.advance(timedelta(seconds=30))
        await stage.devices(NUMBER)


async def test_a_device_that_is_being_logged_out_is_not_logged_out_twice_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes: its row comes due again meanwhile."""
    going, may_end = asyncio.Event(), asyncio.Event()
    calls = 0
    log_out = ScriptedLink.log_out

    async def slowly(link: ScriptedLink) -> None:
        nonlocal calls
        calls += 1
        going.set()
        await may_end.wait()
        await log_out(link)

    monkeypatch.setattr(ScriptedLink, "log_out", slowly)
    async with stage.process():
        bot = await online(stage)
        await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)
        await going.wait()
        device = next(iter(stage.whatsapp.links))
        stage.clock.advance(timedelta(minutes=5))
        await sweep(stage)
        retired = await retired_of(stage.store, device)
        assert retired is not None
        assert retired.tries == 1
        may_end.set()
        await stage.devices(NUMBER)

    assert calls == 1


def test_a_link_is_what_the_port_says() -> None:
    """The fake of these tests has every method of the port; its conduct is held by a contract."""
    assert {name for name in vars(Link) if not name.startswith("_")} <= set(vars(ScriptedLink))
