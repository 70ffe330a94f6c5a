"""From a draft to a message: looks up the chat, the people and the earlier messages it names."""

from dataclasses import dataclass, field
from typing import Final, assert_never

from sololine.core.chat import ChatId, PersonId, address_of, is_group, to_chat
from sololine.core.content import (
    Card,
    Contacts,
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Location,
    Poll,
    Quoted,
    Reaction,
    Target,
    Text,
    Undecryptable,
    Unsupported,
    text_of,
)
from sololine.core.draft import Draft, PassOn, React, Rewrite, SendFile, Withdraw
from sololine.core.errors import (
    InvalidInput,
    InvalidNumber,
    MessageNotFound,
    NotOwnMessage,
    NotSentYet,
)
from sololine.core.ids import BotId, MessageId
from sololine.core.media import Media
from sololine.core.message import Message
from sololine.core.number import parse
from sololine.core.sentence import Sentence
from sololine.store.transaction import Transaction
from sololine.wire.content import NotForwardable, forward
from sololine.wire.errors import WireError

_QUOTED_MAX: Final = 200
"""Characters of a message that an answer to it repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What a message will say.

    Attributes:
        form: WhatsApp's own bytes, where they are known before the message is sent.
    """

    content: Content
    context: Context
    form: bytes | None = field(default=None, repr=False)


async def chat_of(tx: Transaction, bot: BotId, draft: Draft, region: str | None) -> ChatId:
    """The chat that a draft is for: the one it names, else that of the message it changes.

    Raises:
        InvalidNumber, InvalidInput: it names none, or another one than that message's.
        MessageNotFound: there is no such message.
    """
    named = await named_chat(tx, bot, draft.to, region) if draft.to else None
    if draft.changes is None:
        assert named is not None  # noqa: S101 — `core.draft.check` wants a receiver
        return named
    changed = await _found(tx, bot, draft.changes, "messageId")
    if named is not None and named != changed.chat:
        raise InvalidInput(
            Sentence("The message is in another chat than the one in to. Leave to out."), field="to"
        )
    return changed.chat


async def named_chat(
    tx: Transaction, bot: BotId, text: str, region: str | None, named: str = "to"
) -> ChatId:
    """The bot's chat that a caller names, under its one name, whatever address was written.

    Raises:
        InvalidNumber, InvalidInput: the text, in the field `named`, is no chat.
    """
    try:
        chat = to_chat(text, region)
    except InvalidInput as error:
        raise type(error)(error.message, field=named) from error
    if chat.endswith("@lid"):
        return (await tx.chats.of_lids(bot, [chat])).get(chat, chat)
    return chat


async def composed(
    tx: Transaction,
    bot: BotId,
    draft: Draft,
    *,
    chat: ChatId,
    media: Media | None,
    region: str | None,
) -> Composed:
    """What the draft's message says.

    Args:
        tx: where to look things up.
        bot: who sends it.
        draft: what was asked for.
        chat: where to.
        media: the file that a draft with a file sends.
        region: country whose national numbers are understood.

    Raises:
        MessageNotFound, NotOwnMessage, NotSentYet: it refers to an earlier message in vain.
        InvalidNumber, InvalidInput: it mentions nobody's number, or asks for what cannot be.
    """
    context = Context(
        quoted=await _quoted(tx, bot, draft.reply_to, chat),
        mentions=tuple(_person(text, region) for text in draft.mentions),
    )
    match draft.what:
        case Text() | Location() | Poll():
            return Composed(content=draft.what, context=context)
        case Contacts(cards=cards):
            content = Contacts(cards=tuple(_with_digits(card, region) for card in cards))
            return Composed(content=content, context=context)
        case SendFile():
            assert media is not None  # noqa: S101 — taken in before
            return Composed(content=_file(draft.what, media), context=context)
        case React(message=message, emoji=emoji):
            target = await _target(tx, bot, message)
            return Composed(content=Reaction(to=target, emoji=emoji.strip()), context=context)
        case Rewrite(message=message, text=text):
            own = await _own(tx, bot, message)
            if not isinstance(own.content, Text):
                raise InvalidInput(
                    Sentence("Only a text can be edited. Delete the message and send another one."),
                    field="messageId",
                )
            return Composed(content=Edit(of=_target_of(own), text=text), context=context)
        case Withdraw(message=message):
            own = await _own(tx, bot, message)
            return Composed(content=Deletion(of=_target_of(own)), context=context)
        case PassOn(message=message):
            return await _passed_on(tx, bot, message, context)
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def _file(wanted: SendFile, media: Media) -> File:
    return File(
        kind=wanted.kind,
        media=media.id,
        mime_type=media.mime_type,
        size=media.size,
        sha256=media.sha256,
        caption=wanted.caption,
        file_name=wanted.file_name or media.file_name,
        seconds=wanted.seconds,
        view_once=wanted.view_once,
    )


def _with_digits(card: Card, region: str | None) -> Card:
    try:
        numbers = tuple(parse(number, region).digits for number in card.numbers)
    except InvalidNumber as error:
        raise InvalidNumber(error.message, field="contacts.numbers") from error
    return Card(name=card.name.strip(), numbers=numbers, vcard=card.vcard)


def _person(text: str, region: str | None) -> PersonId:
    try:
        chat = to_chat(text, region)
    except InvalidInput as error:
        raise type(error)(error.message, field="mentions") from error
    if is_group(chat):
        raise InvalidInput(
            Sentence("A group cannot be mentioned. Name its members."), field="mentions"
        )
    return PersonId(chat)


async def _quoted(tx: Transaction, bot: BotId, reply_to: str | None, chat: ChatId) -> Quoted | None:
    if reply_to is None:
        return None
    answered = await _stands_for_itself(tx, bot, reply_to, "replyTo")
    if answered.chat != chat:
        raise InvalidInput(
            Sentence("The message to reply to is in another chat. Reply where it was written."),
            field="replyTo",
        )
    return Quoted(to=_target_of(answered), text=text_of(answered.content)[:_QUOTED_MAX])


async def _target(tx: Transaction, bot: BotId, message: str) -> Target:
    return _target_of(await _stands_for_itself(tx, bot, message, "messageId"))


async def _own(tx: Transaction, bot: BotId, message: str) -> Message:
    found = await _stands_for_itself(tx, bot, message, "messageId")
    if not found.from_me:
        raise NotOwnMessage
    return found


async def _passed_on(tx: Transaction, bot: BotId, message: str, context: Context) -> Composed:
    found = await _stands_for_itself(tx, bot, message, "messageId")
    form = await tx.messages.form(bot, found.id)
    content = found.content
    unsuited = isinstance(content, Unsupported | Undecryptable) or (
        isinstance(content, File) and content.view_once
    )
    if unsuited or form is None:
        raise _not_forwardable()
    try:
        again = forward(form)
    except (NotForwardable, WireError) as error:
        raise _not_forwardable() from error
    forwarded = Context(mentions=context.mentions, forwarded=True)
    return Composed(content=content, context=forwarded, form=again)


def _not_forwardable() -> InvalidInput:
    return InvalidInput(
        Sentence("This message cannot be forwarded. Send what it says as a message of its own."),
        field="messageId",
    )


async def _stands_for_itself(tx: Transaction, bot: BotId, message: str, named: str) -> Message:
    """A message that WhatsApp has, that was not deleted, and that changes no other one."""
    found = await _found(tx, bot, message, named)
    if found.deleted_at is not None or isinstance(found.content, Reaction | Edit | Deletion):
        raise InvalidInput(
            Sentence(
                "This message was deleted, or only changes another one. Name the one that is meant."
            ),
            field=named,
        )
    if found.whatsapp_id is None:
        raise NotSentYet
    return found


async def _found(tx: Transaction, bot: BotId, message: str, named: str) -> Message:
    found = await tx.messages.get(bot, MessageId(message))
    if found is None:
        raise MessageNotFound(field=named)
    return found


def _target_of(message: Message) -> Target:
    assert message.whatsapp_id is not None  # noqa: S101 — looked at before
    return Target(
        whatsapp_id=message.whatsapp_id,
        from_me=message.from_me,
        sender=message.sender_jid or (address_of(message.sender) if message.sender else ""),
    )
