import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from sololine.actions import conflicts, sessions
from sololine.actions.conflicts import Outcome
from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS, EVERYTHING, SESSIONS
from sololine.core.access import Caller
from sololine.core.advance import Looked
from sololine.core.conflict import Keep
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId, TenantId
from sololine.core.linking import WINDOW
from sololine.core.session import State, Wish
from tests.unit.scenes import (
    KEY_CALLER,
    NOON,
    NUMBER,
    OTHER_NUMBER,
    OTHER_TENANT,
    PATIENCE_S,
    PLAYER,
    STRANGER,
    connect,
    connected_bot,
    events_of,
    holder_of,
    listed_bot,
    logged,
    move,
    qr,
    restored,
    session_of,
    until,
)

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def no_line_will_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line runs here, so nobody is waited for."""
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", 0)


async def listed(gateway: Gateway, bots: Sequence[BotId]) -> list[BotId]:
    """Those of the bots of which something is said still."""
    async with gateway.store.read() as tx:
        return [bot for bot in bots if await tx.listings.of_bot(bot) is not None]


async def found(gateway: Gateway, tenant: TenantId | None = None) -> list[list[BotId]]:
    report = await conflicts.detect(gateway, tenant)
    return [[party.bot for party in each.parties] for each in report.conflicts]


def kept(outcome: Outcome) -> list[BotId | None]:
    return [plan.kept.bot if plan.kept else None for plan in outcome.plans]


# ---------------------------------------------------------------------- detecting


async def test_where_every_number_has_one_bot_there_is_no_conflict(gateway: Gateway) -> None:
    await connected_bot(gateway)
    await listed_bot(gateway, OTHER_NUMBER)

    report = await conflicts.detect(gateway, None)

    assert (report.total, report.conflicts, report.left) == (2, [], 0)


async def test_all_bots_of_a_number_are_found_with_the_newest_first(gateway: Gateway) -> None:
    old = await listed_bot(gateway, last=NOON - 3 * DAY)
    new = await listed_bot(gateway, last=NOON - DAY)
    holder = await connected_bot(gateway)
    await listed_bot(gateway, OTHER_NUMBER)

    assert await found(gateway) == [[holder, new, old]]
    assert await found(gateway, DEFAULT_TENANT) == [[holder, new, old]]
    assert await found(gateway, OTHER_TENANT) == []


# ---------------------------------------------------------------------- resolving


async def test_the_newest_is_kept_and_of_the_others_nothing_is_said_any_more(
    gateway: Gateway,
) -> None:
    old = await listed_bot(gateway, last=NOON - 3 * DAY)
    new = await listed_bot(gateway, last=NOON - DAY)

    outcome = await conflicts.resolve(gateway, None)

    assert (kept(outcome), outcome.ended, outcome.left) == ([new], [], 0)
    assert await listed(gateway, [old, new]) == [new]
    assert await found(gateway) == []


async def test_the_holder_is_kept_and_nothing_happens_to_its_connection(gateway: Gateway) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway)
    before = await session_of(gateway.store, holder)

    outcome = await conflicts.resolve(gateway, None)

    assert (kept(outcome), outcome.ended) == ([holder], [])
    assert await session_of(gateway.store, holder) == before
    assert await listed(gateway, [said]) == []


@pytest.mark.parametrize("named", [False, True])
async def test_a_holder_that_is_not_kept_is_told_to_unlink(
    gateway: Gateway, *, named: bool
) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway)
    async with gateway.bus.subscribe(SESSIONS) as notices:
        outcome = await conflicts.resolve(gateway, None, said if named else Keep.OLDEST)
        notice = await anext(notices)

    assert notice.key in (holder, EVERYTHING)
    assert (kept(outcome), outcome.ended) == ([said], [holder])
    assert outcome.left == 1
    session = await session_of(gateway.store, holder)
    assert session.intent.wish is Wish.UNLINKED
    # Its line has yet to do it; until then the number is its own.
    claim = await holder_of(gateway.store, NUMBER)
    assert claim is not None
    assert await found(gateway) == []
    await move(gateway.store, holder, Looked())
    assert await holder_of(gateway.store, NUMBER) is None
    assert await listed(gateway, [said]) == [said]


async def test_a_holder_whose_original_may_run_elsewhere_is_not_unlinked(gateway: Gateway) -> None:
    """That would log the original out: an operator has to take it over first."""
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway)
    await restored(gateway.store, holder)
    before = await found(gateway)

    assert (await conflicts.resolve(gateway, None, said)).plans == []
    assert await found(gateway) == before
    assert kept(await conflicts.resolve(gateway, None)) == [holder]


async def test_a_dropped_bot_that_is_linking_is_told_to_stop(gateway: Gateway) -> None:
    kept_bot = await listed_bot(gateway)
    linking = await listed_bot(gateway, last=NOON - 2 * DAY)
    await connect(gateway, linking)

    outcome = await conflicts.resolve(gateway, None)

    assert (kept(outcome), outcome.ended, outcome.left) == ([kept_bot], [linking], 0)
    assert (await session_of(gateway.store, linking)).intent.wish is Wish.UNLINKED


async def test_what_a_dropped_bot_does_with_another_number_is_left_alone(gateway: Gateway) -> None:
    kept_bot = await listed_bot(gateway)
    busy = await connected_bot(gateway, OTHER_NUMBER)
    # As an import wrote it in the moment before the link.
    await listed_bot(gateway, bot=busy, last=NOON - 2 * DAY)

    outcome = await conflicts.resolve(gateway, None)

    assert (kept(outcome), outcome.ended) == ([kept_bot], [])
    assert (await session_of(gateway.store, busy)).intent.wish is Wish.ONLINE


async def test_only_conflicts_that_a_named_bot_takes_part_in_are_resolved(
    gateway: Gateway,
) -> None:
    named, other = await listed_bot(gateway), await listed_bot(gateway)
    pair = [await listed_bot(gateway, OTHER_NUMBER) for _ in range(2)]

    outcome = await conflicts.resolve(gateway, None, named)

    assert kept(outcome) == [named]
    assert await listed(gateway, [named, other, *pair]) == [named, *pair]


async def test_a_dry_run_says_the_same_and_changes_nothing(gateway: Gateway) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway)
    before = await found(gateway), await logged(gateway.store, holder)

    dry = await conflicts.resolve(gateway, None, Keep.OLDEST, dry_run=True)
    assert (await found(gateway), await logged(gateway.store, holder)) == before
    assert await listed(gateway, [said]) == [said]

    assert dry.plans == (await conflicts.resolve(gateway, None, Keep.OLDEST)).plans


async def test_resolving_again_finds_nothing_and_tells_nothing(gateway: Gateway) -> None:
    bots = [await listed_bot(gateway) for _ in range(3)]
    await conflicts.resolve(gateway, None)
    outcome = await conflicts.resolve(gateway, None)

    assert outcome.plans == []
    told = [event for bot in bots for event in await events_of(gateway.store, bot)]
    assert told.count("conflict.resolved") == 1


async def test_who_was_killed_in_between_goes_on_where_he_was(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (NUMBER, OTHER_NUMBER):
        for _ in range(2):
            await listed_bot(gateway, number)
    publish = gateway.bus.publish

    async def killed(notice: object) -> None:
        raise KeyError

    monkeypatch.setattr(gateway.bus, "publish", killed)
    with pytest.raises(KeyError):
        await conflicts.resolve(gateway, None)
    monkeypatch.setattr(gateway.bus, "publish", publish)
    assert len(await found(gateway)) == 1

    outcome = await conflicts.resolve(gateway, None)

    assert [plan.number.digits for plan in outcome.plans] == [OTHER_NUMBER]
    assert await found(gateway) == []


# ---------------------------------------------------------------------- tenants, and what is told


async def test_the_event_names_the_kept_and_the_dropped_and_masks_the_number(
    gateway: Gateway,
) -> None:
    kept_bot = await listed_bot(gateway)
    dropped = [await listed_bot(gateway, last=None) for _ in range(2)]
    async with gateway.bus.subscribe(EVENTS) as notices:
        await conflicts.resolve(gateway, DEFAULT_TENANT)
        assert (await anext(notices)).key == DEFAULT_TENANT

    *_, event = await logged(gateway.store, kept_bot)
    assert event.type.value == "conflict.resolved"
    assert event.data == {
        "number": "+34*******01",
        "keptBotId": kept_bot,
        "droppedBotIds": sorted(dropped),
    }


async def test_each_tenant_is_told_of_its_own_bots_only(gateway: Gateway) -> None:
    mine = await listed_bot(gateway)
    holder = await connected_bot(gateway, caller=STRANGER)

    await conflicts.resolve(gateway, None)

    *_, lost = await logged(gateway.store, mine)
    assert lost.data == {"number": "+34*******01", "droppedBotIds": [mine]}
    *_, won = await logged(gateway.store, holder, OTHER_TENANT)
    assert won.data == {"number": "+34*******01", "keptBotId": holder, "droppedBotIds": []}


async def test_a_tenant_gives_up_what_another_one_holds_whatever_it_would_keep(
    gateway: Gateway,
) -> None:
    mine = await listed_bot(gateway, last=NOON)
    holder = await connected_bot(gateway, caller=STRANGER)
    before = await session_of(gateway.store, holder)

    (conflict,) = (await conflicts.detect(gateway, DEFAULT_TENANT)).conflicts
    assert (conflict.taken, [party.bot for party in conflict.parties]) == (True, [mine])
    outcome = await conflicts.resolve(gateway, DEFAULT_TENANT, mine)

    assert kept(outcome) == [None]
    assert await listed(gateway, [mine]) == []
    assert await session_of(gateway.store, holder) == before
    assert "conflict.resolved" not in await events_of(gateway.store, holder, OTHER_TENANT)


async def test_a_tenant_resolves_nothing_of_another_tenants(gateway: Gateway) -> None:
    theirs = [await listed_bot(gateway, caller=STRANGER) for _ in range(2)]

    outcome = await conflicts.resolve(gateway, DEFAULT_TENANT)

    assert outcome.plans == []
    assert await listed(gateway, theirs) == theirs


async def test_a_check_counts_the_numbers_that_are_said_twice(gateway: Gateway) -> None:
    for number in (NUMBER, NUMBER, NUMBER, OTHER_NUMBER):
        await listed_bot(gateway, number)

    assert (await sessions.check(gateway, KEY_CALLER, user=None)).duplicates == 1
    assert (await sessions.check(gateway, STRANGER, user=None)).duplicates == 0


# ---------------------------------------------------------------------- devices that are left


async def gave_up(gateway: Gateway, number: str, caller: Caller = KEY_CALLER) -> DeviceId:
    """A device whose bot was unlinked, and that nobody could log out yet."""
    bot = await connected_bot(gateway, number, caller=caller)
    device = (await session_of(gateway.store, bot)).device
    assert device is not None
    await sessions.disconnect(gateway, caller, bot, user=None)
    await move(gateway.store, bot, Looked())
    await gateway.store.run(lambda tx: tx.retired.take(device.id, PLAYER, WINDOW))
    await gateway.store.run(lambda tx: tx.retired.later(device.id, WINDOW))
    return device.id


async def due(gateway: Gateway) -> set[str]:
    async with gateway.store.read() as tx:
        return {retired.device for retired in await tx.retired.due(10)}


async def left_after(gateway: Gateway, tenant: TenantId | None) -> tuple[int, int]:
    """How many devices are gone when it was tried to log them out, and how many are left."""
    outcome = await conflicts.log_out_left(gateway, tenant)
    assert outcome.plans == []
    return outcome.gone, outcome.left


async def test_where_no_device_is_left_nothing_is_tried(gateway: Gateway) -> None:
    assert await left_after(gateway, DEFAULT_TENANT) == (0, 0)


async def test_devices_that_are_left_are_hurried_and_reported_while_they_stay(
    gateway: Gateway,
) -> None:
    mine = await gave_up(gateway, NUMBER)
    theirs = await gave_up(gateway, OTHER_NUMBER, STRANGER)
    assert await due(gateway) == set()

    assert await left_after(gateway, DEFAULT_TENANT) == (0, 1)

    assert await due(gateway) == {mine}
    assert (await sessions.check(gateway, KEY_CALLER, user=None)).duplicates == 1
    assert (await conflicts.detect(gateway, None)).left == 2
    assert await left_after(gateway, None) == (0, 2)
    assert await due(gateway) == {mine, theirs}


async def test_resolving_waits_for_the_devices_to_leave_their_phones(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = {await gave_up(gateway, NUMBER), await gave_up(gateway, OTHER_NUMBER)}
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", PATIENCE_S)
    resolving = asyncio.ensure_future(conflicts.resolve(gateway, DEFAULT_TENANT))

    async def hurried() -> bool:
        return await due(gateway) == devices

    await until(hurried, "the devices are due")
    for device in devices:
        await gateway.store.run(lambda tx, device=device: tx.retired.done(device))

    outcome = await resolving
    assert (outcome.gone, outcome.left) == (2, 0)


async def test_some_of_the_devices_may_leave_and_others_stay(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await gave_up(gateway, NUMBER)
    await gave_up(gateway, OTHER_NUMBER)
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", 0.5)
    trying = asyncio.ensure_future(left_after(gateway, DEFAULT_TENANT))
    await until(lambda: due(gateway), "the devices are due")
    await gateway.store.run(lambda tx: tx.retired.done(first))

    assert await trying == (1, 1)


async def test_a_holder_that_was_dropped_is_waited_for_until_its_device_is_gone(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway)
    device = (await session_of(gateway.store, holder)).device
    assert device is not None
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", PATIENCE_S)
    resolving = asyncio.ensure_future(conflicts.resolve(gateway, None, said))

    async def told() -> bool:
        return (await session_of(gateway.store, holder)).intent.wish is Wish.UNLINKED

    await until(told, "the holder was told")
    await move(gateway.store, holder, Looked())
    assert not resolving.done()
    await gateway.store.run(lambda tx: tx.retired.done(device.id))

    outcome = await resolving
    assert (outcome.ended, outcome.gone, outcome.left) == ([holder], 1, 0)


async def test_a_dropped_bot_that_shows_a_qr_is_unlinked_by_its_line(gateway: Gateway) -> None:
    await listed_bot(gateway)
    linking = await listed_bot(gateway, last=None)
    await connect(gateway, linking)
    await move(gateway.store, linking, qr())
    await conflicts.resolve(gateway, None)

    session = await move(gateway.store, linking, Looked())

    assert session.state is State.DISCONNECTED
