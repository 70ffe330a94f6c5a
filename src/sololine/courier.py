"""The courier: sends due deliveries to webhooks, signed, until they arrive.

    event committed ──notice──▶ take what is due ──▶ POST, many at once ──▶ settle, in batches
    every second    ──────────▶        │                                       │
                                       └── a taking expires when its courier dies

A delivery is taken in a transaction, sent outside of any, and settled in another one. A courier
that is killed in between has sent what it may send again after its restart: at most once for each
end, and always under the same id, by which the receiver tells. Several couriers may run at once;
what one settles after its taking expired is void when another has taken the delivery meanwhile.

No receiver and no row holds up the others: each webhook has its share of the requests, and what
cannot be written down together is written one by one.

Signatures, headers and the meaning of the answers are those of Standard Webhooks.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from standardwebhooks import Webhook as Signer

from sololine.actions import events
from sololine.bus import EVENTS, EVERYTHING, WEBHOOKS, Bus, Notice
from sololine.core.coding import name_of
from sololine.core.events import Event, EventType
from sololine.core.ids import DeliveryId, ProcessId, TenantId, WebhookId
from sololine.core.sentence import Sentence
from sololine.core.webhook import (
    Delivery,
    DeliveryState,
    Webhook,
    WebhookState,
    is_failing,
    next_try,
)
from sololine.health import OK, Condition, Pulse, degraded
from sololine.languages import Language
from sololine.outward import Outward, OutwardError
from sololine.store.errors import Raced
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
"""How often the store is asked for due deliveries that no notice told of."""
AT_ONCE: Final = 200
"""Deliveries in hand at the same time."""
AT_ONCE_EACH: Final = 25
"""Of these, for one webhook: a slow receiver must not keep the others waiting."""
TIMEOUT_S: Final = 15.0
TAKEN_FOR: Final = timedelta(seconds=60)
"""How long a taking keeps other couriers off; longer than any request may last."""
GRACE_S: Final = 2.0
"""How long requests that are under way may go on when the service ends."""
GATHERED_FOR_S: Final = 0.02
"""How long outcomes wait for others, to be written in one transaction."""
PAUSE_AFTER_FAULT_S: Final = 1.0
LATE_S: Final = 20.0
"""After how long without a look at the store the courier is taken to be stuck."""

_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_GONE: Final = 410

EVENT_GONE: Final = "event_gone"
"""The error of a delivery whose event is in the log no more: there is nothing to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A delivery that was taken, and what is to be sent where.

    Attributes:
        body: the event as JSON; None when it is in the log no more.
    """

    webhook: Webhook
    delivery: Delivery
    body: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one try.

    Attributes:
        status: the receiver's HTTP status; None when it did not come to an answer.
        error: why it failed, in words that hold nothing from outside; empty when it arrived.
    """

    delivery: Delivery
    status: int | None
    error: str


class Courier:
    """Sends the deliveries of all tenants.

    Args:
        process: the name in takings; no other living process has it.
        outward: reaches addresses that users name.
        language: of the sentences in what is sent.
        now: by which requests are stamped; receivers refuse old stamps.
    """

    def __init__(
        self,
        process: ProcessId,
        *,
        store: Store,
        bus: Bus,
        outward: Outward,
        language: Language = Language.ENGLISH,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._process = process
        self._store = store
        self._bus = bus
        self._outward = outward
        self._language = language
        self._now = now
        self._wake = asyncio.Event()
        self._tenants: frozenset[TenantId] = frozenset()
        """Who had webhooks when we last looked."""
        self._in_hand: dict[DeliveryId, WebhookId] = {}
        """From the taking until what came of it is written down."""
        self._sending: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        """What is not written down yet, in the order in which the tries ended."""
        self._ended = asyncio.Event()
        self._pulse = Pulse(LATE_S)

    @property
    def in_hand(self) -> int:
        """How many deliveries are under way, or not written down yet."""
        return len(self._in_hand)

    def condition(self) -> Condition:
        """Whether due deliveries are looked for."""
        if silent := self._pulse.silent_s:
            return degraded(
                Sentence("no webhook was served for {silent} s; deliveries wait", silent=silent)
            )
        return OK

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the context lasts.

        What is under way at its end has `GRACE_S` to arrive; the rest is given back, and sent again
        by whoever takes it.
        """
        await self._release()
        taking = [
            asyncio.create_task(self._again(self._listen), name="courier listens"),
            asyncio.create_task(self._again(self._send_due), name="courier sends"),
        ]
        settling = asyncio.create_task(self._again(self._settle), name="courier settles")
        try:
            yield
        finally:
            await _cancelled(taking)
            if self._sending:
                await asyncio.wait(self._sending, timeout=GRACE_S)
            await _cancelled([*self._sending, settling])
            try:
                await self._write_down()
                await self._release()
            except Exception:
                log.exception("the courier could not write its end down; takings will expire")

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run a loop of ours again when it fails: the store or the bus may be away for a while."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("courier fault", loop=work.__name__)
                await asyncio.sleep(PAUSE_AFTER_FAULT_S)

    async def _release(self) -> None:
        await self._store.run(lambda tx: tx.deliveries.release(self._process))

    # ------------------------------------------------------------------ taking

    async def _listen(self) -> None:
        async with self._bus.subscribe(EVENTS, WEBHOOKS) as notices:
            async for notice in notices:
                # Where nobody has a webhook nothing is due, however much happens there.
                if notice.topic == WEBHOOKS or notice.key in {EVERYTHING, *self._tenants}:
                    self._wake.set()

    async def _send_due(self) -> None:
        """Take what is due and send it, as much at once as may be under way."""
        flowing = False
        while True:
            self._wake.clear()
            room = AT_ONCE - len(self._in_hand)
            # An idle courier must not write at every event that nobody wants: it looks first.
            count = await self._take(room) if room > 0 and (flowing or await self._due()) else 0
            flowing = count > 0
            self._pulse.beat()
            if room <= 0 or count < room:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._wake.wait()

    def _busy(self) -> Counter[WebhookId]:
        """How many deliveries of each webhook are in hand."""
        return Counter(self._in_hand.values())

    async def _due(self) -> bool:
        """Whether a delivery may be taken now."""
        full = [webhook for webhook, count in self._busy().items() if count >= AT_ONCE_EACH]
        async with self._store.read() as tx:
            self._tenants = await tx.webhooks.tenants()
            due_at = await tx.deliveries.next_due(but=full)
            return due_at is not None and due_at <= tx.now

    async def _take(self, room: int) -> int:
        """Take due deliveries and begin to send them; returns how many."""
        busy = self._busy()

        async def work(tx: Transaction) -> list[Errand]:
            taken = await tx.deliveries.take(
                self._process, room, TAKEN_FOR, each=AT_ONCE_EACH, busy=busy
            )
            return await _errands(tx, taken, self._language)

        errands = await self._store.run(work)
        for errand in errands:
            # A clock that jumps ends our own takings; this one is ours again, and is under way.
            if errand.delivery.id not in self._in_hand:
                self._in_hand[errand.delivery.id] = errand.webhook.id
                self._send(errand)
        return len(errands)

    # ------------------------------------------------------------------ sending

    def _send(self, errand: Errand) -> None:
        async def send() -> None:
            self._outcomes.append(await self._tried(errand))
            self._ended.set()

        task = asyncio.create_task(send(), name=f"delivery {errand.delivery.id}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _tried(self, errand: Errand) -> Outcome:
        """Send once. A failure is an outcome, whatever it is."""
        hook, delivery = errand.webhook, errand.delivery
        if errand.body is None:
            return Outcome(delivery=delivery, status=None, error=EVENT_GONE)
        status: int | None = None
        try:
            headers = signed(hook.secret, delivery.id, self._now(), errand.body)
            answer = await self._outward.post(
                hook.url, headers=headers, body=errand.body.encode(), timeout_s=TIMEOUT_S
            )
            status = answer.status
            error = _complaint(status)
        except OutwardError as failure:
            error = name_of(type(failure))
        except Exception:
            # Never a delivery that is stuck in somebody's hands.
            log.exception("delivery fault", delivery=delivery.id)
            error = "internal_error"
        return Outcome(delivery=delivery, status=status, error=error)

    # ------------------------------------------------------------------ settling

    async def _settle(self) -> None:
        """Write outcomes down, all that came within a moment at a time."""
        while True:
            if not self._outcomes:  # else they are left from a fault
                await self._ended.wait()
            await asyncio.sleep(GATHERED_FOR_S)
            self._ended.clear()
            await self._write_down()
            self._wake.set()

    async def _write_down(self) -> None:
        """Write all outcomes down; one by one when they cannot be written together."""
        outcomes = tuple(self._outcomes)
        try:
            await self._write(outcomes)
        except Exception as fault:
            log.warning("outcomes are written one by one", fault=type(fault).__name__)
            faults = [await self._fault_of(outcome) for outcome in outcomes]
            if any(faults):
                raise

    async def _fault_of(self, outcome: Outcome) -> bool:
        """Write one outcome down; whether that fails."""
        try:
            await self._write([outcome])
        except Exception:
            log.exception("an outcome cannot be written", delivery=outcome.delivery.id)
            return True
        return False

    async def _write(self, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        told = await self._store.run(lambda tx: settle(tx, self._process, outcomes))
        for outcome in outcomes:
            self._outcomes.remove(outcome)
            del self._in_hand[outcome.delivery.id]
        for tenant in told:
            await self._bus.publish(Notice(topic=EVENTS, key=tenant))


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they are over."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


async def settle(
    tx: Transaction, process: ProcessId, outcomes: Sequence[Outcome]
) -> frozenset[TenantId]:
    """Write outcomes down, pause webhooks that fail; returns the tenants that have news.

    Args:
        tx: a transaction that writes.
        process: who took the deliveries.
        outcomes: in the order in which the tries ended.

    Raises:
        Raced: a webhook was changed meanwhile; the work is to be done again.
    """
    by_hook: dict[tuple[TenantId, WebhookId], list[Outcome]] = {}
    for outcome in outcomes:
        key = (outcome.delivery.tenant, outcome.delivery.webhook)
        by_hook.setdefault(key, []).append(outcome)
    changes: list[tuple[Webhook, Webhook]] = []
    for (tenant, hook), mine in sorted(by_hook.items()):
        before = await tx.webhooks.get(tenant, hook)
        if before is not None and (after := _judged(before, mine, tx.now)) != before:
            changes.append((before, after))
    # Events come before the rows that they tell of: see the order of locks.
    told: set[TenantId] = set()
    for before, after in changes:
        if after.state is not before.state:
            reason = "gone" if after.state is WebhookState.GONE else "failing"
            data = {"webhookId": after.id, "reason": reason}
            event = Event(type=EventType.WEBHOOK_PAUSED, data=data)
            await tx.events.append(after.tenant, after.bot, event)
            told.add(after.tenant)
    await tx.deliveries.save(process, [_after(outcome, tx.now) for outcome in outcomes])
    for before, after in changes:
        if await tx.webhooks.lock(after.tenant, after.id) != before:
            raise Raced("a webhook was changed while its deliveries were settled")
        await tx.webhooks.save(after)
    return frozenset(told)


async def _errands(tx: Transaction, taken: Sequence[Delivery], language: Language) -> list[Errand]:
    """What is to be sent for the deliveries that were taken."""
    by_tenant: dict[TenantId, list[Delivery]] = {}
    for delivery in taken:
        by_tenant.setdefault(delivery.tenant, []).append(delivery)
    errands = []
    for tenant, deliveries in by_tenant.items():
        # All are there: who deletes a webhook deletes its deliveries first, and waits for ours.
        hooks = {hook.id: hook for hook in await tx.webhooks.of_tenant(tenant)}
        logged = await tx.events.many(tenant, [each.seq for each in deliveries])
        shown = await events.shown(tx, logged, language)
        bodies = {one["seq"]: events.as_text(one) for one in shown}
        errands += [
            Errand(
                webhook=hooks[delivery.webhook], delivery=delivery, body=bodies.get(delivery.seq)
            )
            for delivery in deliveries
        ]
    return errands


def signed(secret: str, delivery: DeliveryId, at: datetime, body: str) -> dict[str, str]:
    """The headers of a delivery, as Standard Webhooks spells them."""
    return {
        "content-type": "application/json",
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Signer(secret).sign(delivery, at, body),
    }


def _complaint(status: int) -> str:
    """What is wrong with a receiver's answer; nothing when it is 2xx."""
    if status in _OK:
        return ""
    return "redirect_refused" if status in _REDIRECT else "refused"


def _after(outcome: Outcome, now: datetime) -> Delivery:
    """The delivery after a try."""
    tried = replace(
        outcome.delivery,
        tries=outcome.delivery.tries + 1,
        status=outcome.status,
        error=outcome.error,
    )
    if not outcome.error:
        return replace(tried, state=DeliveryState.DELIVERED, ended_at=now)
    wait = next_try(tried.tries, tried.id)
    if wait is None or outcome.status == _GONE or outcome.error == EVENT_GONE:
        return replace(tried, state=DeliveryState.FAILED, ended_at=now)
    return replace(tried, due_at=now + wait)


def _judged(hook: Webhook, outcomes: Sequence[Outcome], now: datetime) -> Webhook:
    """The webhook after these tries, in the order in which they ended."""
    for outcome in outcomes:
        if not outcome.error:
            hook = replace(hook, failures=0, failing_since=None)
        elif outcome.error != EVENT_GONE:
            hook = replace(
                hook, failures=hook.failures + 1, failing_since=hook.failing_since or now
            )
        if outcome.status == _GONE:
            return replace(hook, state=WebhookState.GONE)
    if hook.state is WebhookState.ACTIVE and is_failing(hook.failures, hook.failing_since, now):
        return replace(hook, state=WebhookState.PAUSED)
    return hook
