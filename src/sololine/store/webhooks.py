"""Webhooks: where tenants' events are sent."""

import json
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, insert, select, update

from sololine.core.events import EventType
from sololine.core.ids import BotId, TenantId, WebhookId
from sololine.core.webhook import Webhook, WebhookState
from sololine.store import counter
from sololine.store.columns import Row, instant, json_list, millis
from sololine.store.connection import Connection
from sololine.store.tables import deliveries, webhooks

_row: Final = webhooks.c

_ADD: Final = insert(webhooks)
_OF_TENANT: Final[Select[Any]] = (
    select(webhooks).where(_row.tenant_id == bindparam("tenant")).order_by(_row.created_at, _row.id)
)
_GET: Final[Select[Any]] = select(webhooks).where(
    _row.tenant_id == bindparam("tenant"), _row.id == bindparam("webhook")
)
# Not FOR UPDATE: appending events points deliveries at the row, and must not wait for this.
_LOCK: Final = _GET.with_for_update(key_share=True)
_SAVE: Final = update(webhooks).where(
    _row.id == bindparam("webhook"), _row.tenant_id == bindparam("tenant")
)
_TENANTS: Final = select(_row.tenant_id).distinct()
_DELETE: Final = delete(webhooks).where(
    _row.tenant_id == bindparam("tenant"), _row.id == bindparam("webhook")
)
_DELETE_DELIVERIES: Final = delete(deliveries).where(
    deliveries.c.webhook_id.in_(
        select(_row.id).where(
            _row.tenant_id == bindparam("tenant"), _row.id == bindparam("webhook")
        )
    )
)
_DROP: Final = delete(webhooks).where(_row.bot_id == bindparam("bot"))
_DROP_DELIVERIES: Final = delete(deliveries).where(
    deliveries.c.webhook_id.in_(select(_row.id).where(_row.bot_id == bindparam("bot")))
)


class Webhooks:
    """The webhooks, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, webhook: Webhook) -> None:
        """Store a new webhook: it gets the events that are appended after this.

        Raises:
            Raced: its id is taken, or its bot is gone.
        """
        await self._connection.add(_ADD, _added_columns(webhook))

    async def tenants(self) -> frozenset[TenantId]:
        """The tenants that have webhooks, of whatever state."""
        return frozenset(row["tenant_id"] for row in await self._connection.rows(_TENANTS, {}))

    async def get(self, tenant: TenantId, webhook: WebhookId) -> Webhook | None:
        """The tenant's webhook with this id."""
        row = await self._connection.row(_GET, {"tenant": tenant, "webhook": webhook})
        return _webhook(row) if row else None

    async def lock(self, tenant: TenantId, webhook: WebhookId) -> Webhook | None:
        """The webhook, which nobody else changes before this transaction ends.

        Events are appended before; who saves a webhook without this may undo what its owner, or a
        courier, has changed meanwhile.
        """
        self._connection.comes_last()
        row = await self._connection.row(_LOCK, {"tenant": tenant, "webhook": webhook})
        return _webhook(row) if row else None

    async def of_tenant(self, tenant: TenantId) -> list[Webhook]:
        """The tenant's webhooks, the oldest first."""
        return await of_tenant(self._connection, tenant)

    async def save(self, webhook: Webhook) -> None:
        """Store what changed of a webhook; whose it is does not."""
        self._connection.comes_last()
        values = {"webhook": webhook.id, "tenant": webhook.tenant, **_saved_columns(webhook)}
        await self._connection.change(_SAVE, values)

    async def delete(self, tenant: TenantId, webhook: WebhookId) -> bool:
        """Delete a webhook with its deliveries; False when there is none."""
        # Nobody makes deliveries meanwhile: who appends events holds the counter.
        await counter.hold(self._connection, tenant)
        self._connection.comes_last()
        values = {"tenant": tenant, "webhook": webhook}
        await self._connection.change(_DELETE_DELIVERIES, values)
        return await self._connection.change(_DELETE, values) == 1


async def of_tenant(connection: Connection, tenant: TenantId) -> list[Webhook]:
    """The tenant's webhooks, the oldest first."""
    return [_webhook(row) for row in await connection.rows(_OF_TENANT, {"tenant": tenant})]


async def drop(connection: Connection, bot: BotId) -> None:
    """Delete all webhooks of a bot that is being deleted, with their deliveries."""
    await connection.change(_DROP_DELIVERIES, {"bot": bot})
    await connection.change(_DROP, {"bot": bot})


def _added_columns(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "tenant_id": webhook.tenant,
        "bot_id": webhook.bot,
        "created_at": millis(webhook.created_at),
        **_saved_columns(webhook),
    }


def _saved_columns(webhook: Webhook) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "types": json_list(sorted(webhook.types)),
        "description": webhook.description,
        "secret": webhook.secret,
        "state": webhook.state.value,
        "failures": webhook.failures,
        "failing_since": millis(webhook.failing_since),
    }


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=row["id"],
        tenant=row["tenant_id"],
        bot=row["bot_id"],
        url=row["url"],
        types=frozenset(map(EventType, json.loads(row["types"]))),
        description=row["description"],
        secret=row["secret"],
        state=WebhookState(row["state"]),
        failures=row["failures"],
        failing_since=instant(row["failing_since"]),
        created_at=instant(row["created_at"]),
    )
