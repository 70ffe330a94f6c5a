"""Messages: what bots say and hear, each stored once.

A message comes with the event that tells of it: append that first, its place is the message's. What
WhatsApp's own bytes of a message were (its form) stands apart, and is read when somebody asks.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, insert, literal_column, select, text, update

from sololine.core.chat import ChatId
from sololine.core.content import Kind, Reaction
from sololine.core.ids import BotId, MessageId
from sololine.core.message import Message
from sololine.store.columns import millis
from sololine.store.connection import Connection
from sololine.store.message_rows import added_columns, message_of, saved_columns
from sololine.store.statements import narrowed
from sololine.store.tables import bots, message_forms, messages

_row: Final = messages.c

# Literals, not parameters: only so do queries find the indexes that hold some of the rows.
_QUEUED: Final = _row.status == literal_column("'queued'")
_BY_RULE: Final = _row.origin == literal_column("'rule'")
_REACTIONS_ONLY: Final = _row.kind == literal_column("'reaction'")
_NOT_FAILED: Final = _row.status != literal_column("'failed'")

_OF_BOT: Final = _row.bot_id == bindparam("bot")
_IN_CHAT: Final = _row.chat == bindparam("in_chat")
_BEFORE: Final = _row.seq < bindparam("before")
_OF_KINDS: Final = _row.kind.in_(bindparam("kinds", expanding=True))

_ALL: Final[Select[Any]] = select(messages).where(_OF_BOT)
_ADD: Final = insert(messages)
_SAVE: Final = update(messages).where(
    _row.id == bindparam("message"), _row.bot_id == bindparam("bot")
)
_ADD_FORM: Final = insert(message_forms)
_SAVE_FORM: Final = text(
    "INSERT INTO message_forms (message_id, form) VALUES (:message_id, :form)"
    " ON CONFLICT (message_id) DO UPDATE SET form = excluded.form"
)
_GET: Final = _ALL.where(_row.id == bindparam("message"))
_MANY: Final = _ALL.where(_row.id.in_(bindparam("messages", expanding=True)))
_KNOWN: Final = _ALL.where(_row.whatsapp_id.in_(bindparam("whatsapp_ids", expanding=True)))
_BY_KEY: Final = _ALL.where(_row.idempotency_key == bindparam("key"))
_BY_REF: Final = _ALL.where(_row.client_ref == bindparam("ref"))
_WAITING: Final = (
    _ALL.where(_QUEUED, _row.sending_since.is_(None)).order_by(_row.seq).limit(bindparam("page"))
)
_BOTS_WAITING: Final = select(bots.c.id).where(
    bots.c.id.in_(bindparam("bots", expanding=True)),
    select(_row.id).where(_row.bot_id == bots.c.id, _QUEUED).exists(),
)
_SENDING: Final = _ALL.where(_QUEUED, _row.sending_since.is_not(None)).order_by(_row.seq)
_ALL_QUEUED: Final = _ALL.where(_QUEUED).order_by(_row.seq)
_PAGE: Final = _ALL.order_by(_row.seq.desc()).limit(bindparam("page"))
_REACTIONS: Final = _ALL.where(
    _row.target.in_(bindparam("whatsapp_ids", expanding=True)), _REACTIONS_ONLY, _NOT_FAILED
)
_ANSWERED: Final = (
    select(func.count().label("answers"))
    .select_from(messages)
    .where(_OF_BOT, _IN_CHAT, _BY_RULE, _row.at >= bindparam("since"))
)
_FORM: Final = (
    select(message_forms.c.form)
    .join(messages, _row.id == message_forms.c.message_id)
    .where(_OF_BOT, _row.id == bindparam("message"))
)
_DROP_FORMS: Final = delete(message_forms).where(
    message_forms.c.message_id.in_(select(_row.id).where(_OF_BOT))
)
_DROP: Final = delete(messages).where(_OF_BOT)


class Messages:
    """The messages, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, messages: Sequence[Message], forms: Mapping[MessageId, bytes] | None = None
    ) -> None:
        """Store new messages, whose events have been appended, and WhatsApp's own bytes of them.

        Media that they carry are added in the same transaction, before or after.

        Raises:
            Raced: one is there already: by its id, WhatsApp's id, the caller's reference or
                idempotency key, or as the answer to the same message. Or the bot is gone.
        """
        if messages:
            self._connection.comes_last()
            await self._connection.add(_ADD, *(added_columns(message) for message in messages))
        if forms:
            await self._connection.add(_ADD_FORM, *_form_columns(forms))

    async def save(
        self, messages: Sequence[Message], forms: Mapping[MessageId, bytes] | None = None
    ) -> None:
        """Store what changed of messages: all but whose they are, their place, and their request.

        An empty form takes the place of one that is to be forgotten.

        Raises:
            Raced: another message has one's WhatsApp id.
        """
        if messages:
            self._connection.comes_last()
            # In the order of their keys, so that no two transactions wait in a circle.
            ordered = sorted(messages, key=lambda message: message.id)
            await self._connection.add(
                _SAVE,
                *(
                    {"message": message.id, "bot": message.bot, **saved_columns(message)}
                    for message in ordered
                ),
            )
        if forms:
            self._connection.comes_last()
            await self._connection.add(_SAVE_FORM, *_form_columns(forms))

    async def get(self, bot: BotId, message: MessageId) -> Message | None:
        """The bot's message with this id."""
        row = await self._connection.row(_GET, {"bot": bot, "message": message})
        return message_of(row) if row else None

    async def many(self, bot: BotId, ids: Collection[MessageId]) -> list[Message]:
        """The bot's messages with these ids, as far as there are any; in no order."""
        return await self._found(_MANY, {"bot": bot, "messages": sorted(ids)}) if ids else []

    async def known(self, bot: BotId, whatsapp_ids: Collection[str]) -> dict[str, Message]:
        """Which of these ids of WhatsApp's are stored, and as what."""
        if not whatsapp_ids:
            return {}
        values = {"bot": bot, "whatsapp_ids": sorted(whatsapp_ids)}
        return {
            message.whatsapp_id: message
            for message in await self._found(_KNOWN, values)
            if message.whatsapp_id is not None
        }

    async def asked_for(
        self, bot: BotId, *, idempotency_key: str | None = None, client_ref: str | None = None
    ) -> Message | None:
        """The message that an equal request made before; the key says more than the reference."""
        for statement, name, value in (
            (_BY_KEY, "key", idempotency_key),
            (_BY_REF, "ref", client_ref),
        ):
            if value is not None:
                row = await self._connection.row(statement, {"bot": bot, name: value})
                if row is not None:
                    return message_of(row)
        return None

    async def waiting(self, bot: BotId, limit: int) -> list[Message]:
        """Messages to be sent that nobody sends yet, in the order of their acceptance."""
        return await self._found(_WAITING, {"bot": bot, "page": limit})

    async def waiting_among(self, bots: Collection[BotId]) -> list[BotId]:
        """Which of these bots have queued messages."""
        if not bots:
            return []
        rows = await self._connection.rows(_BOTS_WAITING, {"bots": sorted(bots)})
        return [row["id"] for row in rows]

    async def sending(self, bot: BotId) -> list[Message]:
        """Messages whose sending was begun, and whose outcome is open."""
        return await self._found(_SENDING, {"bot": bot})

    async def fail_waiting(self, bot: BotId) -> list[Message]:
        """All queued messages of a bot that cannot send any more; the caller saves their failure.

        They include those whose sending was begun.
        """
        return await self._found(_ALL_QUEUED, {"bot": bot})

    async def page(
        self,
        bot: BotId,
        *,
        chat: ChatId | None,
        before: int | None,
        limit: int,
        kinds: Collection[Kind] | None = None,
    ) -> list[Message]:
        """A page of the bot's messages, the newest first.

        Args:
            bot: whose messages.
            chat: only those of this chat.
            before: place of the last message of the page before.
            limit: messages to return at most.
            kinds: only those of these kinds.
        """
        statement, values = _PAGE, dict[str, Any](bot=bot, page=limit)
        if chat is not None:
            statement, values["in_chat"] = narrowed(statement, _IN_CHAT), chat
        if before is not None:
            statement, values["before"] = narrowed(statement, _BEFORE), before
        if kinds is not None:
            statement, values["kinds"] = narrowed(statement, _OF_KINDS), sorted(kinds)
        return await self._found(statement, values)

    async def reactions(
        self, bot: BotId, whatsapp_ids: Collection[str]
    ) -> dict[str, list[Message]]:
        """The reactions that stand on messages, by WhatsApp's id: the latest of each sender.

        What was taken back is left out, and so is a message without reactions.
        """
        if not whatsapp_ids:
            return {}
        values = {"bot": bot, "whatsapp_ids": sorted(whatsapp_ids)}
        latest = dict[tuple[str, str | None], tuple[Message, Reaction]]()
        # Ordered here: SQLite would go through all of the bot's messages to have them in order.
        for message in sorted(await self._found(_REACTIONS, values), key=_place):
            if isinstance(message.content, Reaction):
                target = message.content.to.whatsapp_id
                sender = None if message.from_me else message.sender
                # Out first, so that the order is that of the latest ones.
                latest.pop((target, sender), None)
                latest[target, sender] = (message, message.content)
        standing = dict[str, list[Message]]()
        for (target, _), (message, reaction) in latest.items():
            if reaction.emoji and message.deleted_at is None:
                standing.setdefault(target, []).append(message)
        return standing

    async def answered(self, bot: BotId, chat: ChatId, since: datetime) -> int:
        """How many messages the bot's rules have sent to the chat since then."""
        values = {"bot": bot, "in_chat": chat, "since": millis(since)}
        row = await self._connection.row(_ANSWERED, values)
        return row["answers"] if row else 0

    async def form(self, bot: BotId, message: MessageId) -> bytes | None:
        """WhatsApp's own bytes of the bot's message; None when there are none."""
        row = await self._connection.row(_FORM, {"bot": bot, "message": message})
        return base64.b64decode(row["form"]) if row and row["form"] else None

    async def _found(self, statement: Select[Any], values: Mapping[str, Any]) -> list[Message]:
        return [message_of(row) for row in await self._connection.rows(statement, values)]


async def drop(connection: Connection, bot: BotId) -> None:
    """Delete all messages of a bot that is being deleted."""
    await connection.change(_DROP_FORMS, {"bot": bot})
    await connection.change(_DROP, {"bot": bot})


def _place(message: Message) -> int:
    return message.seq


def _form_columns(forms: Mapping[MessageId, bytes]) -> list[dict[str, str]]:
    return [
        {"message_id": message, "form": base64.b64encode(forms[message]).decode()}
        for message in sorted(forms)
    ]
