import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sololine.actions import bots, sessions
from sololine.actions.gateway import Gateway
from sololine.clock import ManualClock
from sololine.core.access import Caller
from sololine.core.advance import Began, Looked
from sololine.core.claim import ClaimKind, Policy
from sololine.core.errors import (
    AlreadyConnected,
    BotNotFound,
    HeldBack,
    InvalidInput,
    InvalidNumber,
    LinkingPending,
    NoCode,
    NotAllowed,
    NumberTaken,
    OtherNumberLinked,
    UserMismatch,
)
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId, UserId
from sololine.core.linking import RESTARTS, WINDOW, Method
from sololine.core.number import Number
from sololine.core.session import EndReason, Session, State, Wish
from sololine.core.signals import Banned, LinkDown, LinkUp, LoggedOut, PairingCodeIssued
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    OTHER_NUMBER,
    PATIENCE_S,
    STRANGER,
    change_life,
    connect,
    connected_bot,
    events_of,
    grant,
    holder_of,
    move,
    new_bot,
    qr,
    restored,
    session_of,
    until,
)

ANA = UserId("ana")
BEN = UserId("ben")
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def no_line_will_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line runs here, so a disconnect would wait for nothing."""
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)


async def disconnect(gateway: Gateway, bot: BotId, *, unlink: bool = True) -> Session:
    return await sessions.disconnect(gateway, KEY_CALLER, bot, user=None, unlink=unlink)


async def offline_bot(gateway: Gateway, number: str = NUMBER) -> BotId:
    """A bot that is linked and was asked to go offline."""
    bot = await connected_bot(gateway, number)
    await disconnect(gateway, bot, unlink=False)
    await move(gateway.store, bot, Looked())
    return bot


# ---------------------------------------------------------------------- switch


async def switch(
    gateway: Gateway, bot: BotId, method: Method, number: str | None = None
) -> sessions.Connecting:
    return await sessions.switch(gateway, KEY_CALLER, bot, user=None, method=method, number=number)


async def test_within_the_window_a_code_takes_the_place_of_the_qr_and_back(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    opened = (await connect(gateway, bot, auto_restart=True)).intent.window
    assert opened is not None
    await move(gateway.store, bot, Began())
    await move(gateway.store, bot, qr())
    shown = (await session_of(gateway.store, bot)).linking
    clock.advance(SECOND)

    by_code = (await switch(gateway, bot, Method.CODE, f"+{NUMBER}")).window
    assert by_code == replace(
        opened, method=Method.CODE, number=Number(digits=NUMBER), reserves=True
    )
    claim = await holder_of(gateway.store, NUMBER)
    assert claim is not None
    assert (claim.bot, claim.kind) == (bot, ClaimKind.RESERVED)
    await move(gateway.store, bot, Looked())
    session = await session_of(gateway.store, bot)
    assert session.linking not in (None, shown)
    assert session.code is None

    back = (await switch(gateway, bot, Method.QR)).window
    assert back == replace(by_code, method=Method.QR)


async def test_switching_to_what_is_there_changes_nothing(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    before = await session_of(gateway.store, bot)
    await switch(gateway, bot, Method.QR)
    assert await session_of(gateway.store, bot) == before


async def test_a_window_that_began_anew_keeps_what_is_left_of_it_when_it_is_switched(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot, auto_restart=True)
    await move(gateway.store, bot, Began())
    clock.advance(WINDOW)
    await move(gateway.store, bot, Looked())
    anew = (await session_of(gateway.store, bot)).taken_up
    assert anew is not None
    switched = (await switch(gateway, bot, Method.CODE, f"+{NUMBER}")).window
    assert switched is not None
    assert (switched.ends_at, switched.restarts) == (anew.ends_at, RESTARTS - 1)


async def test_there_is_nothing_to_switch_without_a_window(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    with pytest.raises(NoCode):
        await switch(gateway, bot, Method.QR)
    await connect(gateway, bot)
    clock.advance(WINDOW)
    with pytest.raises(NoCode):
        await switch(gateway, bot, Method.CODE, f"+{NUMBER}")


async def test_switching_to_a_code_needs_a_number_that_is_free(gateway: Gateway) -> None:
    holder, bot = await connected_bot(gateway), await new_bot(gateway)
    await connect(gateway, bot)
    before = await session_of(gateway.store, bot)
    with pytest.raises(InvalidInput, match="pairing code is made for one number"):
        await switch(gateway, bot, Method.CODE)
    with pytest.raises(NumberTaken) as taken:
        await switch(gateway, bot, Method.CODE, f"+{NUMBER}")
    assert taken.value.bot == holder
    assert await session_of(gateway.store, bot) == before


# ---------------------------------------------------------------------- connect


@pytest.mark.parametrize(
    ("setting", "asked", "restarts"),
    [(False, None, 0), (True, None, RESTARTS), (True, False, 0), (False, True, RESTARTS)],
)
async def test_a_request_says_whether_its_window_begins_anew_else_the_setting_does(
    gateway: Gateway, *, setting: bool, asked: bool | None, restarts: int
) -> None:
    bot = await new_bot(gateway)
    set_so = replace(gateway, auto_restart=setting)
    window = (await connect(set_so, bot, auto_restart=asked)).intent.window
    assert window is not None
    assert window.restarts == restarts


async def test_a_new_bot_gets_a_window_of_five_minutes(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)

    connecting = await sessions.connect(gateway, KEY_CALLER, bot, user=None)

    assert connecting.window is not None
    assert connecting.window.ends_at == clock.now() + WINDOW
    assert connecting.session == await session_of(gateway.store, bot)
    assert connecting.session.intent.wish is Wish.ONLINE
    assert await events_of(gateway.store, bot) == ["bot.created", "session.requested"]


@pytest.mark.parametrize("use_existing", [None, True, False])
async def test_a_bot_without_credentials_gets_a_fresh_qr_whatever_was_chosen(
    gateway: Gateway, *, use_existing: bool | None
) -> None:
    await connected_bot(gateway)  # of the same owner, and of no use to the new one
    bot = await new_bot(gateway)

    connecting = await sessions.connect(
        gateway, KEY_CALLER, bot, user=None, use_existing=use_existing
    )

    assert connecting.window is not None


@pytest.mark.parametrize(("use_existing", "fresh"), [(None, False), (True, False), (False, True)])
async def test_a_linked_bot_resumes_unless_it_is_to_be_linked_anew(
    gateway: Gateway, *, use_existing: bool | None, fresh: bool
) -> None:
    bot = await offline_bot(gateway)

    connecting = await sessions.connect(
        gateway, KEY_CALLER, bot, user=None, use_existing=use_existing
    )

    assert (connecting.window is not None) is fresh
    assert connecting.session.intent.wish is Wish.ONLINE


async def test_a_second_connect_is_told_how_long_the_first_one_has_left(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    clock.advance(timedelta(seconds=100.5))

    with pytest.raises(LinkingPending) as raised:
        await connect(gateway, bot)

    assert raised.value.seconds_left == 200
    assert (await session_of(gateway.store, bot)).intent.no == 1


async def test_a_window_that_nobody_took_up_in_time_is_no_hindrance(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot, number=NUMBER)
    clock.advance(WINDOW)

    session = await connect(gateway, bot, number=NUMBER)

    assert session.intent.no == 2
    holder = await holder_of(gateway.store, NUMBER)
    assert holder is not None
    assert holder.expires_at == clock.now() + WINDOW


async def test_a_connected_bot_has_nothing_to_scan(gateway: Gateway, clock: ManualClock) -> None:
    bot = await connected_bot(gateway)
    for use_existing in (None, False):
        with pytest.raises(AlreadyConnected) as raised:
            await connect(gateway, bot, use_existing=use_existing)
        assert raised.value.connected_at == clock.now()


async def test_who_wants_the_existing_session_of_a_connected_bot_has_it_already(
    gateway: Gateway,
) -> None:
    bot = await connected_bot(gateway)
    before = await session_of(gateway.store, bot)

    connecting = await sessions.connect(gateway, KEY_CALLER, bot, user=None, use_existing=True)

    assert (connecting.session, connecting.window) == (before, None)
    assert await session_of(gateway.store, bot) == before


async def test_the_existing_session_is_not_given_out_for_another_number(gateway: Gateway) -> None:
    """Neither while the bot is connected nor while it is offline."""
    online, offline = await connected_bot(gateway), await offline_bot(gateway, OTHER_NUMBER)
    for bot in (online, offline):
        with pytest.raises(OtherNumberLinked):
            await connect(gateway, bot, number="34600000003", use_existing=True)
        with pytest.raises((OtherNumberLinked, AlreadyConnected)):
            await connect(gateway, bot, number="34600000003")


async def test_a_linked_bot_may_name_its_own_number(gateway: Gateway) -> None:
    bot = await offline_bot(gateway)

    session = await connect(gateway, bot, number=NUMBER)

    assert session.intent.window is None


async def test_a_bot_on_its_way_up_again_is_not_asked_for_twice(gateway: Gateway) -> None:
    bot = await connected_bot(gateway)
    await move(gateway.store, bot, LinkDown())

    with pytest.raises(AlreadyConnected):
        await connect(gateway, bot)


async def test_a_bot_that_was_told_to_resume_and_is_not_yet_at_it_is_busy(
    gateway: Gateway,
) -> None:
    bot = await offline_bot(gateway)
    await connect(gateway, bot)

    with pytest.raises(AlreadyConnected):
        await connect(gateway, bot)
    again = await sessions.connect(gateway, KEY_CALLER, bot, user=None, use_existing=True)
    assert again.session.intent.no == 3  # linked, offline, this


@pytest.mark.parametrize("signal", [LoggedOut(code=401), Banned(lasts=None)])
async def test_an_ended_session_may_be_asked_for_again(gateway: Gateway, signal: object) -> None:
    bot = await connected_bot(gateway)
    await move(gateway.store, bot, signal)  # type: ignore[arg-type]  # one of two signals

    session = await connect(gateway, bot)

    assert session.intent.wish is Wish.ONLINE
    assert session.intent.no == 2


# ---------------------------------------------------------------------- numbers


async def test_a_declared_number_is_kept_for_the_bot_while_the_window_lasts(
    gateway: Gateway, clock: ManualClock
) -> None:
    first, second = await new_bot(gateway, "First"), await new_bot(gateway)
    await connect(gateway, first, number=NUMBER)

    with pytest.raises(NumberTaken) as raised:
        await connect(gateway, second, number=NUMBER)
    clock.advance(WINDOW)
    session = await connect(gateway, second, number=NUMBER)

    assert (raised.value.bot, raised.value.bot_name) == (first, "First")
    assert session.intent.window is not None
    assert session.intent.window.reserves


async def test_a_refused_connect_leaves_no_window_no_event_and_no_claim(gateway: Gateway) -> None:
    holder, bot = await connected_bot(gateway), await new_bot(gateway)
    before = await session_of(gateway.store, bot)

    with pytest.raises(NumberTaken):
        await connect(gateway, bot, number=NUMBER)

    assert await session_of(gateway.store, bot) == before
    assert await events_of(gateway.store, bot) == ["bot.created"]
    claim = await holder_of(gateway.store, NUMBER)
    assert claim is not None
    assert claim.bot == holder


async def test_another_tenants_number_is_refused_without_its_name_under_every_policy(
    gateway: Gateway,
) -> None:
    await connected_bot(gateway, caller=STRANGER)
    bot = await new_bot(gateway)
    for policy in Policy:
        asking = replace(gateway, policy=policy)
        with pytest.raises(NumberTaken) as raised:
            await connect(asking, bot, number=NUMBER)
        assert (raised.value.bot, raised.value.bot_name) == (None, None)
        assert raised.value.connected_at is None


async def test_replacing_is_announced_and_reserves_nothing_before_the_scan(
    gateway: Gateway,
) -> None:
    holder, bot = await connected_bot(gateway, name="Old"), await new_bot(gateway)
    replacing = replace(gateway, policy=Policy.REPLACE)

    connecting = await sessions.connect(replacing, KEY_CALLER, bot, user=None, number=f"+{NUMBER}")

    assert connecting.evicts is not None
    assert connecting.evicts.id == holder
    claim = await holder_of(gateway.store, NUMBER)
    assert claim is not None
    assert (claim.bot, claim.kind) == (holder, ClaimKind.HELD)


@pytest.mark.parametrize(
    ("setting", "wish", "replaces"),
    [
        (Policy.REFUSE, None, False),
        (Policy.REFUSE, Policy.REPLACE, False),
        (Policy.REPLACE, None, True),
        (Policy.REPLACE, Policy.REFUSE, False),
        (Policy.REPLACE, Policy.REPLACE, True),
    ],
)
async def test_a_request_narrows_the_policy_and_never_widens_it(
    gateway: Gateway, *, setting: Policy, wish: Policy | None, replaces: bool
) -> None:
    await connected_bot(gateway)
    bot = await new_bot(gateway)
    asking = replace(gateway, policy=setting)

    if replaces:
        session = await connect(asking, bot, number=NUMBER, policy=wish)
        assert session.intent.window is not None
        assert session.intent.window.policy is Policy.REPLACE
    else:
        with pytest.raises(NumberTaken):
            await connect(asking, bot, number=NUMBER, policy=wish)


async def test_the_policy_of_a_window_is_that_of_its_opening(gateway: Gateway) -> None:
    bot = await new_bot(gateway)

    session = await connect(replace(gateway, policy=Policy.REPLACE), bot, policy=Policy.REFUSE)

    assert session.intent.window is not None
    assert session.intent.window.policy is Policy.REFUSE


async def test_a_pairing_code_needs_a_number(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    for number in (None, "", "  "):
        with pytest.raises(InvalidInput) as raised:
            await sessions.connect(
                gateway, KEY_CALLER, bot, user=None, number=number, method=Method.CODE
            )
        assert raised.value.field == "phoneNumber"


async def test_national_numbers_are_understood_where_the_operator_named_a_country(
    gateway: Gateway,
) -> None:
    bot = await new_bot(gateway)

    with pytest.raises(InvalidNumber) as raised:
        await sessions.connect(gateway, KEY_CALLER, bot, user=None, number="600 00 00 01")
    connecting = await sessions.connect(
        replace(gateway, region="ES"), KEY_CALLER, bot, user=None, number="600 00 00 01"
    )

    assert raised.value.field == "phoneNumber"
    assert "600" not in raised.value.message
    assert connecting.window is not None
    assert connecting.window.number is not None
    assert connecting.window.number.digits == NUMBER


# ---------------------------------------------------------------------- who may


@pytest.mark.parametrize(
    ("caller", "user", "refusal"),
    [
        (STRANGER, None, BotNotFound),
        (KEY_CALLER, BEN, UserMismatch),
        (Caller(tenant=DEFAULT_TENANT, user=BEN), None, UserMismatch),
        (Caller(tenant=DEFAULT_TENANT, user=ANA), BEN, NotAllowed),
    ],
)
async def test_a_bot_is_used_by_nobody_but_its_owner_and_its_tenants_keys(
    gateway: Gateway, caller: Caller, user: UserId | None, refusal: type[Exception]
) -> None:
    bot = await new_bot(gateway, user="ana")

    for attempt in (
        sessions.connect(gateway, caller, bot, user=user),
        sessions.connect(gateway, caller, bot, user=user, validate_only=True),
        sessions.validate(gateway, caller, bot, user=user, number=None),
        sessions.disconnect(gateway, caller, bot, user=user),
        sessions.code(gateway, caller, bot, user=user, wait_s=PATIENCE_S),
        sessions.check(gateway, caller, user=user, bot=bot),
    ):
        with pytest.raises(refusal):
            await attempt

    assert (await session_of(gateway.store, bot)).intent.no == 0


# ---------------------------------------------------------------------- validate


async def test_validating_finds_what_a_connect_would_refuse_and_writes_nothing(
    gateway: Gateway,
) -> None:
    holder, bot = await connected_bot(gateway), await new_bot(gateway)
    replacing = replace(gateway, policy=Policy.REPLACE)

    async def validate(bot: BotId, number: str | None = None) -> None:
        await sessions.validate(replacing, KEY_CALLER, bot, user=None, number=number)

    await validate(bot)
    await validate(bot, f"+{OTHER_NUMBER}")
    with pytest.raises(NumberTaken):  # though the setting would let it replace the holder
        await validate(bot, f"+{NUMBER}")
    with pytest.raises(AlreadyConnected):
        await validate(holder)
    with pytest.raises(InvalidNumber):
        await validate(bot, "hello")
    assert (await session_of(gateway.store, bot)).intent.no == 0
    assert await events_of(gateway.store, bot) == ["bot.created"]


# ---------------------------------------------------------------------- disconnect


async def test_going_offline_keeps_the_number_and_unlinking_frees_it(gateway: Gateway) -> None:
    bot = await offline_bot(gateway)
    kept = await holder_of(gateway.store, NUMBER)
    await disconnect(gateway, bot)
    await move(gateway.store, bot, Looked())

    session = await session_of(gateway.store, bot)
    assert kept is not None
    assert await holder_of(gateway.store, NUMBER) is None
    assert session.end is not None
    assert session.end.reason is EndReason.UNLINKED


@pytest.mark.parametrize("unlink", [True, False])
async def test_disconnecting_what_is_not_connected_changes_nothing(
    gateway: Gateway, *, unlink: bool
) -> None:
    bot = await new_bot(gateway)

    session = await disconnect(gateway, bot, unlink=unlink)

    assert session.intent.no == 0
    assert await events_of(gateway.store, bot) == ["bot.created"]


async def test_disconnecting_twice_is_one_order(gateway: Gateway) -> None:
    bot = await connected_bot(gateway)

    first, second = await disconnect(gateway, bot), await disconnect(gateway, bot)

    assert first.intent.no == second.intent.no == 2


async def test_the_last_word_counts_when_two_disconnects_differ(gateway: Gateway) -> None:
    bot = await connected_bot(gateway)

    await disconnect(gateway, bot, unlink=False)
    session = await disconnect(gateway, bot, unlink=True)

    assert (session.intent.no, session.intent.wish) == (3, Wish.UNLINKED)


async def test_disconnecting_a_waiting_bot_takes_its_window_and_its_reservation(
    gateway: Gateway,
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot, number=NUMBER)

    session = await disconnect(gateway, bot)

    assert session.intent.window is None
    assert await holder_of(gateway.store, NUMBER) is None


async def test_a_disconnect_waits_until_the_line_has_done_it(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", PATIENCE_S)
    bot = await connected_bot(gateway)
    waiting = asyncio.ensure_future(disconnect(gateway, bot))

    async def asked() -> bool:
        return (await session_of(gateway.store, bot)).intent.no == 2

    await until(asked, "the order is written")

    await move(gateway.store, bot, Looked())

    assert (await waiting).state is State.DISCONNECTED


# ---------------------------------------------------------------------- codes


async def code(gateway: Gateway, bot: BotId, wait_s: float = 0) -> str:
    shown, _ = await sessions.code(gateway, KEY_CALLER, bot, user=None, wait_s=wait_s)
    return shown.text


async def test_the_code_is_shown_until_it_expires_and_the_next_one_after(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    await move(gateway.store, bot, Began(), qr("first", seconds=60))

    clock.advance(60 * SECOND - timedelta(milliseconds=1))
    shown = await code(gateway, bot)
    clock.advance(timedelta(milliseconds=1))
    with pytest.raises(NoCode) as raised:
        await code(gateway, bot)
    await move(gateway.store, bot, qr("second", seconds=20))

    assert shown == "first"
    assert raised.value.preparing
    assert await code(gateway, bot) == "second"


async def test_a_code_that_is_being_prepared_is_waited_for(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    waiting = asyncio.ensure_future(code(gateway, bot, PATIENCE_S))
    await move(gateway.store, bot, Began(), qr("here"))

    assert await waiting == "here"


async def test_a_code_that_does_not_come_in_time_is_still_being_prepared(
    gateway: Gateway,
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)

    with pytest.raises(NoCode) as raised:
        await code(gateway, bot, 0.01)

    assert raised.value.preparing


async def test_who_waits_for_a_code_hears_that_the_window_was_closed(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    waiting = asyncio.ensure_future(code(gateway, bot, PATIENCE_S))
    await asyncio.sleep(0)
    await disconnect(gateway, bot)

    with pytest.raises(NoCode) as raised:
        await waiting
    assert not raised.value.preparing


async def test_after_the_window_there_is_no_code_even_if_no_line_noticed(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot, number=NUMBER, method=Method.CODE)
    await move(
        gateway.store, bot, Began(), PairingCodeIssued(code="ABCD-1234", valid_for=2 * WINDOW)
    )
    clock.advance(WINDOW)

    with pytest.raises(NoCode) as raised:
        await code(gateway, bot)
    assert not raised.value.preparing


async def test_a_bot_that_was_never_asked_to_connect_has_no_code(gateway: Gateway) -> None:
    with pytest.raises(NoCode) as raised:
        await code(gateway, await new_bot(gateway), PATIENCE_S)

    assert not raised.value.preparing


async def test_a_connected_bot_has_no_code_and_an_offline_one_is_told_to_connect(
    gateway: Gateway,
) -> None:
    with pytest.raises(AlreadyConnected):
        await code(gateway, await connected_bot(gateway), PATIENCE_S)
    with pytest.raises(NoCode):
        await code(gateway, await offline_bot(gateway, OTHER_NUMBER), PATIENCE_S)


async def test_a_scan_ends_the_wait_for_a_code(gateway: Gateway, clock: ManualClock) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    await move(gateway.store, bot, Began(), qr(seconds=1))
    clock.advance(SECOND)
    waiting = asyncio.ensure_future(code(gateway, bot, PATIENCE_S))
    await asyncio.sleep(0)
    await grant(gateway.store, bot, NUMBER, LinkUp())

    with pytest.raises(AlreadyConnected):
        await waiting


# ---------------------------------------------------------------------- check


async def test_a_check_says_what_a_connect_would_answer_now(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)

    async def refusal() -> str | None:
        checked = await sessions.check(gateway, KEY_CALLER, user=None, bot=bot)
        return checked.refusal.code if checked.refusal else None

    assert await refusal() is None
    await connect(gateway, bot)
    assert await refusal() == "qr_pending"
    await move(gateway.store, bot, Began(), qr())
    await grant(gateway.store, bot, NUMBER)
    assert await refusal() == "already_connected"
    await move(gateway.store, bot, LoggedOut(code=401))
    assert await refusal() is None


async def test_a_check_counts_the_sessions_of_the_tenant_alone(gateway: Gateway) -> None:
    await connected_bot(gateway, user="ana")
    await connected_bot(gateway, OTHER_NUMBER, caller=STRANGER)
    waiting = await new_bot(gateway)
    await connect(gateway, waiting)
    await move(gateway.store, waiting, Began(), qr())
    await new_bot(gateway)

    checked = await sessions.check(gateway, KEY_CALLER, user=BEN)

    counts = checked.counts
    assert checked.bot is None
    assert (counts.total, counts.connected, counts.awaiting_scan) == (3, 1, 1)
    assert counts.disconnected == 1
    assert checked.duplicates == 0


async def test_a_person_checks_own_sessions_only(gateway: Gateway) -> None:
    ana = Caller(tenant=DEFAULT_TENANT, user=ANA)
    await connected_bot(gateway, user="ben")

    checked = await sessions.check(gateway, ana, user=None)

    assert checked.bot is None
    with pytest.raises(NotAllowed):
        await sessions.check(gateway, ana, user=BEN)


async def test_a_bot_deleted_while_its_owner_waits_for_a_code_is_not_found(
    gateway: Gateway,
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    waiting = asyncio.ensure_future(code(gateway, bot, PATIENCE_S))
    await disconnect(gateway, bot)
    await move(gateway.store, bot, Looked())
    await bots.delete(gateway, KEY_CALLER, bot, user=None)

    with pytest.raises((NoCode, BotNotFound)):
        await waiting


# ---------------------------------------------------------------------- restored from a backup


async def restored_bot(gateway: Gateway) -> tuple[BotId, DeviceId]:
    """A bot with credentials from a backup, whose original may run."""
    bot = await offline_bot(gateway)
    return bot, await restored(gateway.store, bot)


@pytest.mark.parametrize("use_existing", [None, True, False])
async def test_a_restored_bot_does_not_connect_while_its_original_may_run(
    gateway: Gateway, *, use_existing: bool | None
) -> None:
    """A fresh link would be no better: it logs the old device out, which is the original's too."""
    bot, _ = await restored_bot(gateway)
    before = await session_of(gateway.store, bot)
    with pytest.raises(HeldBack, match="Ask the operator to stop the original"):
        await connect(gateway, bot, use_existing=use_existing)
    with pytest.raises(HeldBack):
        await sessions.validate(gateway, KEY_CALLER, bot, user=None, number=None)
    checked = await sessions.check(gateway, KEY_CALLER, user=None, bot=bot)
    assert isinstance(checked.refusal, HeldBack)
    assert await session_of(gateway.store, bot) == before


async def test_a_restored_bot_is_not_unlinked_while_its_original_may_run(gateway: Gateway) -> None:
    bot, _ = await restored_bot(gateway)
    before = await session_of(gateway.store, bot)
    with pytest.raises(HeldBack):
        await disconnect(gateway, bot)
    assert await session_of(gateway.store, bot) == before
    await disconnect(gateway, bot, unlink=False)


async def test_a_restored_bot_that_was_taken_over_is_as_any_other(gateway: Gateway) -> None:
    bot, device = await restored_bot(gateway)
    await gateway.store.run(lambda tx: tx.restorations.take_over(device))
    assert (await connect(gateway, bot)).intent.wish is Wish.ONLINE
    assert (await disconnect(gateway, bot)).intent.wish is Wish.UNLINKED


async def test_a_bot_that_lost_its_restored_credentials_can_be_linked_anew(
    gateway: Gateway,
) -> None:
    bot, _ = await restored_bot(gateway)
    await change_life(gateway.store, bot, device=None)
    assert (await connect(gateway, bot)).intent.window is not None
