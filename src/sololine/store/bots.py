"""Bots: each row comes with the row of its session, and goes with it."""

from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, insert, select, tuple_, update

from sololine.core.bot import Bot, Setup
from sololine.core.errors import InvalidInput
from sololine.core.ids import BotId, TenantId, UserId
from sololine.core.sentence import Sentence
from sololine.core.session import EndReason, Session
from sololine.store import (
    attempts,
    chats,
    chores,
    claims,
    counter,
    listings,
    media,
    messages,
    restorations,
    retired,
    trainings,
    webhooks,
)
from sololine.store.columns import Row, instant, millis
from sololine.store.connection import Connection
from sololine.store.session_rows import intent_columns, life_columns, session_of
from sololine.store.sessions import LOCK
from sololine.store.statements import narrowed
from sololine.store.tables import bot_sessions, bots

_SESSION_COLUMNS: Final = [column for column in bot_sessions.c if column.name not in bots.c]

_ADD: Final = insert(bots)
_ADD_SESSION: Final = insert(bot_sessions)
_GET: Final = select(bots).where(bots.c.id == bindparam("bot"))
_UPDATE: Final = update(bots).where(bots.c.id == bindparam("bot"))
_DELETE_SESSION: Final = delete(bot_sessions).where(bot_sessions.c.bot_id == bindparam("bot"))
_DELETE: Final = delete(bots).where(bots.c.id == bindparam("bot"))

_OF_TENANT: Final = (
    select(bots, *_SESSION_COLUMNS)
    .join(bot_sessions, bot_sessions.c.bot_id == bots.c.id)
    .where(bots.c.tenant_id == bindparam("tenant"))
    .order_by(bots.c.created_at, bots.c.id)
    .limit(bindparam("page"))
)
_NAMED: Final = _OF_TENANT.where(
    bots.c.owner == bindparam("user"), bots.c.name == bindparam("called")
)
_OF_USER: Final = _OF_TENANT.where(bots.c.owner == bindparam("user"))
_last: Final = bots.alias("last")
_AFTER: Final = tuple_(bots.c.created_at, bots.c.id) > (
    select(_last.c.created_at, _last.c.id)
    .where(_last.c.id == bindparam("last"), _last.c.tenant_id == bindparam("tenant"))
    .scalar_subquery()
)


class Bots:
    """The bots, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, bot: Bot) -> Session:
        """Store a new bot with a session that was never connected, and lock it."""
        session = Session(bot=bot.id, tenant=bot.tenant, since=bot.created_at)
        self._connection.locks(bot.id)
        await self._connection.change(_ADD, _columns(bot))
        await self._connection.change(
            _ADD_SESSION,
            {
                "bot_id": bot.id,
                "tenant_id": bot.tenant,
                "lease_term": 0,
                **intent_columns(session.intent),
                **life_columns(session),
            },
        )
        return session

    async def get(self, bot: BotId) -> Bot | None:
        """The bot; to change it, lock its session before reading it."""
        row = await self._connection.row(_GET, {"bot": bot})
        return bot_of(row) if row else None

    async def of_user(
        self, tenant: TenantId, user: UserId, after: BotId | None = None, limit: int = 100
    ) -> list[tuple[Bot, Session]]:
        """A page of at most `limit` of a user's bots, the oldest first, in one query.

        `after` is the last bot of the page before. Raises InvalidInput when there is no such bot,
        or no more: then nobody knows any longer where the page should begin.
        """
        return await self._page(_OF_USER, {"tenant": tenant, "user": user}, after, limit)

    async def named(
        self, tenant: TenantId, user: UserId, name: str, limit: int = 2
    ) -> list[tuple[Bot, Session]]:
        """A user's bots of this name, the oldest first: names need not be unique."""
        values = {"tenant": tenant, "user": user, "called": name, "page": limit}
        rows = await self._connection.rows(_NAMED, values)
        return [(bot_of(row), session_of(row)) for row in rows]

    async def of_tenant(
        self, tenant: TenantId, after: BotId | None = None, limit: int = 100
    ) -> list[tuple[Bot, Session]]:
        """A page of a tenant's bots, as `of_user` does it."""
        return await self._page(_OF_TENANT, {"tenant": tenant}, after, limit)

    async def _page(
        self, statement: Select[Any], values: Row, after: BotId | None, limit: int
    ) -> list[tuple[Bot, Session]]:
        if after is not None:
            statement, values = narrowed(statement, _AFTER), {**values, "last": after}
        rows = await self._connection.rows(statement, {**values, "page": limit})
        if after is not None and not rows and await self.get(after) is None:
            raise InvalidInput(
                Sentence("The bot to go on after is gone. Begin with the first page again."),
                field="after",
            )
        # The columns that both tables have are the same: the tenant.
        return [(bot_of(row), session_of(row)) for row in rows]

    async def update(self, bot: Bot) -> None:
        """Store what changed of a bot whose session this transaction has locked."""
        self._connection.needs_lock(bot.id)
        await self._connection.change(_UPDATE, {"bot": bot.id, **_columns(bot)})

    async def delete(self, bot: BotId) -> bool:
        """Delete the bot with all that is its own; False when there is none.

        Its credentials become retired devices, to be logged out; its events stay. A line that runs
        is fenced off, since its lease is gone with the row. Files are not deleted, only their rows.

        Raises:
            Raced: something was added to the bot meanwhile, which must go with it.
        """
        self._connection.locks(bot)
        self._connection.claims()
        row = await self._connection.row(LOCK, {"bot": bot})
        if row is None:
            return False
        session = session_of(row)
        await attempts.end(self._connection, bot, EndReason.UNLINKED)
        await claims.drop(self._connection, bot)
        await listings.drop(self._connection, bot)
        await retired.retire(self._connection, session, session.devices)
        await restorations.drop(self._connection, bot)
        await counter.hold(self._connection, session.tenant)
        self._connection.comes_last()
        for noun in (messages, media, chats, chores, trainings, webhooks):
            await noun.drop(self._connection, bot)
        await self._connection.change(_DELETE_SESSION, {"bot": bot})
        await self._connection.add(_DELETE, {"bot": bot})
        return True


def bot_of(row: Row) -> Bot:
    """The bot that a row of `bots` holds."""
    return Bot(
        id=row["id"],
        tenant=row["tenant_id"],
        owner=row["owner"],
        name=row["name"],
        description=row["description"],
        personality=row["personality"],
        setup=Setup(row["setup"]),
        created_at=instant(row["created_at"]),
    )


def _columns(bot: Bot) -> dict[str, Any]:
    return {
        "id": bot.id,
        "tenant_id": bot.tenant,
        "owner": bot.owner,
        "name": bot.name,
        "description": bot.description,
        "personality": bot.personality,
        "setup": bot.setup.value,
        "created_at": millis(bot.created_at),
    }
