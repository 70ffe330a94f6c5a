"""The census counts all there is, over all tenants, and reads little for it."""

import re
from dataclasses import replace
from datetime import timedelta

from sololine.core.advance import Refused
from sololine.core.census import Census
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.session import EndReason, State
from sololine.core.signals import LinkUp
from sololine.core.webhook import WebhookState
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import (
    NUMBER,
    OTHER_TENANT,
    added,
    grant,
    linked,
    linking,
    session_of,
    step,
    unlink,
)
from tests.contract.store_talk import asked, happened, hooked, stored
from tests.contract.test_store_plans import plan_of
from tests.sql import seen


async def census(store: Store) -> Census:
    async with store.read() as tx:
        return await tx.census.take()


async def test_of_nothing_there_is_nothing(store: Store) -> None:
    assert await census(store) == Census()


async def test_sessions_are_counted_by_state_and_reason_whosever_they_are(store: Store) -> None:
    await added(store)
    refused, lease = await linking(store, OTHER_TENANT)
    await step(store, refused, lease, Refused(reason=EndReason.NUMBER_TAKEN))
    up, lease = await linked(store)
    await step(store, up, lease, LinkUp())

    seen = await census(store)

    assert seen.sessions == {
        (State.DISCONNECTED, None): 1,
        (State.DISCONNECTED, EndReason.NUMBER_TAKEN): 1,
        (State.CONNECTED, None): 1,
    }
    assert seen.wanted == 2


async def test_what_waits_is_counted(store: Store) -> None:
    bot, _ = await linked(store)
    await hooked(store)
    paused = await hooked(store)
    await stored(store, bot, {}, {}, make=asked)
    before = await census(store)
    store.shift += timedelta(seconds=90)

    async def pause(tx: Transaction) -> None:
        await tx.webhooks.lock(paused.tenant, paused.id)
        await tx.webhooks.save(replace(paused, state=WebhookState.PAUSED))

    await store.run(pause)
    await happened(store, bot)
    seen = await census(store)

    assert before.queued == seen.queued == 2
    assert seen.webhooks == {WebhookState.ACTIVE: 1, WebhookState.PAUSED: 1}
    assert seen.waiting == {WebhookState.ACTIVE: 3, WebhookState.PAUSED: 3}
    assert seen.events == 3
    assert before.overdue_s < 60
    assert 90 <= seen.overdue_s < 150


async def test_devices_are_those_in_use_those_that_come_and_those_that_go(store: Store) -> None:
    coming, _ = await linking(store)
    bot, lease = await linking(store)
    linking_ = (await session_of(store, bot)).linking
    await grant(store, bot, lease, NUMBER)
    async with store.read() as tx:
        before = await tx.census.devices()
    await unlink(store, bot, lease)
    async with store.read() as tx:
        after = await tx.census.devices()

    other = (await session_of(store, coming)).linking
    assert before == {other: False, linking_: True}
    assert after == {other: False, linking_: False}
    assert (await census(store)).retiring == 1


async def test_of_messages_and_deliveries_only_those_that_wait_are_read(store: Store) -> None:
    with seen(store) as sight:
        await store.run(lambda tx: tx.census.take())
    (query,) = [each for each in sight.statements if "bot_sessions" in each[0]]

    plan = await plan_of(store, *query)

    assert "ix_messages_queued" in plan, plan
    assert "ix_deliveries_due" in plan, plan
    whole = r"(Seq Scan on|SCAN) (messages|deliveries)( (?!USING)|$)"
    assert not re.search(whole, plan, re.MULTILINE)


async def test_the_tenants_are_all_counted(store: Store) -> None:
    await store.run(lambda tx: tx.events.append(DEFAULT_TENANT, None, *()))
    bot = await added(store, OTHER_TENANT)
    await happened(store, bot, 2)

    assert (await census(store)).events == 2
