"""Reading: what a message from WhatsApp says to people.

A part of a kind that Sololine carries becomes its content. What is only between programs (keys,
settings, history) says nothing. Everything else that a phone would show is `Unsupported` and
named, so that nothing arrives unnoticed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

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
    Unsupported,
    text_of,
)
from sololine.wire.content import contexts, files, texts
from sololine.wire.content.forms import Form, Opened, context_of, e2e, open_form, parse_form
from sololine.wire.content.keys import read_key
from sololine.wire.content.vcards import read_card

CARDS_MAX: Final = 100
OPTIONS_MAX: Final = 64
"""Options of a poll; phones allow 12."""

_SILENT: Final = frozenset(
    {
        "albumMessage",  # tells how many images follow; they come by themselves
        "call",
        "chat",
        "groupRootKeyShare",
        "keepInChatMessage",
        "messageHistoryBundle",
        "messageHistoryNotice",
        "pinInChatMessage",
        "rootSecretDistributeMessage",
        "statusLinkPreviewMetadata",
        "stickerSyncRmrMessage",
    }
)
"""Parts that are for programs, or change how something is shown."""

_POLLS: Final = frozenset(
    {
        "pollCreationMessage",
        "pollCreationMessageV2",
        "pollCreationMessageV3",
        "pollCreationMessageV5",
        "pollCreationMessageV6",
    }
)

_REPLIES: Final = frozenset(
    {
        "buttonsResponseMessage",
        "interactiveResponseMessage",
        "listResponseMessage",
        "templateButtonReplyMessage",
    }
)
"""Choices that people made in what a business sent them."""

_SECOND_VERSIONS: Final = frozenset(
    {
        e2e.MessageAssociation.HD_IMAGE_DUAL_UPLOAD,
        e2e.MessageAssociation.HD_VIDEO_DUAL_UPLOAD,
        e2e.MessageAssociation.HEVC_VIDEO_DUAL_UPLOAD,
        e2e.MessageAssociation.MOTION_PHOTO,
    }
)
"""Of one image or video that was sent already, as a message of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What a message says.

    Attributes:
        content: targets in it are from the side of the message's writer; `seen_by` turns them.
        context: without mentions, which need to be known as persons first.
        mentions: addresses of the people that are mentioned.
    """

    content: Content
    context: Context = field(default_factory=Context)
    mentions: tuple[str, ...] = field(default=(), repr=False)


def read(message: bytes) -> Incoming | None:
    """What the message says; None when there is nothing in it for people.

    Raises:
        MalformedPayload: if the bytes are no message.
    """
    return _read(parse_form(message))


def _read(message: Form) -> Incoming | None:
    if message.messageContextInfo.messageAssociation.associationType in _SECOND_VERSIONS:
        return None
    opened = open_form(message)
    if opened.message.HasField("protocolMessage"):
        change = opened.message.protocolMessage
        if change.type == e2e.ProtocolMessage.MESSAGE_EDIT:
            return _edit(change)
    said = content_of(opened)
    if said is not None:
        name, content = said
        return _in_context(content, context_of(getattr(opened.message, name)))
    # A field that our definitions lack: a phone of today shows something there.
    return Incoming(content=Unsupported(name="unknown")) if opened.strange else None


def content_of(opened: Opened) -> tuple[str, Content] | None:
    """The part that says something, by its name, and what it says; edits are not read here."""
    for name in opened.names:
        content = _content(name, getattr(opened.message, name), opened)
        if content is not None:
            return name, content
    return None


def _in_context(content: Content, info: Form | None) -> Incoming:
    if info is None:
        return Incoming(content=content)
    quoted = contexts.read_quoted(info, _beginning(info.quotedMessage))
    return Incoming(
        content=content,
        context=Context(quoted=quoted, forwarded=contexts.is_forwarded(info)),
        mentions=contexts.read_mentions(info),
    )


def _content(name: str, part: Any, opened: Opened) -> Content | None:
    if files.is_file(name):
        return files.read_file(name, part, view_once=opened.view_once)
    if name in _POLLS:
        return _poll(part)
    if name in _REPLIES:
        chosen = texts.text(_chosen(name, part))
        return Text(text=chosen) if chosen else Unsupported(name=name)
    match name:
        case "conversation":
            said = texts.text(part)
            return Text(text=said) if said else None
        case "extendedTextMessage":
            said = texts.text(part.text)
            return Text(text=said, link_preview=bool(part.matchedText)) if said else None
        case "locationMessage" | "liveLocationMessage":
            return _location(name, part)
        case "contactMessage":
            return Contacts(cards=(read_card(part.displayName, part.vcard),))
        case "contactsArrayMessage":
            cards = [read_card(one.displayName, one.vcard) for one in part.contacts[:CARDS_MAX]]
            return Contacts(cards=tuple(cards)) if cards else Unsupported(name=name)
        case "reactionMessage":
            target = read_key(part.key)
            return None if target is None else Reaction(to=target, emoji=texts.line(part.text, 64))
        case "protocolMessage":
            return _deletion(part)
        case _:
            return None if name in _SILENT else Unsupported(name=name)


def _poll(part: Form) -> Poll:
    options = [texts.line(option.optionName, 1024) for option in part.options[:OPTIONS_MAX]]
    allowed = part.selectableOptionsCount
    return Poll(
        question=texts.text(part.name, 4096),
        options=tuple(options),
        # More than there are is how some say: any number.
        choices_max=allowed if allowed <= len(options) else 0,
    )


def _location(name: str, part: Form) -> Content:
    if not texts.is_place(part.degreesLatitude, part.degreesLongitude):
        return Unsupported(name=name)
    live = name == "liveLocationMessage"
    return Location(
        latitude=part.degreesLatitude,
        longitude=part.degreesLongitude,
        name=texts.line(part.caption if live else part.name),
        address="" if live else texts.line(part.address, 1024),
    )


def _edit(part: Form) -> Incoming | None:
    target = read_key(part.key)
    if target is None:
        return None
    new = _read(part.editedMessage)
    if new is None or not isinstance(new.content, Text | File):
        return Incoming(content=Unsupported(name="editedMessage"))
    return Incoming(
        content=Edit(of=target, text=text_of(new.content)),
        context=new.context,
        mentions=new.mentions,
    )


def _deletion(part: Form) -> Content | None:
    # REVOKE is number 0, so it is also what a change without a type reads as.
    if part.type != e2e.ProtocolMessage.REVOKE or not part.HasField("type"):
        return None
    target = read_key(part.key)
    return None if target is None else Deletion(of=target)


def _chosen(name: str, part: Form) -> str | bytes:
    """The words on what was chosen; its id when there are none."""
    found: str | bytes
    match name:
        case "buttonsResponseMessage":
            found = part.selectedDisplayText or part.selectedButtonID
        case "templateButtonReplyMessage":
            found = part.selectedDisplayText or part.selectedID
        case "listResponseMessage":
            found = part.title or part.singleSelectReply.selectedRowID
        case _:
            found = part.body.text or _flow_choice(part.nativeFlowResponseMessage)
    return found


def _flow_choice(flow: Form) -> str:
    """The id of what was chosen, which some flows have in JSON."""
    try:
        told = json.loads(texts.text(flow.paramsJSON))
    except (ValueError, RecursionError):
        return ""
    found = told.get("id") if isinstance(told, Mapping) else None
    return found if isinstance(found, str) else ""


def _beginning(quoted: Form) -> str:
    """The words by which a quoted message is recognised."""
    said = content_of(open_form(quoted))
    match said and said[1]:
        case None:
            return ""
        case Poll(question=question):
            return question
        case Location(name=name):
            return name
        case Contacts(cards=cards):
            return cards[0].name
        case content:
            return text_of(content)
