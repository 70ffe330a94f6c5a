"""A line without WhatsApp, for tests of the half that people talk to: it does what a test says.

It answers chores and moves messages in the store, and tells of it, as `lines` does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from sololine.actions.gateway import Gateway
from sololine.bus import CHORES, EVENTS, Notice
from sololine.core.chat import ChatId, PersonId, Touch
from sololine.core.chore import ChoreFailure, Task
from sololine.core.content import Content, Context, File, Text
from sololine.core.events import EventType
from sololine.core.ids import DEFAULT_TENANT, BotId, MediaId, MessageId
from sololine.core.media import Media, MediaKind, Place
from sololine.core.message import Failure, Message, Origin, Status, told
from sololine.store.transaction import Transaction
from tests.unit.scenes import NOON

ANA = ChatId("34600111222")
GROUP = ChatId("120363000000000001@g.us")

Answer = Callable[[Task], Mapping[str, Any] | ChoreFailure]


@asynccontextmanager
async def answering(gateway: Gateway, bot: BotId, answer: Answer) -> AsyncIterator[list[Task]]:
    """A line that does the bot's chores; yields the list of those it was asked for."""
    asked: list[Task] = []

    async def once() -> None:
        for chore in await gateway.store.run(lambda tx: tx.chores.begin(bot, 4)):
            asked.append(chore.task)
            said = answer(chore.task)

            async def settle(tx: Transaction, chore: Any = chore, said: Any = said) -> None:
                if isinstance(said, ChoreFailure):
                    await tx.chores.failed(chore.id, said)
                else:
                    await tx.chores.done(chore.id, said)

            await gateway.store.run(settle)
            await gateway.bus.publish(Notice(topic=CHORES, key=chore.id))

    async def run() -> None:
        while True:
            await once()
            await asyncio.sleep(0.005)

    line = asyncio.create_task(run())
    try:
        yield asked
    finally:
        line.cancel()
        with suppress(asyncio.CancelledError):
            await line


async def moved(
    gateway: Gateway,
    bot: BotId,
    message: str,
    status: Status,
    *,
    failure: Failure | None = None,
    form: bytes = b"",
) -> Message:
    """The line sent the message, or WhatsApp said something of it."""

    async def work(tx: Transaction) -> Message:
        had = await tx.messages.get(bot, MessageId(message))
        assert had is not None
        has = had.failed(failure, tx.now) if failure is not None else had.moved(status, tx.now)
        if status is Status.SENT:
            has = replace(has, whatsapp_id=f"WA{message[4:20]}")
        await tx.events.append(has.tenant, bot, told(has, EventType(f"message.{has.status.value}")))
        await tx.messages.save([has], {has.id: form} if form else {})
        return has

    has = await gateway.store.run(work)
    await gateway.bus.publish(Notice(topic=EVENTS, key=has.tenant))
    return has


async def received(
    gateway: Gateway,
    bot: BotId,
    content: Content | None = None,
    *,
    no: int = 1,
    chat: ChatId = ANA,
    sender: str = ANA,
    form: bytes = b"",
    media: Media | None = None,
    context: Context | None = None,
) -> Message:
    """Somebody wrote to the bot."""

    async def work(tx: Transaction) -> Message:
        message = Message(
            id=MessageId(f"msg_{no:024}"),
            tenant=DEFAULT_TENANT,
            bot=bot,
            seq=0,
            chat=chat,
            origin=Origin.CONTACT,
            sender=PersonId(sender),
            sender_name="Ana",
            content=content or Text(text=f"hola {no}"),
            context=context or Context(),
            whatsapp_id=f"IN{no}",
            at=NOON,
            status=Status.RECEIVED,
            times={Status.RECEIVED.value: NOON},
        )
        if media is not None:
            await tx.media.add([media])
        (event,) = await tx.events.append(
            DEFAULT_TENANT, bot, told(message, EventType.MESSAGE_RECEIVED)
        )
        message = replace(message, seq=event.seq)
        await tx.messages.add([message], {message.id: form} if form else {})
        touch = Touch(id=chat, name="Ana", seq=event.seq, unread=1)
        await tx.chats.touch(bot, DEFAULT_TENANT, [touch])
        return message

    return await gateway.store.run(work)


def remote(bot: BotId, no: int = 1, **changes: Any) -> Media:
    """A file that WhatsApp keeps."""
    return replace(
        Media(
            id=MediaId(f"med_{no:024}"),
            tenant=DEFAULT_TENANT,
            bot=bot,
            mime_type="image/jpeg",
            size=3,
            sha256="",
            file_name="",
            place=Place.REMOTE,
            created_at=NOON,
        ),
        **changes,
    )


def image_of(media: Media) -> File:
    """What a message with the file says."""
    return File(
        kind=MediaKind.IMAGE,
        media=media.id,
        mime_type=media.mime_type,
        size=media.size,
        caption="c",
    )
