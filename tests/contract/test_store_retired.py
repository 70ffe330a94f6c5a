"""Retired devices are worked on by one at a time, until they are gone from their phone."""

import asyncio
from datetime import timedelta

from sololine.core.ids import DEFAULT_TENANT, DeviceId, ProcessId, TenantId
from sololine.core.signals import LoggedOut
from sololine.store.retired import Retired
from sololine.store.store import Store
from tests.contract.store_scenes import OTHER_TENANT, linked, session_of, step

A_MINUTE = timedelta(minutes=1)
ONE, OTHER = ProcessId("one"), ProcessId("other")


async def retired(store: Store, tenant: TenantId = DEFAULT_TENANT) -> DeviceId:
    bot, lease = await linked(store, tenant=tenant)
    device = (await session_of(store, bot)).device
    assert device is not None
    await step(store, bot, lease, LoggedOut())
    return device.id


async def due(store: Store) -> list[Retired]:
    async with store.read() as tx:
        return await tx.retired.due(limit=10)


async def test_a_retired_device_is_due_at_once(store: Store) -> None:
    device = await retired(store)
    (row,) = await due(store)
    assert (row.device, row.tenant, row.tries) == (device, DEFAULT_TENANT, 0)
    async with store.read() as tx:
        assert await tx.retired.of(device) == row
        assert await tx.retired.due(limit=0) == []
        assert row.retired_at <= tx.now


async def test_of_many_that_take_a_device_at_once_one_gets_it(store: Store) -> None:
    device = await retired(store)
    taken = await asyncio.gather(
        *(store.run(lambda tx: tx.retired.take(device, ONE, A_MINUTE)) for _ in range(8))
    )
    assert sum(taken) == 1
    assert await due(store) == []


async def test_a_device_whose_taker_died_comes_due_again(store: Store) -> None:
    device = await retired(store)
    assert await store.run(lambda tx: tx.retired.take(device, ONE, A_MINUTE))
    store.shift += A_MINUTE
    (row,) = await due(store)
    assert row.tries == 1
    assert await store.run(lambda tx: tx.retired.take(device, ONE, A_MINUTE))


async def test_a_device_that_is_given_back_comes_due_later(store: Store) -> None:
    device = await retired(store)
    await store.run(lambda tx: tx.retired.take(device, ONE, A_MINUTE))
    await store.run(lambda tx: tx.retired.later(device, 5 * A_MINUTE))
    store.shift += 4 * A_MINUTE
    assert await due(store) == []
    assert not await store.run(lambda tx: tx.retired.take(device, ONE, A_MINUTE))
    store.shift += A_MINUTE
    assert len(await due(store)) == 1


async def test_a_device_that_is_done_is_forgotten(store: Store) -> None:
    device = await retired(store)
    await store.run(lambda tx: tx.retired.done(device))
    assert await due(store) == []
    assert not await store.run(lambda tx: tx.retired.take(device, ONE, A_MINUTE))
    async with store.read() as tx:
        assert await tx.retired.of(device) is None


async def test_the_longest_due_come_first(store: Store) -> None:
    first = await retired(store)
    store.shift += A_MINUTE
    second = await retired(store)
    assert [row.device for row in await due(store)] == [first, second]


async def test_what_a_process_had_taken_is_due_at_once_when_it_starts_anew(store: Store) -> None:
    device, others = await retired(store), await retired(store)
    await store.run(lambda tx: tx.retired.take(device, ONE, A_MINUTE))
    await store.run(lambda tx: tx.retired.take(others, OTHER, A_MINUTE))
    assert await store.run(lambda tx: tx.retired.recover(ONE)) == 1
    assert [row.device for row in await due(store)] == [device]


async def test_all_that_waits_may_be_hurried_whosever_it_is(store: Store) -> None:
    mine, theirs = await retired(store), await retired(store, OTHER_TENANT)
    for device in (mine, theirs):
        await store.run(lambda tx, device=device: tx.retired.later(device, A_MINUTE))
    assert await store.run(lambda tx: tx.retired.hurry(None)) == 2
    assert {row.device for row in await due(store)} == {mine, theirs}
    async with store.read() as tx:
        assert [row.device for row in await tx.retired.list(None, 9)] == [mine, theirs]
        assert [row.device for row in await tx.retired.list(None, 1)] == [mine]
        assert [row.device for row in await tx.retired.list(OTHER_TENANT, 9)] == [theirs]


async def test_hurrying_makes_due_what_waits_and_leaves_what_is_worked_on(store: Store) -> None:
    device, taken = await retired(store), await retired(store)
    await store.run(lambda tx: tx.retired.later(device, A_MINUTE))
    await store.run(lambda tx: tx.retired.take(taken, ONE, A_MINUTE))
    assert await store.run(lambda tx: tx.retired.hurry(TenantId("nobody"))) == 0
    assert await store.run(lambda tx: tx.retired.hurry(DEFAULT_TENANT)) == 1
    assert [row.device for row in await due(store)] == [device]
    async with store.read() as tx:
        assert await tx.retired.waiting(None) == 2
        assert await tx.retired.waiting(DEFAULT_TENANT) == 2
        assert await tx.retired.waiting(TenantId("nobody")) == 0
