"""What is said of bots is kept apart from claims, and ends with a link."""

import asyncio
from datetime import timedelta

import pytest

from sololine.core.advance import Looked
from sololine.core.conflict import Basis, Party, conflicts_of
from sololine.core.ids import DEFAULT_TENANT, BotId, TenantId
from sololine.core.listing import Listing
from sololine.core.number import Number
from sololine.core.session import State, Wish
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import (
    NUMBER,
    OTHER_NUMBER,
    OTHER_TENANT,
    added,
    claims_of,
    grant,
    linked,
    linking,
    locked,
    step,
    unlink,
    wants,
)


async def listed(
    store: Store,
    number: Number = NUMBER,
    tenant: TenantId = DEFAULT_TENANT,
    bot: BotId | None = None,
    state: State = State.CONNECTED,
) -> Listing:
    """A bot that another system's data says has the number."""
    bot = bot or await added(store, tenant)

    async def work(tx: Transaction) -> Listing:
        await locked(tx, bot)
        listing = Listing(
            bot=bot,
            tenant=tenant,
            number=number,
            state=state,
            last_connected_at=tx.now - timedelta(days=1),
        )
        await tx.listings.put(listing)
        return listing

    return await store.run(work)


async def listing_of(store: Store, bot: BotId) -> Listing | None:
    async with store.read() as tx:
        return await tx.listings.of_bot(bot)


async def contested(store: Store, tenant: TenantId | None = None) -> dict[Number, list[BotId]]:
    """The conflicts, as a number and its bots; that they are counted the same is looked at."""
    async with store.read() as tx:
        found = conflicts_of(await tx.conflicts.parties(tenant), tenant)
        assert await tx.conflicts.count(tenant) == len(found)
    return {each.number: sorted(party.bot for party in each.parties) for each in found}


async def leaving(store: Store) -> tuple[int, ...]:
    """How many holders are told to unlink: of all tenants, and of each."""
    async with store.read() as tx:
        return tuple(
            [await tx.conflicts.leaving(each) for each in (None, DEFAULT_TENANT, OTHER_TENANT)]
        )


async def test_what_is_said_of_a_bot_is_kept_and_replaced(store: Store) -> None:
    first = await listed(store)
    assert await listing_of(store, first.bot) == first
    second = await listed(store, OTHER_NUMBER, bot=first.bot, state=State.DISCONNECTED)
    assert await listing_of(store, first.bot) == second


async def test_what_nobody_knows_is_kept_as_that(store: Store) -> None:
    bot = await added(store)
    unknown = Listing(
        bot=bot,
        tenant=DEFAULT_TENANT,
        number=NUMBER,
        state=State.AWAITING_SCAN,
        last_connected_at=None,
    )

    async def put(tx: Transaction) -> None:
        await locked(tx, bot)
        await tx.listings.put(unknown)

    await store.run(put)
    assert await listing_of(store, bot) == unknown


async def test_what_is_said_gives_no_right_to_the_number(store: Store) -> None:
    said = await listed(store)
    assert await claims_of(store, said.bot) == frozenset()
    await linked(store, NUMBER)
    assert await listing_of(store, said.bot) == said


async def test_it_is_over_when_the_bot_is_linked(store: Store) -> None:
    bot, lease = await linking(store)
    await listed(store, bot=bot)
    await grant(store, bot, lease, OTHER_NUMBER)
    assert await listing_of(store, bot) is None


async def test_it_is_forgotten_on_request_and_with_its_bot(store: Store) -> None:
    first, second = await listed(store), await listed(store)

    async def forget(tx: Transaction) -> None:
        await locked(tx, first.bot)
        await tx.listings.forget(first.bot)

    await store.run(forget)
    assert await listing_of(store, first.bot) is None
    assert await store.run(lambda tx: tx.bots.delete(second.bot))
    assert await listing_of(store, second.bot) is None


async def test_writing_it_needs_the_bots_lock(store: Store) -> None:
    said = await listed(store)
    with pytest.raises(RuntimeError, match="lock the session"):
        await store.run(lambda tx: tx.listings.put(said))
    with pytest.raises(RuntimeError, match="lock the session"):
        await store.run(lambda tx: tx.listings.forget(said.bot))


async def test_one_bot_a_number_is_no_conflict(store: Store) -> None:
    await listed(store)
    await linked(store, OTHER_NUMBER)
    assert await contested(store) == {}


async def test_two_bots_that_are_said_to_have_one_number_are_one(store: Store) -> None:
    first, second = await listed(store), await listed(store)
    await listed(store, OTHER_NUMBER)
    for tenant in (None, DEFAULT_TENANT):
        assert await contested(store, tenant) == {NUMBER: [first.bot, second.bot]}


async def test_a_holder_and_a_bot_that_is_said_to_have_its_number_are_one(store: Store) -> None:
    said = await listed(store)
    holder, _ = await linked(store, NUMBER)
    for tenant in (None, DEFAULT_TENANT):
        assert await contested(store, tenant) == {NUMBER: [said.bot, holder]}
    async with store.read() as tx:
        parties = {party.bot: party for party in await tx.conflicts.parties_of(NUMBER)}
    assert parties[said.bot] == Party(
        number=NUMBER,
        bot=said.bot,
        tenant=DEFAULT_TENANT,
        owner=parties[holder].owner,
        name="Ada",
        basis=Basis.LISTED,
        state=State.CONNECTED,
        last_connected_at=said.last_connected_at,
    )
    held = parties[holder]
    assert (held.basis, held.state) == (Basis.HELD, State.CONNECTING)
    assert held.last_connected_at is not None


async def test_a_holder_that_is_to_be_unlinked_counts_no_more_and_one_that_goes_offline_does(
    store: Store,
) -> None:
    await listed(store)
    holder, lease = await linked(store, NUMBER)
    await wants(store, holder, Wish.OFFLINE)
    assert len(await contested(store)) == 1
    await step(store, holder, lease, Looked())
    assert len(await contested(store)) == 1
    await wants(store, holder, Wish.UNLINKED)
    assert await contested(store) == {}
    assert await leaving(store) == (1, 1, 0)
    await unlink(store, holder, lease)
    assert await contested(store) == {}
    assert await leaving(store) == (0, 0, 0)


async def test_what_is_said_in_other_tenants_is_seen_by_the_operator_alone(store: Store) -> None:
    here, there = await listed(store), await listed(store, tenant=OTHER_TENANT)
    assert await contested(store) == {NUMBER: [here.bot, there.bot]}
    assert await contested(store, DEFAULT_TENANT) == {}
    assert await contested(store, OTHER_TENANT) == {}


async def test_a_holder_in_another_tenant_takes_the_number(store: Store) -> None:
    said = await listed(store)
    holder, _ = await linked(store, NUMBER, OTHER_TENANT)
    assert await contested(store) == {NUMBER: [said.bot, holder]}
    assert await contested(store, DEFAULT_TENANT) == {NUMBER: [said.bot]}
    assert await contested(store, OTHER_TENANT) == {}


async def test_a_link_and_an_import_that_meet_leave_one_of_both(store: Store) -> None:
    """Each locks the session first, so the later one knows what the earlier one did."""
    bot, lease = await linking(store)

    async def say(tx: Transaction) -> None:
        session = await locked(tx, bot)
        if session.device is None:
            listing = Listing(
                bot=bot,
                tenant=DEFAULT_TENANT,
                number=NUMBER,
                state=State.CONNECTED,
                last_connected_at=None,
            )
            await tx.listings.put(listing)

    await asyncio.gather(store.run(say), grant(store, bot, lease, NUMBER))
    assert await listing_of(store, bot) is None
