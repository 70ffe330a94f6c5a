"""A delivery is made with its event, and taken by one courier at a time."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from sololine.core.events import Event, EventType
from sololine.core.ids import DEFAULT_TENANT, DeliveryId, ProcessId, WebhookId
from sololine.core.webhook import Delivery, DeliveryState, Webhook, WebhookState
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import HERE, OTHER_TENANT, THERE, added
from tests.contract.store_talk import RECEIVED, happened, hooked

MINUTE: Final = timedelta(minutes=1)


async def taken(
    store: Store,
    limit: int = 99,
    process: ProcessId = HERE,
    **bounds: Any,
) -> list[Delivery]:
    return await store.run(lambda tx: tx.deliveries.take(process, limit, MINUTE, **bounds))


async def listed(store: Store, webhook: Webhook, **only: Any) -> list[Delivery]:
    async with store.read() as tx:
        return await tx.deliveries.page(
            webhook.tenant, webhook.id, **{"before": None, "limit": 99, **only}
        )


async def next_due_in(store: Store, but: Collection[WebhookId] = ()) -> timedelta | None:
    async with store.read() as tx:
        due_at = await tx.deliveries.next_due(but=but)
        return None if due_at is None else max(due_at - tx.now, timedelta())


async def saved(store: Store, *deliveries: Delivery, process: ProcessId = HERE) -> None:
    await store.run(lambda tx: tx.deliveries.save(process, deliveries))


def failed(delivery: Delivery) -> Delivery:
    return replace(
        delivery,
        state=DeliveryState.FAILED,
        tries=13,
        status=500,
        error="it answered 500",
        ended_at=delivery.due_at + MINUTE,
    )


# --- made with the event


async def test_each_webhook_that_wants_an_event_gets_a_delivery_of_it(store: Store) -> None:
    bot, other = await added(store), await added(store)
    hooks = {
        "all": await hooked(store),
        "of the bot": await hooked(store, bot=bot),
        "of the other": await hooked(store, bot=other),
        "paused": await hooked(store, state=WebhookState.PAUSED),
        "gone": await hooked(store, state=WebhookState.GONE),
        "of bots": await hooked(store, types=frozenset({EventType.BOT_CREATED})),
        "foreign": await hooked(store, OTHER_TENANT),
    }
    (event,) = await happened(store, bot)
    got = {name: await listed(store, hook) for name, hook in hooks.items()}
    assert {name for name, deliveries in got.items() if deliveries} == {
        *("all", "of the bot", "paused")
    }
    (delivery,) = got["all"]
    assert delivery == Delivery(
        id=delivery.id,
        webhook=hooks["all"].id,
        tenant=DEFAULT_TENANT,
        seq=event.seq,
        type=event.type,
        due_at=event.at,
        created_at=event.at,
    )
    assert delivery.id.startswith("dlv_")
    assert len(delivery.id) == len("dlv_") + 24
    async with store.read() as tx:
        assert await tx.deliveries.get(DEFAULT_TENANT, delivery.id) == delivery
        assert await tx.deliveries.get(OTHER_TENANT, delivery.id) is None


async def test_a_test_is_for_the_tested_webhook_alone(store: Store) -> None:
    wants_all = await hooked(store)
    tested = await hooked(store, types=frozenset({EventType.BOT_CREATED}))
    test = Event(type=EventType.WEBHOOK_TESTED)
    await store.run(lambda tx: tx.events.append(DEFAULT_TENANT, None, test, only=tested.id))
    assert await listed(store, wants_all) == []
    assert [each.type for each in await listed(store, tested)] == [EventType.WEBHOOK_TESTED]


async def test_an_event_and_its_deliveries_are_there_together_or_not_at_all(store: Store) -> None:
    bot, webhook = await added(store), await hooked(store)

    async def work(tx: Transaction) -> None:
        await tx.events.append(DEFAULT_TENANT, bot, *[RECEIVED] * 3)
        raise KeyError

    with pytest.raises(KeyError):
        await store.run(work)
    assert await listed(store, webhook) == []
    await asyncio.gather(*(happened(store, bot, 3) for _ in range(20)))
    async with store.read() as tx:
        events = await tx.events.after(DEFAULT_TENANT, 0, limit=99)
    deliveries = await listed(store, webhook)
    assert [each.seq for each in deliveries] == [event.seq for event in events][::-1]
    assert len({each.id for each in deliveries}) == 60


async def test_events_are_read_again_by_their_places(store: Store) -> None:
    events = await happened(store, await added(store), 3)
    async with store.read() as tx:
        assert await tx.events.many(DEFAULT_TENANT, [3, 1, 9]) == [events[0], events[2]]
        assert await tx.events.many(DEFAULT_TENANT, []) == []
        assert await tx.events.many(OTHER_TENANT, [1]) == []


# --- taken


async def test_a_delivery_is_taken_once_until_the_taking_expires(store: Store) -> None:
    await hooked(store)
    (event,) = await happened(store, await added(store))
    (mine,) = await taken(store)
    assert (mine.seq, mine.state, mine.tries) == (event.seq, DeliveryState.WAITING, 0)
    assert await taken(store, process=THERE) == []
    assert await taken(store) == []
    store.shift += MINUTE
    assert await taken(store, process=THERE) == [mine]


async def test_two_couriers_never_take_one_delivery(store: Store) -> None:
    for _ in range(3):
        await hooked(store)
    await happened(store, await added(store), 20)
    some = await asyncio.gather(
        *(taken(store, 7, ProcessId(f"courier {no % 2}")) for no in range(16))
    )
    rest = await taken(store)
    ids = [delivery.id for deliveries in (*some, rest) for delivery in deliveries]
    assert len(ids) == len(set(ids)) == 60
    assert {len(deliveries) for deliveries in some} <= set(range(8))


async def test_what_is_saved_is_given_back(store: Store) -> None:
    webhook = await hooked(store)
    await happened(store, await added(store), 3)
    done, later, dead = await taken(store)
    done = replace(
        done,
        state=DeliveryState.DELIVERED,
        tries=1,
        status=204,
        ended_at=done.due_at + timedelta(seconds=1),
    )
    later = replace(later, tries=1, status=None, error="no answer", due_at=later.due_at + MINUTE)
    dead = failed(dead)
    await saved(store, later, dead, done)
    assert await listed(store, webhook) == [dead, later, done]
    assert await taken(store) == []
    store.shift += MINUTE
    assert await taken(store) == [later]


async def test_deliveries_wait_while_their_webhook_is_not_active(store: Store) -> None:
    webhook = await hooked(store)
    await happened(store, await added(store))
    for state, count in (
        (WebhookState.PAUSED, 0),
        (WebhookState.GONE, 0),
        (WebhookState.ACTIVE, 1),
    ):
        changed = replace(webhook, state=state)
        await store.run(lambda tx, changed=changed: tx.webhooks.save(changed))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert (await next_due_in(store) is None) == (count == 0)
        assert len(await taken(store)) == count


async def test_a_webhook_that_has_fallen_behind_does_not_hold_up_the_others(store: Store) -> None:
    bot = await added(store)
    behind = await hooked(store)
    await happened(store, bot, 30)
    store.shift += MINUTE
    prompt = await hooked(store)
    await happened(store, bot)
    took = await taken(store, 10)
    # Half of them would be its share, but it has one only.
    assert [each.webhook for each in took] == [behind.id] * 9 + [prompt.id]
    await happened(store, bot, 30)
    took = await taken(store, 10)
    assert [each.webhook for each in took] == [behind.id] * 5 + [prompt.id] * 5
    assert len(await taken(store, 999)) == 61 + 31 - 20


async def test_a_courier_takes_no_more_of_a_webhook_than_it_may_have(store: Store) -> None:
    """However much is due there: who comes next must find room."""
    bot, busy, other = await added(store), await hooked(store), await hooked(store)
    await happened(store, bot, 5)

    async def counts(**had: int) -> tuple[int, int]:
        has = {busy.id: had.get("busy", 0), other.id: had.get("other", 0)}
        took = [each.webhook for each in await taken(store, each=3, busy=has)]
        return took.count(busy.id), took.count(other.id)

    assert await counts(busy=3) == (0, 3)
    assert await counts(busy=2, other=3) == (1, 0)
    assert await counts(busy=3, other=4) == (0, 0)
    assert await next_due_in(store) == timedelta()
    assert await next_due_in(store, but=[busy.id, other.id]) != timedelta()
    assert await counts() == (3, 2)


async def test_who_comes_late_changes_nothing_of_what_another_has_taken(store: Store) -> None:
    """Its request may have arrived; so may the other's, and only that one is waited for."""
    webhook = await hooked(store)
    await happened(store, await added(store))
    (late,) = await taken(store)
    store.shift += MINUTE
    (again,) = await taken(store, process=THERE)
    await saved(store, failed(late))
    assert await listed(store, webhook) == [again]
    assert await taken(store) == []
    await saved(store, failed(again), process=THERE)
    await saved(store, late)
    assert await listed(store, webhook) == [failed(again)]


async def test_a_taking_that_is_over_is_not_due_while_its_webhook_is_paused(store: Store) -> None:
    webhook = await hooked(store)
    await happened(store, await added(store))
    await taken(store)
    paused = replace(webhook, state=WebhookState.PAUSED)
    await store.run(lambda tx: tx.webhooks.save(paused))
    store.shift += MINUTE
    assert await next_due_in(store) is None


async def test_the_longest_due_are_taken_first(store: Store) -> None:
    bot = await added(store)
    for no in range(3):
        await hooked(store)
        await happened(store, bot)
        store.shift += timedelta(seconds=1 + no)
    took = await taken(store, 99)
    assert [each.due_at for each in took] == sorted(each.due_at for each in took)
    assert len(took) == 6


async def test_what_a_dead_courier_had_taken_is_free_when_it_starts_again(store: Store) -> None:
    await hooked(store)
    await happened(store, await added(store), 3)
    took = await taken(store, 2)
    (others,) = await taken(store, 9, THERE)
    assert await store.run(lambda tx: tx.deliveries.release(HERE)) == 2
    assert await taken(store) == took
    assert others not in took
    assert await store.run(lambda tx: tx.deliveries.release(ProcessId("nobody"))) == 0


async def test_a_courier_knows_when_to_look_again(store: Store) -> None:
    assert await next_due_in(store) is None
    await hooked(store)
    await happened(store, await added(store), 2)
    assert await next_due_in(store) == timedelta()
    one, two = await taken(store)
    await saved(store, replace(one, due_at=one.due_at + timedelta(hours=1)))
    soon = await next_due_in(store)
    assert soon is not None
    assert timedelta() < soon <= MINUTE  # when the taking of the other one expires
    await saved(store, failed(two))
    later = await next_due_in(store)
    assert later is not None
    assert MINUTE < later <= timedelta(hours=1)


# --- looked at, and sent again


async def test_deliveries_are_paged_from_the_latest_event_on(store: Store) -> None:
    bot, webhook, other = await added(store), await hooked(store), await hooked(store)
    await happened(store, bot, 4)
    dead = [
        failed(each) for each in await taken(store) if each.webhook == webhook.id and each.seq < 3
    ]
    await saved(store, *dead)

    async def places(**only: Any) -> list[int]:
        return [each.seq for each in await listed(store, webhook, **only)]

    assert await places() == [4, 3, 2, 1]
    assert await places(limit=2) == [4, 3]
    assert await places(before=3, limit=1) == [2]
    assert await places(state=DeliveryState.FAILED) == [2, 1]
    assert await places(state=DeliveryState.WAITING, before=4) == [3]
    assert await listed(store, other, state=DeliveryState.FAILED) == []
    assert await listed(store, replace(webhook, tenant=OTHER_TENANT)) == []


async def test_a_failed_delivery_is_sent_again_with_all_tries_before_it(store: Store) -> None:
    webhook = await hooked(store)
    await happened(store, await added(store), 2)
    one, two = [failed(each) for each in await taken(store)]
    await saved(store, one, two)
    store.shift += MINUTE

    async def redrive(delivery: DeliveryId, whose: Webhook = webhook) -> int:
        return await store.run(lambda tx: tx.deliveries.redrive(whose.tenant, whose.id, delivery))

    assert await redrive(DeliveryId("dlv_none")) == 0
    assert await redrive(one.id, replace(webhook, tenant=OTHER_TENANT)) == 0
    assert await redrive(one.id, await hooked(store)) == 0
    assert await taken(store) == []
    assert await redrive(one.id) == 1
    (again,) = await taken(store)
    assert (again.id, again.state, again.tries) == (one.id, DeliveryState.WAITING, 0)
    assert again.ended_at is None
    assert again.due_at >= one.due_at + MINUTE


async def test_what_arrived_can_be_sent_again_but_not_with_all_that_failed(store: Store) -> None:
    webhook = await hooked(store)
    await happened(store, await added(store))
    (delivery,) = await taken(store)
    arrived = replace(
        delivery, state=DeliveryState.DELIVERED, tries=2, status=204, ended_at=delivery.due_at
    )
    await saved(store, arrived)

    async def redrive(which: DeliveryId | None) -> int:
        return await store.run(lambda tx: tx.deliveries.redrive(DEFAULT_TENANT, webhook.id, which))

    assert await redrive(None) == 0
    assert await redrive(arrived.id) == 1
    (again,) = await taken(store)
    assert (again.id, again.tries) == (arrived.id, 0)


async def test_a_waiting_delivery_can_be_hurried(store: Store) -> None:
    webhook = await hooked(store)
    await happened(store, await added(store))
    (delivery,) = await taken(store)
    await saved(store, replace(delivery, tries=4, due_at=delivery.due_at + timedelta(days=1)))
    assert await taken(store) == []
    hurried = await store.run(
        lambda tx: tx.deliveries.redrive(DEFAULT_TENANT, webhook.id, delivery.id)
    )
    assert hurried == 1
    (again,) = await taken(store)
    assert again.tries == 4


async def test_a_delivery_that_arrived_can_be_sent_again(store: Store) -> None:
    webhook = await hooked(store)
    await happened(store, await added(store))
    (delivery,) = await taken(store)
    ended = replace(
        delivery, state=DeliveryState.DELIVERED, tries=2, status=204, ended_at=delivery.due_at
    )
    await saved(store, ended)
    redriven = await store.run(
        lambda tx: tx.deliveries.redrive(DEFAULT_TENANT, webhook.id, delivery.id)
    )
    assert redriven == 1
    (again,) = await taken(store)
    assert (again.id, again.state, again.tries) == (delivery.id, DeliveryState.WAITING, 0)
    assert again.ended_at is None


async def test_all_failed_deliveries_of_a_webhook_are_sent_again(store: Store) -> None:
    webhook, other = await hooked(store), await hooked(store)
    await happened(store, await added(store), 3)
    took = await taken(store)
    done = replace(took[0], state=DeliveryState.DELIVERED, ended_at=took[0].due_at)
    await saved(store, done, *(failed(each) for each in took[1:]))
    redriven = await store.run(lambda tx: tx.deliveries.redrive(DEFAULT_TENANT, webhook.id, None))
    again = await taken(store)
    assert len(again) == redriven == sum(each.webhook == webhook.id for each in took[1:])
    assert {each.webhook for each in again} == {webhook.id}
    assert len(await listed(store, other, state=DeliveryState.FAILED)) == 3 - (
        took[0].webhook == other.id
    )
