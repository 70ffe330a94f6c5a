"""Leases: which process runs a bot's line (see `core/lease.py`), on the row of its session."""

from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, case, or_, select, update

from sololine.core.ids import BotId, ProcessId
from sololine.core.lease import TERM_LENGTH, Lease
from sololine.core.session import State
from sololine.store.columns import instant, millis
from sololine.store.connection import Connection
from sololine.store.tables import bot_sessions

_row: Final = bot_sessions.c

# `core.session.Session.idle`, and an end that has passed by itself.
_NEEDS_A_LINE: Final = or_(
    _row.state != State.DISCONNECTED.value,
    _row.intent_no > _row.obeyed,
    _row.end_until <= bindparam("now"),
)
_OWN: Final[ColumnElement[bool]] = _row.lease_process == bindparam("process")
_FREE: Final = or_(_row.lease_process.is_(None), _row.lease_expires_at <= bindparam("now"))

_CANDIDATES: Final = (
    select(_row.bot_id)
    .where(_NEEDS_A_LINE, or_(_FREE, _OWN))
    .order_by(case((_FREE, 0), else_=1), _row.bot_id)
    .limit(bindparam("page"))
)
_UNHEEDED: Final = select(_row.bot_id).where(_OWN, _row.intent_no > _row.obeyed)
# `core.lease.may_take`
_TAKE: Final = (
    update(bot_sessions)
    .where(_row.bot_id == bindparam("bot"), or_(_FREE, _OWN))
    .values(
        lease_process=bindparam("process"),
        lease_term=_row.lease_term + 1,
        lease_expires_at=bindparam("expires_at"),
    )
    .returning(_row.lease_term)
)
_RENEW: Final = (
    update(bot_sessions)
    .where(_OWN)
    .values(lease_expires_at=bindparam("expires_at"))
    .returning(_row.bot_id, _row.lease_term)
)
_RELEASE: Final = (
    update(bot_sessions)
    .where(and_(_row.bot_id == bindparam("bot"), _OWN, _row.lease_term == bindparam("term")))
    .values(lease_process=None, lease_expires_at=None)
)
_OF: Final = select(_row.lease_process, _row.lease_term, _row.lease_expires_at).where(
    _row.bot_id == bindparam("bot"), _row.lease_process.is_not(None)
)

_FENCE: Final = (
    select(_row.bot_id)
    .where(_row.bot_id == bindparam("bot"), _OWN, _row.lease_term == bindparam("term"))
    .with_for_update()
)


class Leases:
    """The leases, as a transaction sees them; all by the database's clock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def candidates(self, process: ProcessId, limit: int) -> list[BotId]:
        """Bots whose session needs a line, and whose lease `process` may take.

        The free ones come first. Then those that are leased to `process` already: its lines that
        run, and what a dead predecessor of the same name left; only the process can tell which.
        """
        values = {"process": process, "now": millis(self._connection.now), "page": limit}
        return [row["bot_id"] for row in await self._connection.rows(_CANDIDATES, values)]

    async def unheeded(self, process: ProcessId) -> list[BotId]:
        """Bots leased to `process` that were given an order which their line did not take up."""
        rows = await self._connection.rows(_UNHEEDED, {"process": process})
        return [row["bot_id"] for row in rows]

    async def take(self, bot: BotId, process: ProcessId) -> Lease | None:
        """Take the bot's lease in a new term; None when another process holds it."""
        now = self._connection.now
        expires_at = now + TERM_LENGTH
        values = {
            "bot": bot,
            "process": process,
            "now": millis(now),
            "expires_at": millis(expires_at),
        }
        row = await self._connection.row(_TAKE, values)
        if row is None:
            return None
        return Lease(process=process, term=row["lease_term"], expires_at=expires_at)

    async def renew(self, process: ProcessId) -> frozenset[tuple[BotId, int]]:
        """Renew all leases of a process; returns bot and term of each that it still holds."""
        values = {
            "process": process,
            "expires_at": millis(self._connection.now + TERM_LENGTH),
        }
        rows = await self._connection.rows(_RENEW, values)
        return frozenset((row["bot_id"], row["lease_term"]) for row in rows)

    async def release(self, bot: BotId, lease: Lease) -> bool:
        """Give the lease back, if it is still held in this very term; False otherwise."""
        values = {"bot": bot, "process": lease.process, "term": lease.term}
        return await self._connection.change(_RELEASE, values) == 1

    async def fence(self, bot: BotId, lease: Lease) -> bool:
        """Whether the lease is still held in this very term; the session is locked with it."""
        self._connection.locks(bot)
        values = {"bot": bot, "process": lease.process, "term": lease.term}
        return await self._connection.row(_FENCE, values) is not None

    async def of(self, bot: BotId) -> Lease | None:
        """The bot's lease, expired or not; None when no process has it."""
        row = await self._connection.row(_OF, {"bot": bot})
        if row is None:
            return None
        return Lease(
            process=row["lease_process"],
            term=row["lease_term"],
            expires_at=instant(row["lease_expires_at"]),
        )
