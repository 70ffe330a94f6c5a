"""What backups need of the store: sessions written back, and credentials held back."""

from datetime import timedelta

import pytest

from sololine.core.backup import BotCopy, KeyCopy, Restoration, restored
from sololine.core.claim import ClaimKind
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId, TenantId
from sololine.core.session import Device, Session, Wish
from sololine.core.training import Training
from sololine.store.errors import Raced
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import (
    HERE,
    NUMBER,
    OTHER_TENANT,
    added,
    claims_of,
    holder_of,
    leased,
    linked,
    new_bot,
    retired_of,
    session_of,
    unlink,
)

LATER = timedelta(hours=1)


async def copy_of(store: Store, bot: BotId) -> BotCopy:
    async with store.read() as tx:
        found, session = await tx.bots.get(bot), await tx.sessions.get(bot)
        assert found is not None
        assert session is not None
        return BotCopy(
            bot=found,
            training=Training(),
            intent_no=session.intent.no,
            device=session.device,
        )


async def restore(store: Store, copy: BotCopy) -> Session:
    """Write a copy's session to a bot that is here, or to a new one, and hold it back."""

    async def work(tx: Transaction) -> Session:
        before = await tx.sessions.lock(copy.bot.id) or await tx.bots.add(copy.bot)
        after = restored(before, copy, tx.now)
        await tx.sessions.restore(before, after)
        assert copy.device is not None
        await tx.restorations.put(
            Restoration(
                device=copy.device.id,
                bot=copy.bot.id,
                tenant=copy.bot.tenant,
                copied_at=tx.now - LATER,
                restored_at=tx.now,
            )
        )
        return after

    return await store.run(work)


async def unlinked_copy(store: Store) -> BotCopy:
    """A copy of a bot that was linked, and gave its number and its device up since."""
    bot, lease = await linked(store)
    copy = await copy_of(store, bot)
    await unlink(store, bot, lease)
    assert copy.device is not None
    await store.run(lambda tx: tx.retired.done(copy.device.id))
    await store.run(lambda tx: tx.leases.release(bot, lease))
    return copy


async def test_a_restored_session_holds_its_number_again(store: Store) -> None:
    copy = await unlinked_copy(store)
    assert await holder_of(store, NUMBER) is None

    after = await restore(store, copy)

    assert await session_of(store, copy.bot.id) == after
    holder = await holder_of(store, NUMBER)
    assert holder is not None
    assert (holder.bot, holder.kind) == (copy.bot.id, ClaimKind.HELD)
    assert await claims_of(store, copy.bot.id) == after.claims()
    async with store.read() as tx:
        assert await tx.leases.candidates(HERE, 10) == []


async def test_a_bot_that_is_gone_comes_back_with_its_number(store: Store) -> None:
    copy = await unlinked_copy(store)
    await store.run(lambda tx: tx.bots.delete(copy.bot.id))
    after = await restore(store, copy)
    assert await session_of(store, copy.bot.id) == after
    assert await claims_of(store, copy.bot.id) == after.claims()


async def test_a_number_that_somebody_has_is_not_given_to_two(store: Store) -> None:
    copy = await unlinked_copy(store)
    other, _ = await linked(store)
    with pytest.raises(Raced):
        await restore(store, copy)
    holder = await holder_of(store, NUMBER)
    assert holder is not None
    assert holder.bot == other


async def test_a_line_from_before_the_restore_writes_nothing_more(store: Store) -> None:
    copy = await unlinked_copy(store)
    lease = await leased(store, copy.bot.id)
    await restore(store, copy)
    assert not await store.run(lambda tx: tx.leases.fence(copy.bot.id, lease))


async def test_a_session_is_restored_under_its_lock_only(store: Store) -> None:
    bot = await added(store)
    session = await session_of(store, bot)
    with pytest.raises(RuntimeError, match="lock the session"):
        await store.run(lambda tx: tx.sessions.restore(session, session))


async def test_credentials_are_held_back_until_they_are_taken_over(store: Store) -> None:
    copy = await unlinked_copy(store)
    device = copy.device
    assert device is not None
    await restore(store, copy)
    async with store.read() as tx:
        assert await tx.restorations.held_back(device.id)
        assert not await tx.restorations.held_back(DeviceId("dev_other_1_1"))
        found = await tx.restorations.of(device.id)
    assert found is not None
    assert (found.bot, found.tenant) == (copy.bot.id, DEFAULT_TENANT)
    assert found.restored_at - found.copied_at == LATER

    assert await store.run(lambda tx: tx.restorations.take_over(device.id))
    assert not await store.run(lambda tx: tx.restorations.take_over(device.id))

    async with store.read() as tx:
        assert not await tx.restorations.held_back(device.id)
        taken = await tx.restorations.of(device.id)
    assert taken is not None
    assert taken.taken_over_at is not None


async def test_what_is_restored_once_more_is_held_back_once_more(store: Store) -> None:
    copy = await unlinked_copy(store)
    device = copy.device
    assert device is not None
    await restore(store, copy)
    await store.run(lambda tx: tx.restorations.take_over(device.id))
    await restore(store, copy)
    async with store.read() as tx:
        assert await tx.restorations.held_back(device.id)


async def test_a_deleted_bot_leaves_no_restoration_and_its_copy_is_logged_out(store: Store) -> None:
    copy = await unlinked_copy(store)
    device = copy.device
    assert device is not None
    await restore(store, copy)
    assert await store.run(lambda tx: tx.bots.delete(copy.bot.id))
    async with store.read() as tx:
        assert await tx.restorations.of(device.id) is None
    assert await retired_of(store) == {device.id}


async def test_restorations_are_written_under_the_sessions_lock_only(store: Store) -> None:
    bot = await added(store)

    async def work(tx: Transaction) -> None:
        await tx.restorations.put(
            Restoration(
                device=DeviceId("dev_a_1_1"),
                bot=bot,
                tenant=DEFAULT_TENANT,
                copied_at=tx.now,
                restored_at=tx.now,
            )
        )

    with pytest.raises(RuntimeError, match="lock the session"):
        await store.run(work)


async def test_keys_come_back_to_their_tenants_once(store: Store) -> None:
    await store.run(lambda tx: tx.keys.add(OTHER_TENANT, b"\xaa", "a"))
    await store.run(lambda tx: tx.keys.add(OTHER_TENANT, b"\xbb", "b"))
    async with store.read() as tx:
        copies = await tx.keys.copies(OTHER_TENANT)
        assert await tx.keys.copies(DEFAULT_TENANT) == ()
        listed = await tx.keys.list(OTHER_TENANT)
    assert [(copy.digest, copy.name) for copy in copies] == [("aa", "a"), ("bb", "b")]
    await store.run(lambda tx: tx.keys.remove(OTHER_TENANT, "aa"))

    put = [
        await store.run(lambda tx, key=key: tx.keys.put_back(OTHER_TENANT, key)) for key in copies
    ]

    assert put == [True, False]
    async with store.read() as tx:
        assert await tx.keys.list(OTHER_TENANT) == listed
        assert await tx.keys.tenant_of(b"\xaa") == OTHER_TENANT


async def test_a_key_of_a_backup_never_changes_its_tenant(store: Store) -> None:
    await store.run(lambda tx: tx.keys.add(OTHER_TENANT, b"\xaa", "a"))

    async def work(tx: Transaction) -> bool:
        key = KeyCopy(digest="aa", name="a", created_at=tx.now)
        return await tx.keys.put_back(DEFAULT_TENANT, key)

    assert not await store.run(work)
    async with store.read() as tx:
        assert await tx.keys.tenant_of(b"\xaa") == OTHER_TENANT


async def test_all_tenants_are_found(store: Store) -> None:
    await store.run(lambda tx: tx.tenants.ensure(TenantId("acme")))
    async with store.read() as tx:
        assert await tx.tenants.all() == ["acme", DEFAULT_TENANT, OTHER_TENANT]


async def test_it_is_known_to_which_folder_a_database_is_bound(store: Store) -> None:
    async with store.read() as tx:
        assert await tx.deployment.bound() is None
    await store.run(lambda tx: tx.deployment.bind("first"))
    async with store.read() as tx:
        assert await tx.deployment.bound() == "first"


async def test_a_bot_that_is_new_here_is_restored_in_the_transaction_that_makes_it(
    store: Store,
) -> None:
    async with store.read() as tx:
        bot = new_bot(tx.now)
    device = Device(
        id=DeviceId("dev_x_3_1"),
        number=NUMBER,
        jid="1:2@s.whatsapp.net",
        lid="",
        linked_at=bot.created_at,
    )
    copy = BotCopy(bot=bot, training=Training(), intent_no=3, device=device)
    after = await restore(store, copy)
    assert (after.intent.wish, after.intent.no) == (Wish.OFFLINE, 3)
    assert await session_of(store, bot.id) == after
