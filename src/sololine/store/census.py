"""The census, taken with one query: of messages and deliveries it reads those that wait only."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, cast, func, literal_column, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from sololine.core import census
from sololine.core.ids import DeviceId
from sololine.core.session import EndReason, State, Wish
from sololine.core.webhook import WebhookState
from sololine.store.columns import Row, instant
from sololine.store.connection import Connection
from sololine.store.tables import (
    bot_sessions,
    deliveries,
    messages,
    retired_devices,
    tenants,
    webhooks,
)

_session: Final = bot_sessions.c


def _counted(
    what: str,
    *,
    state: ColumnElement[Any] | None = None,
    reason: ColumnElement[Any] | None = None,
    number: ColumnElement[Any] | None = None,
    first_at: ColumnElement[Any] | None = None,
) -> Any:
    """One part of the query: a row for each state, or one row in all."""
    return select(
        literal_column(f"'{what}'").label("what"),
        (literal_column("''") if state is None else state).label("state"),
        (literal_column("''") if reason is None else func.coalesce(reason, "")).label("reason"),
        (func.count() if number is None else number).label("number"),
        (cast(null(), BigInteger) if first_at is None else first_at).label("first_at"),
    )


# Literals where an index holds some of the rows only, see `tables.schema.some`.
_CENSUS: Final = union_all(
    _counted("sessions", state=_session.state, reason=_session.end_reason)
    .select_from(bot_sessions)
    .group_by(_session.state, _session.end_reason),
    _counted("wanted")
    .select_from(bot_sessions)
    .where(_session.wish == literal_column(f"'{Wish.ONLINE.value}'")),
    _counted("queued").select_from(messages).where(messages.c.status == literal_column("'queued'")),
    _counted("webhooks", state=webhooks.c.state).select_from(webhooks).group_by(webhooks.c.state),
    _counted("waiting", state=webhooks.c.state, first_at=func.min(deliveries.c.due_at))
    .select_from(deliveries.join(webhooks))
    .where(deliveries.c.state == literal_column("'waiting'"))
    .group_by(webhooks.c.state),
    _counted("retiring").select_from(retired_devices),
    _counted(
        "events", number=cast(func.coalesce(func.sum(tenants.c.seq), 0), BigInteger)
    ).select_from(tenants),
)
_DEVICES: Final = union_all(
    select(_session.device_id.label("device"), literal_column("1").label("needed")).where(
        _session.device_id.is_not(None)
    ),
    select(_session.linking, literal_column("0")).where(_session.linking.is_not(None)),
    select(retired_devices.c.device_id, literal_column("0")),
)


class Census:
    """The census, as a transaction sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self) -> census.Census:
        """Count everything, over all tenants."""
        by_part = dict[str, list[Row]]()
        for row in await self._connection.rows(_CENSUS, {}):
            by_part.setdefault(row["what"], []).append(row)
        first_at = [
            instant(row["first_at"])
            for row in by_part.get("waiting", [])
            if row["state"] == WebhookState.ACTIVE.value
        ]
        late = self._connection.now - min(first_at) if first_at else timedelta()
        return census.Census(
            sessions={
                (State(row["state"]), EndReason(row["reason"]) if row["reason"] else None): int(
                    row["number"]
                )
                for row in by_part.get("sessions", [])
            },
            wanted=_only(by_part["wanted"]),
            queued=_only(by_part["queued"]),
            webhooks=_by_state(by_part.get("webhooks", [])),
            waiting=_by_state(by_part.get("waiting", [])),
            overdue_s=max(0.0, late.total_seconds()),
            retiring=_only(by_part["retiring"]),
            events=_only(by_part["events"]),
        )

    async def devices(self) -> dict[DeviceId, bool]:
        """All devices that rows know, and of each whether a bot is linked with it."""
        rows = await self._connection.rows(_DEVICES, {})
        known = dict[DeviceId, bool]()
        for row in rows:
            device = DeviceId(row["device"])
            known[device] = known.get(device, False) or bool(row["needed"])
        return known


def _only(rows: Collection[Row]) -> int:
    (row,) = rows
    return int(row["number"])


def _by_state(rows: Collection[Row]) -> dict[WebhookState, int]:
    return {WebhookState(row["state"]): int(row["number"]) for row in rows}
