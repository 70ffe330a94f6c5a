"""Accepting what a bot is to send: durable before it is acknowledged, and once however often asked.

    draft ── checked ── file taken in ──▶ message, event, chat in one transaction ──▶ 202
                                                   │ notice
                                                   ▼
                                          the bot's line sends it

A message of a bot that is linked and offline waits for its connection. A line sends its bot's
messages in the order of their `seq`.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, assert_never

from sololine import new_ids
from sololine.actions.bots import BotWithSession, owned
from sololine.actions.chores import refuse_unlinked
from sololine.actions.composing import chat_of, composed
from sololine.actions.gateway import Gateway
from sololine.actions.media import Taken, fetched_from, row_of, stored, taken_in
from sololine.actions.messages import shown
from sololine.bus import EVENTS
from sololine.core.access import Caller
from sololine.core.chat import ChatId, Touch
from sololine.core.draft import Attached, Draft, Inline, Kept, Linked, SendFile, check
from sololine.core.errors import IdempotencyMismatch, MediaUnsuitable, MessageNotFound
from sololine.core.events import EventType
from sololine.core.ids import BotId, MessageId, UserId
from sololine.core.media import Media
from sololine.core.message import Message, Origin, Status, told
from sololine.media_type import objection
from sololine.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that was accepted, now or by an earlier request.

    Attributes:
        message: as JSON.
        settled: whether it is known what became of it.
        replayed: whether an earlier, equal request made it.
    """

    message: dict[str, Any] = field(repr=False)
    settled: bool
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What was asked for, as it stands in a message's row."""

    id: MessageId
    draft: Draft
    chat: ChatId = field(repr=False)
    key: str | None = field(repr=False)
    mark: str


async def send(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    draft: Draft,
    *,
    user: UserId | None,
    key: str | None = None,
    wait_s: float = 0,
    attached: Taken | None = None,
) -> Accepted:
    """Accept a message, and wait up to `wait_s` seconds to know what became of it.

    The same `key` or `client_ref` again finds the message that is there, also when both come at
    once.

    Args:
        gateway: where it is written down.
        caller: who asks.
        bot: who shall send it.
        draft: what to send.
        user: whose bot it has to be.
        key: names the request, so that it can be repeated.
        wait_s: how long to wait.
        attached: the file that came beside the request, where the draft says so.

    Raises:
        NotLinked: the bot has no number to send from.
        IdempotencyMismatch: the key or the reference was used for another message.
        InvalidInput, InvalidNumber: what is asked for cannot be sent.
        MessageNotFound, NotOwnMessage, NotSentYet: it refers to an earlier message in vain.
        MediaNotFound, MediaGone, MediaTooLarge, MediaUnsuitable, UrlNotAllowed, UrlUnreachable:
            the file cannot be had, or not be sent.
        BotNotFound, UserMismatch, NotAllowed: the caller may not use this bot.
    """
    check(draft)
    new_id = new_ids.message()

    async def looked(
        tx: Transaction, *, lock: bool
    ) -> tuple[BotWithSession, _Asked, Message | None]:
        has = await owned(tx, caller, bot, user, lock=lock)
        chat = await chat_of(tx, has.bot.id, draft, gateway.region)
        mark = draft.fingerprint(chat)
        asked = _Asked(id=new_id, draft=draft, chat=chat, key=key, mark=mark)
        earlier = await _earlier(tx, has.bot.id, asked)
        if earlier is None:
            # Not before: what was accepted is found again, whatever has become of the bot.
            refuse_unlinked(has.session)
        return has, asked, earlier

    async with AsyncExitStack() as stack:
        file: Taken | Media | None = None
        if isinstance(draft.what, SendFile):
            # Before a file is taken in: whoever may not send shall not fill the disk.
            async with gateway.store.read() as tx:
                has, _, earlier = await looked(tx, lock=False)
            if earlier is not None:
                return await _outcome(gateway, earlier, wait_s, replayed=True)
            file = await stack.enter_async_context(_file(gateway, has, draft, attached))

        async def work(tx: Transaction) -> tuple[Message, dict[str, Any]]:
            has, asked, earlier = await looked(tx, lock=True)
            message = earlier or await _written(tx, gateway, has, asked, file)
            (json,) = await shown(tx, [message])
            return message, json

        if isinstance(file, Taken):
            # Set before, and kept when this task is cancelled: then the row may be there.
            file.needed = True
        try:
            message, json = await gateway.store.run(work)
        except Exception:
            _let_go(file)
            raise
        fresh = message.id == new_id
        if not fresh:
            _let_go(file)
    if fresh:
        await gateway.tell_queued(message.tenant, message.bot)
    if wait_s > 0:
        return await _outcome(gateway, message, wait_s, replayed=not fresh)
    settled = message.status is not Status.QUEUED
    return Accepted(message=json, settled=settled, replayed=not fresh)


async def _earlier(tx: Transaction, bot: BotId, asked: _Asked) -> Message | None:
    """The message that an earlier request with the same key or reference made."""
    if asked.key is None and asked.draft.client_ref is None:
        return None
    found = await tx.messages.asked_for(
        bot, idempotency_key=asked.key, client_ref=asked.draft.client_ref
    )
    if found is not None and found.fingerprint != asked.mark:
        raise IdempotencyMismatch
    return found


async def _written(
    tx: Transaction,
    gateway: Gateway,
    has: BotWithSession,
    asked: _Asked,
    file: Taken | Media | None,
) -> Message:
    media = row_of(file, has, tx) if isinstance(file, Taken) else file
    said = await composed(
        tx, has.bot.id, asked.draft, chat=asked.chat, media=media, region=gateway.region
    )
    named = asked.key is not None or asked.draft.client_ref is not None
    message = Message(
        id=asked.id,
        tenant=has.bot.tenant,
        bot=has.bot.id,
        seq=0,
        chat=asked.chat,
        origin=Origin.API,
        content=said.content,
        context=said.context,
        at=tx.now,
        status=Status.QUEUED,
        times={Status.QUEUED.value: tx.now},
        client_ref=asked.draft.client_ref,
        idempotency_key=asked.key,
        fingerprint=asked.mark if named else None,
    )
    if media is not None and isinstance(file, Taken):
        await tx.media.add([media])
    (event,) = await tx.events.append(
        message.tenant, message.bot, told(message, EventType.MESSAGE_QUEUED)
    )
    message = replace(message, seq=event.seq)
    await tx.messages.add([message], {message.id: said.form} if said.form else {})
    if asked.draft.changes is None:
        await tx.chats.touch(message.bot, message.tenant, [Touch(id=message.chat, seq=message.seq)])
    return message


async def _outcome(
    gateway: Gateway, message: Message, wait_s: float, *, replayed: bool
) -> Accepted:
    """The message when it is known what became of it, or as it is after `wait_s` seconds."""

    async def seen() -> Accepted:
        async with gateway.store.read() as tx:
            found = await tx.messages.get(message.bot, message.id)
            if found is None:  # the bot was deleted meanwhile
                raise MessageNotFound
            (json,) = await shown(tx, [found])
        settled = found.status is not Status.QUEUED
        return Accepted(message=json, settled=settled, replayed=replayed)

    async def settled() -> Accepted | None:
        now = await seen()
        return now if now.settled else None

    return await gateway.wait_for(settled, wait_s, topic=EVENTS) or await seen()


@asynccontextmanager
async def _file(
    gateway: Gateway, has: BotWithSession, draft: Draft, attached: Taken | None
) -> AsyncIterator[Taken | Media | None]:
    """The file that a draft sends; one that was not there before goes again unless it is needed."""
    if not isinstance(draft.what, SendFile):
        yield None
        return
    wanted = draft.what
    match wanted.source:
        case Kept(id=kept):
            media, _ = await stored(gateway, has, kept)
            yield _suitable(wanted, media)
        case Inline():
            async with taken_in(
                gateway,
                _whole(wanted.source.bytes),
                file_name=wanted.source.file_name or wanted.file_name,
                declared=wanted.source.mime_type or None,
            ) as taken:
                yield _suitable(wanted, taken)
        case Linked(url=url, file_name=name):
            async with fetched_from(gateway, url, file_name=name or wanted.file_name) as taken:
                yield _suitable(wanted, taken)
        case Attached():
            assert attached is not None  # noqa: S101 — the door hands both in
            yield _suitable(wanted, attached)
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


_F = TypeVar("_F", Taken, Media)


def _suitable(wanted: SendFile, file: _F) -> _F:
    wrong = objection(wanted.kind, file.mime_type)
    if wrong is not None:
        raise MediaUnsuitable(wrong, mime_type=file.mime_type)
    return file


async def _whole(file: bytes) -> AsyncIterator[bytes]:
    yield file


def _let_go(file: Taken | Media | None) -> None:
    if isinstance(file, Taken):
        file.needed = False
