"""A line by itself; who logs given-up devices out is tested in `test_retirement.py`."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sololine.actions import bots, sessions
from sololine.core.advance import LINKING_ATTEMPTS, Began
from sololine.core.bot import Setup
from sololine.core.claim import Policy
from sololine.core.ids import BotId, DeviceId
from sololine.core.lease import TERM_LENGTH
from sololine.core.linking import WINDOW, Method
from sololine.core.number import Number
from sololine.core.session import STALL, EndReason, Session, State, Wish
from sololine.core.signals import (
    Banned,
    ConnectRefused,
    CredentialsInUse,
    EngineOutdated,
    EngineStopped,
    KeepAliveMissed,
    KeepAliveRestored,
    LinkDown,
    Linked,
    LinkUp,
    LoggedOut,
    PasskeyRequired,
    Signal,
)
from sololine.engine.port import UnreadableCredentials
from sololine.store.claims import Claims
from sololine.store.transaction import Transaction
from tests.fakes.engine import ScriptedEngine
from tests.unit.lines.stage import RunningLine, Stage
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    OTHER_NUMBER,
    STRANGER,
    change_life,
    connect,
    connected_bot,
    events_of,
    holder_of,
    logged,
    move,
    new_bot,
    qr,
    retired_of,
    until,
)

SECOND = timedelta(seconds=1)


async def online_bot(stage: Stage, number: str = NUMBER) -> tuple[BotId, RunningLine]:
    """A bot that is connected, and the line that keeps it so."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    await stage.scanned(bot, number)
    await stage.reached(bot, State.CONNECTED)
    return bot, line


async def order(stage: Stage, bot: BotId, *, unlink: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a disconnect without waiting for it."""
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None, unlink=unlink)


def device_in(session: Session) -> DeviceId:
    assert session.device is not None
    return session.device.id


def reason_of(session: Session) -> EndReason:
    assert session.end is not None
    return session.end.reason


# ---------------------------------------------------------------------- the way up


async def test_a_line_brings_a_new_bot_from_the_wish_to_the_connection(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await bots.finish_step(stage.gateway, KEY_CALLER, bot, user=None, step=Setup.TRAINING)
    await connect(stage.gateway, bot)

    await stage.line(bot)
    waiting = await stage.reached(bot, State.AWAITING_SCAN)
    device = await stage.scanned(bot, NUMBER)
    session = await stage.reached(bot, State.CONNECTED)

    assert waiting.code is not None
    assert waiting.code.expires_at == stage.clock.now() + 60 * SECOND
    assert device_in(session) == device
    assert (session.code, session.linking) == (None, None)
    assert stage.whatsapp.devices(NUMBER) == [device]
    holder = await holder_of(stage.store, NUMBER)
    assert holder is not None
    assert holder.bot == bot
    assert await events_of(stage.store, bot) == [
        "bot.created",
        "bot.updated",
        "session.requested",
        "session.connecting",
        "session.qr",
        "session.linked",
        "session.connected",
    ]
    async with stage.store.read() as tx:
        done = await tx.bots.get(bot)
    assert done is not None
    assert done.setup is Setup.COMPLETE


async def test_a_bot_that_is_not_trained_yet_is_not_complete_by_its_connection(
    stage: Stage,
) -> None:
    bot, _ = await online_bot(stage)

    async with stage.store.read() as tx:
        found = await tx.bots.get(bot)
    assert found is not None
    assert found.setup is Setup.TRAINING


async def test_every_step_is_told_on_the_bus(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    async with stage.bus.subscribe("sessions", "events") as notices:
        await stage.line(bot)
        heard = {(notice := await anext(notices)).topic: notice.key for _ in range(2)}

    assert heard == {"sessions": bot, "events": "default"}


async def test_a_pairing_code_is_asked_for_once_the_link_can_give_one(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot, number=NUMBER, method=Method.CODE)

    await stage.line(bot)
    session = await stage.reached(bot, State.AWAITING_SCAN)
    assert session.code is not None
    assert session.code.method is Method.CODE
    await stage.scanned(bot, NUMBER)

    assert device_in(await stage.reached(bot, State.CONNECTED))


async def test_a_code_that_whatsapp_does_not_give_leaves_the_line_waiting_for_the_next(
    stage: Stage,
) -> None:
    """The next QR asks for it again; meanwhile nothing can be shown."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot, number=NUMBER, method=Method.CODE)
    stage.whatsapp.silent = True
    line = await stage.line(bot)
    linking = (await stage.reached(bot, State.CONNECTING)).linking
    assert linking is not None
    link = await stage.opened(linking)
    stage.whatsapp.say(linking, qr())  # though the link has no code to give
    await line.heard()
    link.show_next_code()

    session = await stage.reached(bot, State.AWAITING_SCAN)

    assert session.code is not None
    assert session.code.method is Method.CODE


async def test_the_next_code_takes_the_place_of_the_last_one(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await stage.line(bot)
    link = await stage.showing(bot)
    first = (await stage.session(bot)).code
    stage.clock.advance(60 * SECOND)
    link.show_next_code()
    await stage.showing(bot)

    second = (await stage.session(bot)).code
    assert first is not None
    assert second is not None
    assert first.text != second.text
    assert second.expires_at == stage.clock.now() + 20 * SECOND


# ---------------------------------------------------------------------- the verdict


async def test_a_refused_bot_hands_its_open_link_over_to_be_logged_out(stage: Stage) -> None:
    holder = await connected_bot(stage.gateway)
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    device = await stage.scanned(bot, NUMBER)
    await line.ended()

    session = await stage.session(bot)
    assert reason_of(session) is EndReason.NUMBER_TAKEN
    assert session.device is None
    ((given_up, link),) = line.given_up
    assert given_up == device
    assert link is stage.whatsapp.links[device], "still open: only so can it be logged out"
    retired = await retired_of(stage.store, device)
    assert retired is not None
    assert retired.tries == 1, "taken by this line, so that no sweep takes it at the same time"
    refused = [e for e in await logged(stage.store, bot) if e.type == "conflict.refused"]
    assert [each.data["holderBotId"] for each in refused] == [holder]


async def test_another_tenants_bot_is_not_named_in_the_refusal(stage: Stage) -> None:
    await connected_bot(stage.gateway, caller=STRANGER)
    object.__setattr__(stage.gateway, "policy", Policy.REPLACE)
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    await stage.scanned(bot, NUMBER)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.NUMBER_TAKEN
    refused = [e for e in await logged(stage.store, bot) if e.type == "conflict.refused"]
    assert [dict(each.data) for each in refused] == [{"reason": "number_taken"}]


async def test_a_phone_that_was_not_declared_is_turned_away(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot, number=NUMBER)
    line = await stage.line(bot)
    device = await stage.scanned(bot, OTHER_NUMBER)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.NUMBER_MISMATCH
    assert [each for each, _ in line.given_up] == [device]
    assert await holder_of(stage.store, NUMBER) is None


async def test_the_declared_phone_turns_the_reservation_into_the_claim(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot, number=NUMBER)
    await stage.line(bot)
    await stage.scanned(bot, NUMBER)
    await stage.reached(bot, State.CONNECTED)

    holder = await holder_of(stage.store, NUMBER)
    assert holder is not None
    assert (holder.bot, holder.expires_at) == (bot, None)


@pytest.fixture
def replacing(stage: Stage) -> Stage:
    """The operator chose that newcomers replace the holder."""
    stage.gateway = replace(stage.gateway, policy=Policy.REPLACE)
    return stage


async def test_a_newcomer_takes_the_number_in_one_transaction_with_the_eviction(
    replacing: Stage,
) -> None:
    stage = replacing
    holder, old = await online_bot(stage)
    old_device = device_in(await stage.session(holder))
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await stage.line(bot, "there")
    device = await stage.scanned(bot, NUMBER)
    await stage.reached(bot, State.CONNECTED)

    evicted = await stage.session(holder)
    assert reason_of(evicted) is EndReason.REPLACED_BY_POLICY
    claim = await holder_of(stage.store, NUMBER)
    assert claim is not None
    assert claim.bot == bot
    ended, replaced = [
        next(event for event in await logged(stage.store, each) if event.type == type_)
        for each, type_ in ((holder, "session.disconnected"), (bot, "conflict.replaced"))
    ]
    assert ended.data["byBotId"] == bot
    assert replaced.data["evictedBotId"] == holder
    assert replaced.seq == ended.seq + 2, "side by side in the log, with session.linked between"

    old.look()
    await old.ended()
    ((given_up, link),) = old.given_up
    assert given_up == old_device
    assert link is stage.whatsapp.links[old_device]
    assert (await stage.session(holder)) == evicted, "the evicted line wrote nothing"
    assert sorted(stage.whatsapp.devices(NUMBER)) == sorted([old_device, device])


async def test_an_evicted_line_leaves_its_device_to_whoever_took_it_first(
    replacing: Stage,
) -> None:
    stage = replacing
    holder, old = await online_bot(stage)
    old_device = device_in(await stage.session(holder))
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    newcomer = await stage.line(bot, "there")
    await stage.scanned(bot, NUMBER)
    await stage.reached(bot, State.CONNECTED)
    there = newcomer.line.lease.process
    assert await stage.store.run(lambda tx: tx.retired.take(old_device, there, 30 * SECOND))

    old.look()
    await old.ended()

    assert old.given_up == []
    await stage.closed(old_device)


async def test_an_evicted_line_that_hears_its_link_first_gives_way_all_the_same(
    replacing: Stage,
) -> None:
    """No notice comes; the link says something, and that is refused."""
    stage = replacing
    holder, old = await online_bot(stage)
    old_device = device_in(await stage.session(holder))
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await stage.line(bot, "there")
    await stage.scanned(bot, NUMBER)
    await stage.reached(bot, State.CONNECTED)

    stage.whatsapp.drop(old_device)
    await old.ended()

    assert [device for device, _ in old.given_up] == [old_device]
    assert (await stage.session(holder)).state is State.DISCONNECTED


async def test_a_bot_that_had_only_declared_the_number_gives_it_up_too(replacing: Stage) -> None:
    """Its window is over: the number is somebody else's now."""
    stage = replacing
    declaring, bot = await new_bot(stage.gateway), await new_bot(stage.gateway)
    await connect(stage.gateway, declaring, number=NUMBER)
    waiting = await stage.line(declaring)
    linking = (await stage.showing(declaring)).device
    await connect(stage.gateway, bot)
    await stage.line(bot, "there")
    await stage.scanned(bot, NUMBER)
    await stage.reached(bot, State.CONNECTED)

    waiting.look()
    await waiting.ended()

    assert reason_of(await stage.session(declaring)) is EndReason.REPLACED_BY_POLICY
    await stage.closed(linking)
    assert waiting.given_up == [], "no phone knows it; whoever sweeps forgets it"
    assert await retired_of(stage.store, linking) is not None


async def test_of_two_lines_that_link_one_number_at_once_one_wins(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both see a free number, as in a database with several writers: one loses the race."""
    found = Claims.holder
    blind = 2

    async def holder(self: Claims, number: Number) -> object:
        nonlocal blind
        blind -= 1
        return None if blind >= 0 else await found(self, number)

    rivals = [await new_bot(stage.gateway, name) for name in ("First", "Second")]
    lines = {}
    for bot in rivals:
        await connect(stage.gateway, bot)
        lines[bot] = await stage.line(bot)
        await stage.showing(bot)
    monkeypatch.setattr(Claims, "holder", holder)

    await asyncio.gather(*(stage.scanned(bot, NUMBER) for bot in rivals))

    async def decided() -> bool:
        states = {(await stage.session(bot)).state for bot in rivals}
        return states == {State.CONNECTED, State.DISCONNECTED}

    await until(decided, "one bot is connected and the other is not")
    assert blind < 0, "the loser decided again"
    claim = await holder_of(stage.store, NUMBER)
    assert claim is not None
    (loser,) = [bot for bot in rivals if bot != claim.bot]
    assert (await stage.session(claim.bot)).state is State.CONNECTED
    assert reason_of(await stage.session(loser)) is EndReason.NUMBER_TAKEN
    await lines[loser].ended()
    assert len(lines[loser].given_up) == 1


# ---------------------------------------------------------------------- windows and workers


async def test_when_a_worker_has_no_more_codes_another_goes_on_in_the_same_window(
    stage: Stage,
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    first = (await stage.showing(bot)).device
    ends_at = (await stage.session(bot)).intent.window
    stage.clock.advance(160 * SECOND)
    stage.whatsapp.time_out(first)

    async def second_code() -> bool:
        session = await stage.session(bot)
        return session.round == 2 and session.state is State.AWAITING_SCAN

    await until(second_code, "a second worker shows a code")
    assert (await stage.session(bot)).intent.window == ends_at
    assert line.given_up == [(first, None)], "no phone knows it"
    device = await stage.scanned(bot, NUMBER)
    assert device_in(await stage.reached(bot, State.CONNECTED)) == device


async def test_a_worker_that_runs_out_of_codes_after_the_window_ends_the_session(
    stage: Stage,
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    device = (await stage.showing(bot)).device
    stage.clock.advance(WINDOW)
    stage.whatsapp.time_out(device)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.WINDOW_OVER


async def test_the_window_ends_without_a_word_from_anyone(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    device = (await stage.showing(bot)).device
    stage.clock.advance(WINDOW)
    line.look()
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.WINDOW_OVER
    assert (await stage.session(bot)).code is None
    await stage.closed(device)


async def test_a_due_moment_wakes_the_line_by_itself(stage: Stage) -> None:
    """Here a window of 20 ms, in the time of the machine."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    stage.clock.advance(WINDOW - timedelta(milliseconds=20))
    line = await stage.line(bot)
    await stage.reached(bot, State.AWAITING_SCAN)
    stage.clock.advance(timedelta(milliseconds=20))
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.WINDOW_OVER


async def test_a_scan_that_comes_with_the_end_of_the_window_is_given_up_with_its_credentials(
    stage: Stage,
) -> None:
    """The phone lists the device; so it is retired as one that must be logged out."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    await stage.showing(bot)
    stage.clock.advance(WINDOW)
    line.look()
    device = await stage.scanned(bot, NUMBER)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.WINDOW_OVER
    assert await holder_of(stage.store, NUMBER) is None
    assert line.given_up == [(device, None)]
    assert device in stage.whatsapp.credentials, "whoever logs it out finds what it needs"
    assert await retired_of(stage.store, device) is not None


async def test_a_worker_that_fails_is_replaced_after_a_while_and_the_last_time_not(
    stage: Stage,
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    seen = []
    for attempt in range(1, LINKING_ATTEMPTS):
        device = (await stage.showing(bot)).device
        seen.append(device)
        # A code that was shown says that the worker works; these fail before.
        await change_attempt(stage, line, attempt - 1)
        stage.whatsapp.crash(device)

        async def waits(attempt: int = attempt) -> Session | None:
            session = await stage.session(bot)
            return session if session.attempt == attempt and session.retry_at else None

        session = await until(waits, "the line waits")
        assert session.retry_at is not None
        assert timedelta(0) < session.retry_at - stage.clock.now() <= 2**attempt * SECOND
        assert stage.whatsapp.links == {}
        stage.clock.advance(session.retry_at - stage.clock.now())
        line.look()
    device = (await stage.showing(bot)).device
    await change_attempt(stage, line, LINKING_ATTEMPTS - 1)
    stage.whatsapp.crash(device)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.UNREACHABLE
    assert [each for each, _ in line.given_up] == [*seen, device]


async def test_a_device_without_a_number_is_turned_away(stage: Stage) -> None:
    """There is nothing to claim, so nothing would keep a second bot away."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    link = await stage.showing(bot)
    stage.whatsapp.say(link.device, Linked(jid="98765:3@lid", lid="98765:3@lid"))
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.NUMBER_MISMATCH
    assert [device for device, _ in line.given_up] == [link.device]


async def test_a_scan_whose_worker_died_before_it_could_tell_is_believed(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    link = await stage.showing(bot)
    # The phone and the disk know of it; the worker's last word is that it is gone.
    stage.whatsapp.credentials[link.device] = Linked(jid=f"{NUMBER}:9@s.whatsapp.net", lid="")
    stage.whatsapp.crash(link.device)

    session = await stage.reached(bot, State.CONNECTED)
    assert session.device is not None
    assert (session.device.id, session.device.number.digits) == (link.device, NUMBER)
    assert line.given_up == []


async def change_attempt(stage: Stage, line: RunningLine, attempt: int) -> None:
    """Have the session remember failed tries, as its line would have written them."""

    async def work(tx: Transaction) -> None:
        before = await tx.sessions.lock(line.line.bot)
        assert before is not None
        await tx.sessions.save_life(before, replace(before, attempt=attempt), line.line.lease)

    await stage.store.run(work)


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (PasskeyRequired(), EndReason.PASSKEY_REQUIRED),
        (EngineOutdated(), EndReason.ENGINE_OUTDATED),
    ],
)
async def test_what_no_second_try_would_change_ends_the_linking(
    stage: Stage, signal: Signal, reason: EndReason
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    stage.whatsapp.refuse_next(signal)
    line = await stage.line(bot)
    await line.ended()

    assert reason_of(await stage.session(bot)) is reason
    assert stage.whatsapp.links == {}


# ---------------------------------------------------------------------- orders while it runs


async def test_going_offline_closes_the_link_and_keeps_the_device(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    await order(stage, bot, unlink=False, monkeypatch=monkeypatch)
    line.look()
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.ASKED
    assert stage.whatsapp.links == {}
    assert line.given_up == []
    assert stage.whatsapp.devices(NUMBER) == [device]


async def test_unlinking_hands_the_open_link_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    await order(stage, bot, unlink=True, monkeypatch=monkeypatch)
    line.look()
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.UNLINKED
    assert line.given_up == [(device, stage.whatsapp.links[device])]
    assert await holder_of(stage.store, NUMBER) is None


async def test_an_order_that_a_signal_overtakes_is_obeyed_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal's step reads the row with the order in it, and leaves it undone."""
    bot, line = await online_bot(stage)
    await order(stage, bot, unlink=False, monkeypatch=monkeypatch)
    stage.whatsapp.drop(device_in(await stage.session(bot)))
    await line.heard()
    line.look()

    assert reason_of(await stage.reached(bot, State.DISCONNECTED)) is EndReason.ASKED


async def test_a_new_order_while_the_phone_scans_is_obeyed_and_the_scan_is_void(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan belongs to the window that was closed; its device leaves the phone again."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    await stage.showing(bot)
    await order(stage, bot, unlink=True, monkeypatch=monkeypatch)
    device = await stage.scanned(bot, NUMBER)
    await line.ended()

    session = await stage.session(bot)
    assert (reason_of(session), session.device) == (EndReason.UNLINKED, None)
    assert await holder_of(stage.store, NUMBER) is None
    ((given_up, link),) = line.given_up
    assert given_up == device
    assert link is stage.whatsapp.links[device], "it is linked, so it is logged out"


async def test_a_connected_line_that_is_asked_to_connect_stays_as_it_is(stage: Stage) -> None:
    bot, line = await online_bot(stage)
    before = await stage.session(bot)

    async def ask_again(tx: Transaction) -> None:
        session = await tx.sessions.lock(bot)
        assert session is not None
        intent = replace(session.intent, no=2, wish=Wish.ONLINE, window=None)
        await tx.sessions.save_intent(session, replace(session, intent=intent))

    await stage.store.run(ask_again)
    line.look()

    async def obeyed() -> bool:
        return (await stage.session(bot)).obeyed == 2

    await until(obeyed, "the order is taken up")
    after = await stage.session(bot)
    assert (after.state, after.since) == (State.CONNECTED, before.since)
    assert len(stage.whatsapp.links) == 1


# ---------------------------------------------------------------------- what links say


async def test_a_link_that_drops_and_comes_back_is_the_same_connection(stage: Stage) -> None:
    bot, _ = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.whatsapp.drop(device, back=False)
    await stage.reached(bot, State.RECONNECTING)
    stage.whatsapp.come_back(device)
    await stage.reached(bot, State.CONNECTED)

    assert (await events_of(stage.store, bot))[-2:] == [
        "session.reconnecting",
        "session.connected",
    ]


async def test_a_link_that_stopped_is_opened_again_after_a_while(stage: Stage) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.whatsapp.crash(device)
    session = await stage.reached(bot, State.RECONNECTING)
    assert session.retry_at is not None
    assert stage.whatsapp.links == {}
    line.look()  # too early: nothing happens
    stage.clock.advance(SECOND)
    line.look()
    await stage.reached(bot, State.CONNECTED)

    assert list(stage.whatsapp.links) == [device]
    assert (await stage.session(bot)).attempt == 0


@pytest.mark.parametrize("code", [503, None])
async def test_a_login_that_whatsapp_refuses_is_tried_again_and_said_to_the_operator(
    stage: Stage, said: list[dict[str, object]], code: int | None
) -> None:
    bot, line = await online_bot(stage)
    stage.whatsapp.say(device_in(await stage.session(bot)), ConnectRefused(code=code))
    await stage.reached(bot, State.RECONNECTING)
    stage.clock.advance(SECOND)
    line.look()
    await stage.reached(bot, State.CONNECTED)

    (why,) = [each["why"] for each in said if each["event"] == "link lost"]
    assert why == f"WhatsApp refused the login ({code or 'without a reason'})"


async def test_no_number_and_no_code_stands_in_the_log(
    stage: Stage, said: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, line = await online_bot(stage)
    link = stage.whatsapp.links[device_in(await stage.session(bot))]
    stage.whatsapp.crash(link.device, "the worker ended")
    await stage.reached(bot, State.RECONNECTING)
    await order(stage, bot, unlink=True, monkeypatch=monkeypatch)
    line.look()
    await line.ended()

    words = str(said)
    assert "session.connected" in words
    assert "session.disconnected" in words
    assert NUMBER[-7:] not in words
    assert "qr-" not in words


async def test_a_link_that_does_not_come_up_is_replaced(stage: Stage) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.whatsapp.drop(device, back=False)
    await stage.reached(bot, State.RECONNECTING)
    stage.clock.advance(STALL)
    line.look()

    async def waits() -> bool:
        return (await stage.session(bot)).retry_at is not None

    await until(waits, "the link is given up")
    await stage.closed(device)


async def test_a_link_that_is_deaf_is_replaced_and_one_missed_ping_is_nothing(
    stage: Stage,
) -> None:
    bot, _ = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.whatsapp.say(device, KeepAliveMissed(errors=1))
    stage.whatsapp.say(device, KeepAliveRestored())
    stage.whatsapp.say(device, KeepAliveMissed(errors=2))

    session = await stage.reached(bot, State.RECONNECTING)

    assert session.retry_at is not None
    await stage.closed(device)


@pytest.mark.parametrize(
    ("signal", "reason", "kept"),
    [
        (CredentialsInUse(), EndReason.CREDENTIALS_IN_USE, True),
        (Banned(code=101, lasts=None), EndReason.BANNED, True),
        (EngineOutdated(), EndReason.ENGINE_OUTDATED, True),
        (LoggedOut(code=401), EndReason.LOGGED_OUT, False),
    ],
)
async def test_what_a_link_ends_with_decides_whether_the_number_is_kept(
    stage: Stage, *, signal: Signal, reason: EndReason, kept: bool
) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.whatsapp.links[device].end(signal)
    await line.ended()

    session = await stage.session(bot)
    assert reason_of(session) is reason
    assert (session.device is not None) is kept
    assert (await holder_of(stage.store, NUMBER) is not None) is kept
    # What WhatsApp logged out itself is closed, not logged out; only its traces are to be removed.
    assert line.given_up == ([] if kept else [(device, None)])
    assert stage.whatsapp.links == {}


async def test_what_a_closed_link_still_says_changes_nothing(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    first = await stage.showing(bot)
    stage.whatsapp.time_out(first.device)
    await stage.closed(first.device)
    await stage.showing(bot)
    before = await stage.session(bot)
    linked = Linked(jid=f"{NUMBER}:7@s.whatsapp.net", lid="")
    for signal in (qr("late"), linked, LinkUp(), LoggedOut(), EngineStopped()):
        first._deliver(signal)
    line.look()
    await line.heard()

    assert await stage.session(bot) == before
    assert await holder_of(stage.store, NUMBER) is None
    assert line.given_up == [(first.device, None)]


async def test_signals_of_a_link_that_another_order_closed_are_not_the_next_links(
    stage: Stage,
) -> None:
    """The same device, another link: what the first one said last is not about the second."""
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    first = stage.whatsapp.links[device]
    stage.whatsapp.say(device, KeepAliveMissed(errors=2))
    await stage.reached(bot, State.RECONNECTING)
    stage.clock.advance(SECOND)
    line.look()
    await stage.reached(bot, State.CONNECTED)
    first._deliver(LoggedOut(code=401))
    first._deliver(LinkDown())
    line.look()
    await line.heard()

    assert (await stage.session(bot)).state is State.CONNECTED
    assert await holder_of(stage.store, NUMBER) is not None


# ---------------------------------------------------------------------- beginning again


async def test_a_line_for_a_bot_that_is_gone_ends_at_once(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    lease_of = await stage.lease(bot)
    line = await stage.line(bot)
    await line.kill()
    await stage.store.run(lambda tx: tx.bots.delete(bot))
    line.line.lease = lease_of
    line.task = asyncio.create_task(line.line.run())

    await line.ended()


async def test_a_line_with_nothing_to_do_ends_at_once(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    line = await stage.line(bot)

    await line.ended()

    assert await events_of(stage.store, bot) == ["bot.created"]


@pytest.mark.parametrize("state", [State.CONNECTING, State.AWAITING_SCAN])
async def test_a_window_goes_on_with_a_fresh_worker_when_its_line_died(
    stage: Stage, state: State
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await move(stage.store, bot, Began(), *([qr()] if state is State.AWAITING_SCAN else []))
    first = (await stage.session(bot)).linking
    assert (await stage.session(bot)).state is state
    line = await stage.line(bot)
    second = (await stage.showing(bot)).device

    assert second != first
    assert line.given_up == [(first, None)]
    assert (await stage.session(bot)).round == 2


@pytest.mark.parametrize("state", [State.CONNECTING, State.AWAITING_SCAN])
async def test_a_link_that_was_completed_while_no_line_ran_is_found_and_granted(
    stage: Stage, state: State
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await move(stage.store, bot, Began(), *([qr()] if state is State.AWAITING_SCAN else []))
    device = await scanned_unheard(stage, bot)
    line = await stage.line(bot)
    session = await stage.reached(bot, State.CONNECTED)

    assert device_in(session) == device
    assert line.given_up == []
    assert (await stage.session(bot)).round == 1


async def scanned_unheard(stage: Stage, bot: BotId) -> DeviceId:
    """A phone accepts the link of a process that is about to die, and its line hears nothing."""
    device = (await stage.session(bot)).linking
    assert device is not None
    engine = ScriptedEngine(stage.whatsapp)
    await engine.link(device, lambda signal: None)
    stage.whatsapp.scan(stage.whatsapp.code_of(device), NUMBER)
    engine.die()
    return device


async def test_a_completed_link_is_refused_when_the_number_was_taken_meanwhile(
    stage: Stage,
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await move(stage.store, bot, Began(), qr())
    device = await scanned_unheard(stage, bot)
    await connected_bot(stage.gateway)
    line = await stage.line(bot)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.NUMBER_TAKEN
    assert line.given_up == [(device, None)]


async def test_a_completed_link_is_void_when_a_newer_order_waits(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await move(stage.store, bot, Began(), qr())
    device = await scanned_unheard(stage, bot)
    await order(stage, bot, unlink=True, monkeypatch=monkeypatch)
    line = await stage.line(bot)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.UNLINKED
    assert await holder_of(stage.store, NUMBER) is None
    assert line.given_up == [(device, None)]


async def test_credentials_that_cannot_be_read_are_given_up_and_the_window_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    await move(stage.store, bot, Began(), qr())
    first = (await stage.session(bot)).linking
    engine = ScriptedEngine(stage.whatsapp)

    async def unreadable(device: DeviceId) -> None:
        raise UnreadableCredentials(device)

    monkeypatch.setattr(engine, "linked", unreadable)
    line = await stage.line(bot, engine=engine)
    await stage.showing(bot)

    assert [device for device, _ in line.given_up] == [first]


async def test_a_window_that_ended_while_no_line_ran_is_over(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot, number=NUMBER)
    await move(stage.store, bot, Began(), qr())
    stage.clock.advance(WINDOW)
    line = await stage.line(bot)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.WINDOW_OVER
    assert await holder_of(stage.store, NUMBER) is None


async def test_a_window_that_nobody_took_up_in_time_is_over_too(stage: Stage) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    stage.clock.advance(WINDOW)
    line = await stage.line(bot)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.WINDOW_OVER
    assert stage.whatsapp.links == {}


@pytest.mark.parametrize(
    "died_in", [State.CONNECTING, State.CONNECTED, State.RECONNECTING, State.DISCONNECTED]
)
async def test_a_linked_session_is_connected_again_wherever_its_line_died(
    stage: Stage, died_in: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    match died_in:
        case State.CONNECTING:
            await line.kill()
            stage.clock.advance(TERM_LENGTH)
            await change_life(stage.store, bot, state=State.CONNECTING)
        case State.CONNECTED:
            await line.kill()
        case State.RECONNECTING:
            stage.whatsapp.crash(device)
            assert (await stage.reached(bot, State.RECONNECTING)).retry_at is not None
            await line.kill()
        case _:
            await order(stage, bot, unlink=False, monkeypatch=monkeypatch)
            line.look()
            await line.ended()
            await connect(stage.gateway, bot)
    assert (await stage.session(bot)).state is died_in
    assert stage.whatsapp.links == {}
    await stage.line(bot)
    session = await stage.reached(bot, State.CONNECTED)

    assert device_in(session) == device
    assert (session.retry_at, session.attempt) == (None, 0)
    assert stage.whatsapp.devices(NUMBER) == [device]


async def test_a_session_whose_device_was_unlinked_while_no_line_ran_ends(stage: Stage) -> None:
    bot, line = await online_bot(stage)
    await line.kill()
    stage.whatsapp.unlink(device_in(await stage.session(bot)))
    line = await stage.line(bot)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.LOGGED_OUT
    assert await holder_of(stage.store, NUMBER) is None


async def test_a_ban_that_ended_is_no_reason_to_stay_away(stage: Stage) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.whatsapp.links[device].end(Banned(code=101, lasts=timedelta(hours=1)))
    await line.ended()
    session = await stage.session(bot)
    assert session.end is not None
    assert session.end.until == stage.clock.now() + timedelta(hours=1)
    early = await stage.line(bot)
    await early.ended()
    assert (await stage.session(bot)).state is State.DISCONNECTED
    stage.clock.advance(timedelta(hours=1))
    await stage.line(bot)

    assert device_in(await stage.reached(bot, State.CONNECTED)) == device


async def test_a_bot_that_went_offline_during_its_ban_stays_offline_after_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.whatsapp.links[device].end(Banned(code=101, lasts=timedelta(hours=1)))
    await line.ended()
    await order(stage, bot, unlink=False, monkeypatch=monkeypatch)
    stage.clock.advance(timedelta(hours=1))
    line = await stage.line(bot)
    await line.ended()

    assert reason_of(await stage.session(bot)) is EndReason.ASKED
    async with stage.store.read() as tx:
        assert bot not in await tx.leases.candidates(line.line.lease.process, 10)


# ---------------------------------------------------------------------- the end of the lease


async def test_a_line_that_lost_its_lease_ends_without_a_word(stage: Stage) -> None:
    """Another process has the bot now, and its device: nothing is logged out."""
    bot, line = await online_bot(stage)
    device = device_in(await stage.session(bot))
    before = await stage.session(bot)
    stage.clock.advance(TERM_LENGTH)
    await stage.lease(bot, "there")
    stage.whatsapp.links[device].end(LoggedOut(code=401))
    await line.ended()

    assert await stage.session(bot) == before
    assert line.given_up == []
    assert stage.whatsapp.links == {}
    assert device in stage.whatsapp.credentials


async def test_a_line_whose_lease_was_taken_anew_by_its_own_process_ends_as_well(
    stage: Stage,
) -> None:
    bot, line = await online_bot(stage)
    await stage.lease(bot)
    line.look()
    await line.ended()

    assert (await stage.session(bot)).state is State.CONNECTED
    assert stage.whatsapp.links == {}


async def test_two_processes_that_run_one_bot_by_mistake_write_with_one_voice(
    stage: Stage,
) -> None:
    """A process that was frozen wakes up: its lines are refused from the first word on."""
    bot, frozen = await online_bot(stage)
    device = device_in(await stage.session(bot))
    stage.clock.advance(TERM_LENGTH)
    await stage.line(bot, "there")
    # The engine refuses a device that another process still has open; so the line tries again.
    await stage.reached(bot, State.RECONNECTING)
    frozen.look()
    await frozen.ended()
    stage.clock.advance(SECOND)
    stage.lines[-1].look()
    await stage.reached(bot, State.CONNECTED)

    assert stage.whatsapp.devices(NUMBER) == [device]
    assert frozen.given_up == []


@pytest.mark.parametrize("linked", [True, False])
async def test_a_bot_deleted_underneath_its_line_leaves_only_a_retired_device(
    stage: Stage, *, linked: bool
) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot)
    device = (await stage.showing(bot)).device
    if linked:
        await stage.scanned(bot, NUMBER)
        await stage.reached(bot, State.CONNECTED)
    await stage.store.run(lambda tx: tx.bots.delete(bot))
    line.look()
    await line.ended()

    handed_over = [each for each, link in line.given_up if link is not None]
    assert list(stage.whatsapp.links) == handed_over, "its link is closed, or open to log it out"
    assert await holder_of(stage.store, NUMBER) is None
    assert await retired_of(stage.store, device) is not None


async def test_a_line_that_is_stopped_closes_its_link_and_changes_nothing(stage: Stage) -> None:
    bot, line = await online_bot(stage)
    before = await stage.session(bot)

    await line.kill()

    assert stage.whatsapp.links == {}
    assert await stage.session(bot) == before


async def test_a_grant_for_a_window_that_is_not_worked_on_is_no_grant(stage: Stage) -> None:
    """`advance` says so too; the line must not even ask who holds the number."""
    bot, line = await online_bot(stage)
    linked = Linked(jid=f"{OTHER_NUMBER}:9@s.whatsapp.net", lid="")
    before = await stage.session(bot)
    stage.whatsapp.say(device_in(before), linked)
    line.look()
    await line.heard()

    assert await stage.session(bot) == before
    assert await holder_of(stage.store, OTHER_NUMBER) is None
