"""What every engine promises, held against each of them.

`neonize` is the real library in its workers, linked with the emulator; `scripted` is the fake that
other tests trust because it passes here.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from sololine.core.ids import DeviceId
from sololine.core.signals import (
    Banned,
    CredentialsInUse,
    EngineOutdated,
    EngineStopped,
    LinkDown,
    Linked,
    LinkUp,
    LoggedOut,
    PairingCodeIssued,
    PasskeyRequired,
    QrIssued,
    Signal,
)
from sololine.emulator import faults
from sololine.emulator.errors import Refused
from sololine.emulator.server import Emulator
from sololine.engine.link import NeonizeLink
from sololine.engine.loopback import available, loopback_launch
from sololine.engine.neonize import NeonizeEngine
from sololine.engine.port import DeviceBusy, Engine, Link, LinkClosed
from tests.fakes.engine import ScriptedEngine, ScriptedLink

# On Python 3.11 pytest-asyncio would otherwise make a loop here that nobody closes.
asyncio.set_event_loop(None)

DEVICE = DeviceId("dev_one_1_1")
OTHER = DeviceId("dev_two_1_1")
NUMBER = "447441395830"
DEADLINE_S = 30.0
S = TypeVar("S", bound=Signal)


class Heard:
    """What a link has said so far; a `Deliver`."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self._news = asyncio.Event()
        self._seen = 0

    def __call__(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._news.set()

    async def next(self, kind: type[S]) -> S:
        """The next signal of that kind; earlier ones are passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                while self._seen < len(self.signals):
                    self._seen += 1
                    signal = self.signals[self._seen - 1]
                    if isinstance(signal, kind):
                        return signal
                self._news.clear()
                await self._news.wait()

    @property
    def kinds(self) -> list[type[Signal]]:
        return [type(signal) for signal in self.signals]


class World(Protocol):
    """An engine, and the hands that hold the phones it links with."""

    engine: Engine

    async def scan(self, number: str, code: str) -> None: ...
    async def enter_code(self, number: str, code: str) -> None: ...
    def devices(self, number: str) -> int: ...
    def unlink(self, device: DeviceId, number: str) -> None: ...
    def drop(self, device: DeviceId, number: str) -> None: ...
    def replace(self, device: DeviceId, number: str) -> None: ...
    def ban_next_login(self, number: str) -> None: ...
    def be_outdated(self) -> None: ...
    async def scan_but_demand_passkey(self, number: str, code: str) -> None: ...
    def crash(self, link: Any) -> None: ...


class NeonizeWorld:
    def __init__(self, engine: NeonizeEngine, emulator: Emulator) -> None:
        self.engine: Engine = engine
        self._emulator = emulator

    async def scan(self, number: str, code: str) -> None:
        await self._emulator.phones.add(number).scan(code)

    async def enter_code(self, number: str, code: str) -> None:
        await self._emulator.phones.add(number).enter_code(code)

    def devices(self, number: str) -> int:
        return len(self._emulator.phones.add(number).devices())

    def unlink(self, device: DeviceId, number: str) -> None:
        phone = self._emulator.phones[number]
        phone.unlink(phone.devices()[0].device)

    def drop(self, device: DeviceId, number: str) -> None:
        self._arm(faults.Drop(), number)

    def replace(self, device: DeviceId, number: str) -> None:
        self._arm(faults.Replaced(), number)

    def ban_next_login(self, number: str) -> None:
        self._arm(faults.LoginFailure(reason=402, code=101, expire_s=3600), number)

    def be_outdated(self) -> None:
        self._arm(faults.ClientOutdated(), None)

    async def scan_but_demand_passkey(self, number: str, code: str) -> None:
        self._arm(faults.PasskeyDemand(), None)
        with pytest.raises(Refused):
            await self.scan(number, code)

    def crash(self, link: Any) -> None:
        assert isinstance(link, NeonizeLink)
        assert link.pid is not None

        os.kill(link.pid, signal.SIGKILL)

    def _arm(self, fault: faults.Fault, number: str | None) -> None:
        self._emulator.exchange.arm(fault, faults.Target(number=number))


class ScriptedWorld:
    def __init__(self, engine: ScriptedEngine) -> None:
        self.engine: Engine = engine
        self._whatsapp = engine.whatsapp

    async def scan(self, number: str, code: str) -> None:
        self._whatsapp.scan(code, number)

    async def enter_code(self, number: str, code: str) -> None:
        self._whatsapp.scan(code, number)

    def devices(self, number: str) -> int:
        return len(self._whatsapp.devices(number))

    def unlink(self, device: DeviceId, number: str) -> None:
        self._whatsapp.unlink(device)

    def drop(self, device: DeviceId, number: str) -> None:
        self._whatsapp.drop(device)

    def replace(self, device: DeviceId, number: str) -> None:
        self._whatsapp.replace(device)

    def ban_next_login(self, number: str) -> None:
        self._whatsapp.refuse_next(Banned(code=101, lasts=timedelta(hours=1)))

    def be_outdated(self) -> None:
        self._whatsapp.refuse_next(EngineOutdated())

    async def scan_but_demand_passkey(self, number: str, code: str) -> None:
        device = next(link.device for link in self._whatsapp.links.values() if link.code == code)
        self._whatsapp.links[device].end(PasskeyRequired())

    def crash(self, link: Any) -> None:
        assert isinstance(link, ScriptedLink)
        self._whatsapp.crash(link.device)


@pytest.fixture(params=["scripted", "neonize"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "scripted":
        yield ScriptedWorld(ScriptedEngine())
        return
    if reason := available():
        pytest.skip(reason)
    async with Emulator(tmp_path / "emulator") as emulator:
        launch = loopback_launch(
            port=emulator.port, ca_file=emulator.ca_file, root_public=emulator.root_public
        )
        engine = NeonizeEngine(tmp_path / "data", launch)
        try:
            yield NeonizeWorld(engine, emulator)
        finally:
            await engine.close()
        assert emulator.unknown == []


async def linked_up(
    world: World, device: DeviceId = DEVICE, number: str = NUMBER
) -> tuple[Link, Heard]:
    heard = Heard()
    link = await world.engine.link(device, heard)
    await world.scan(number, (await heard.next(QrIssued)).code)
    await heard.next(LinkUp)
    return link, heard


async def linked_and_closed(world: World) -> None:
    link, _ = await linked_up(world)
    await link.close()


async def quiet(heard: Heard) -> None:
    """Give what must not come the time to come."""
    before = list(heard.signals)
    await asyncio.sleep(0.3)
    assert heard.signals == before


async def test_a_fresh_link_shows_a_code_for_a_minute(world: World) -> None:
    heard = Heard()
    await world.engine.link(DEVICE, heard)
    issued = await heard.next(QrIssued)
    assert issued.valid_for == timedelta(seconds=60)
    assert issued.code


async def test_a_scan_links_and_then_the_link_comes_up(world: World) -> None:
    _, heard = await linked_up(world)
    assert heard.kinds == [QrIssued, Linked, LinkUp]
    linked = heard.signals[1]
    assert isinstance(linked, Linked)
    user, _, server = linked.jid.partition("@")
    assert user.split(":")[0] == NUMBER
    assert int(user.split(":")[1]) > 0
    assert server == "s.whatsapp.net"
    assert linked.lid.endswith("@lid")
    assert linked.platform == "android"
    assert world.devices(NUMBER) == 1


async def test_the_stored_credentials_say_what_was_linked(world: World) -> None:
    link, heard = await linked_up(world)
    await link.close()
    assert await world.engine.linked(DEVICE) == heard.signals[1]


async def test_where_nothing_is_stored_nobody_is_linked(world: World) -> None:
    assert await world.engine.linked(DEVICE) is None


async def test_a_resumed_link_needs_no_code(world: World) -> None:
    await linked_and_closed(world)
    heard = Heard()
    await world.engine.resume(DEVICE, heard)
    await heard.next(LinkUp)
    assert heard.kinds == [LinkUp]


async def test_without_credentials_a_resumed_link_is_logged_out(world: World) -> None:
    heard = Heard()
    await world.engine.resume(DEVICE, heard)
    await heard.next(EngineStopped)
    assert heard.kinds == [LoggedOut, EngineStopped]


async def test_credentials_that_exist_are_not_linked_over(world: World) -> None:
    await linked_and_closed(world)
    stored = await world.engine.linked(DEVICE)
    heard = Heard()
    await world.engine.link(DEVICE, heard)
    await heard.next(EngineStopped)
    assert heard.kinds == [EngineStopped]
    assert await world.engine.linked(DEVICE) == stored


async def test_a_code_that_is_typed_links_as_a_scan_does(world: World) -> None:
    heard = Heard()
    link = await world.engine.link(DEVICE, heard)
    await heard.next(QrIssued)
    # The phone must exist before a code can be shown for it.
    world.devices(NUMBER)
    await link.request_pairing_code(NUMBER)
    issued = await heard.next(PairingCodeIssued)
    assert timedelta() < issued.valid_for <= timedelta(seconds=160)
    await world.enter_code(NUMBER, issued.code)
    await heard.next(LinkUp)
    assert heard.kinds == [QrIssued, PairingCodeIssued, Linked, LinkUp]


async def test_codes_to_type_are_given_only_while_linking(world: World) -> None:
    link, _ = await linked_up(world)
    with pytest.raises(LinkClosed):
        await link.request_pairing_code(NUMBER)


async def test_logging_out_leaves_nothing_on_the_phone_and_nothing_here(world: World) -> None:
    link, heard = await linked_up(world)
    await link.log_out()
    assert world.devices(NUMBER) == 0
    assert await world.engine.linked(DEVICE) is None
    await quiet(heard)
    assert heard.kinds == [QrIssued, Linked, LinkUp]


async def test_logging_out_waits_for_a_link_that_is_coming_up(world: World) -> None:
    await linked_and_closed(world)
    link = await world.engine.resume(DEVICE, Heard())
    await link.log_out()
    assert world.devices(NUMBER) == 0


async def test_what_is_not_linked_cannot_be_logged_out(world: World) -> None:
    heard = Heard()
    link = await world.engine.link(DEVICE, heard)
    await heard.next(QrIssued)
    with pytest.raises(LinkClosed):
        await link.log_out()


async def test_a_closed_link_takes_no_orders(world: World) -> None:
    link, _ = await linked_up(world)
    await link.close()
    with pytest.raises(LinkClosed):
        await link.log_out()
    with pytest.raises(LinkClosed):
        await link.request_pairing_code(NUMBER)
    await link.close()
    assert await world.engine.linked(DEVICE) is not None


async def test_closing_while_a_code_is_shown_frees_the_device(world: World) -> None:
    heard = Heard()
    link = await world.engine.link(DEVICE, heard)
    await heard.next(QrIssued)
    await link.close()
    assert await world.engine.linked(DEVICE) is None
    await quiet(heard)
    assert heard.kinds == [QrIssued]
    await linked_up(world)


async def test_closing_at_once_says_nothing(world: World) -> None:
    heard = Heard()
    link = await world.engine.link(DEVICE, heard)
    await link.close()
    await quiet(heard)
    assert heard.kinds == []


async def test_closing_an_open_link_is_no_news(world: World) -> None:
    link, heard = await linked_up(world)
    await link.close()
    await quiet(heard)
    assert heard.kinds == [QrIssued, Linked, LinkUp]


async def test_a_crash_is_told_once_and_touches_nobody_else(world: World) -> None:
    link, heard = await linked_up(world)
    _, others = await linked_up(world, OTHER, "447441395831")
    world.crash(link)
    await heard.next(EngineStopped)
    await quiet(heard)
    assert heard.kinds == [QrIssued, Linked, LinkUp, EngineStopped]
    assert others.kinds == [QrIssued, Linked, LinkUp]


async def test_after_a_crash_the_device_resumes(world: World) -> None:
    link, heard = await linked_up(world)
    world.crash(link)
    await heard.next(EngineStopped)
    again = Heard()
    await world.engine.resume(DEVICE, again)
    await again.next(LinkUp)


async def test_the_device_is_free_when_its_last_signal_is_heard(world: World) -> None:
    """A line may act on the signal at once."""
    freed: list[asyncio.Task[Linked | None]] = []

    def deliver(signal: Signal) -> None:
        heard(signal)
        if isinstance(signal, EngineStopped):
            freed.append(asyncio.create_task(world.engine.linked(DEVICE)))

    heard = Heard()
    await world.engine.resume(DEVICE, deliver)
    await heard.next(EngineStopped)
    assert await freed[0] is None


async def test_a_broken_connection_comes_back_by_itself(world: World) -> None:
    _, heard = await linked_up(world)
    world.drop(DEVICE, NUMBER)
    await heard.next(LinkDown)
    await heard.next(LinkUp)


async def test_a_device_removed_on_its_phone_loses_its_credentials(world: World) -> None:
    _, heard = await linked_up(world)
    world.unlink(DEVICE, NUMBER)
    await heard.next(EngineStopped)
    assert heard.signals[-2] == LoggedOut(code=401)
    assert await world.engine.linked(DEVICE) is None


async def test_a_device_removed_while_offline_is_logged_out_when_it_returns(world: World) -> None:
    await linked_and_closed(world)
    world.unlink(DEVICE, NUMBER)
    heard = Heard()
    await world.engine.resume(DEVICE, heard)
    await heard.next(EngineStopped)
    assert heard.kinds == [LoggedOut, EngineStopped]
    assert await world.engine.linked(DEVICE) is None


async def test_credentials_used_elsewhere_are_kept_but_not_fought_over(world: World) -> None:
    _, heard = await linked_up(world)
    world.replace(DEVICE, NUMBER)
    await heard.next(EngineStopped)
    assert isinstance(heard.signals[-2], CredentialsInUse)
    assert await world.engine.linked(DEVICE) is not None


async def test_a_ban_says_why_and_for_how_long(world: World) -> None:
    await linked_and_closed(world)
    world.ban_next_login(NUMBER)
    heard = Heard()
    await world.engine.resume(DEVICE, heard)
    await heard.next(EngineStopped)
    assert heard.signals[0] == Banned(code=101, lasts=timedelta(hours=1))
    assert heard.kinds == [Banned, EngineStopped]
    assert await world.engine.linked(DEVICE) is not None


async def test_an_outdated_engine_says_so_before_it_links(world: World) -> None:
    world.be_outdated()
    heard = Heard()
    await world.engine.link(DEVICE, heard)
    await heard.next(EngineStopped)
    assert heard.kinds == [EngineOutdated, EngineStopped]


async def test_an_account_with_a_passkey_is_not_linked(world: World) -> None:
    heard = Heard()
    await world.engine.link(DEVICE, heard)
    await world.scan_but_demand_passkey(NUMBER, (await heard.next(QrIssued)).code)
    await heard.next(EngineStopped)
    assert heard.kinds == [QrIssued, PasskeyRequired, EngineStopped]
    assert await world.engine.linked(DEVICE) is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: engine.link(DEVICE, Heard()),
        lambda engine: engine.resume(DEVICE, Heard()),
        lambda engine: engine.linked(DEVICE),
        lambda engine: engine.forget(DEVICE),
    ],
    ids=["link", "resume", "linked", "forget"],
)
async def test_an_open_device_is_refused(world: World, ask: Callable[[Engine], Any]) -> None:
    _, heard = await linked_up(world)
    with pytest.raises(DeviceBusy):
        await ask(world.engine)
    await quiet(heard)


async def test_forgetting_deletes_the_credentials(world: World) -> None:
    await linked_and_closed(world)
    await world.engine.forget(DEVICE)
    assert await world.engine.linked(DEVICE) is None


async def test_forgetting_what_is_not_there_is_fine(world: World) -> None:
    await world.engine.forget(DEVICE)


async def test_one_phone_links_two_devices_for_an_engine_knows_no_claims(world: World) -> None:
    await linked_up(world)
    _, heard = await linked_up(world, OTHER)
    assert heard.kinds == [QrIssued, Linked, LinkUp]
    assert world.devices(NUMBER) == 2


async def test_closing_the_engine_closes_every_link(world: World) -> None:
    _, heard = await linked_up(world)
    waiting = Heard()
    await world.engine.link(OTHER, waiting)
    await world.engine.close()
    assert await world.engine.linked(DEVICE) is not None
    assert await world.engine.linked(OTHER) is None
    await quiet(heard)
    assert EngineStopped not in heard.kinds + waiting.kinds
