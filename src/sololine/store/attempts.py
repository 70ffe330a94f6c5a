"""Connection attempts: one row each time a session sets out to connect, for success rates.

An attempt begins when a session leaves `disconnected` or takes up a new order, and ends when it is
connected or disconnected; a reconnect after a lost link is none. They are read by people only:
nothing is decided by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from sololine.core.ids import BotId, TenantId
from sololine.core.session import EndReason, Session, State
from sololine.core.statistics import BotTally, DayTally, TimeToConnect
from sololine.store.columns import Row, instant, millis
from sololine.store.connection import Connection
from sololine.store.tables import connection_attempts

_row: Final = connection_attempts.c

_BEGIN: Final = insert(connection_attempts)
_END: Final = (
    update(connection_attempts)
    .where(_row.bot_id == bindparam("bot"), _row.ended_at.is_(None))
    .returning(*_row)
)
_OF_BOT: Final = (
    select(connection_attempts)
    .where(_row.bot_id == bindparam("bot"))
    .order_by(_row.id.desc())
    .limit(bindparam("page"))
)

CONNECTED: Final = "connected"

_CLEAN: Final = delete(connection_attempts).where(
    _row.tenant_id == bindparam("tenant"),
    _row.started_at < bindparam("before"),
    _row.ended_at.is_not(None),
)

_DAY_MS: Final = 86_400_000
_WITHIN: Final = (_row.started_at >= bindparam("since"), _row.started_at < bindparam("until"))
_OWN: Final = _row.tenant_id == bindparam("tenant")
_TALLY: Final = (
    func.count().label("attempts"),
    func.count().filter(_row.outcome == CONNECTED).label("connected"),
    func.count().filter(_row.outcome != CONNECTED).label("failed"),
)
# Written out: PostgreSQL takes two parameters for different ones, though both are a day.
_DAY: Final[ColumnElement[int]] = literal_column(f"connection_attempts.started_at / {_DAY_MS}")
_BY_DAY: Final = select(_DAY.label("day"), *_TALLY).where(*_WITHIN).group_by(_DAY).order_by(_DAY)
_BY_DAY_OWN: Final = _BY_DAY.where(_OWN)
_BY_BOT: Final = (
    select(_row.bot_id, *_TALLY)
    .where(*_WITHIN)
    .group_by(_row.bot_id)
    .order_by(func.count().desc(), _row.bot_id)
    .limit(bindparam("page"))
)
_BY_BOT_OWN: Final = _BY_BOT.where(_OWN)


def _times(*where: Any) -> Select[Any]:
    """Percentiles by the nearest rank, which is all that both databases can do."""
    span = _row.ended_at - _row.started_at
    ranked = (
        select(
            _row.links,
            span.label("span"),
            func.row_number().over(partition_by=_row.links, order_by=span).label("place"),
            func.count().over(partition_by=_row.links).label("total"),
        )
        .where(_row.outcome == CONNECTED, *_WITHIN, *where)
        .subquery("ranked")
        .c
    )
    half, most = (ranked.total + 1) // 2, (ranked.total * 9 + 9) // 10
    return select(
        ranked.links,
        func.max(ranked.total).label("connected"),
        func.max(case((ranked.place == half, ranked.span))).label("median"),
        func.max(case((ranked.place == most, ranked.span))).label("p90"),
    ).group_by(ranked.links)


_TIMES: Final = _times()
_TIMES_OWN: Final = _times(_OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to connect.

    Attributes:
        links: whether the bot was to be linked anew (with a QR or code).
        outcome: `connected`, or the reason of the end; None while the attempt lasts.
    """

    bot: BotId
    links: bool
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None


class Attempts:
    """The connection attempts, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_bot(self, bot: BotId, limit: int = 100) -> list[Attempt]:
        """The attempts of a bot, the latest first; those of a deleted bot are kept."""
        rows = await self._connection.rows(_OF_BOT, {"bot": bot, "page": limit})
        return [_attempt(row) for row in rows]

    async def clean(self, tenant: TenantId, before: datetime) -> int:
        """Forget the tenant's attempts that began before then and are over; returns how many."""
        return await self._connection.change(_CLEAN, {"tenant": tenant, "before": millis(before)})

    # The figures are a tenant's, or of all when that is None, on attempts that began within a span.

    async def by_day(
        self, tenant: TenantId | None, since: datetime, until: datetime
    ) -> list[DayTally]:
        """What became of the attempts of each day on which there were any, in their order."""
        rows = await self._figures(_BY_DAY, _BY_DAY_OWN, tenant, since, until)
        return [DayTally(day=instant(row["day"] * _DAY_MS).date(), **_tally(row)) for row in rows]

    async def by_bot(
        self, tenant: TenantId | None, since: datetime, until: datetime, limit: int
    ) -> list[BotTally]:
        """What became of the attempts of each bot, those with the most of them first."""
        rows = await self._figures(_BY_BOT, _BY_BOT_OWN, tenant, since, until, page=limit)
        return [BotTally(bot=row["bot_id"], **_tally(row)) for row in rows]

    async def times(
        self, tenant: TenantId | None, since: datetime, until: datetime
    ) -> Mapping[bool, TimeToConnect]:
        """How long it took to connect: True with a QR or code, False with a bot's credentials."""
        rows = await self._figures(_TIMES, _TIMES_OWN, tenant, since, until)
        return {
            bool(row["links"]): TimeToConnect(
                connected=row["connected"],
                median=timedelta(milliseconds=row["median"]),
                p90=timedelta(milliseconds=row["p90"]),
            )
            for row in rows
        }

    async def _figures(
        self,
        of_all: Executable,
        own: Executable,
        tenant: TenantId | None,
        since: datetime,
        until: datetime,
        **values: int,
    ) -> Sequence[Row]:
        span = {"since": millis(since), "until": millis(until)}
        return await self._connection.rows_of(tenant, of_all, own, **span, **values)


async def record(connection: Connection, before: Session, after: Session) -> Attempt | None:
    """Note what the change of a session means for its attempts; the attempt that it ended."""
    begins = after.state is not State.DISCONNECTED and (
        before.state is State.DISCONNECTED or before.obeyed < after.obeyed
    )
    if begins:
        # An order that comes in the middle of an attempt ends it: somebody asked for another.
        ended = await end(connection, before.bot, EndReason.ASKED)
        await connection.change(
            _BEGIN,
            {
                "bot_id": after.bot,
                "tenant_id": after.tenant,
                "links": int(after.linking is not None),
                "started_at": millis(connection.now),
            },
        )
        return ended
    if before.state is not after.state:
        if after.state is State.CONNECTED:
            return await end(connection, after.bot, CONNECTED)
        if after.end is not None:
            return await end(connection, after.bot, after.end.reason)
    return None


async def end(connection: Connection, bot: BotId, outcome: str) -> Attempt | None:
    """End the bot's attempt, if one lasts, and return it."""
    values = {"bot": bot, "ended_at": millis(connection.now), "outcome": str(outcome)}
    row = await connection.row(_END, values)
    return _attempt(row) if row else None


def _tally(row: Row) -> dict[str, int]:
    return {name: row[name] for name in ("attempts", "connected", "failed")}


def _attempt(row: Row) -> Attempt:
    return Attempt(
        bot=row["bot_id"],
        links=bool(row["links"]),
        started_at=instant(row["started_at"]),
        ended_at=instant(row["ended_at"]),
        outcome=row["outcome"],
    )
