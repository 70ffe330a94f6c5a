"""What people and bots say to each other in the tests of lines."""

import itertools
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sololine.core.chat import Chat, ChatId
from sololine.core.content import Content, Context, Deletion, Edit, Reaction, Target, Text, text_of
from sololine.core.events import EventType
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId, MessageId
from sololine.core.message import Message, Origin, Status, told
from sololine.core.session import State
from sololine.core.training import Training
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from sololine.wire.content import read, write
from tests.unit.lines.stage import RunningLine, Stage
from tests.unit.scenes import NOON, NUMBER, connect, new_bot, until

ANA: Final = ChatId("447700900123")
ANA_JID: Final = "447700900123@s.whatsapp.net"
BEA: Final = ChatId("447700900124")
BEA_JID: Final = "447700900124@s.whatsapp.net"
GROUP: Final = ChatId("120363000000000001@g.us")

_serial = itertools.count(1)


@dataclass(slots=True)
class Online:
    """A connected bot, its line and its device."""

    stage: Stage
    bot: BotId
    line: RunningLine
    device: DeviceId

    @property
    def store(self) -> Store:
        return self.stage.store

    # ------------------------------------------------------------------ what people say

    def says(self, content: Content | str, sender: str = ANA_JID, **said: Any) -> str:
        """Somebody writes; returns WhatsApp's id."""
        said.setdefault("at", self.stage.clock.now())
        return self.stage.whatsapp.receive(self.device, form(content), sender, **said)

    async def heard(self) -> None:
        await self.line.heard()

    async def back(self) -> None:
        """Wait until the link is up again after it ended."""

        async def waits() -> bool:
            return (await self.stage.session(self.bot)).retry_at is not None

        await until(waits, "the line waits")
        self.stage.clock.advance(timedelta(minutes=2))
        self.line.look()
        await self.stage.reached(self.bot, State.CONNECTED)

    # ------------------------------------------------------------------ what the bot says

    async def queue(
        self,
        content: Content | str = "hi",
        chat: ChatId = ANA,
        *,
        form: bytes | None = None,
        **said: Any,
    ) -> MessageId:
        """Accept a message as the API does, and tell the line."""
        queued = await queue(self.store, self.bot, content, chat, form=form, **said)
        self.line.look()
        return queued

    async def settled(self, message: MessageId) -> Message:
        """The message, once its outcome is known."""

        async def look() -> Message | None:
            found = await self.message(message)
            return found if found.status is not Status.QUEUED else None

        return await until(look, "the message is settled")

    async def message(self, message: MessageId) -> Message:
        async with self.store.read() as tx:
            found = await tx.messages.get(self.bot, message)
        assert found is not None
        return found

    async def messages(self) -> list[Message]:
        """All messages of the bot, oldest first."""
        async with self.store.read() as tx:
            found = await tx.messages.page(self.bot, chat=None, before=None, limit=1000)
        return found[::-1]

    async def form(self, message: MessageId) -> bytes | None:
        async with self.store.read() as tx:
            return await tx.messages.form(self.bot, message)

    async def chat(self, chat: str) -> Chat:
        async with self.store.read() as tx:
            found = await tx.chats.get(self.bot, ChatId(chat))
        assert found is not None
        return found

    async def events(self) -> list[tuple[str, str | None]]:
        """Types of the events about messages, with the message that each is about."""
        async with self.store.read() as tx:
            logged = await tx.events.after(DEFAULT_TENANT, 0, 5000, bot=self.bot)
        return [
            (each.type.value, each.data.get("messageId"))
            for each in logged
            if each.type.value.startswith(("message.", "chat."))
        ]

    async def told(self, message: MessageId) -> list[str]:
        """Types of the events about one message."""
        return [type_ for type_, about in await self.events() if about == message]

    def sent(self) -> list[bytes]:
        return [taken.message for taken in self.stage.whatsapp.sent]

    def sent_texts(self) -> list[str]:
        return [text_in(each) for each in self.sent()]

    async def train(self, training: Training) -> None:
        async def put(tx: Transaction) -> None:
            await tx.sessions.lock(self.bot)
            await tx.trainings.put(self.bot, training)

        await self.store.run(put)


async def online(
    stage: Stage, number: str = NUMBER, *, store: Store | None = None, **manners: Any
) -> Online:
    """A bot that is connected, and the line that keeps it so."""
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    line = await stage.line(bot, store=store, **manners)
    device = await stage.scanned(bot, number)
    await stage.reached(bot, State.CONNECTED)
    return Online(stage, bot, line, device)


async def queue(
    store: Store,
    bot: BotId,
    content: Content | str = "hi",
    chat: ChatId = ANA,
    *,
    form: bytes | None = None,
    context: Context | None = None,
) -> MessageId:
    """Accept a message as the API does."""

    async def work(tx: Transaction) -> MessageId:
        message = Message(
            id=MessageId(f"msg_{next(_serial):024x}"),
            tenant=DEFAULT_TENANT,
            bot=bot,
            seq=0,
            chat=chat,
            origin=Origin.API,
            content=Text(text=content) if isinstance(content, str) else content,
            context=context or Context(),
            at=tx.now,
            status=Status.QUEUED,
            times={Status.QUEUED.value: tx.now},
        )
        (logged,) = await tx.events.append(
            DEFAULT_TENANT, bot, told(message, EventType.MESSAGE_QUEUED)
        )
        forms = {message.id: form} if form else {}
        await tx.messages.add([replace(message, seq=logged.seq)], forms)
        return message.id

    return await store.run(work)


def form(
    content: Content | str, *, chat: str = ANA_JID, now: datetime = NOON, **said: Any
) -> bytes:
    """A message as WhatsApp carries it."""
    said_ = Text(text=content) if isinstance(content, str) else content
    return write(said_, chat=chat, now=now, **said)


def text_in(message: bytes) -> str:
    """The text that a message carries."""
    incoming = read(message)
    assert incoming is not None
    return text_of(incoming.content)


def edit(whatsapp_id: str, text: str, *, from_me: bool = True, sender: str = "") -> Edit:
    """An edit, from the side of its writer."""
    return Edit(of=Target(whatsapp_id=whatsapp_id, from_me=from_me, sender=sender), text=text)


def deletion(whatsapp_id: str, *, from_me: bool = True, sender: str = "") -> Deletion:
    return Deletion(of=Target(whatsapp_id=whatsapp_id, from_me=from_me, sender=sender))


def reaction(whatsapp_id: str, emoji: str, *, from_me: bool = False) -> Reaction:
    return Reaction(to=Target(whatsapp_id=whatsapp_id, from_me=from_me), emoji=emoji)
