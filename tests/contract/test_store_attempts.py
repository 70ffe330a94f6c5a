"""Connection attempts tell how often bots get through, and what ends the others."""

from datetime import timedelta

from sololine.core.advance import Began, Looked, Refused
from sololine.core.ids import BotId
from sololine.core.session import EndReason, Wish
from sololine.core.signals import Banned, EngineStopped, LinkDown, LinkUp
from sololine.store.attempts import Attempt
from sololine.store.store import Store
from tests.contract.store_scenes import (
    NUMBER,
    grant,
    linked,
    linking,
    step,
    wants,
    wants_link,
)


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
