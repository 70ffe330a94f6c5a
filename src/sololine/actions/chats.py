"""Chats, people, groups and presence: what a bot sees of WhatsApp, and lets others see of itself.

Chats are rows. All else is asked of WhatsApp at that moment, through the bot's line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sololine.actions.bots import BotWithSession, owned
from sololine.actions.chores import ask, refuse_unconnected
from sololine.actions.composing import named_chat
from sololine.actions.gateway import Gateway
from sololine.core.access import Caller
from sololine.core.chat import Chat, ChatId, is_group
from sololine.core.chore import (
    CheckNumbers,
    ListGroups,
    MarkSeen,
    ShowContact,
    ShowGroup,
    ShowOnline,
    ShowTyping,
)
from sololine.core.errors import (
    GroupNotFound,
    InvalidInput,
    InvalidNumber,
    MessageNotFound,
    NotOnWhatsApp,
)
from sololine.core.ids import MessageId, UserId
from sololine.core.message import Origin
from sololine.core.number import parse
from sololine.core.sentence import Sentence
from sololine.core.signals import TypingState

PAGE_MAX: Final = 200
NUMBERS_MAX: Final = 50
"""Numbers that one request may ask about. WhatsApp restricts accounts that ask about many."""

SEEN_MAX: Final = 100
"""Messages that one request marks as seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of chats, latest first; `next_before` leads on and is None on the last."""

    chats: list[Chat]
    next_before: int | None


async def page(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    *,
    user: UserId | None,
    before: int | None = None,
    limit: int = 50,
) -> Page:
    """List the bot's chats, the one with the latest message first."""
    async with gateway.store.read() as tx:
        has = await owned(tx, caller, bot, user)
        found = await tx.chats.page(has.bot.id, before=before, limit=limit)
    return Page(chats=found, next_before=found[-1].last_seq if len(found) == limit else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known of a number that was asked about.

    Attributes:
        asked: the number as the caller wrote it.
        chat: the person's chat; None when the number is not on WhatsApp.
        wrong: why the text is no number; None when it is one.
    """

    asked: str
    chat: ChatId | None = None
    business_name: str = ""
    wrong: Sentence | None = None


async def check_numbers(
    gateway: Gateway, caller: Caller, bot: str, numbers: Sequence[str], *, user: UserId | None
) -> list[Checked]:
    """Say which numbers are on WhatsApp, in the order in which they were asked about.

    Raises:
        InvalidInput: there is none, or there are too many.
        NotLinked, NotConnected, NoAnswer, RefusedByWhatsApp: WhatsApp could not be asked.
    """
    if not 1 <= len(numbers) <= NUMBERS_MAX:
        raise InvalidInput(
            Sentence(
                "One request asks about 1 to {most} numbers, not {count}.",
                most=NUMBERS_MAX,
                count=len(numbers),
            ),
            field="numbers",
        )
    asker = await _asker(gateway, caller, bot, user)
    digits: dict[str, str] = {}
    wrong: dict[str, Sentence] = {}
    for text in numbers:
        try:
            digits[text] = parse(text, gateway.region).digits
        except InvalidNumber as error:
            wrong[text] = error.message
    told: dict[str, Mapping[str, Any]] = {}
    if digits:
        answer = await ask(
            gateway, asker, CheckNumbers(numbers=tuple(dict.fromkeys(digits.values())))
        )
        told = {each["asked"]: each for each in answer["numbers"]}
    return [
        Checked(asked=text, wrong=wrong[text])
        if text in wrong
        else _checked(text, told.get(digits[text], {}))
        for text in numbers
    ]


async def contact(
    gateway: Gateway, caller: Caller, bot: str, person: str, *, user: UserId | None
) -> tuple[ChatId, Mapping[str, Any]]:
    """The person's chat, and what WhatsApp shows of them, as `core.chore.ShowContact` answers.

    Raises:
        InvalidNumber, InvalidInput: the text names no person.
        NotOnWhatsApp: WhatsApp knows nobody there.
        NotLinked, NotConnected, NoAnswer, RefusedByWhatsApp: WhatsApp could not be asked.
    """
    asker = await _asker(gateway, caller, bot, user)
    chat = await _named(gateway, asker, person, "number")
    if is_group(chat):
        raise InvalidInput(
            Sentence("This is a group. Ask for it among the groups."), field="number"
        )
    return chat, await ask(gateway, asker, ShowContact(chat=chat), missing=NotOnWhatsApp)


async def groups(
    gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None
) -> Sequence[Mapping[str, Any]]:
    """The groups that the bot's number is in, as `core.chore.ListGroups` answers."""
    asker = await _asker(gateway, caller, bot, user)
    found: Sequence[Mapping[str, Any]] = (await ask(gateway, asker, ListGroups()))["groups"]
    return found


async def group(
    gateway: Gateway, caller: Caller, bot: str, group: str, *, user: UserId | None
) -> Mapping[str, Any]:
    """One group, as `core.chore.ShowGroup` answers. Raises `GroupNotFound`, and as `groups`."""
    asker = await _asker(gateway, caller, bot, user)
    try:
        chat = await _named(gateway, asker, group, "groupId")
    except InvalidInput as error:
        raise GroupNotFound from error
    if not is_group(chat):
        raise GroupNotFound
    return await ask(gateway, asker, ShowGroup(chat=chat), missing=GroupNotFound)


async def typing(
    gateway: Gateway, caller: Caller, bot: str, to: str, state: TypingState, *, user: UserId | None
) -> None:
    """Let a chat see the bot type, record, or stop doing so."""
    asker = await _asker(gateway, caller, bot, user)
    chat = await _named(gateway, asker, to, "to")
    await ask(gateway, asker, ShowTyping(chat=chat, state=state), missing=NotOnWhatsApp)


async def presence(
    gateway: Gateway, caller: Caller, bot: str, *, online: bool, user: UserId | None
) -> None:
    """Let the bot be seen online, or no longer.

    Raises:
        AccountUnnamed: nobody is seen online without a name.
        NotLinked, NotConnected, NoAnswer: WhatsApp could not be told.
    """
    asker = await _asker(gateway, caller, bot, user)
    await ask(gateway, asker, ShowOnline(online=online))


async def seen(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    *,
    user: UserId | None,
    messages: Sequence[str] = (),
    chat: str | None = None,
) -> int:
    """Mark received messages as seen: those that are named, or what is unread in a chat.

    Returns how many.

    Raises:
        InvalidInput: nothing is named, or both are, or too many messages.
        MessageNotFound: the bot received no such message.
        NotLinked, NotConnected, NoAnswer, RefusedByWhatsApp: WhatsApp could not be told.
    """
    if bool(messages) == (chat is not None):
        raise InvalidInput(
            Sentence("Name the messages that were seen in messageIds, or a whole chat in chat.")
        )
    if len(messages) > SEEN_MAX:
        raise InvalidInput(
            Sentence(
                "One request marks {most} messages at most, not {count}.",
                most=SEEN_MAX,
                count=len(messages),
            ),
            field="messageIds",
        )
    asker = await _asker(gateway, caller, bot, user)
    if chat is not None:
        ids = await _unread(gateway, asker, await _named(gateway, asker, chat, "chat"))
    else:
        ids = await _received(gateway, asker, messages)
    if ids:
        await ask(gateway, asker, MarkSeen(messages=ids))
    return len(ids)


async def _asker(gateway: Gateway, caller: Caller, bot: str, user: UserId | None) -> BotWithSession:
    async with gateway.store.read() as tx:
        asker = await owned(tx, caller, bot, user)
    refuse_unconnected(asker.session)
    return asker


async def _named(gateway: Gateway, asker: BotWithSession, text: str, field: str) -> ChatId:
    async with gateway.store.read() as tx:
        return await named_chat(tx, asker.bot.id, text, gateway.region, field)


async def _unread(gateway: Gateway, asker: BotWithSession, chat: ChatId) -> tuple[MessageId, ...]:
    async with gateway.store.read() as tx:
        known = await tx.chats.get(asker.bot.id, chat)
        if known is None or known.unread == 0:
            return ()
        # Some of the latest may be the bot's own, so more are read than are unread.
        latest = await tx.messages.page(
            asker.bot.id, chat=chat, before=None, limit=min(known.unread, SEEN_MAX) * 2
        )
    received = [each.id for each in latest if each.origin is Origin.CONTACT]
    return tuple(received[: min(known.unread, SEEN_MAX)])


async def _received(
    gateway: Gateway, asker: BotWithSession, messages: Sequence[str]
) -> tuple[MessageId, ...]:
    wanted = list(dict.fromkeys(MessageId(each) for each in messages))
    async with gateway.store.read() as tx:
        found = await tx.messages.many(asker.bot.id, wanted)
    received = {each.id for each in found if each.origin is Origin.CONTACT}
    if len(received) < len(wanted):
        raise MessageNotFound(field="messageIds")
    return tuple(wanted)


def _checked(text: str, told: Mapping[str, Any]) -> Checked:
    chat = told.get("number") or told.get("lid")
    return Checked(
        asked=text,
        chat=ChatId(chat) if chat and told.get("onWhatsapp") else None,
        business_name=told.get("businessName") or "",
    )
