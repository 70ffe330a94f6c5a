"""What happened is counted when it is committed, and once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sololine.clock import SystemClock
from sololine.core.advance import Refused
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.session import EndReason
from sololine.core.signals import LinkUp
from sololine.core.webhook import DeliveryState
from sololine.metrics import Metrics
from sololine.store.errors import Raced
from sololine.store.metered import MeteredStore
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import HERE, NUMBER, added, grant, linking, step, wants_link
from tests.contract.store_talk import RECEIVED, happened, hooked
from tests.exposition import value


@pytest.fixture
async def metered(store: Store, store_url: str) -> AsyncIterator[MeteredStore]:
    """A second view of the store, which is measured."""
    metered = await MeteredStore.open(store_url, SystemClock(), Metrics())
    yield metered
    await metered.close()


def counted(store: MeteredStore, name: str, **labels: str) -> float:
    return value(store.metrics.registry, name, **labels)


async def test_events_are_counted_when_they_are_in_the_log(metered: MeteredStore) -> None:
    bot = await added(metered)

    await happened(metered, bot, 3)

    assert counted(metered, "events_total", type="message.received") == 3
    assert counted(metered, "messages_total", direction="in", status="received") == 3


async def test_what_is_undone_is_not_counted(metered: MeteredStore) -> None:
    bot = await added(metered)

    async def undone(tx: Transaction) -> None:
        await tx.events.append(DEFAULT_TENANT, bot, RECEIVED)
        raise LookupError

    with pytest.raises(LookupError):
        await metered.run(undone)

    assert counted(metered, "events_total", type="message.received") == 0


async def test_what_is_tried_again_is_counted_once_and_the_retries_are_told(
    metered: MeteredStore,
) -> None:
    bot = await added(metered)
    tries = 0

    async def raced(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        await tx.events.append(DEFAULT_TENANT, bot, RECEIVED)
        if tries < 3:
            raise Raced("somebody was faster")

    await metered.run(raced)

    assert counted(metered, "events_total", type="message.received") == 1
    assert counted(metered, "store_retries_total") == 2


async def test_how_long_a_transaction_takes_is_told_by_its_kind(metered: MeteredStore) -> None:
    before = counted(metered, "store_transaction_duration_seconds_count", kind="write")

    async def slow(tx: Transaction) -> None:
        await asyncio.sleep(0.05)

    await metered.run(slow)
    async with metered.read() as tx:
        await tx.events.last(DEFAULT_TENANT)

    name = "store_transaction_duration_seconds"
    assert counted(metered, f"{name}_count", kind="write") == before + 1
    assert counted(metered, f"{name}_sum", kind="write") >= 0.05
    assert counted(metered, f"{name}_count", kind="read") == 1


async def test_windows_and_how_they_end_are_counted(metered: MeteredStore) -> None:
    first, lease = await linking(metered)
    await step(metered, first, lease, Refused(reason=EndReason.NUMBER_TAKEN))
    second, lease = await linking(metered)
    metered.shift += timedelta(seconds=40)
    await grant(metered, second, lease, NUMBER)
    await step(metered, second, lease, LinkUp())

    assert counted(metered, "linking_windows_total") == 2
    attempts = "connection_attempts_total"
    assert counted(metered, attempts, links="yes", outcome="number_taken") == 1
    assert counted(metered, attempts, links="yes", outcome="connected") == 1
    assert counted(metered, "connection_duration_seconds_sum", links="yes") >= 40


async def test_an_intent_without_a_new_window_opens_none(metered: MeteredStore) -> None:
    bot = await added(metered)
    before = await metered.run(lambda tx: wants_link(tx, bot))

    async def again(tx: Transaction) -> None:
        session = await tx.sessions.lock(bot)
        assert session == before
        intent = replace(before.intent, no=before.intent.no + 1)
        await tx.sessions.save_intent(before, replace(before, intent=intent))

    await metered.run(again)

    assert counted(metered, "linking_windows_total") == 1


async def test_tries_to_deliver_are_counted_by_what_came_of_them(metered: MeteredStore) -> None:
    bot = await added(metered)
    await hooked(metered)
    await happened(metered, bot, 2)

    async def settle(tx: Transaction) -> None:
        arrived, refused = await tx.deliveries.take(HERE, 9, timedelta(minutes=1))
        done = {"state": DeliveryState.DELIVERED, "ended_at": tx.now}
        await tx.deliveries.save(
            HERE, [replace(arrived, **done), replace(refused, error="refused", status=500)]
        )

    await metered.run(settle)

    assert counted(metered, "delivery_tries_total", outcome="ok", state="delivered") == 1
    assert counted(metered, "delivery_tries_total", outcome="refused", state="waiting") == 1
