"""Messages as they are shown: one, a chat's, all of a bot's. `sending` makes new ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sololine.actions.bots import owned
from sololine.actions.composing import named_chat
from sololine.actions.gateway import Gateway
from sololine.core.access import Caller
from sololine.core.content import File, target_of
from sololine.core.errors import MessageNotFound
from sololine.core.ids import BotId, MessageId, UserId
from sololine.core.message import Message
from sololine.core.message_json import message_json
from sololine.languages import Language
from sololine.store.transaction import Transaction

PAGE_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of messages as JSON, newest first; `next_before` leads on and is None on the last."""

    messages: list[dict[str, Any]] = field(repr=False)
    next_before: int | None


async def page(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    *,
    user: UserId | None,
    chat: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Page:
    """List a bot's messages, or those of one chat, newest first.

    Args:
        gateway: where to look.
        caller: who asks.
        bot: whose messages.
        user: whose bot it has to be.
        chat: a number in any form, or a chat.
        before: `next_before` of the page before.
        limit: messages a page, `PAGE_MAX` at most.
    """
    async with gateway.store.read() as tx:
        has = await owned(tx, caller, bot, user)
        named = await named_chat(tx, has.bot.id, chat, gateway.region, "chat") if chat else None
        found = await tx.messages.page(has.bot.id, chat=named, before=before, limit=limit)
        return Page(
            messages=await shown(tx, found),
            next_before=found[-1].seq if len(found) == limit else None,
        )


async def one(
    gateway: Gateway, caller: Caller, bot: str, message: str, *, user: UserId | None
) -> dict[str, Any]:
    """Show one message.

    Raises:
        MessageNotFound: the bot has no such message.
    """
    async with gateway.store.read() as tx:
        has = await owned(tx, caller, bot, user)
        found = await tx.messages.get(has.bot.id, MessageId(message))
        if found is None:
            raise MessageNotFound
        (json,) = await shown(tx, [found])
    return json


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


def said(told: dict[str, Any], language: Language) -> dict[str, Any]:
    """A message's JSON in a language: only its remedy is a sentence of ours."""
    remedy = told["remedy"]
    return told if remedy is None else {**told, "remedy": language.say(remedy)}


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
