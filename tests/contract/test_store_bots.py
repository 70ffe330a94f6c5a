"""Bots, tenants and keys: what people make, and what only their own tenant sees."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sololine.core.bot import Bot, Setup
from sololine.core.errors import InvalidInput
from sololine.core.events import Event, EventType
from sololine.core.ids import DEFAULT_TENANT, DEFAULT_USER, BotId, TenantId, UserId
from sololine.store.errors import Unstorable
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import (
    NUMBER,
    OTHER_TENANT,
    added,
    holder_of,
    linked,
    new_bot,
    retired_of,
    session_of,
    wants_link,
)

EVA = UserId("eva")


async def bot_of(store: Store, bot: BotId) -> Bot | None:
    async with store.read() as tx:
        return await tx.bots.get(bot)


async def test_a_bot_is_read_as_it_was_added(store: Store) -> None:
    async def work(tx: Transaction) -> Bot:
        bot = replace(
            new_bot(tx.now, owner=EVA, name="Ünï ☎"),
            description="d\n'",
            personality="p",
            setup=Setup.DETAILS,
        )
        await tx.bots.add(bot)
        return bot

    bot = await store.run(work)
    assert await bot_of(store, bot.id) == bot
    assert await bot_of(store, BotId("bot_unknown")) is None


async def test_a_bot_needs_a_tenant(store: Store) -> None:
    with pytest.raises(Unstorable):
        await added(store, TenantId("nobody"))


async def test_a_bot_is_changed_under_the_lock_of_its_session(store: Store) -> None:
    bot = await added(store)

    async def blind(tx: Transaction) -> None:
        had = await tx.bots.get(bot)
        assert had is not None
        await tx.bots.update(replace(had, name="Bob"))

    async def work(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        await blind(tx)

    with pytest.raises(RuntimeError, match=r"^lock the session of bot_\d+ in this transaction"):
        await store.run(blind)
    await store.run(work)
    has = await bot_of(store, bot)
    assert has is not None
    assert has.name == "Bob"


async def test_bots_are_listed_by_owner_the_oldest_first_with_their_sessions(store: Store) -> None:
    old = await added(store)
    store.shift += timedelta(seconds=1)
    new = await added(store)
    await store.run(lambda tx: wants_link(tx, new))
    await added(store, owner=EVA)
    foreign = await added(store, OTHER_TENANT)
    async with store.read() as tx:
        listed = await tx.bots.of_user(DEFAULT_TENANT, DEFAULT_USER)
        assert [bot.id for bot, _ in listed] == [old, new]
        assert [session.bot for _, session in listed] == [old, new]
        assert [session.intent.no for _, session in listed] == [0, 1]
        assert len(await tx.bots.of_tenant(DEFAULT_TENANT)) == 3
        assert [bot.id for bot, _ in await tx.bots.of_tenant(OTHER_TENANT)] == [foreign]
        assert await tx.bots.of_user(OTHER_TENANT, EVA) == []


async def test_a_listing_goes_on_after_its_last_bot(store: Store) -> None:
    """Also when several were made in the same millisecond."""

    async def work(tx: Transaction) -> list[BotId]:
        bots = [new_bot(tx.now) for _ in range(5)]
        for bot in bots:
            await tx.bots.add(bot)
        return sorted(bot.id for bot in bots)

    bots = await store.run(work)
    listed, after = list[BotId](), None
    async with store.read() as tx:
        while page := await tx.bots.of_user(DEFAULT_TENANT, DEFAULT_USER, after=after, limit=2):
            listed += [bot.id for bot, _ in page]
            after = listed[-1]
    assert listed == bots


async def test_a_listing_cannot_go_on_after_a_bot_that_is_gone(store: Store) -> None:
    bot = await added(store)
    await added(store)
    await store.run(lambda tx: tx.bots.delete(bot))
    async with store.read() as tx:
        with pytest.raises(InvalidInput, match=r"^The bot to go on after is gone\."):
            await tx.bots.of_user(DEFAULT_TENANT, DEFAULT_USER, after=bot)


async def test_a_deleted_bot_is_gone_with_its_number_and_its_credentials_are_retired(
    store: Store,
) -> None:
    bot, _ = await linked(store)
    session = await session_of(store, bot)
    await store.run(
        lambda tx: tx.events.append(DEFAULT_TENANT, bot, Event(type=EventType.BOT_CREATED))
    )
    assert await store.run(lambda tx: tx.bots.delete(bot))
    assert await bot_of(store, bot) is None
    assert await holder_of(store, NUMBER) is None
    assert await retired_of(store) == session.devices
    async with store.read() as tx:
        assert await tx.sessions.get(bot) is None
        assert [event.bot for event in await tx.events.after(DEFAULT_TENANT, 0, 10)] == [bot]
    assert not await store.run(lambda tx: tx.bots.delete(bot))


async def test_a_tenant_is_made_once(store: Store) -> None:
    tenant = TenantId("acme")
    async with store.read() as tx:
        assert not await tx.tenants.exists(tenant)
    for name in ("Acme", "Other", None):
        await store.run(lambda tx, name=name: tx.tenants.ensure(tenant, name))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    async with store.read() as tx:
        assert await tx.tenants.exists(tenant)


async def test_a_key_acts_for_its_tenant_until_it_is_removed(store: Store) -> None:
    digest = bytes(range(32))
    await store.run(lambda tx: tx.keys.add(OTHER_TENANT, digest, "ci"))
    async with store.read() as tx:
        assert await tx.keys.tenant_of(digest) == OTHER_TENANT
        assert await tx.keys.tenant_of(digest.hex()) == OTHER_TENANT
        assert await tx.keys.tenant_of(bytes(32)) is None
        (key,) = await tx.keys.list(OTHER_TENANT)
        assert (key.id, key.name) == (digest.hex()[:12], "ci")
        assert await tx.keys.list(DEFAULT_TENANT) == []
    assert not await store.run(lambda tx: tx.keys.remove(DEFAULT_TENANT, key.id))
    assert await store.run(lambda tx: tx.keys.remove(OTHER_TENANT, key.id))
    async with store.read() as tx:
        assert await tx.keys.tenant_of(digest) is None


async def test_two_keys_may_have_one_name(store: Store) -> None:
    for byte in (b"a", b"b"):
        await store.run(lambda tx, byte=byte: tx.keys.add(DEFAULT_TENANT, byte * 32, ""))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    async with store.read() as tx:
        assert len(await tx.keys.list(DEFAULT_TENANT)) == 2


async def test_a_users_bots_are_found_by_their_name(store: Store) -> None:
    async def add(tx: Transaction) -> list[BotId]:
        made = [
            new_bot(tx.now, owner=owner, name=name)
            for owner, name in ((EVA, "Ada"), (EVA, "Ada"), (EVA, "Bob"), (DEFAULT_USER, "Ada"))
        ]
        for bot in made:
            await tx.bots.add(bot)
        return [bot.id for bot in made]

    first, second, *_ = await store.run(add)
    async with store.read() as tx:
        named = await tx.bots.named(DEFAULT_TENANT, EVA, "Ada", limit=9)
        assert [(bot.id, session.bot) for bot, session in named] == [
            (first, first),
            (second, second),
        ]
        assert len(await tx.bots.named(DEFAULT_TENANT, EVA, "Ada", limit=1)) == 1
        assert await tx.bots.named(OTHER_TENANT, EVA, "Ada") == []


async def test_all_tenants_are_listed(store: Store) -> None:
    async with store.read() as tx:
        assert await tx.tenants.all() == sorted([DEFAULT_TENANT, OTHER_TENANT])
