"""The event log: what happened, per tenant, numbered without gaps in the order of the commits.

The numbers come from the tenant's row, whose lock is held until the commit: a reader that has seen
event n has seen all before n, so a cursor never skips one.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Select, bindparam, insert, select

from sololine.core.events import Event, EventType, LoggedEvent
from sololine.core.ids import BotId, TenantId, WebhookId
from sololine.store import counter, deliveries
from sololine.store.columns import Row, instant, json_data, json_text, millis
from sololine.store.connection import Connection
from sololine.store.statements import narrowed
from sololine.store.tables import events, tenants

_APPEND: Final = insert(events)
_AFTER: Final[Select[Any]] = (
    select(events)
    .where(events.c.tenant_id == bindparam("tenant"), events.c.seq > bindparam("place"))
    .order_by(events.c.seq)
    .limit(bindparam("page"))
)
_OF_BOT: Final = events.c.bot_id == bindparam("bot")
_OF_TYPES: Final = events.c.type.in_(bindparam("types", expanding=True))
_MANY: Final = (
    select(events)
    .where(
        events.c.tenant_id == bindparam("tenant"),
        events.c.seq.in_(bindparam("places", expanding=True)),
    )
    .order_by(events.c.seq)
)
_LAST: Final = select(tenants.c.seq).where(tenants.c.id == bindparam("tenant"))


class Events:
    """The event log, as a transaction sees it.

    Attributes:
        appended: what this transaction has logged so far.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.appended: list[LoggedEvent] = []

    async def append(
        self,
        tenant: TenantId,
        bot: BotId | None,
        *events: Event,
        only: WebhookId | None = None,
    ) -> list[LoggedEvent]:
        """Log events of one bot (or of none), all at the transaction's time.

        The deliveries of webhooks that want them are made with them. Comes before messages, chats
        and the like are changed, and after all else: the tenant's counter is locked from here to
        the commit.

        Args:
            tenant: whose log.
            bot: what they are about.
            events: what happened.
            only: the one webhook that is told, whatever it asks for.

        Raises:
            LookupError: there is no such tenant.
        """
        if not events:
            return []
        first = await counter.count(self._connection, tenant, len(events))
        logged = [
            LoggedEvent(
                seq=seq,
                tenant=tenant,
                bot=bot,
                type=event.type,
                data=event.data,
                at=self._connection.now,
            )
            for seq, event in enumerate(events, first)
        ]
        await self._connection.change_each(_APPEND, [_columns(event) for event in logged])
        await deliveries.make(self._connection, logged, only)
        self.appended += logged
        return logged

    async def many(self, tenant: TenantId, seqs: Collection[int]) -> list[LoggedEvent]:
        """The tenant's events at these places, as far as there are any, in their order."""
        if not seqs:
            return []
        values = {"tenant": tenant, "places": sorted(seqs)}
        return [_logged(row) for row in await self._connection.rows(_MANY, values)]

    async def after(
        self,
        tenant: TenantId,
        seq: int,
        limit: int,
        bot: BotId | None = None,
        types: Collection[EventType] | None = None,
    ) -> list[LoggedEvent]:
        """The events that follow `seq` (0: from the first), in their order.

        Args:
            tenant: whose log to read.
            seq: place of the last event that is known.
            limit: events to return at most.
            bot: only those of this bot.
            types: only those of these types.
        """
        statement, values = _AFTER, {"tenant": tenant, "place": seq, "page": limit}
        if bot is not None:
            statement = narrowed(statement, _OF_BOT)
            values["bot"] = bot
        if types is not None:
            statement = narrowed(statement, _OF_TYPES)
            values["types"] = sorted(types)
        return [_logged(row) for row in await self._connection.rows(statement, values)]

    async def last(self, tenant: TenantId) -> int:
        """Place of the tenant's last event; 0 when nothing has happened yet."""
        row = await self._connection.row(_LAST, {"tenant": tenant})
        return row["seq"] if row else 0


def _columns(event: LoggedEvent) -> dict[str, Any]:
    return {
        "tenant_id": event.tenant,
        "seq": event.seq,
        "bot_id": event.bot,
        "type": event.type.value,
        "data": json_text(event.data),
        "at": millis(event.at),
    }


def _logged(row: Row) -> LoggedEvent:
    return LoggedEvent(
        seq=row["seq"],
        tenant=row["tenant_id"],
        bot=row["bot_id"],
        type=EventType(row["type"]),
        data=json_data(row["data"]),
        at=instant(row["at"]),
    )
