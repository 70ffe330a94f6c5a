"""Messages: what bots are asked to send, and what stands in their chats."""

from collections.abc import Iterable, Sequence
from typing import Any

from sololine.core.content import File, target_of
from sololine.core.ids import BotId
from sololine.core.message import Message
from sololine.core.message_json import message_json
from sololine.store.transaction import Transaction


async def shown(tx: Transaction, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages of any bots as JSON, in their order, with what belongs to them."""
    told: dict[str, dict[str, Any]] = {}
    for bot, of_bot in _by_bot(messages).items():
        media = await tx.media.many(
            bot,
            sorted(
                {
                    each.content.media
                    for each in of_bot
                    if isinstance(each.content, File) and each.content.media
                }
            ),
        )
        reactions = await tx.messages.reactions(
            bot, sorted({each.whatsapp_id for each in of_bot if each.whatsapp_id})
        )
        earlier = await tx.messages.known(
            bot, sorted({named for each in of_bot for named in _named(each)})
        )
        known = {whatsapp_id: each.id for whatsapp_id, each in earlier.items()}
        for each in of_bot:
            carried = each.content.media if isinstance(each.content, File) else None
            told[each.id] = message_json(
                each,
                media=media.get(carried) if carried else None,
                reactions=reactions.get(each.whatsapp_id or "", []),
                known=known,
            )
    return [told[each.id] for each in messages]


def _by_bot(messages: Iterable[Message]) -> dict[BotId, list[Message]]:
    by_bot: dict[BotId, list[Message]] = {}
    for each in messages:
        by_bot.setdefault(each.bot, []).append(each)
    return by_bot


def _named(message: Message) -> Iterable[str]:
    """WhatsApp's ids of the messages that this one refers to."""
    target, quoted = target_of(message.content), message.context.quoted
    if target is not None:
        yield target.whatsapp_id
    if quoted is not None:
        yield quoted.to.whatsapp_id
