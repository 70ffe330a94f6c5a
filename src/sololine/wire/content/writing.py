"""Writing: a message that phones accept.

Each kind is written as phones write it, with two deliberate differences:

* Polls are always of version 1. Phones use version 3 for a single choice, but the engine's library
  tells WhatsApp that a message is a poll for version 1 only, and phones read both.
* Texts have no link preview unless it is asked for; then the link is named and nothing fetched.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, assert_never
from urllib.parse import urlsplit

from sololine.core.chat import bare_of
from sololine.core.content import (
    Contacts,
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Location,
    Poll,
    Reaction,
    Text,
    Undecryptable,
    Unsupported,
)
from sololine.core.media import MediaKind, Uploaded
from sololine.wire.content import contexts, texts
from sololine.wire.content.files import write_file
from sololine.wire.content.forms import Form, e2e, open_form, parse_form
from sololine.wire.content.keys import write_key
from sololine.wire.content.vcards import write_card

SECRET_SIZE: Final = 32
"""Bytes of the secret that comes with a poll; votes are encrypted with it."""

_LINK: Final = re.compile(r"https?://[^\s<>\"]+")
_CAPTIONED: Final = ("imageMessage", "videoMessage", "documentMessage")


def write(
    content: Content,
    *,
    chat: str,
    now: datetime,
    context: Context = Context(),  # noqa: B008 — a value, frozen
    mentions: Sequence[str] = (),
    quoted_form: bytes | None = None,
    file: Uploaded | None = None,
) -> bytes:
    """The message that says this, serialised.

    Args:
        content: what it says; nothing that was only read, such as `Unsupported`.
        chat: the address that the message goes to.
        now: for the times that some kinds carry.
        context: what it says beside. `quoted.to.sender` must be the author's address, unless it is
            the other one in a chat of two. Reactions, edits and deletions have none.
        mentions: addresses of `context.mentions`, one for each, in their order. A text that names
            a person by number is changed to name the address, which is what phones look for.
        quoted_form: the message that is quoted, as it was read or written; for an edit, the one
            that is edited, so that a caption can be edited too.
        file: where WhatsApp keeps the file of a `File`.

    Raises:
        ValueError: if `file` is missing, or the content is one that cannot be written.
        MalformedPayload: if `quoted_form` is no message.
    """
    if isinstance(content, Edit):
        message = _edited(content, quoted_form)
        info = contexts.write_context(Context(), chat=chat, mentions=mentions, quoted_form=None)
    else:
        message = _message(content, chat=chat, now=now, file=file)
        info = contexts.write_context(
            context, chat=chat, mentions=mentions, quoted_form=quoted_form
        )
    if info is not None:
        _put(message, info)
    _name_mentioned(message, context, mentions)
    if isinstance(content, Edit):
        message = _change(content, message, chat=chat, now=now)
    return bytes(_wrapped(message, content).SerializeToString())


def _message(content: Content, *, chat: str, now: datetime, file: Uploaded | None) -> Form:
    match content:
        case Text():
            return _text(content)
        case File():
            if file is None:
                raise ValueError("a file can be written when WhatsApp keeps it; upload it first")
            return write_file(content, file, now)
        case Location():
            return _location(content)
        case Contacts():
            return _contacts(content)
        case Poll():
            return _poll(content)
        case Reaction():
            reaction = e2e.ReactionMessage(
                key=write_key(content.to, chat),
                text=texts.text(content.emoji),
                senderTimestampMS=_milliseconds(now),
            )
            return e2e.Message(reactionMessage=reaction)
        case Deletion():
            change = e2e.ProtocolMessage(
                key=write_key(content.of, chat), type=e2e.ProtocolMessage.REVOKE
            )
            return e2e.Message(protocolMessage=change)
        case Edit() | Unsupported() | Undecryptable():
            raise ValueError(f"{type(content).__name__} cannot be written by itself")
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def _text(content: Text) -> Form:
    body = texts.text(content.text)
    link = _LINK.search(body) if content.link_preview else None
    if link is None:
        return e2e.Message(conversation=body)
    part = e2e.ExtendedTextMessage(
        text=body, matchedText=link[0], title=urlsplit(link[0]).hostname or link[0]
    )
    return e2e.Message(extendedTextMessage=part)


def _location(content: Location) -> Form:
    part = e2e.LocationMessage(degreesLatitude=content.latitude, degreesLongitude=content.longitude)
    if content.name:
        part.name = texts.line(content.name)
    if content.address:
        part.address = texts.line(content.address, 1024)
    return e2e.Message(locationMessage=part)


def _contacts(content: Contacts) -> Form:
    cards = [
        e2e.ContactMessage(displayName=texts.line(card.name), vcard=write_card(card))
        for card in content.cards
    ]
    if len(cards) == 1:
        return e2e.Message(contactMessage=cards[0])
    named = f"{len(cards)} contacts"
    part = e2e.ContactsArrayMessage(displayName=named, contacts=cards)
    return e2e.Message(contactsArrayMessage=part)


def _poll(content: Poll) -> Form:
    part = e2e.PollCreationMessage(
        name=texts.text(content.question),
        options=[
            e2e.PollCreationMessage.Option(optionName=texts.text(option))
            for option in content.options
        ],
        selectableOptionsCount=min(content.choices_max, len(content.options)),
    )
    # Without a secret nobody can vote: phones encrypt votes with it.
    secret = e2e.MessageContextInfo(messageSecret=secrets.token_bytes(SECRET_SIZE))
    return e2e.Message(pollCreationMessage=part, messageContextInfo=secret)


def _edited(content: Edit, original: bytes | None) -> Form:
    """The new message: a text, or the original file with a new caption."""
    body = texts.text(content.text)
    if original is not None:
        opened = open_form(parse_form(original))
        for name in opened.names:
            if name in _CAPTIONED:
                same = e2e.Message()
                part = getattr(same, name)
                part.CopyFrom(getattr(opened.message, name))
                part.ClearField("contextInfo")
                part.caption = body
                return same
    return e2e.Message(conversation=body)


def _change(content: Edit, edited: Form, *, chat: str, now: datetime) -> Form:
    change = e2e.ProtocolMessage(
        key=write_key(content.of, chat),
        type=e2e.ProtocolMessage.MESSAGE_EDIT,
        editedMessage=edited,
        timestampMS=_milliseconds(now),
    )
    return e2e.Message(protocolMessage=change)


def _put(message: Form, info: Form) -> None:
    """Give the message its context. What has no room for one goes without."""
    if message.HasField("conversation"):
        # Plain text has no room; then phones write the longer form.
        body = message.conversation
        message.ClearField("conversation")
        message.extendedTextMessage.text = body
    for descriptor, part in message.ListFields():
        if descriptor.name == "messageContextInfo" or descriptor.message_type is None:
            continue
        if "contextInfo" in descriptor.message_type.fields_by_name:
            part.contextInfo.CopyFrom(info)


def _name_mentioned(message: Form, context: Context, mentions: Sequence[str]) -> None:
    if message.HasField("extendedTextMessage"):
        part, name = message.extendedTextMessage, "text"
    else:
        part, name = next(
            ((getattr(message, one), "caption") for one in _CAPTIONED if message.HasField(one)),
            (None, ""),
        )
    if part is None or not getattr(part, name):
        return
    body = getattr(part, name)
    for person, jid in zip(context.mentions, mentions, strict=False):
        said = re.escape(person.partition("@")[0])
        user = bare_of(jid).partition("@")[0]
        body = re.sub(rf"@\+?{said}(?![0-9])", f"@{user}", body)
    setattr(part, name, body)


def _wrapped(message: Form, content: Content) -> Form:
    match content:
        case Edit():
            return _in("editedMessage", message)
        case File(view_once=True, kind=MediaKind.IMAGE | MediaKind.VIDEO):
            return _in("viewOnceMessageV2", message)
        case File(view_once=True, kind=MediaKind.AUDIO | MediaKind.VOICE):
            return _in("viewOnceMessageV2Extension", message)
        case File(kind=MediaKind.DOCUMENT) if content.caption:
            return _in("documentWithCaptionMessage", message)
        case _:
            return message


def _in(wrapper: str, message: Form) -> Form:
    return e2e.Message(**{wrapper: e2e.FutureProofMessage(message=message)})


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)
