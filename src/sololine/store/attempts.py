"""Connection attempts: one row each time a session sets out to connect, for success rates.

An attempt begins when a session leaves `disconnected` or takes up a new order, and ends when it is
connected or disconnected; a reconnect after a lost link is none. They are read by people only:
nothing is decided by them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, insert, select, update

from sololine.core.ids import BotId
from sololine.core.session import EndReason, Session, State
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


def _attempt(row: Row) -> Attempt:
    return Attempt(
        bot=row["bot_id"],
        links=bool(row["links"]),
        started_at=instant(row["started_at"]),
        ended_at=instant(row["ended_at"]),
        outcome=row["outcome"],
    )
