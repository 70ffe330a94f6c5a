"""What every engine promises, held against each of them.

What travels over a link stands in `test_engine_messages.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

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
from sololine.engine.port import DeviceBusy, Engine, Known, LinkClosed
from tests.contract.engine_worlds import (
    DEVICE,
    NUMBER,
    OTHER,
    Heard,
    World,
    linked_up,
    opened,
)

# On Python 3.11 pytest-asyncio would otherwise make a loop here that nobody closes.
asyncio.set_event_loop(None)


@pytest.fixture(params=["scripted", "neonize"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(request.param, tmp_path) as world:
        yield world


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


def knowing(*devices: DeviceId) -> Known:
    """Rows in which these devices stand."""

    async def known(asked: Collection[DeviceId]) -> Collection[DeviceId]:
        return set(devices).intersection(asked)

    return known


async def test_credentials_that_nobody_knows_of_are_forgotten_and_no_others(world: World) -> None:
    await linked_and_closed(world)
    idle_for = timedelta()
    assert await world.engine.forget_unknown(knowing(DEVICE), idle_for) == []
    assert await world.engine.forget_unknown(knowing(OTHER), idle_for, dry_run=True) == [DEVICE]
    assert await world.engine.linked(DEVICE) is not None
    assert await world.engine.forget_unknown(knowing(OTHER), idle_for) == [DEVICE]
    assert await world.engine.linked(DEVICE) is None


async def test_credentials_in_use_are_not_forgotten_whoever_knows_of_them(world: World) -> None:
    _, heard = await linked_up(world)
    assert await world.engine.forget_unknown(knowing(), timedelta()) == []
    await quiet(heard)
    assert world.devices(NUMBER) == 1


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
