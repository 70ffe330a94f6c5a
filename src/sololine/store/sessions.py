"""Sessions: one row a bot, with two halves that are written apart.

    who        writes              by           fenced by
    the API    the intent          save_intent  nothing; orders are numbered
    the line   the life            save_life    its lease: process and term
    another    the life, to take   evict        raises the term, so that the old line is fenced off
    bot's line the number away
    a restore  both                restore      no line runs; raises the term all the same

What follows from a session (claims, retired devices, connection attempts, the end of a listing) is
written with it, in the same transaction, and nowhere else.

Whoever writes has locked the session in the same transaction (`lock`) and rests on what it read
then. `lock` comes before any event is appended: the tenant's counter is the last lock of all.
"""

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import bindparam, func, select, update

from sololine.core.ids import BotId, TenantId
from sololine.core.lease import Lease
from sololine.core.session import Session, State
from sololine.store import attempts, claims, listings, retired
from sololine.store.connection import Connection
from sololine.store.errors import Fenced
from sololine.store.session_rows import intent_columns, life_columns, session_of
from sololine.store.tables import bot_sessions

_row: Final = bot_sessions.c

GET: Final = select(bot_sessions).where(_row.bot_id == bindparam("bot"))
LOCK: Final = GET.with_for_update()  # SQLite has no such clause: its writers are alone anyway

_SAVE: Final = update(bot_sessions).where(_row.bot_id == bindparam("bot"))
_SAVE_FENCED: Final = _SAVE.where(
    _row.lease_process == bindparam("process"), _row.lease_term == bindparam("term")
)
_SAVE_EVICTED: Final = _SAVE.values(
    lease_process=None, lease_expires_at=None, lease_term=_row.lease_term + 1
)

_COUNTS: Final = select(
    func.count().label("total"),
    func.count().filter(_row.state == State.CONNECTED.value).label("connected"),
    func.count().filter(_row.state == State.AWAITING_SCAN.value).label("awaiting_scan"),
    func.count().filter(_row.state == State.DISCONNECTED.value).label("disconnected"),
)
_COUNTS_OWN: Final = _COUNTS.where(_row.tenant_id == bindparam("tenant"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """How many sessions there are, and in which states; the rest is on its way up."""

    total: int
    connected: int
    awaiting_scan: int
    disconnected: int


class Sessions:
    """The sessions, as a transaction sees them.

    Attributes:
        windows_opened: how many linking windows this transaction has opened so far.
        attempts_ended: the connection attempts that it has ended so far.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.windows_opened = 0
        self.attempts_ended: list[attempts.Attempt] = []

    async def get(self, bot: BotId) -> Session | None:
        """The session of a bot; None when there is no such bot."""
        row = await self._connection.row(GET, {"bot": bot})
        return session_of(row) if row else None

    async def lock(self, bot: BotId) -> Session | None:
        """The session of a bot, which nobody else changes before this transaction ends."""
        self._connection.locks(bot)
        row = await self._connection.row(LOCK, {"bot": bot})
        return session_of(row) if row else None

    async def save_intent(self, before: Session, after: Session) -> None:
        """Write the intent of `after`, and the reservation that comes or goes with it.

        `before` is what `lock` returned.

        Raises:
            ValueError: something else than the intent differs.
            Raced: another bot has the declared number.
        """
        if replace(after, intent=before.intent) != before:
            raise ValueError("save_intent writes the intent only; the life belongs to the line")
        self._connection.needs_lock(after.bot)
        self._connection.claims()
        await self._connection.change(_SAVE, {"bot": after.bot, **intent_columns(after.intent)})
        await claims.reconcile(self._connection, before, after)
        window = after.intent.window
        self.windows_opened += window is not None and window != before.intent.window

    async def save_life(self, before: Session, after: Session, lease: Lease) -> None:
        """Write the life of `after`, with all that follows from it, for the holder of `lease`.

        `before` is what `lock` returned.

        Raises:
            ValueError: the intent differs.
            Fenced: the lease is not held in this term, or the bot is deleted.
            Raced: another bot has the number.
        """
        self._check_life(before, after)
        fence = {"bot": after.bot, "process": lease.process, "term": lease.term}
        if not await self._connection.change(_SAVE_FENCED, {**fence, **life_columns(after)}):
            raise Fenced(f"the lease of {after.bot} is not held in term {lease.term}")
        await self._follow(before, after)

    async def evict(self, before: Session, after: Session) -> None:
        """Write the life of a session that lost its number to another bot, and fence its line off.

        `before` is what `lock` returned. Evict before the new holder is saved: the number has to be
        free by then.

        Raises:
            ValueError: the intent differs.
        """
        self._check_life(before, after)
        await self._connection.change(_SAVE_EVICTED, {"bot": after.bot, **life_columns(after)})
        await self._follow(before, after)

    async def restore(self, before: Session, after: Session) -> None:
        """Write both halves of a session as a backup has it, and fence off whatever line it had.

        `before` is what `lock` or `Bots.add` returned.

        Raises:
            Raced: another bot has the number.
        """
        self._connection.needs_lock(after.bot)
        self._connection.claims()
        values = {"bot": after.bot, **intent_columns(after.intent), **life_columns(after)}
        await self._connection.change(_SAVE_EVICTED, values)
        await self._follow(before, after)

    async def counts(self, tenant: TenantId | None) -> SessionCounts:
        """How sessions are doing, in numbers: a tenant's, or all."""
        (row,) = await self._connection.rows_of(tenant, _COUNTS, _COUNTS_OWN)
        return SessionCounts(**row)

    def _check_life(self, before: Session, after: Session) -> None:
        if after.intent != before.intent:
            raise ValueError("a line writes the life only; the intent belongs to whoever asks")
        self._connection.needs_lock(after.bot)
        self._connection.claims()

    async def _follow(self, before: Session, after: Session) -> None:
        await claims.reconcile(self._connection, before, after)
        await listings.overtake(self._connection, before, after)
        await retired.retire(self._connection, after, before.devices - after.devices)
        ended = await attempts.record(self._connection, before, after)
        if ended is not None:
            self.attempts_ended.append(ended)
