"""A lease gives a line to one process at a time, by the database's clock."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from sololine.core.advance import Began, Looked
from sololine.core.ids import BotId, ProcessId
from sololine.core.lease import TERM_LENGTH, Lease
from sololine.core.session import Wish
from sololine.core.signals import Banned
from sololine.store.store import Store
from tests.contract.store_scenes import (
    HERE,
    OTHER_NUMBER,
    THERE,
    added,
    leased,
    linked,
    step,
    wants,
    wants_link,
)

A_MOMENT = timedelta(seconds=1)


async def lease_of(store: Store, bot: BotId) -> Lease | None:
    async with store.read() as tx:
        return await tx.leases.of(bot)


async def candidates(store: Store, process: ProcessId, limit: int = 10) -> list[BotId]:
    async with store.read() as tx:
        return await tx.leases.candidates(process, limit)


async def unheeded(store: Store, process: ProcessId) -> list[BotId]:
    async with store.read() as tx:
        return await tx.leases.unheeded(process)


async def awake(store: Store) -> BotId:
    """A bot that was asked to connect."""
    bot = await added(store)
    await store.run(lambda tx: wants_link(tx, bot))
    return bot


async def test_a_free_lease_is_taken_for_one_term(store: Store) -> None:
    bot = await added(store)
    assert await lease_of(store, bot) is None
    lease = await leased(store, bot)
    assert (lease.process, lease.term) == (HERE, 1)
    assert await lease_of(store, bot) == lease
    async with store.read() as tx:
        assert tx.now < lease.expires_at <= tx.now + TERM_LENGTH


async def test_an_order_is_unheeded_until_the_line_takes_it_up(store: Store) -> None:
    bot, lease = await linked(store)
    await linked(store, OTHER_NUMBER)
    assert await unheeded(store, HERE) == []
    await wants(store, bot, Wish.OFFLINE)
    assert await unheeded(store, HERE) == [bot]
    assert await unheeded(store, THERE) == []
    await step(store, bot, lease, Looked())
    assert await unheeded(store, HERE) == []


async def test_a_lease_is_not_taken_from_a_process_that_holds_it(store: Store) -> None:
    bot = await added(store)
    lease = await leased(store, bot)
    assert await store.run(lambda tx: tx.leases.take(bot, THERE)) is None
    assert await lease_of(store, bot) == lease


async def test_the_lease_of_an_unknown_bot_cannot_be_taken(store: Store) -> None:
    assert await store.run(lambda tx: tx.leases.take(BotId("bot_unknown"), HERE)) is None


async def test_of_many_processes_that_take_a_lease_at_once_one_gets_it(store: Store) -> None:
    bot = await added(store)
    taken = await asyncio.gather(
        *(
            store.run(lambda tx, no=no: tx.leases.take(bot, ProcessId(f"process {no}")))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            for no in range(8)
        )
    )
    assert sum(lease is not None for lease in taken) == 1


async def test_an_expired_lease_is_taken_in_the_next_term(store: Store) -> None:
    bot = await added(store)
    await leased(store, bot)
    store.shift += TERM_LENGTH + A_MOMENT
    assert (await leased(store, bot, THERE)).term == 2


async def test_a_process_takes_its_own_lease_anew(store: Store) -> None:
    """Its dead predecessor of the same name has left it."""
    bot = await added(store)
    assert (await leased(store, bot)).term == 1
    assert (await leased(store, bot)).term == 2


async def test_renewing_keeps_all_leases_of_a_process(store: Store) -> None:
    one, two, strange = await added(store), await added(store), await added(store)
    first, second = await leased(store, one), await leased(store, two)
    await leased(store, strange, THERE)
    store.shift += TERM_LENGTH - A_MOMENT
    held = await store.run(lambda tx: tx.leases.renew(HERE))
    assert held == {(one, first.term), (two, second.term)}
    store.shift += TERM_LENGTH - A_MOMENT
    assert await store.run(lambda tx: tx.leases.take(one, THERE)) is None
    assert (await leased(store, strange)).term == 2


async def test_renewing_does_not_bring_back_a_lease_that_another_process_took(
    store: Store,
) -> None:
    bot = await added(store)
    await leased(store, bot)
    store.shift += TERM_LENGTH
    await leased(store, bot, THERE)
    assert await store.run(lambda tx: tx.leases.renew(HERE)) == frozenset()


async def test_a_released_lease_is_free_and_keeps_its_term(store: Store) -> None:
    bot = await added(store)
    lease = await leased(store, bot)
    assert await store.run(lambda tx: tx.leases.release(bot, lease))
    assert await lease_of(store, bot) is None
    assert (await leased(store, bot, THERE)).term == 2


async def test_a_lease_is_released_in_its_own_term_only(store: Store) -> None:
    bot = await added(store)
    old = await leased(store, bot)
    new = await leased(store, bot)
    assert not await store.run(lambda tx: tx.leases.release(bot, old))
    assert await lease_of(store, bot) == new


async def test_idle_sessions_need_no_line(store: Store) -> None:
    await added(store)
    bot = await awake(store)
    assert await candidates(store, HERE) == [bot]


async def test_a_session_that_runs_needs_a_line_when_its_process_is_gone(store: Store) -> None:
    bot, _ = await linked(store)
    assert await candidates(store, THERE) == []
    store.shift += TERM_LENGTH
    assert await candidates(store, THERE) == [bot]


async def test_a_session_needs_a_line_again_when_its_ban_is_over(store: Store) -> None:
    bot, lease = await linked(store)
    await step(store, bot, lease, Banned(lasts=timedelta(hours=1)))
    await store.run(lambda tx: tx.leases.release(bot, lease))
    assert await candidates(store, HERE) == []
    store.shift += timedelta(hours=1)
    assert await candidates(store, HERE) == [bot]
    assert (await step(store, bot, await leased(store, bot), Looked())).end is None


async def test_a_session_with_an_order_it_has_not_obeyed_needs_a_line(store: Store) -> None:
    bot, lease = await linked(store)
    await wants(store, bot, Wish.OFFLINE)
    await step(store, bot, lease, Looked())
    await store.run(lambda tx: tx.leases.release(bot, lease))
    assert await candidates(store, HERE) == []
    await wants(store, bot, Wish.ONLINE)
    assert await candidates(store, HERE) == [bot]


async def test_free_leases_come_before_those_that_are_one_s_own(store: Store) -> None:
    """A process knows which of its own it keeps already; they must not hide the others."""
    own = [await awake(store) for _ in range(3)]
    for bot in own:
        await step(store, bot, await leased(store, bot), Began())
    free = [await awake(store) for _ in range(3)]
    assert await candidates(store, HERE, limit=3) == free
    assert await candidates(store, HERE) == [*free, *own]
    assert await candidates(store, THERE) == free


async def test_a_line_asks_whether_its_lease_is_still_its_own(store: Store) -> None:
    bot = await added(store)
    old = await leased(store, bot)

    async def holds(lease: Lease) -> bool:
        return await store.run(lambda tx: tx.leases.fence(bot, lease))

    assert await holds(old)
    assert not await holds(replace(old, process=THERE))
    new = await leased(store, bot)
    assert not await holds(old)
    assert await holds(new)
    await store.run(lambda tx: tx.bots.delete(bot))
    assert not await holds(new)
