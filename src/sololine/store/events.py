"""The event log: what happened, per tenant, numbered without gaps in the order of the commits.

The numbers come from the tenant's row, whose lock is held until the commit: a reader that has seen
event n has seen all before n, so a cursor never skips one.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Select, bindparam, insert, select, update

from sololine.core.events import Event, EventType, LoggedEvent
from sololine.core.ids import BotId, TenantId
from sololine.store.columns import Row, instant, json_data, json_text, millis
from sololine.store.connection import Connection
from sololine.store.tables import events, tenants

_COUNT: Final = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant"))
    .values(seq=tenants.c.seq + bindparam("more"))
    .returning(tenants.c.seq)
)
_APPEND: Final = insert(events)
_AFTER: Final[Select[Any]] = (
    select(events)
    .where(events.c.tenant_id == bindparam("tenant"), events.c.seq > bindparam("place"))
    .order_by(events.c.seq)
    .limit(bindparam("page"))
)
_OF_BOT: Final = events.c.bot_id == bindparam("bot")
_OF_TYPES: Final = events.c.type.in_(bindparam("types", expanding=True))
_LAST: Final = select(tenants.c.seq).where(tenants.c.id == bindparam("tenant"))


class Events:
    """The event log, as a transaction sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(
        self, tenant: TenantId, bot: BotId | None, *events: Event
    ) -> list[LoggedEvent]:
        """Log events of one bot (or of none), all at the transaction's time.

        Comes last in a transaction: the tenant's counter is locked from here to the commit.

        Raises:
            LookupError: there is no such tenant.
        """
        if not events:
            return []
        self._connection.counts()
        row = await self._connection.row(_COUNT, {"tenant": tenant, "more": len(events)})
        if row is None:
            raise LookupError(f"there is no tenant {tenant!r} to log events for")
        first = row["seq"] - len(events) + 1
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
        await self._connection.change(_APPEND, [_columns(event) for event in logged])
        return logged

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
            statement = statement.where(_OF_BOT)
            values["bot"] = bot
        if types is not None:
            statement = statement.where(_OF_TYPES)
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
