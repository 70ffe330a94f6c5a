"""Reading the event log: in pieces, and as it grows."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from sololine.actions import messages
from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS, EVERYTHING, Notice
from sololine.core.access import Caller
from sololine.core.advance import rfc3339
from sololine.core.chat import Chat
from sololine.core.coding import BadCoding
from sololine.core.errors import InvalidInput
from sololine.core.events import EventType, LoggedEvent
from sololine.core.ids import BotId, ChatRef, MessageId
from sololine.core.message import Failure
from sololine.core.sentence import Sentence
from sololine.core.session import EndReason
from sololine.languages import Language
from sololine.store.transaction import Transaction

_PIECE: Final = 200
"""Events that a stream reads at once."""
_LOOK_EVERY_S: Final = 1.0
"""How often a stream looks by itself, since a notice may be lost."""


_UNREADABLE: Final = (BadCoding, ValueError, LookupError, TypeError)
"""What reading a row raises that is not as this version writes it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some events, as they are delivered.

    Attributes:
        events: in their order.
        last: the place to go on from.
    """

    events: Sequence[dict[str, Any]]
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which events a reader wants, None for all; and in which language their sentences are."""

    bot: BotId | None = None
    types: frozenset[EventType] | None = None
    language: Language = Language.ENGLISH

    @classmethod
    def of(
        cls, bot: str | None, types: Collection[str], language: Language = Language.ENGLISH
    ) -> "Filter":
        """The filter that a caller names.

        Raises:
            InvalidInput: there is no such type of events.
        """
        known: set[EventType] = set()
        for name in types:
            try:
                known.add(EventType(name))
            except ValueError:
                raise InvalidInput(
                    Sentence(
                        "There is no such type of events. See the list of event types in the docs."
                    ),
                    field="types",
                ) from None
        return cls(
            bot=BotId(bot) if bot else None, types=frozenset(known) or None, language=language
        )


async def after(
    gateway: Gateway,
    caller: Caller,
    seq: int,
    *,
    limit: int,
    wait_s: float = 0,
    wanted: Filter | None = None,
) -> Piece:
    """Events of the caller's tenant with a higher `seq`, in order.

    Waits up to `wait_s` seconds for the first one.
    """
    wanted = wanted or Filter()

    async def look() -> Piece | None:
        piece = await _read(gateway, caller, seq, wanted, limit)
        return piece if piece.events else None

    found = await gateway.wait_for(look, wait_s, topic=EVENTS)
    return found or Piece(events=[], last=seq)


async def last(gateway: Gateway, caller: Caller) -> int:
    """Place of the tenant's latest event."""
    async with gateway.store.read() as tx:
        return await tx.events.last(caller.tenant)


async def stream(
    gateway: Gateway, caller: Caller, seq: int, *, wanted: Filter
) -> AsyncGenerator[Sequence[str]]:
    """Every event with a higher `seq` as JSON, once and in order, for as long as one listens.

    What the reader has not taken waits in the store, not in memory. Readers who are at the same
    place, as all who keep up are, share what is read for them.
    """
    async with gateway.bus.subscribe(EVENTS) as notices, aclosing(_Ear(notices)) as ear:
        while True:
            texts, seq = await gateway.readings.of(
                (caller.tenant, seq, wanted), partial(_texts, gateway, caller, seq, wanted)
            )
            if texts:
                yield texts
            else:
                await ear.hear(caller.tenant)


async def shown(
    tx: Transaction, events: Sequence[LoggedEvent], language: Language
) -> list[dict[str, Any]]:
    """Events as they are delivered, each beside the message, or the typing, that it is about.

    A message is read now, not when the event was logged: so the log keeps no texts, and a message
    that was deleted meanwhile is not delivered any more. Nor does it keep the numbers of those who
    type, which stand with the chat.
    """
    found: dict[str, dict[str, Any]] = {}
    for bot, ids in _pointed_at(events, "messageId").items():
        for each in await _messages(tx, bot, [MessageId(each) for each in sorted(ids)]):
            found[each["id"]] = each
    chats = await _chats(tx, events)
    told = []
    for event in events:
        one: dict[str, Any] = {
            "seq": event.seq,
            "type": event.type.value,
            "botId": event.bot,
            "at": rfc3339(event.at),
            "data": _data(event, language),
        }
        message = found.get(event.data.get("messageId", ""))
        if message is not None:
            one["message"] = messages.said(message, language)
        chat = chats.get(event.data.get("chatRef", ""))
        if chat is not None:
            one["typing"] = {
                "chat": chat.id,
                "sender": chat.typist(event.seq),
                "state": event.data["state"],
            }
        told.append(one)
    return told


def _data(event: LoggedEvent, language: Language) -> dict[str, Any]:
    """What the log keeps of an event, in English, with its remedy in the reader's language."""
    data = dict(event.data)
    with suppress(ValueError):  # a reason that a later version has written
        match event.type:
            case EventType.SESSION_DISCONNECTED:
                data["remedy"] = language.say(EndReason(data.get("reason", "")).remedy)
            case EventType.MESSAGE_FAILED:
                data["remedy"] = language.say(Failure(data.get("reason", "")).sentence)
    return data


async def _messages(tx: Transaction, bot: BotId, ids: Sequence[MessageId]) -> list[dict[str, Any]]:
    """The bot's messages with these ids, without those that this version cannot read.

    A message of a later version, or a row that somebody broke, is left out: it would otherwise stop
    every reader of the log, and every webhook, for good.
    """
    try:
        return await messages.shown(tx, await tx.messages.many(bot, ids))
    except _UNREADABLE as fault:
        if len(ids) > 1:
            return [each for one in ids for each in await _messages(tx, bot, [one])]
        log.warning("a message cannot be shown", message=ids[0], fault=type(fault).__name__)
        return []


async def _chats(tx: Transaction, events: Sequence[LoggedEvent]) -> dict[ChatRef, Chat]:
    found: dict[ChatRef, Chat] = {}
    for bot, refs in _pointed_at(events, "chatRef").items():
        found |= await tx.chats.of_refs(bot, [ChatRef(each) for each in refs])
    return found


def _pointed_at(events: Sequence[LoggedEvent], name: str) -> dict[BotId, set[str]]:
    """What the events' data call so, by the bots that have it."""
    by_bot: dict[BotId, set[str]] = {}
    for event in events:
        if event.bot is not None and name in event.data:
            by_bot.setdefault(event.bot, set()).add(event.data[name])
    return by_bot


async def _read(gateway: Gateway, caller: Caller, seq: int, wanted: Filter, limit: int) -> Piece:
    async with gateway.store.read() as tx:
        found = await tx.events.after(caller.tenant, seq, limit, bot=wanted.bot, types=wanted.types)
        if found:
            return Piece(events=await shown(tx, found, wanted.language), last=found[-1].seq)
        # What was passed over needs not be passed over again. A place from the future stays.
        return Piece(events=[], last=max(seq, await tx.events.last(caller.tenant)))


async def _texts(
    gateway: Gateway, caller: Caller, seq: int, wanted: Filter
) -> tuple[Sequence[str], int]:
    piece = await _read(gateway, caller, seq, wanted, _PIECE)
    return [as_text(event) for event in piece.events], piece.last


def as_text(event: Mapping[str, Any]) -> str:
    """A delivered event as it travels: the same in webhooks and on sockets."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


class _Ear:
    """Waits for notices one after the other; a wait that ends early loses none."""

    def __init__(self, notices: AsyncIterator[Notice]) -> None:
        self._notices = notices
        self._next: asyncio.Future[Notice] | None = None

    async def hear(self, key: str) -> None:
        """Return at a notice for `key`, or after `_LOOK_EVERY_S`."""
        until = asyncio.get_running_loop().time() + _LOOK_EVERY_S
        while (left := until - asyncio.get_running_loop().time()) > 0:
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._notices))
            done, _ = await asyncio.wait({self._next}, timeout=left)
            if not done:
                return
            heard, self._next = self._next.result(), None
            if heard.key in (key, EVERYTHING):
                return

    async def aclose(self) -> None:
        """Stop listening."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
