"""Webhooks belong to a tenant, and take their deliveries with them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sololine.core.events import EventType
from sololine.core.ids import DEFAULT_TENANT, BotId, WebhookId
from sololine.core.webhook import Webhook, WebhookState
from sololine.store.errors import Raced
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import OTHER_TENANT, added
from tests.contract.store_talk import happened, hooked, logged
from tests.sql import is_sqlite


async def webhook_of(store: Store, webhook: Webhook) -> Webhook | None:
    async with store.read() as tx:
        return await tx.webhooks.get(webhook.tenant, webhook.id)


async def test_a_webhook_is_read_as_it_was_written(store: Store) -> None:
    bot = await added(store)
    plain = await hooked(store)
    rich = await hooked(
        store,
        bot=bot,
        types=frozenset({EventType.MESSAGE_RECEIVED, EventType.WEBHOOK_PAUSED}),
        description="ünï",
        state=WebhookState.PAUSED,
        failures=3,
        failing_since=plain.created_at,
    )
    assert await webhook_of(store, plain) == plain
    assert await webhook_of(store, rich) == rich
    assert await webhook_of(store, replace(plain, tenant=OTHER_TENANT)) is None


async def test_a_tenant_has_its_own_webhooks_the_oldest_first(store: Store) -> None:
    one = await hooked(store)
    store.shift += timedelta(seconds=1)
    two = await hooked(store)
    foreign = await hooked(store, OTHER_TENANT)
    async with store.read() as tx:
        assert await tx.webhooks.of_tenant(DEFAULT_TENANT) == [one, two]
        assert await tx.webhooks.of_tenant(OTHER_TENANT) == [foreign]


async def test_what_changes_of_a_webhook_is_saved(store: Store) -> None:
    webhook, other = await hooked(store), await hooked(store)
    changed = replace(
        webhook,
        url="https://example.com/other",
        types=frozenset({EventType.BOT_CREATED}),
        description="d",
        secret="whsec_b3RoZXI=",
        state=WebhookState.GONE,
        failures=1,
        failing_since=webhook.created_at,
    )
    await store.run(lambda tx: tx.webhooks.save(changed))
    assert await webhook_of(store, webhook) == changed
    assert await webhook_of(store, other) == other


async def test_an_id_is_taken_once_and_a_bot_must_be_there(store: Store) -> None:
    webhook = await hooked(store)
    with pytest.raises(Raced):
        await store.run(lambda tx: tx.webhooks.add(webhook))
    with pytest.raises(Raced):
        await hooked(store, bot=BotId("bot_none"))


async def test_what_two_change_at_once_is_changed_twice(store: Store) -> None:
    webhook = await hooked(store)

    async def fail(tx: Transaction) -> None:
        found = await tx.webhooks.lock(DEFAULT_TENANT, webhook.id)
        assert found is not None
        await tx.webhooks.save(replace(found, failures=found.failures + 1))

    await asyncio.gather(*(store.run(fail) for _ in range(20)))
    assert await webhook_of(store, webhook) == replace(webhook, failures=20)
    assert await store.run(lambda tx: tx.webhooks.lock(OTHER_TENANT, webhook.id)) is None


async def test_events_are_appended_while_a_webhook_is_locked(store: Store) -> None:
    """A courier that settles does not hold up a tenant's log. SQLite has one writer anyway."""
    if is_sqlite(store):
        return
    webhook, bot = await hooked(store), await added(store)

    async def lock(tx: Transaction) -> None:
        assert await tx.webhooks.lock(DEFAULT_TENANT, webhook.id) == webhook
        async with asyncio.timeout(4):  # a lock is waited for for 5 seconds
            await happened(store, bot)

    await store.run(lock)


async def test_a_webhook_is_locked_after_the_last_event_was_appended(store: Store) -> None:
    webhook, bot = await hooked(store), await added(store)

    async def work(tx: Transaction) -> None:
        await tx.webhooks.lock(DEFAULT_TENANT, webhook.id)
        await logged(tx, bot)

    with pytest.raises(RuntimeError, match=r"^append events before"):
        await store.run(work)


async def test_a_deleted_webhook_takes_its_deliveries_along(store: Store) -> None:
    webhook, other, bot = await hooked(store), await hooked(store), await added(store)
    await happened(store, bot, 3)
    delete = [
        await store.run(lambda tx, whose=whose: tx.webhooks.delete(whose, webhook.id))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        for whose in (OTHER_TENANT, DEFAULT_TENANT, DEFAULT_TENANT)
    ]
    assert delete == [False, True, False]
    async with store.read() as tx:
        page = tx.deliveries.page
        assert await page(DEFAULT_TENANT, webhook.id, before=None, limit=9) == []
        assert len(await page(DEFAULT_TENANT, other.id, before=None, limit=9)) == 3
    await happened(store, bot)


async def test_webhooks_are_deleted_while_events_are_appended(store: Store) -> None:
    """Neither waits for the other in a circle, and no delivery points at what is gone."""
    bot = await added(store)
    webhooks = [await hooked(store) for _ in range(10)]

    async def delete(webhook: WebhookId) -> None:
        assert await store.run(lambda tx: tx.webhooks.delete(DEFAULT_TENANT, webhook))

    await asyncio.gather(
        *(
            doing
            for webhook in webhooks
            for doing in (happened(store, bot, 2), delete(webhook.id), happened(store, bot))
        )
    )
    async with store.read() as tx:
        assert await tx.deliveries.next_due() is None
        assert await tx.events.last(DEFAULT_TENANT) == 30


async def test_a_deleted_bot_takes_its_webhooks_along(store: Store) -> None:
    bot, other = await added(store), await added(store)
    webhooks = [await hooked(store, bot=each) for each in (bot, other, None)]
    for each in (bot, other):
        await happened(store, each)
    await store.run(lambda tx: tx.bots.delete(bot))
    async with store.read() as tx:
        assert await tx.webhooks.of_tenant(DEFAULT_TENANT) == webhooks[1:]
        page = tx.deliveries.page
        counts = [
            len(await page(DEFAULT_TENANT, webhook.id, before=None, limit=9))
            for webhook in webhooks
        ]
    assert counts == [0, 1, 2]
