"""The inbox: stores what people say, then tells of it.

    batch ──read──▶ one fenced transaction: messages, events, chats, files, answers of rules
                                   │ committed
                                   ├──▶ whoever reads the log is told
                                   ├──▶ the engine is told, and need not repeat it
                                   └──▶ the outbox is woken when a rule has answered

Whatever comes twice is stored once: a message is unique by WhatsApp's id of it.

A batch that the database does not take for what is in it would come again for ever. It is stored
one by one then, and what is refused by itself leaves a row that says no more than that it came.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from sololine import new_ids
from sololine.core import training as trainings
from sololine.core.chat import Chat, ChatId, is_group
from sololine.core.content import File, Text, text_of
from sololine.core.events import EventType
from sololine.core.ids import MediaId, MessageId
from sololine.core.media import Media
from sololine.core.message import Message, Origin, Status, told
from sololine.core.signals import ChatSignal, Typing
from sololine.engine.port import Link
from sololine.lines.addresses import Addresses
from sololine.lines.arrivals import Arrival, Heard, ids_in, lids_in, understood
from sololine.lines.changes import Changes
from sololine.lines.hearing import Hearing
from sololine.lines.manners import Manners
from sololine.lines.pen import Pen
from sololine.lines.receipts import Early, EarlyReceipts
from sololine.store.transaction import Transaction

log = structlog.get_logger()

ASKED_AT_ONCE: Final = 5_000
"""Ids that one query looks for: databases take some 32,000, and receipts bring many."""
ANSWERED_WITHIN: Final = timedelta(days=1)
"""How old a message may be for a rule to answer it; nobody waits for an answer any longer."""
ANSWERS_AT_MOST: Final = 6
"""Answers of rules in a chat within a minute: two bots must not heat each other up."""
ANSWERS_A_DAY: Final = 200
"""Answers of rules in a chat within a day: nor may they talk for ever."""
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a batch's transaction made durable."""

    told: bool
    early: Sequence[Early]
    answered: bool
    arrived: Sequence[tuple[Media, MessageId]]
    dropped: Sequence[MediaId]


class Inbox:
    """Stores the chat signals of one line.

    Args:
        early: keeps receipts until the outbox knows their messages.
        answered: called when rules have queued answers.
        arrived: takes files that shall be fetched at once.
    """

    def __init__(
        self,
        pen: Pen,
        *,
        addresses: Addresses,
        early: EarlyReceipts,
        manners: Manners,
        answered: Callable[[], None],
        arrived: Callable[[MediaId, MessageId], None],
    ) -> None:
        self._pen = pen
        self._addresses = addresses
        self._early = early
        self._manners = manners
        self._answered = answered
        self._arrived = arrived

    async def store(self, signals: Sequence[ChatSignal], link: Link) -> None:
        """Store what people said on a link.

        Raises:
            Fenced: the line has lost its lease; nothing was stored.
        """
        heard = [each for signal in signals if (each := understood(signal)) is not None]
        for each in heard:
            where = each.where
            self._addresses.learn(where.chat, where.chat_other)
            self._addresses.learn(where.sender, where.sender_other)
        if heard and not await self._stored(heard):
            for each in heard:
                await self._store_alone(each)
        link.settled(len(signals))

    async def _store_alone(self, heard: Heard) -> None:
        """Store one signal, or only that it came; the log has the rest."""
        if await self._stored([heard]):
            return
        if not isinstance(heard, Arrival) or not await self._stored([heard.unstorable()]):
            log.error("signal not stored", bot=self._pen.bot, kind=type(heard).__name__)

    async def _stored(self, heard: Sequence[Heard]) -> bool:
        """Store these and tell of them; False when that will never be possible."""
        async with self._pen.alone:
            try:
                stored = await self._pen.write(lambda tx: self._work(tx, heard))
            except Exception as error:
                if not self._pen.store.refuses(error):
                    raise
                # Its words may repeat what was said.
                log.warning("signals refused", bot=self._pen.bot, why=type(error).__name__)
                return False
            self._early.keep(stored.early)
        await self._tell(stored)
        return True

    async def _tell(self, stored: Stored) -> None:
        if stored.told:
            await self._pen.tell_events()
        if stored.answered:
            self._answered()
        if self._manners.media_at_arrival:
            for media, message in stored.arrived:
                if media.size <= self._manners.media_max_bytes:
                    self._arrived(media.id, message)
        if self._manners.media is not None:
            for dropped in stored.dropped:
                await asyncio.to_thread(self._manners.media.delete, dropped)

    async def _work(self, tx: Transaction, heard: Sequence[Heard]) -> Stored:
        for lids in _pieces(lids_in(heard)):
            await self._addresses.look_up(tx, lids)
        known: dict[str, Message] = {}
        for ids in _pieces(ids_in(heard)):
            known |= await tx.messages.known(self._pen.bot, ids)
        changes = Changes(self._pen.tenant, self._pen.bot)
        chats = await self._typed_in(tx, heard)
        hearing = Hearing(changes, self._addresses, known, chats, tx.now)
        for each in heard:
            hearing.hear(each)
        by_id = {message.id: message for message in known.values()}
        answered = await self._answer(tx, changes, [by_id[fresh] for fresh in hearing.fresh])
        await changes.write(tx)
        carriers = {
            message.content.media: message.id
            for message in known.values()
            if isinstance(message.content, File)
        }
        return Stored(
            told=changes.told,
            early=hearing.early,
            answered=answered,
            arrived=[
                (media, carriers[media.id]) for media in changes.media if media.id in carriers
            ],
            dropped=changes.dropped,
        )

    async def _typed_in(self, tx: Transaction, heard: Sequence[Heard]) -> dict[ChatId, Chat]:
        """The chats in which someone types, as far as they are stored."""
        wheres = [each.where for each in heard if isinstance(each, Typing)]
        typing = {self._addresses.chat(where.chat, where.chat_other) for where in wheres}
        return await tx.chats.many(self._pen.bot, [chat for chat in typing if chat is not None])

    async def _spoken(self, tx: Transaction, chat: ChatId) -> int:
        """How many of the answers that rules may give in a chat at once are used up."""
        if await tx.messages.answered(self._pen.bot, chat, tx.now - _DAY) >= ANSWERS_A_DAY:
            return ANSWERS_AT_MOST
        return await tx.messages.answered(self._pen.bot, chat, tx.now - _MINUTE)

    async def _answer(self, tx: Transaction, changes: Changes, fresh: Iterable[Message]) -> bool:
        """Queue what the bot's rules answer; whether they answered anything."""
        asked = [
            message
            for message in fresh
            if not is_group(message.chat) and tx.now - message.at <= ANSWERED_WITHIN
        ]
        if not asked:
            return False
        training = await tx.trainings.get(self._pen.bot)
        if not training.answers:
            return False
        spoken: Counter[str] = Counter()
        for chat in {message.chat for message in asked}:
            spoken[chat] = await self._spoken(tx, chat)
        before = len(changes.new)
        for message in asked:
            if spoken[message.chat] >= ANSWERS_AT_MOST:
                continue
            answer = trainings.answer(training, text_of(message.content))
            if answer is None:
                continue
            spoken[message.chat] += 1
            reply = Message(
                id=new_ids.message(),
                tenant=message.tenant,
                bot=message.bot,
                seq=0,
                chat=message.chat,
                origin=Origin.RULE,
                content=Text(text=answer.text),
                at=tx.now,
                status=Status.QUEUED,
                times={Status.QUEUED.value: tx.now},
                answers=message.id,
            )
            changes.add(reply, told(reply, EventType.MESSAGE_QUEUED))
            changes.lift(reply.chat, reply.id, unread=False)
        return len(changes.new) > before


def _pieces(texts: Iterable[str]) -> Iterable[list[str]]:
    """The texts in order, not too many at once for a query."""
    ordered = sorted(texts)
    for start in range(0, len(ordered), ASKED_AT_ONCE):
        yield ordered[start : start + ASKED_AT_ONCE]
