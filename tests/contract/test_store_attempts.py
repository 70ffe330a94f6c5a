"""Connection attempts tell how often bots get through, and what ends the others."""

from datetime import datetime, timedelta

from sololine.core.advance import Began, Looked, Refused
from sololine.core.ids import DEFAULT_TENANT, BotId, TenantId
from sololine.core.session import EndReason, Wish
from sololine.core.signals import Banned, EngineStopped, LinkDown, LinkUp
from sololine.core.statistics import BotTally, DayTally
from sololine.store.attempts import Attempt
from sololine.store.store import Store
from tests.contract.store_scenes import (
    NUMBER,
    OTHER_NUMBER,
    OTHER_TENANT,
    grant,
    linked,
    linking,
    new_number,
    step,
    wants,
    wants_link,
)

DAY = timedelta(days=1)


async def attempts(store: Store, bot: BotId) -> list[Attempt]:
    async with store.read() as tx:
        return await tx.attempts.of_bot(bot)


async def outcomes(store: Store, bot: BotId) -> list[str | None]:
    return [attempt.outcome for attempt in reversed(await attempts(store, bot))]


async def test_an_attempt_lasts_until_messages_flow(store: Store) -> None:
    bot, lease = await linking(store)
    (attempt,) = await attempts(store, bot)
    assert (attempt.bot, attempt.links, attempt.ended_at) == (bot, True, None)
    store.shift += timedelta(seconds=40)
    await grant(store, bot, lease, NUMBER)
    await step(store, bot, lease, LinkUp())
    (attempt,) = await attempts(store, bot)
    assert attempt.outcome == "connected"
    assert attempt.ended_at is not None
    assert attempt.ended_at - attempt.started_at >= timedelta(seconds=40)


async def test_an_attempt_that_fails_says_why(store: Store) -> None:
    bot, lease = await linking(store)
    await step(store, bot, lease, Refused(reason=EndReason.NUMBER_TAKEN))
    assert await outcomes(store, bot) == ["number_taken"]


async def test_a_lost_link_is_no_attempt(store: Store) -> None:
    bot, lease = await linked(store)
    for signal in (LinkUp(), LinkDown(), EngineStopped(), LinkUp(), Began(), LinkUp()):
        await step(store, bot, lease, signal)
    await wants(store, bot, Wish.OFFLINE)
    await step(store, bot, lease, Looked())
    assert await outcomes(store, bot) == ["connected"]


async def test_a_new_order_ends_the_attempt_before_it(store: Store) -> None:
    bot, lease = await linking(store)
    await store.run(lambda tx: wants_link(tx, bot))
    await step(store, bot, lease, Looked())
    assert await outcomes(store, bot) == ["asked", None]


async def test_resuming_and_the_end_of_a_ban_are_attempts_that_link_nothing(store: Store) -> None:
    bot, lease = await linked(store)
    await step(store, bot, lease, Banned(lasts=timedelta(hours=1)))
    store.shift += timedelta(hours=1)
    await step(store, bot, lease, Looked())
    await step(store, bot, lease, LinkUp())
    assert await outcomes(store, bot) == ["banned", "connected"]
    assert [attempt.links for attempt in await attempts(store, bot)] == [False, True]


async def test_the_attempts_of_a_deleted_bot_are_kept(store: Store) -> None:
    bot, _ = await linking(store)
    await store.run(lambda tx: tx.bots.delete(bot))
    assert await outcomes(store, bot) == ["unlinked"]


async def connected_after(store: Store, seconds: int, tenant: TenantId = DEFAULT_TENANT) -> BotId:
    """A bot that took so long to be linked and connected."""
    bot, lease = await linking(store, tenant)
    store.shift += timedelta(seconds=seconds)
    await grant(store, bot, lease, new_number())
    await step(store, bot, lease, LinkUp())
    return bot


async def refused(store: Store) -> BotId:
    bot, lease = await linking(store)
    await step(store, bot, lease, Refused(reason=EndReason.NUMBER_TAKEN))
    return bot


async def midnight(store: Store) -> datetime:
    """The beginning of the next day, which it is from now on."""
    async with store.read() as tx:
        now = tx.now
    begins = (now + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    store.shift += begins - now
    return begins


async def test_attempts_are_counted_by_day_and_by_bot(store: Store) -> None:
    first = await midnight(store)
    lucky = await connected_after(store, 10)
    unlucky = await refused(store)
    second = await midnight(store)
    await refused(store)
    pending, _ = await linking(store)
    await connected_after(store, 10, OTHER_TENANT)
    end = second + DAY

    async with store.read() as tx:
        days = await tx.attempts.by_day(DEFAULT_TENANT, first, end)
        assert days == [
            DayTally(day=first.date(), attempts=2, connected=1, failed=1),
            DayTally(day=second.date(), attempts=2, connected=0, failed=1),
        ]
        assert [day.attempts for day in await tx.attempts.by_day(None, first, end)] == [2, 3]
        assert await tx.attempts.by_day(DEFAULT_TENANT, second, end) == days[1:]
        assert await tx.attempts.by_day(DEFAULT_TENANT, first, second) == days[:1]
        bots = {tally.bot: tally for tally in await tx.attempts.by_bot(None, first, end, 99)}
        assert len(bots) == 5
        one = {"attempts": 1, "connected": 0, "failed": 0}
        assert bots[lucky] == BotTally(bot=lucky, **{**one, "connected": 1})
        assert bots[unlucky] == BotTally(bot=unlucky, **{**one, "failed": 1})
        assert bots[pending] == BotTally(bot=pending, **one)


async def test_the_bots_with_the_most_attempts_come_first(store: Store) -> None:
    first = await midnight(store)
    await refused(store)
    bot, lease = await linking(store)
    for _ in range(2):
        await store.run(lambda tx: wants_link(tx, bot))
        await step(store, bot, lease, Looked())
    async with store.read() as tx:
        (most,) = await tx.attempts.by_bot(DEFAULT_TENANT, first, first + DAY, 1)
    assert (most.bot, most.attempts) == (bot, 3)


async def test_the_time_to_connect_is_told_apart_by_whether_a_phone_had_to_scan(
    store: Store,
) -> None:
    first = await midnight(store)
    for seconds in range(1, 11):
        await connected_after(store, seconds)
    bot, lease = await linked(store, OTHER_NUMBER)
    await wants(store, bot, Wish.OFFLINE)
    await step(store, bot, lease, Looked())
    await wants(store, bot, Wish.ONLINE)
    await step(store, bot, lease, Looked())
    store.shift += timedelta(seconds=3)
    await step(store, bot, lease, LinkUp())

    async with store.read() as tx:
        times = await tx.attempts.times(DEFAULT_TENANT, first, first + DAY)
        nothing = await tx.attempts.times(OTHER_TENANT, first, first + DAY)
        assert await tx.attempts.times(None, first, first + DAY) == times
    assert nothing == {}
    assert set(times) == {True, False}
    assert times[True].connected == 10
    # The machine's own time goes on as well.
    for found, seconds in ((times[True].median, 5), (times[True].p90, 9), (times[False].p90, 3)):
        assert timedelta(0) <= found - timedelta(seconds=seconds) < timedelta(seconds=1)
    assert times[False].median == times[False].p90


async def test_old_attempts_are_forgotten_except_those_that_last(store: Store) -> None:
    old, lasting = await refused(store), (await linking(store))[0]
    store.shift += DAY
    new = await refused(store)
    async with store.read() as tx:
        before = tx.now - DAY / 2
    assert await store.run(lambda tx: tx.attempts.clean(OTHER_TENANT, before)) == 0
    assert await store.run(lambda tx: tx.attempts.clean(DEFAULT_TENANT, before)) == 1
    assert [len(await attempts(store, bot)) for bot in (old, lasting, new)] == [0, 1, 1]
