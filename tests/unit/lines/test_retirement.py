"""Logging one given-up device out; who does it when is tested in `test_switchboard.py`."""

from datetime import timedelta

import pytest

from sololine.actions import sessions
from sololine.bus import EVENTS, Notice
from sololine.core.advance import Looked, backoff
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId, ProcessId
from sololine.core.signals import LoggedOut
from sololine.engine.port import DeviceBusy, Link, UnreadableCredentials
from sololine.lines.retirement import GIVEN_UP_AFTER, WORKED_ON_FOR, log_out
from sololine.store.retired import Retired
from tests.fakes.engine import ScriptedEngine, ScriptedLink
from tests.unit.lines.stage import Stage
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    connect,
    connected_bot,
    events_of,
    move,
    new_bot,
    retired_of,
)

HERE = ProcessId("here")


@pytest.fixture
def engine(stage: Stage) -> ScriptedEngine:
    """The engine of the process that does the work."""
    return ScriptedEngine(stage.whatsapp)


async def given_up(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch, *, linked: bool = True
) -> tuple[BotId, DeviceId]:
    """A device that its bot gave up, taken to be logged out; its phone still lists it."""
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    bot = await connected_bot(stage.gateway)
    device = (await stage.session(bot)).device
    assert device is not None
    if linked:
        link = await engine.link(device.id, lambda signal: None)
        stage.whatsapp.scan(stage.whatsapp.code_of(device.id), NUMBER)
        await link.close()
    await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)
    await move(stage.store, bot, Looked())
    await take(stage, device.id)
    return bot, device.id


async def take(stage: Stage, device: DeviceId) -> None:
    assert await stage.store.run(lambda tx: tx.retired.take(device, HERE, WORKED_ON_FOR))


async def retire(
    stage: Stage, engine: ScriptedEngine, device: DeviceId, link: Link | None = None
) -> Retired | None:
    """Try once; what is left to do afterwards."""
    await log_out(device, link, store=stage.store, bus=stage.bus, engine=engine)
    return await retired_of(stage.store, device)


async def due(stage: Stage) -> set[str]:
    async with stage.store.read() as tx:
        return {retired.device for retired in await tx.retired.due(10)}


async def test_a_device_is_logged_out_over_the_link_that_is_open(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch)
    link = await engine.resume(device, lambda signal: None)
    opened = len(engine.opened)

    assert await retire(stage, engine, device, link) is None

    assert len(engine.opened) == opened
    assert stage.whatsapp.devices(NUMBER) == []
    assert stage.whatsapp.credentials == {}
    assert (await events_of(stage.store, bot))[-1] == "device.logged_out"


async def test_without_an_open_link_one_is_opened_for_it(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch)

    assert await retire(stage, engine, device) is None

    assert engine.opened[-1] == ("resume", device)
    assert stage.whatsapp.links == {}
    assert stage.whatsapp.devices(NUMBER) == []
    assert (await events_of(stage.store, bot)).count("device.logged_out") == 1


async def test_who_listens_to_events_is_told(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, device = await given_up(stage, engine, monkeypatch)
    async with stage.bus.subscribe(EVENTS) as notices:
        await retire(stage, engine, device)

        assert await anext(notices) == Notice(topic=EVENTS, key=DEFAULT_TENANT)


async def test_nothing_is_confirmed_before_whatsapp_has_done_it(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put off, further each time, and its credentials are kept to do it with."""
    bot, device = await given_up(stage, engine, monkeypatch)
    stage.whatsapp.confirms_logouts = False
    for tries in (1, 2, 3):
        left = await retire(stage, engine, device)
        assert left is not None
        assert left.tries == tries
        assert stage.whatsapp.links == {}
        assert device in stage.whatsapp.credentials
        pause = backoff(tries + 1, bot)
        stage.clock.advance(pause - timedelta(milliseconds=2))
        assert await due(stage) == set()
        stage.clock.advance(timedelta(milliseconds=2))
        assert await due(stage) == {device}
        await take(stage, device)
    assert "device.logged_out" not in await events_of(stage.store, bot)
    stage.whatsapp.confirms_logouts = True

    assert await retire(stage, engine, device) is None
    assert stage.whatsapp.devices(NUMBER) == []


async def test_after_many_tries_the_credentials_go_though_the_phone_may_list_the_device(
    stage: Stage,
    engine: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
    said: list[dict[str, object]],
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch)
    stage.whatsapp.confirms_logouts = False
    for _ in range(GIVEN_UP_AFTER - 1):
        assert await retire(stage, engine, device) is not None
        stage.clock.advance(timedelta(minutes=2))
        await take(stage, device)

    assert await retire(stage, engine, device) is None

    assert stage.whatsapp.credentials == {}
    assert stage.whatsapp.devices(NUMBER) == [device]
    assert "device.logged_out" not in await events_of(stage.store, bot)
    warned = [each for each in said if each["log_level"] == "warning"]
    assert [each["device"] for each in warned] == [device]


async def test_a_device_that_was_never_linked_is_just_forgotten(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch, linked=False)

    assert await retire(stage, engine, device) is None

    assert engine.opened == []
    assert "device.logged_out" not in await events_of(stage.store, bot)


async def test_what_is_left_on_disk_of_a_device_is_deleted_before_its_row(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files without credentials in them, say: after the row nobody would know of them."""
    _, device = await given_up(stage, engine, monkeypatch, linked=False)
    rows = []

    async def forget(asked: DeviceId) -> None:
        rows.append(await retired_of(stage.store, asked))

    monkeypatch.setattr(engine, "forget", forget)

    assert await retire(stage, engine, device) is None
    assert [row.device for row in rows if row is not None] == [device]


async def test_a_device_that_its_phone_has_removed_meanwhile_is_forgotten(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch)
    stage.whatsapp.refuse_next(LoggedOut(code=401))

    assert await retire(stage, engine, device) is None

    assert stage.whatsapp.credentials == {}
    assert "device.logged_out" not in await events_of(stage.store, bot)


async def test_a_device_that_another_process_has_open_is_put_off(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, device = await given_up(stage, engine, monkeypatch)
    other = ScriptedEngine(stage.whatsapp)
    link = await other.resume(device, lambda signal: None)

    assert await retire(stage, engine, device) is not None

    assert stage.whatsapp.links == {device: link}, "the other's link is as it was"
    assert device in stage.whatsapp.credentials


@pytest.mark.parametrize(
    ("asked", "fault"),
    [("linked", DeviceBusy), ("linked", UnreadableCredentials), ("resume", DeviceBusy)],
)
async def test_credentials_that_are_busy_or_unreadable_are_tried_again(
    stage: Stage,
    engine: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
    *,
    said: list[dict[str, object]],
    asked: str,
    fault: type[Exception],
) -> None:
    _, device = await given_up(stage, engine, monkeypatch)

    async def refuse(*args: object) -> None:
        raise fault(device)

    with monkeypatch.context() as patched:
        patched.setattr(engine, asked, refuse)
        assert await retire(stage, engine, device) is not None
        assert said[-1]["reason"] == fault.__name__

    assert await retire(stage, engine, device) is None


async def test_an_open_link_is_closed_even_when_the_logout_fails_in_an_unknown_way(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, device = await given_up(stage, engine, monkeypatch)
    link = await engine.resume(device, lambda signal: None)

    async def fails(link: ScriptedLink) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(ScriptedLink, "log_out", fails)
    with pytest.raises(RuntimeError):
        await retire(stage, engine, device, link)

    assert stage.whatsapp.links == {}
    assert await retired_of(stage.store, device) is not None


async def test_what_somebody_else_has_done_already_is_no_event(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch)
    await stage.store.run(lambda tx: tx.retired.done(device))

    assert await retire(stage, engine, device) is None

    assert "device.logged_out" not in await events_of(stage.store, bot)


async def test_a_logout_that_died_before_its_row_was_settled_is_settled_by_the_next_try(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch)
    link = await engine.resume(device, lambda signal: None)
    await link.log_out()  # and then the process was killed

    assert await retire(stage, engine, device) is None
    assert stage.whatsapp.credentials == {}
    # What WhatsApp confirmed to the dead process is not known any more, so nothing is claimed.
    assert "device.logged_out" not in await events_of(stage.store, bot)


async def test_the_next_session_of_the_bot_is_not_touched(
    stage: Stage, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, device = await given_up(stage, engine, monkeypatch)
    await connect(stage.gateway, bot)
    other = await new_bot(stage.gateway)
    before = await stage.session(bot)

    await retire(stage, engine, device)

    assert await stage.session(bot) == before
    assert await events_of(stage.store, other) == ["bot.created"]
