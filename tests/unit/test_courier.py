import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from sololine import courier as module
from sololine.actions import webhooks
from sololine.actions.gateway import Gateway
from sololine.actions.webhooks import Changes
from sololine.bus import EVENTS, Notice
from sololine.core.events import Event, EventType, LoggedEvent
from sololine.core.ids import ProcessId, TenantId
from sololine.core.sentence import Sentence
from sololine.core.webhook import (
    PAUSED_AFTER,
    PAUSED_AFTER_AT_LEAST,
    RETRIED_AFTER,
    Delivery,
    DeliveryState,
    Webhook,
    WebhookState,
)
from sololine.courier import (
    AT_ONCE,
    AT_ONCE_EACH,
    EVENT_GONE,
    TAKEN_FOR,
    Courier,
    Outcome,
    settle,
    signed,
)
from sololine.health import OK, Verdict
from sololine.languages import Language
from sololine.outward import Answer, ForbiddenAddress, Outward, Unreachable
from sololine.store.deliveries import Deliveries
from sololine.store.events import Events
from sololine.store.transaction import Transaction
from tests.unit.scenes import KEY_CALLER, NOON, connect, new_bot, until

URL = "https://hooks.example.com/in"
SLOW = "https://slow.example.com/in"


@dataclass(slots=True)
class World(Outward):
    """Receivers in memory: what was posted, and what each address answers.

    It stands in for the network alone; `Outward` itself is tested with real servers.
    """

    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self, url: str) -> None:
        pass

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        self.posted.append((url, dict(headers), body))
        if url == SLOW:
            await self.hanging.wait()
        return self.answers.get(url, lambda: Answer(status=204))()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def telling(gateway: Gateway, world: World) -> Gateway:
    return replace(gateway, outward=world)


HERE = ProcessId("here:0")


def new_courier(telling: Gateway, world: World, process: ProcessId = HERE) -> Courier:
    return Courier(process, store=telling.store, bus=telling.bus, outward=world)


@pytest.fixture
async def courier(telling: Gateway, world: World) -> AsyncIterator[Courier]:
    made = new_courier(telling, world)
    async with made.running():
        yield made


async def hook(telling: Gateway, *types: EventType, url: str = URL) -> Webhook:
    return await webhooks.create(telling, KEY_CALLER, url=url, types=types)


async def sent(telling: Gateway, of: Webhook) -> list[Delivery]:
    """The webhook's deliveries, the first event's first."""
    found = await webhooks.deliveries(
        telling, KEY_CALLER, of.id, before=None, limit=200, state=None
    )
    return found[::-1]


async def settled(telling: Gateway, of: Webhook, state: DeliveryState, count: int = 1) -> None:
    async def done() -> bool:
        found = await sent(telling, of)
        return sum(each.state is state for each in found) >= count

    await until(done, f"{count} deliveries {state.value}")


async def tried(telling: Gateway, of: Webhook, count: int = 1) -> Delivery:
    async def done() -> Delivery | None:
        first = (await sent(telling, of))[0]
        return first if first.tries >= count else None

    return await until(done, f"{count} tries")


async def happened(telling: Gateway, type_: EventType, count: int) -> None:
    event = Event(type=type_)
    tenant = KEY_CALLER.tenant
    await telling.store.run(lambda tx: tx.events.append(tenant, None, *[event] * count))


async def later(telling: Gateway, by: timedelta) -> None:
    """Let time pass, and let the courier look at once."""
    telling.store.shift += by
    await telling.bus.publish(Notice(topic=EVENTS, key=KEY_CALLER.tenant))


async def test_a_courier_says_that_nothing_is_sent_until_it_is_again(
    telling: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATE_S", 0.05)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(module, "PAUSE_AFTER_FAULT_S", 0.001)

    def away() -> None:
        raise ConnectionError

    courier = new_courier(telling, world)
    async with courier.running():
        with monkeypatch.context() as patched:
            patched.setattr(telling.store, "read", away)
            await until(lambda: courier.condition() != OK, "the store was not looked at")
            told = courier.condition()
        await until(lambda: courier.condition() == OK, "the store was looked at")

    assert told.verdict is Verdict.DEGRADED
    assert told.reason == "no webhook was served for 1 s; deliveries wait"


async def test_deliveries_are_in_hand_until_what_came_of_them_is_written_down(
    courier: Courier, telling: Gateway, world: World
) -> None:
    await hook(telling, url=SLOW)
    await happened(telling, EventType.BOT_CREATED, 3)
    await telling.bus.publish(Notice(topic=EVENTS, key=KEY_CALLER.tenant))
    await until(lambda: courier.in_hand == 3, "all are under way")

    world.hanging.set()

    await until(lambda: courier.in_hand == 0, "all are written down")


async def test_an_event_is_posted_signed_to_the_webhook_that_wants_it(
    telling: Gateway, world: World, courier: Courier
) -> None:
    mine = await hook(telling, EventType.BOT_CREATED)
    bot = await new_bot(telling)
    await connect(telling, bot)
    await settled(telling, mine, DeliveryState.DELIVERED)

    ((url, headers, body),) = world.posted
    (delivery,) = await sent(telling, mine)
    event = Verifier(mine.secret).verify(body, headers)
    assert (url, headers["webhook-id"]) == (URL, delivery.id)
    assert headers["content-type"] == "application/json"
    assert (event["type"], event["botId"], event["seq"]) == ("bot.created", bot, delivery.seq)
    assert (delivery.tries, delivery.status, delivery.error) == (1, 204, "")


async def test_events_of_tenants_without_webhooks_are_no_reason_to_look(
    telling: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 3600)
    looks, look = list[object](), Deliveries.next_due

    async def counted(deliveries: Deliveries, **asked: Any) -> datetime | None:
        looks.append(asked)
        return await look(deliveries, **asked)

    monkeypatch.setattr(Deliveries, "next_due", counted)
    async with new_courier(telling, world).running():
        for _ in range(5):
            await new_bot(telling)
        before = len(looks)
        mine = await hook(telling, EventType.BOT_CREATED)
        await new_bot(telling)
        await settled(telling, mine, DeliveryState.DELIVERED)
    assert before <= 1
    assert len(world.posted) == 1


async def test_a_signature_is_of_this_body_secret_and_id() -> None:
    secret = webhooks.new_secret()
    headers = signed(secret, "dlv_1", datetime.now(UTC), '{"a":1}')  # type: ignore[arg-type]

    assert Verifier(secret).verify(b'{"a":1}', headers) == {"a": 1}
    for other, body, changed in (
        (webhooks.new_secret(), b'{"a":1}', {}),
        (secret, b'{"a":2}', {}),
        (secret, b'{"a":1}', {"webhook-id": "dlv_2"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Verifier(other).verify(body, {**headers, **changed})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=500), "refused"),
        (Answer(status=302), "redirect_refused"),
        (Unreachable(Sentence("nobody")), "unreachable"),
        (ForbiddenAddress(), "forbidden_address"),
        (ZeroDivisionError(), "internal_error"),
    ],
)
async def test_what_does_not_arrive_is_tried_again_later_under_the_same_id(
    answer: Answer | Exception,
    error: str,
    telling: Gateway,
    world: World,
    courier: Courier,
) -> None:
    def answered() -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    world.answers[URL] = answered
    mine = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    failed = await tried(telling, mine)
    assert (failed.state, failed.error) == (DeliveryState.WAITING, error)
    assert failed.status == getattr(answer, "status", None)
    assert failed.due_at >= failed.created_at + RETRIED_AFTER[0]

    del world.answers[URL]
    await later(telling, RETRIED_AFTER[0] * 1.5)
    await settled(telling, mine, DeliveryState.DELIVERED)
    assert len({headers["webhook-id"] for _, headers, _ in world.posted}) == 1
    assert len(world.posted) == 2


async def test_a_delivery_is_given_up_after_its_last_try(
    telling: Gateway, world: World, courier: Courier
) -> None:
    world.answers[URL] = lambda: Answer(status=503)
    mine = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    for tries in range(1, len(RETRIED_AFTER) + 1):
        await tried(telling, mine, tries)
        await later(telling, RETRIED_AFTER[tries - 1] * 1.5)
    await settled(telling, mine, DeliveryState.FAILED)

    (delivery,) = await sent(telling, mine)
    assert delivery.tries == len(RETRIED_AFTER) + 1
    assert delivery.ended_at is not None


async def test_a_receiver_that_is_gone_gets_nothing_more_and_its_owner_is_told(
    telling: Gateway, world: World, courier: Courier
) -> None:
    world.answers[URL] = lambda: Answer(status=410)
    mine = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    await settled(telling, mine, DeliveryState.FAILED)
    await new_bot(telling, "Bea")

    assert (await webhooks.get(telling, KEY_CALLER, mine.id)).state is WebhookState.GONE
    assert len(await sent(telling, mine)) == 1
    async with telling.store.read() as tx:
        logged = await tx.events.after(KEY_CALLER.tenant, 0, 100)
    told = [each for each in logged if each.type is EventType.WEBHOOK_PAUSED]
    assert [each.data for each in told] == [{"webhookId": mine.id, "reason": "gone"}]


async def test_a_paused_webhook_gets_what_waited_when_it_is_resumed(
    telling: Gateway, world: World, courier: Courier
) -> None:
    mine = await hook(telling, EventType.BOT_CREATED)
    await webhooks.change(telling, KEY_CALLER, mine.id, Changes(paused=True))
    await new_bot(telling)
    other = await hook(telling, EventType.BOT_CREATED, url="https://other.example.com/")
    await new_bot(telling, "Bea")
    await settled(telling, other, DeliveryState.DELIVERED)
    assert URL not in [url for url, _, _ in world.posted]

    await webhooks.change(telling, KEY_CALLER, mine.id, Changes(paused=False))
    await settled(telling, mine, DeliveryState.DELIVERED, 2)


async def test_a_slow_receiver_does_not_keep_others_waiting(telling: Gateway, world: World) -> None:
    """Not even one that has fallen behind by more than may be under way."""
    slow = await hook(telling, EventType.CHAT_TYPING, url=SLOW)
    await happened(telling, EventType.CHAT_TYPING, 2 * AT_ONCE)
    quick = await hook(telling, EventType.BOT_CREATED)
    async with new_courier(telling, world).running():
        await until(lambda: len(world.posted) == AT_ONCE_EACH, "the slow one has its share")
        await new_bot(telling)
        await settled(telling, quick, DeliveryState.DELIVERED)

        assert [url for url, _, _ in world.posted].count(SLOW) == AT_ONCE_EACH
        world.hanging.set()
        await settled(telling, slow, DeliveryState.DELIVERED, 200)


async def test_what_is_under_way_at_the_end_is_sent_again_under_the_same_id(
    telling: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two couriers end while the receiver hangs; the third one gets its answer."""
    monkeypatch.setattr(module, "GRACE_S", 0.01)
    mine = await hook(telling, EventType.BOT_CREATED, url=SLOW)
    await new_bot(telling)
    for count in (1, 2):
        async with new_courier(telling, world).running():
            await until(lambda count=count: len(world.posted) == count, "it was posted")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    world.hanging.set()
    async with new_courier(telling, world, ProcessId("here:1")).running():
        await settled(telling, mine, DeliveryState.DELIVERED)

    assert len({headers["webhook-id"] for _, headers, _ in world.posted}) == 1
    assert len(world.posted) == 3


async def test_what_arrives_while_the_service_ends_is_not_sent_again(
    telling: Gateway, world: World
) -> None:
    mine = await hook(telling, EventType.BOT_CREATED, url=SLOW)
    await new_bot(telling)
    async with new_courier(telling, world).running():
        await until(lambda: len(world.posted) == 1, "it was posted")
        asyncio.get_running_loop().call_later(0.05, world.hanging.set)

    (delivery,) = await sent(telling, mine)
    assert (delivery.state, delivery.tries) == (DeliveryState.DELIVERED, 1)


async def test_a_clock_that_jumps_sends_nothing_twice(telling: Gateway, world: World) -> None:
    """Takings expire by it, though the requests go on."""
    mine = await hook(telling, EventType.BOT_CREATED, url=SLOW)
    quick = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    async with new_courier(telling, world).running():
        await until(lambda: len(world.posted) == 2, "it was posted")
        await later(telling, timedelta(hours=1))
        await new_bot(telling, "Bea")
        await settled(telling, quick, DeliveryState.DELIVERED, 2)
        await until(lambda: len(world.posted) == 4, "the second one was posted")
        world.hanging.set()
        await settled(telling, mine, DeliveryState.DELIVERED, 2)

    assert len({headers["webhook-id"] for _, headers, _ in world.posted}) == 4


async def test_an_outcome_that_cannot_be_written_does_not_hold_up_the_others(
    telling: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again, and its delivery is not sent again meanwhile."""
    first = await hook(telling, EventType.BOT_CREATED)
    second = await hook(telling, EventType.BOT_CREATED, url="https://other.example.com/")
    broken = [True]

    async def write(tx: Transaction, process: ProcessId, outcomes: Sequence[Outcome]) -> object:
        if broken[0] and any(each.delivery.webhook == first.id for each in outcomes):
            raise ArithmeticError
        return await settle(tx, process, outcomes)

    monkeypatch.setattr(module, "settle", write)
    monkeypatch.setattr(module, "PAUSE_AFTER_FAULT_S", 0.01)
    await new_bot(telling)
    async with new_courier(telling, world).running():
        await settled(telling, second, DeliveryState.DELIVERED)
        await later(telling, 2 * TAKEN_FOR)
        await new_bot(telling, "Bea")
        await settled(telling, second, DeliveryState.DELIVERED, 2)
        broken[0] = False
        await settled(telling, first, DeliveryState.DELIVERED, 2)

    assert len(world.posted) == 4


async def test_an_event_that_is_in_the_log_no_more_is_given_up(
    telling: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver is not to blame, and what comes after it arrives."""
    mine = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    await new_bot(telling, "Bea")
    many = Events.many

    async def without_the_first(
        self: Events, tenant: TenantId, seqs: Collection[int]
    ) -> list[LoggedEvent]:
        return (await many(self, tenant, seqs))[1:]

    monkeypatch.setattr(Events, "many", without_the_first)
    async with new_courier(telling, world).running():
        await settled(telling, mine, DeliveryState.FAILED)
        await settled(telling, mine, DeliveryState.DELIVERED)

    gone = (await sent(telling, mine))[0]
    assert (gone.state, gone.error, len(world.posted)) == (DeliveryState.FAILED, EVENT_GONE, 1)
    assert (await webhooks.get(telling, KEY_CALLER, mine.id)).failures == 0


async def test_two_couriers_send_each_delivery_once(telling: Gateway, world: World) -> None:
    mine = await hook(telling, EventType.BOT_CREATED)
    first, second = (new_courier(telling, world, ProcessId(f"here:{no}")) for no in range(2))
    async with first.running(), second.running():
        for no in range(40):
            await new_bot(telling, f"Bot {no}")
        await settled(telling, mine, DeliveryState.DELIVERED, 40)

    seqs = [json.loads(body)["seq"] for _, _, body in world.posted]
    assert sorted(seqs) == sorted(set(seqs))
    assert len(seqs) == 40


async def test_a_webhook_that_fails_often_and_long_is_paused(telling: Gateway) -> None:
    mine = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    (delivery,) = await sent(telling, mine)

    async def fail() -> WebhookState:
        outcome = Outcome(delivery=delivery, status=500, error="refused")
        await telling.store.run(lambda tx: settle(tx, HERE, [outcome]))
        return (await webhooks.get(telling, KEY_CALLER, mine.id)).state

    states = [await fail() for _ in range(PAUSED_AFTER)]
    telling.store.shift += PAUSED_AFTER_AT_LEAST

    assert set(states) == {WebhookState.ACTIVE}
    assert await fail() is WebhookState.PAUSED


async def test_one_success_forgets_the_failures(telling: Gateway) -> None:
    mine = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    (delivery,) = await sent(telling, mine)

    async def end(error: str, status: int) -> Webhook:
        outcome = Outcome(delivery=delivery, status=status, error=error)
        await telling.store.run(lambda tx: settle(tx, HERE, [outcome]))
        return await webhooks.get(telling, KEY_CALLER, mine.id)

    failing = await end("refused", 500)
    assert (failing.failures, failing.failing_since) == (1, NOON)
    assert (await end("", 204)).failures == 0


async def test_a_webhook_that_its_owner_changes_meanwhile_keeps_the_change(
    telling: Gateway,
) -> None:
    """A courier and the owner write one row: nobody's word is lost."""
    mine = await hook(telling, EventType.BOT_CREATED)
    await new_bot(telling)
    (delivery,) = await sent(telling, mine)
    outcome = Outcome(delivery=delivery, status=500, error="refused")

    async def judge(tx: Transaction) -> frozenset[str]:
        return await settle(tx, HERE, [outcome])

    changed, _ = await asyncio.gather(
        webhooks.rotate(telling, KEY_CALLER, mine.id), telling.store.run(judge)
    )
    now = await webhooks.get(telling, KEY_CALLER, mine.id)
    assert (now.secret, now.failures) == (changed.secret, 1)
    assert now.secret != mine.secret


async def test_what_is_sent_is_in_the_language_of_the_deployment(
    telling: Gateway, world: World
) -> None:
    watching = await hook(telling)
    ended = Event(type=EventType.SESSION_DISCONNECTED, data={"reason": "asked"})
    await telling.store.run(lambda tx: tx.events.append(KEY_CALLER.tenant, None, ended))

    courier = Courier(
        HERE, store=telling.store, bus=telling.bus, outward=world, language=Language.SPANISH
    )
    async with courier.running():
        await settled(telling, watching, DeliveryState.DELIVERED)

    (_, _, body) = world.posted[0]
    assert json.loads(body)["data"] == {"reason": "asked", "remedy": "Conecta el bot de nuevo."}
