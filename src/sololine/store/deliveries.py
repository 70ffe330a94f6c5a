"""Deliveries: one event on its way to one webhook, made with the event.

    made ──▶ waiting, due ──take──▶ with a courier ──save──▶ delivered, failed
                 ▲                        │
                 └── save (due later) ────┘    a taking expires, or is released with its process

A courier takes from each webhook its share, so that one that has fallen behind does not hold up the
others, and one that is paused costs nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Select,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from sololine import new_ids
from sololine.core.events import EventType, LoggedEvent
from sololine.core.ids import DeliveryId, ProcessId, TenantId, WebhookId
from sololine.core.webhook import Delivery, DeliveryState, WebhookState, wanting
from sololine.store.columns import Row, instant, millis
from sololine.store.connection import Connection
from sololine.store.statements import narrowed
from sololine.store.tables import deliveries, webhooks
from sololine.store.webhooks import of_tenant

_row: Final = deliveries.c

# Literals, not parameters: only so do queries find the indexes that hold some of the rows.
_WAITS: Final = _row.state == literal_column("'waiting'")
_FAILED: Final = _row.state == literal_column("'failed'")
_FREE: Final = or_(_row.taken_until.is_(None), _row.taken_until <= bindparam("now"))
_OF_WEBHOOK: Final = (
    _row.webhook_id == bindparam("webhook"),
    _row.tenant_id == bindparam("tenant"),
)

_MAKE: Final = insert(deliveries)
_first_due: Final = (
    select(_row.due_at)
    .where(_row.webhook_id == webhooks.c.id, _WAITS, _FREE)
    .order_by(_row.due_at)
    .limit(1)
    .scalar_subquery()
)
_queues: Final = (
    select(webhooks.c.id, _first_due.label("due_at"))
    .where(webhooks.c.state == WebhookState.ACTIVE.value)
    .subquery("queues")
)
_QUEUES: Final = (
    select(_queues.c.id)
    .where(
        _queues.c.due_at <= bindparam("now"),
        _queues.c.id.not_in(bindparam("others", expanding=True)),
    )
    .order_by(_queues.c.due_at)
    .limit(bindparam("page"))
)
_NEXT_DUE: Final = select(func.min(_queues.c.due_at).label("due_at")).where(
    _queues.c.id.not_in(bindparam("others", expanding=True))
)
# Takings that are over are among the due ones, unless their webhook is paused.
_NEXT_FREE: Final = select(func.min(_row.taken_until).label("due_at")).where(
    _row.taken_by.is_not(None), _row.taken_until > bindparam("now")
)
# A query of its own (CTE): PostgreSQL might do one within IN once a row, and take too many.
_due: Final = (
    select(_row.id)
    .where(_row.webhook_id == bindparam("webhook"), _WAITS, _row.due_at <= bindparam("now"), _FREE)
    .order_by(_row.due_at)
    .limit(bindparam("page"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE: Final = (
    update(deliveries)
    .where(_row.id.in_(select(_due.c.id)))
    .values(taken_by=bindparam("process"), taken_until=bindparam("until"))
    .returning(*_row)
)
_SAVE: Final = (
    update(deliveries)
    .where(_row.id == bindparam("delivery"), _row.taken_by == bindparam("process"))
    .values(taken_by=None, taken_until=None)
)
_RELEASE: Final = (
    update(deliveries)
    .where(_row.taken_by == bindparam("process"))
    .values(taken_by=None, taken_until=None)
)
_GET: Final = select(deliveries).where(
    _row.tenant_id == bindparam("tenant"), _row.id == bindparam("delivery")
)
_PAGE: Final[Select[Any]] = (
    select(deliveries).where(*_OF_WEBHOOK).order_by(_row.seq.desc()).limit(bindparam("page"))
)
_BEFORE: Final = _row.seq < bindparam("before")
_IN_STATE: Final = _row.state == bindparam("in_state")
_HURRY: Final = (
    update(deliveries)
    .where(*_OF_WEBHOOK, _WAITS, _row.id == bindparam("delivery"))
    .values(due_at=bindparam("now"))
)
_AFRESH: Final = (
    update(deliveries)
    .where(*_OF_WEBHOOK)
    .values(state=DeliveryState.WAITING.value, due_at=bindparam("now"), tries=0, ended_at=None)
)
_REDRIVE_ALL: Final = _AFRESH.where(_FAILED)
_REDRIVE: Final = _AFRESH.where(~_WAITS, _row.id == bindparam("delivery"))


class Deliveries:
    """The deliveries, as a transaction sees them.

    Attributes:
        saved: the deliveries that were tried, as this transaction has stored them so far.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.saved: list[Delivery] = []

    async def take(
        self,
        process: ProcessId,
        limit: int,
        lasts: timedelta,
        *,
        each: int | None = None,
        busy: Mapping[WebhookId, int] | None = None,
    ) -> list[Delivery]:
        """Have due deliveries of active webhooks to oneself for a while, the longest due first.

        Args:
            process: who takes them.
            limit: deliveries to take at most.
            lasts: after how long others may take them, too.
            each: deliveries of one webhook to have at most; None for no such bound.
            busy: how many one has of each webhook already.
        """
        self._connection.comes_last()
        each, busy = limit if each is None else each, busy or {}
        full = sorted(webhook for webhook, count in busy.items() if count >= each)
        asked = {"now": millis(self._connection.now), "page": limit, "others": full}
        queues = [row["id"] for row in await self._connection.rows(_QUEUES, asked)]
        room = {webhook: each - busy.get(webhook, 0) for webhook in queues}
        taken = list[Delivery]()
        # An equal share for each; what one leaves goes to those who have more, round after round.
        while queues and len(taken) < limit:
            share = -(-(limit - len(taken)) // len(queues))
            hungry = list[WebhookId]()
            for webhook in queues:
                wanted = min(share, room[webhook], limit - len(taken))
                some = await self._taken(webhook, process, wanted, lasts) if wanted else []
                taken += some
                room[webhook] -= len(some)
                if len(some) == wanted and room[webhook]:
                    hungry.append(webhook)
            queues = hungry
        return sorted(taken, key=lambda delivery: (delivery.due_at, delivery.seq))

    async def _taken(
        self, webhook: WebhookId, process: ProcessId, limit: int, lasts: timedelta
    ) -> list[Delivery]:
        now = self._connection.now
        values = {
            "webhook": webhook,
            "now": millis(now),
            "page": limit,
            "process": process,
            "until": millis(now + lasts),
        }
        return [_delivery(row) for row in await self._connection.rows(_TAKE, values)]

    async def save(self, process: ProcessId, deliveries: Sequence[Delivery]) -> None:
        """Store what became of deliveries that `process` has taken, and give them back.

        One that somebody else has taken meanwhile, or that is gone, is left as it is.
        """
        if not deliveries:
            return
        self._connection.comes_last()
        # In the order of their keys, so that no two transactions wait in a circle.
        ordered = sorted(deliveries, key=lambda delivery: delivery.id)
        rows = [
            {"delivery": each.id, "process": process, **_saved_columns(each)} for each in ordered
        ]
        await self._connection.change_each(_SAVE, rows)
        self.saved += ordered

    async def release(self, process: ProcessId) -> int:
        """Give back all that a process of this name has taken; returns how many."""
        self._connection.comes_last()
        return await self._connection.change(_RELEASE, {"process": process})

    async def next_due(self, *, but: Collection[WebhookId] = ()) -> datetime | None:
        """When the next delivery may be taken, unless one is made before; None for never.

        Those of the webhooks in `but` do not count while they are free.
        """
        now = {"now": millis(self._connection.now)}
        due = [
            row["due_at"]
            for row in (
                *await self._connection.rows(_NEXT_DUE, {**now, "others": sorted(but)}),
                *await self._connection.rows(_NEXT_FREE, now),
            )
            if row["due_at"] is not None
        ]
        return instant(min(due)) if due else None

    async def get(self, tenant: TenantId, delivery: DeliveryId) -> Delivery | None:
        """The tenant's delivery with this id."""
        row = await self._connection.row(_GET, {"tenant": tenant, "delivery": delivery})
        return _delivery(row) if row else None

    async def page(
        self,
        tenant: TenantId,
        webhook: WebhookId,
        *,
        before: int | None,
        limit: int,
        state: DeliveryState | None = None,
    ) -> list[Delivery]:
        """A page of a webhook's deliveries, that of the latest event first.

        Args:
            tenant: whose webhook it is.
            webhook: whose deliveries.
            before: the event's place in the last delivery of the page before.
            limit: deliveries to return at most.
            state: only those in this state.
        """
        statement = _PAGE
        values = dict[str, Any](tenant=tenant, webhook=webhook, page=limit)
        if before is not None:
            statement, values["before"] = narrowed(statement, _BEFORE), before
        if state is not None:
            statement, values["in_state"] = narrowed(statement, _IN_STATE), state.value
        return [_delivery(row) for row in await self._connection.rows(statement, values)]

    async def redrive(
        self, tenant: TenantId, webhook: WebhookId, delivery: DeliveryId | None
    ) -> int:
        """Make one delivery due now, or all failed ones; returns how many.

        What had failed, or arrived, has all its tries before it again.
        """
        self._connection.comes_last()
        values = dict[str, Any](tenant=tenant, webhook=webhook, now=millis(self._connection.now))
        if delivery is None:
            return await self._connection.change(_REDRIVE_ALL, values)
        values["delivery"] = delivery
        hurried = await self._connection.change(_HURRY, values)
        return hurried or await self._connection.change(_REDRIVE, values)


async def make(
    connection: Connection, events: Sequence[LoggedEvent], only: WebhookId | None
) -> None:
    """Make the deliveries of events of one tenant, which have just been appended.

    The counter is held, and webhooks are deleted under the counter only: none of these can be gone.
    """
    found = await of_tenant(connection, events[0].tenant)
    rows = [
        _added_columns(
            Delivery(
                id=new_ids.delivery(),
                webhook=webhook.id,
                tenant=event.tenant,
                seq=event.seq,
                type=event.type,
                due_at=event.at,
                created_at=event.at,
            )
        )
        for event in events
        for webhook in wanting(found, event.type, event.bot, only)
    ]
    if rows:
        await connection.add(_MAKE, *rows)


def _added_columns(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook,
        "tenant_id": delivery.tenant,
        "seq": delivery.seq,
        "type": delivery.type.value,
        "created_at": millis(delivery.created_at),
        **_saved_columns(delivery),
    }


def _saved_columns(delivery: Delivery) -> dict[str, Any]:
    return {
        "state": delivery.state.value,
        "tries": delivery.tries,
        "due_at": millis(delivery.due_at),
        "status": delivery.status,
        "error": delivery.error,
        "ended_at": millis(delivery.ended_at),
    }


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row["id"],
        webhook=row["webhook_id"],
        tenant=row["tenant_id"],
        seq=row["seq"],
        type=EventType(row["type"]),
        state=DeliveryState(row["state"]),
        tries=row["tries"],
        due_at=instant(row["due_at"]),
        status=row["status"],
        error=row["error"],
        created_at=instant(row["created_at"]),
        ended_at=instant(row["ended_at"]),
    )
