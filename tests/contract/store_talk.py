"""Messages and their companions for the store's tests, stored as lines and doors do it."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sololine.core.chat import ChatId, PersonId
from sololine.core.content import Reaction, Target, Text
from sololine.core.events import Event, EventType, LoggedEvent
from sololine.core.ids import DEFAULT_TENANT, BotId, MediaId, MessageId, TenantId, WebhookId
from sololine.core.media import Media, Place
from sololine.core.message import Message, Origin, Status
from sololine.core.webhook import Webhook
from sololine.store.store import Store
from sololine.store.transaction import Transaction

ANA: Final = ChatId("447700900123")
BEA: Final = ChatId("447700900124")
GROUP: Final = ChatId("120363000000000001@g.us")

RECEIVED: Final = Event(type=EventType.MESSAGE_RECEIVED, data={"chat": "+44*******23"})

_serial = itertools.count(1)


def new_id(prefix: str) -> str:
    return f"{prefix}_{next(_serial):024}"


def heard(bot: BotId, seq: int, at: datetime, **said: Any) -> Message:
    """A message that somebody sent to the bot."""
    return Message(
        **{
            "id": MessageId(new_id("msg")),
            "tenant": DEFAULT_TENANT,
            "bot": bot,
            "seq": seq,
            "chat": ANA,
            "origin": Origin.CONTACT,
            "sender": PersonId(ANA),
            "sender_name": "Ana",
            "content": Text(text="hello"),
            "whatsapp_id": f"3EB0{next(_serial):016}",
            "at": at,
            "status": Status.RECEIVED,
            **said,
        }
    )


def asked(bot: BotId, seq: int, at: datetime, **said: Any) -> Message:
    """A message that the API accepted for the bot to send."""
    said = {
        "origin": Origin.API,
        "sender": None,
        "sender_name": "",
        "whatsapp_id": None,
        "status": Status.QUEUED,
        "times": {"queued": at},
        **said,
    }
    return heard(bot, seq, at, **said)


def reaction(to: str, emoji: str) -> Reaction:
    return Reaction(to=Target(whatsapp_id=to), emoji=emoji)


async def logged(tx: Transaction, bot: BotId, count: int = 1) -> list[LoggedEvent]:
    return await tx.events.append(DEFAULT_TENANT, bot, *[RECEIVED] * count)


async def stored(
    store: Store, bot: BotId, *said: dict[str, Any], make: Any = heard
) -> list[Message]:
    """Messages of the bot that are stored, one for each of `said`, in this order."""

    async def work(tx: Transaction) -> list[Message]:
        events = await logged(tx, bot, len(said))
        messages = [
            make(bot, event.seq, tx.now, **each) for event, each in zip(events, said, strict=True)
        ]
        await tx.messages.add(messages)
        return messages

    return await store.run(work)


async def saved(store: Store, messages: Sequence[Message]) -> None:
    await store.run(lambda tx: tx.messages.save(messages))


async def message_of(store: Store, message: Message) -> Message | None:
    async with store.read() as tx:
        return await tx.messages.get(message.bot, message.id)


def file_of(bot: BotId, at: datetime, **facts: Any) -> Media:
    return Media(
        **{
            "id": MediaId(new_id("med")),
            "tenant": DEFAULT_TENANT,
            "bot": bot,
            "mime_type": "image/png",
            "size": 3,
            "sha256": "",
            "place": Place.REMOTE,
            "created_at": at,
            **facts,
        }
    )


async def hooked(store: Store, tenant: TenantId = DEFAULT_TENANT, **facts: Any) -> Webhook:
    """A webhook of the tenant's."""

    async def work(tx: Transaction) -> Webhook:
        webhook = Webhook(
            **{
                "id": WebhookId(new_id("whk")),
                "tenant": tenant,
                "url": "https://example.com/hook",
                "secret": "whsec_c2VjcmV0",
                "created_at": tx.now,
                **facts,
            }
        )
        await tx.webhooks.add(webhook)
        return webhook

    return await store.run(work)


async def happened(
    store: Store, bot: BotId | None, count: int = 1, only: WebhookId | None = None
) -> list[LoggedEvent]:
    """Events of the bot's that are logged, with their deliveries."""
    return await store.run(
        lambda tx: tx.events.append(DEFAULT_TENANT, bot, *[RECEIVED] * count, only=only)
    )
