"""The courier: sends due deliveries to webhooks, signed, until they arrive.

    event committed ──notice──▶ take what is due ──▶ POST, many at once ──▶ settle, in batches
    every second    ──────────▶        │                                       │
                                       └── a taking expires when its courier dies

A delivery is taken in a transaction, sent outside of any, and settled in another one. A courier
that is killed in between has sent what it may send again after its restart: at most once for each
end, and always under the same id, by which the receiver tells. Several couriers may run at once.

Signatures, headers and the meaning of the answers are those of Standard Webhooks.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from standardwebhooks import Webhook as Signer

from sololine.actions import events
from sololine.bus import EVENTS, Bus, Notice
from sololine.core.coding import name_of
from sololine.core.events import Event, EventType
from sololine.core.ids import DeliveryId, ProcessId, TenantId, WebhookId
from sololine.core.webhook import (
    Delivery,
    DeliveryState,
    Webhook,
    WebhookState,
    is_failing,
    next_try,
)
from sololine.outward import Outward, OutwardError
from sololine.store.errors import Raced
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
"""How often the store is asked for due deliveries that no notice told of."""
TAKEN_AT_ONCE: Final = 100
AT_ONCE: Final = 100
"""Requests under way at the same time."""
AT_ONCE_EACH: Final = 10
"""Of these, to one webhook: a slow receiver must not keep the others waiting."""
TIMEOUT_S: Final = 15.0
TAKEN_FOR: Final = timedelta(seconds=60)
"""How long a taking keeps other couriers off; longer than any request may last."""
GATHERED_FOR_S: Final = 0.02
"""How long outcomes wait for others, to be written in one transaction."""
PAUSE_AFTER_FAULT_S: Final = 1.0

_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_GONE: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A delivery that was taken, and what is to be sent where."""

    webhook: Webhook
    delivery: Delivery
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one try.

    Attributes:
        status: the receiver's HTTP status; None when it did not come to an answer.
        error: why it failed, in words that hold nothing from outside; empty when it arrived.
    """

    delivery: Delivery
    at: datetime
    status: int | None
    error: str


class Courier:
    """Sends the deliveries of all tenants.

    Args:
        process: the name in takings; no other living process has it.
        outward: reaches addresses that users name.
        now: by which requests are stamped; receivers refuse old stamps.
    """

    def __init__(
        self,
        process: ProcessId,
        *,
        store: Store,
        bus: Bus,
        outward: Outward,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._process = process
        self._store = store
        self._bus = bus
        self._outward = outward
        self._now = now
        self._wake = asyncio.Event()
        self._sending: dict[DeliveryId, asyncio.Task[None]] = {}
        self._busy: dict[WebhookId, int] = {}
        self._settled: asyncio.Queue[Outcome] = asyncio.Queue()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the context lasts; what is under way at its end is settled or sent again."""
        await self._store.run(lambda tx: tx.deliveries.release(self._process))
        loops = [
            asyncio.create_task(self._again(work, name), name=f"courier {name}")
            for work, name in (
                (self._listen, "listen"),
                (self._send_due, "send"),
                (self._settle, "settle"),
            )
        ]
        try:
            yield
        finally:
            for task in (*loops, *self._sending.values()):
                task.cancel()
            await asyncio.gather(*loops, *self._sending.values(), return_exceptions=True)
            await self._settle_rest()

    async def _again(self, work: Callable[[], Any], name: str) -> None:
        """Run a loop of ours again when it fails: the store or the bus may be away for a while."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("courier fault", loop=name)
                await asyncio.sleep(PAUSE_AFTER_FAULT_S)

    # ------------------------------------------------------------------ taking

    async def _listen(self) -> None:
        async with self._bus.subscribe(EVENTS) as notices:
            async for _ in notices:
                self._wake.set()

    async def _send_due(self) -> None:
        """Take what is due and send it, as much at once as may be under way."""
        flowing = False
        while True:
            self._wake.clear()
            room = min(TAKEN_AT_ONCE, AT_ONCE - len(self._sending))
            # An idle courier must not write at every event that nobody wants: it looks first.
            count = await self._take(room) if room > 0 and (flowing or await self._due()) else 0
            flowing = count > 0
            if room <= 0 or count < room:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._wake.wait()

    async def _due(self) -> bool:
        """Whether a delivery may be taken now."""
        async with self._store.read() as tx:
            due_at = await tx.deliveries.next_due()
            return due_at is not None and due_at <= tx.now

    async def _take(self, room: int) -> int:
        """Take due deliveries and begin to send them; returns how many."""
        full = frozenset(hook for hook, count in self._busy.items() if count >= AT_ONCE_EACH)

        async def work(tx: Transaction) -> list[Errand]:
            taken = await tx.deliveries.take(self._process, room, TAKEN_FOR, but=full)
            return await _errands(tx, taken)

        errands = await self._store.run(work)
        for errand in errands:
            hook = errand.webhook.id
            self._busy[hook] = self._busy.get(hook, 0) + 1
            self._sending[errand.delivery.id] = asyncio.create_task(
                self._send(errand), name=f"delivery {errand.delivery.id}"
            )
        return len(errands)

    # ------------------------------------------------------------------ sending

    async def _send(self, errand: Errand) -> None:
        hook = errand.webhook.id
        try:
            self._settled.put_nowait(await self._tried(errand))
        finally:
            del self._sending[errand.delivery.id]
            self._busy[hook] -= 1
            if not self._busy[hook]:
                del self._busy[hook]

    async def _tried(self, errand: Errand) -> Outcome:
        """Send once. A failure is an outcome, whatever it is."""
        hook, delivery = errand.webhook, errand.delivery
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
        return Outcome(delivery=delivery, at=self._now(), status=status, error=error)

    # ------------------------------------------------------------------ settling

    async def _settle(self) -> None:
        """Write outcomes down, all that came within a moment at a time."""
        while True:
            outcomes = [await self._settled.get()]
            await asyncio.sleep(GATHERED_FOR_S)
            while not self._settled.empty():
                outcomes.append(self._settled.get_nowait())
            try:
                await self._write(outcomes)
            except BaseException:
                for outcome in outcomes:
                    self._settled.put_nowait(outcome)
                raise
            self._wake.set()

    async def _settle_rest(self) -> None:
        outcomes = []
        while not self._settled.empty():
            outcomes.append(self._settled.get_nowait())
        if outcomes:
            try:
                await self._write(outcomes)
            except Exception:
                log.exception("outcomes not written; the deliveries are sent again")

    async def _write(self, outcomes: Sequence[Outcome]) -> None:
        told = await self._store.run(lambda tx: settle(tx, outcomes))
        for tenant in told:
            await self._bus.publish(Notice(topic=EVENTS, key=tenant))


async def settle(tx: Transaction, outcomes: Sequence[Outcome]) -> frozenset[TenantId]:
    """Write outcomes down, pause webhooks that fail; returns the tenants that have news.

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
    await tx.deliveries.save([_after(outcome, tx.now) for outcome in outcomes])
    for before, after in changes:
        if await tx.webhooks.lock(after.tenant, after.id) != before:
            raise Raced("a webhook was changed while its deliveries were settled")
        await tx.webhooks.save(after)
    return frozenset(told)


async def _errands(tx: Transaction, taken: Sequence[Delivery]) -> list[Errand]:
    """What is to be sent for the deliveries that were taken, the longest due first."""
    by_tenant: dict[TenantId, list[Delivery]] = {}
    for delivery in taken:
        by_tenant.setdefault(delivery.tenant, []).append(delivery)
    errands = []
    for tenant, deliveries in by_tenant.items():
        hooks = {hook.id: hook for hook in await tx.webhooks.of_tenant(tenant)}
        logged = await tx.events.many(tenant, [each.seq for each in deliveries])
        shown = {one["seq"]: one for one in await events.shown(tx, logged)}
        errands += [
            Errand(
                webhook=hooks[delivery.webhook],
                delivery=delivery,
                body=json.dumps(shown[delivery.seq], ensure_ascii=False, separators=(",", ":")),
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
    if wait is None or outcome.status == _GONE:
        return replace(tried, state=DeliveryState.FAILED, ended_at=now)
    return replace(tried, due_at=now + wait)


def _judged(hook: Webhook, outcomes: Sequence[Outcome], now: datetime) -> Webhook:
    """The webhook after these tries, in the order in which they ended."""
    for outcome in sorted(outcomes, key=lambda each: each.at):
        if not outcome.error:
            hook = replace(hook, failures=0, failing_since=None)
        else:
            hook = replace(
                hook,
                failures=hook.failures + 1,
                failing_since=hook.failing_since or outcome.at,
            )
        if outcome.status == _GONE:
            return replace(hook, state=WebhookState.GONE)
    if hook.state is WebhookState.ACTIVE and is_failing(hook.failures, hook.failing_since, now):
        return replace(hook, state=WebhookState.PAUSED)
    return hook
