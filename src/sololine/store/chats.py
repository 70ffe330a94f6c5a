"""Chats: a bot's conversations, each a row that messages touch."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, select, text

from sololine import new_ids
from sololine.core.chat import Chat, ChatId, Touch
from sololine.core.ids import BotId, ChatRef, TenantId
from sololine.store.columns import Row, plain
from sololine.store.connection import Connection
from sololine.store.statements import narrowed
from sololine.store.tables import chats

_row: Final = chats.c
_OF_BOT: Final = _row.bot_id == bindparam("bot")

_TOUCH: Final = text(
    "INSERT INTO chats (bot_id, id, tenant_id, name, jid, lid, last_seq, unread, ref, typing_by,"
    " typing_since)"
    " VALUES (:bot_id, :id, :tenant_id, :name, :jid, :lid, :seq, :unread, :ref, :typing_by,"
    " :typing_since)"
    " ON CONFLICT (bot_id, id) DO UPDATE SET"
    " name = CASE WHEN excluded.name = '' THEN chats.name ELSE excluded.name END,"
    " jid = CASE WHEN excluded.jid = '' THEN chats.jid ELSE excluded.jid END,"
    " lid = CASE WHEN excluded.lid = '' THEN chats.lid ELSE excluded.lid END,"
    " last_seq = CASE WHEN excluded.last_seq > chats.last_seq"
    " THEN excluded.last_seq ELSE chats.last_seq END,"
    " unread = CASE WHEN :seen = 1 THEN 0 ELSE chats.unread END + excluded.unread,"
    " typing_by = CASE WHEN excluded.typing_since = 0 THEN chats.typing_by"
    " ELSE excluded.typing_by END,"
    " typing_since = CASE WHEN excluded.typing_since = 0 THEN chats.typing_since"
    " ELSE excluded.typing_since END"
)
_ALL: Final[Select[Any]] = select(chats).where(_OF_BOT)
_GET: Final = _ALL.where(_row.id == bindparam("chat"))
_MANY: Final = _ALL.where(_row.id.in_(bindparam("chats", expanding=True)))
# The second condition for the index, which holds such rows only.
_OF_LIDS: Final = _ALL.where(_row.lid.in_(bindparam("lids", expanding=True)), text("lid <> ''"))
_OF_REFS: Final = _ALL.where(_row.ref.in_(bindparam("refs", expanding=True)))
_PAGE: Final = _ALL.where(_row.last_seq > 0).order_by(_row.last_seq.desc()).limit(bindparam("page"))
_BEFORE: Final = _row.last_seq < bindparam("before")
_DROP: Final = delete(chats).where(_OF_BOT)


class Chats:
    """The chats, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def touch(self, bot: BotId, tenant: TenantId, touches: Sequence[Touch]) -> None:
        """Store what became known of chats; those that are not known yet are made.

        A touch that brings a `ref` needs the bot's session locked from before the chat was looked
        for: an event calls it so, and nobody else must have made it under another one meanwhile.

        Raises:
            Raced: the bot is gone.
        """
        if not touches:
            return
        if any(touch.ref for touch in touches):
            self._connection.needs_lock(bot)
        self._connection.comes_last()
        merged = dict[ChatId, Touch]()
        for touch in touches:
            before = merged.get(touch.id)
            merged[touch.id] = touch if before is None else before.then(touch)
        # In the order of their keys, so that no two transactions wait in a circle.
        rows = [_columns(bot, tenant, merged[chat]) for chat in sorted(merged)]
        await self._connection.add(_TOUCH, *rows)

    async def get(self, bot: BotId, chat: ChatId) -> Chat | None:
        """The bot's chat of this name."""
        row = await self._connection.row(_GET, {"bot": bot, "chat": chat})
        return _chat(row) if row else None

    async def many(self, bot: BotId, chats: Collection[ChatId]) -> dict[ChatId, Chat]:
        """The bot's chats of these names, as far as there are any."""
        if not chats:
            return {}
        rows = await self._connection.rows(_MANY, {"bot": bot, "chats": sorted(chats)})
        return {row["id"]: _chat(row) for row in rows}

    async def of_lids(self, bot: BotId, lids: Collection[str]) -> dict[str, ChatId]:
        """The chats of the people behind these LIDs; the one named by the number, if there is."""
        if not lids:
            return {}
        rows = await self._connection.rows(_OF_LIDS, {"bot": bot, "lids": sorted(lids)})
        # A chat that was named by the LID may be left from before the number was known.
        return {row["lid"]: row["id"] for row in sorted(rows, key=lambda row: "@" not in row["id"])}

    async def of_refs(self, bot: BotId, refs: Collection[ChatRef]) -> dict[ChatRef, Chat]:
        """The bot's chats that events call so, as far as there are any."""
        if not refs:
            return {}
        rows = await self._connection.rows(_OF_REFS, {"bot": bot, "refs": sorted(refs)})
        return {row["ref"]: _chat(row) for row in rows}

    async def page(self, bot: BotId, *, before: int | None, limit: int) -> list[Chat]:
        """A page of the bot's chats that hold a message, the latest first.

        `before` is `last_seq` of the last chat of the page before.
        """
        statement, values = _PAGE, dict[str, Any](bot=bot, page=limit)
        if before is not None:
            statement, values["before"] = narrowed(statement, _BEFORE), before
        return [_chat(row) for row in await self._connection.rows(statement, values)]


async def drop(connection: Connection, bot: BotId) -> None:
    """Delete all chats of a bot that is being deleted."""
    await connection.change(_DROP, {"bot": bot})


def _columns(bot: BotId, tenant: TenantId, touch: Touch) -> dict[str, Any]:
    return {
        "bot_id": bot,
        "id": touch.id,
        "tenant_id": tenant,
        "name": plain(touch.name),
        "jid": plain(touch.jid),
        "lid": plain(touch.lid),
        "seq": touch.seq,
        "unread": touch.unread,
        "seen": int(touch.seen),
        "ref": touch.ref or new_ids.chat_ref(),
        "typing_by": touch.typing_by,
        "typing_since": touch.typing_since,
    }


def _chat(row: Row) -> Chat:
    return Chat(
        id=row["id"],
        name=row["name"],
        jid=row["jid"],
        lid=row["lid"],
        last_seq=row["last_seq"],
        unread=row["unread"],
        ref=row["ref"],
        typing_by=row["typing_by"],
        typing_since=row["typing_since"],
    )
