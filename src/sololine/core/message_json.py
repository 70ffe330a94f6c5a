"""A message as JSON: one form for the API, for events on a WebSocket, and for webhooks.

What a message says stands beside what it is, under the names by which it is sent; so a received
message can be sent back almost as it came. Of a deleted message nothing that it said is shown:
those fields are null. `web/shapes/messages.py` describes the same form for programs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from sololine.core.advance import rfc3339
from sololine.core.content import (
    Contacts,
    Content,
    Deletion,
    Edit,
    File,
    Location,
    Poll,
    Reaction,
    Target,
    Text,
    Undecryptable,
    Unsupported,
)
from sololine.core.ids import MessageId
from sololine.core.media import Media, Place
from sololine.core.message import Message


def message_json(
    message: Message,
    *,
    media: Media | None,
    reactions: Sequence[Message],
    known: Mapping[str, MessageId],
) -> dict[str, Any]:
    """The message as JSON: camelCase keys, instants as RFC 3339.

    Args:
        message: what to show.
        media: the file that it carries; None when it carries none, or none that is known.
        reactions: the latest one of everybody who reacted to it.
        known: our ids of the messages that it refers to, by WhatsApp's.
    """
    return {
        "id": message.id,
        "botId": message.bot,
        "seq": message.seq,
        "chat": message.chat,
        "type": message.kind.value,
        "fromMe": message.from_me,
        "origin": message.origin.value,
        "sender": message.sender,
        "senderName": message.sender_name or None,
        "status": message.status.value,
        "reason": message.failure.value if message.failure else None,
        "remedy": message.failure.sentence if message.failure else None,
        "at": rfc3339(message.at),
        "times": {status: rfc3339(at) for status, at in message.times.items()},
        "editedAt": rfc3339(message.edited_at) if message.edited_at else None,
        "deletedAt": rfc3339(message.deleted_at) if message.deleted_at else None,
        "clientRef": message.client_ref,
        "whatsappId": message.whatsapp_id,
        "answers": message.answers,
        "replyTo": _reply_to(message, known),
        "mentions": [] if message.deleted_at else list(message.context.mentions),
        "forwarded": message.context.forwarded,
        "reactions": [] if message.deleted_at else [_reaction(each) for each in reactions],
        **_said(message, media, known),
    }


def media_json(media: Media) -> dict[str, Any]:
    """A file as JSON."""
    return {
        "id": media.id,
        "mimeType": media.mime_type,
        "size": media.size,
        "sha256": media.sha256 or None,
        "fileName": media.file_name or None,
        "place": media.place.value,
    }


def _said(message: Message, media: Media | None, known: Mapping[str, MessageId]) -> dict[str, Any]:
    said = _content(message.content, media, known)
    return dict.fromkeys(said) if message.deleted_at else said


def _content(
    content: Content, media: Media | None, known: Mapping[str, MessageId]
) -> dict[str, Any]:
    match content:
        case Text():
            return {"text": content.text, "linkPreview": content.link_preview}
        case File():
            return {
                "media": media_json(media) if media else _lost(content),
                "caption": content.caption,
                "fileName": content.file_name or None,
                "seconds": content.seconds,
                "width": content.width,
                "height": content.height,
                "viewOnce": content.view_once,
            }
        case Location():
            return {
                "latitude": content.latitude,
                "longitude": content.longitude,
                "name": content.name or None,
                "address": content.address or None,
            }
        case Contacts():
            return {
                "contacts": [
                    {"name": card.name, "numbers": list(card.numbers), "vcard": card.vcard or None}
                    for card in content.cards
                ]
            }
        case Poll():
            return {
                "question": content.question,
                "options": list(content.options),
                "choicesMax": content.choices_max,
            }
        case Reaction():
            return {"messageId": _ours(content.to, known), "emoji": content.emoji}
        case Edit():
            return {"messageId": _ours(content.of, known), "text": content.text}
        case Deletion():
            return {"messageId": _ours(content.of, known)}
        case Unsupported():
            return {"name": content.name}
        case Undecryptable():
            return {}
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def _lost(file: File) -> dict[str, Any] | None:
    """A file whose row is gone, as far as the message itself remembers it."""
    if file.media is None:
        return None
    return {
        "id": file.media,
        "mimeType": file.mime_type,
        "size": file.size,
        "sha256": file.sha256 or None,
        "fileName": file.file_name or None,
        "place": Place.GONE.value,
    }


def _reply_to(message: Message, known: Mapping[str, MessageId]) -> dict[str, Any] | None:
    quoted = message.context.quoted
    if quoted is None or message.deleted_at:
        return None
    return {
        "messageId": _ours(quoted.to, known),
        "fromMe": quoted.to.from_me,
        "text": quoted.text or None,
    }


def _reaction(message: Message) -> dict[str, Any]:
    content = message.content
    return {
        "emoji": content.emoji if isinstance(content, Reaction) else "",
        "fromMe": message.from_me,
        "sender": message.sender,
        "at": rfc3339(message.at),
    }


def _ours(target: Target, known: Mapping[str, MessageId]) -> MessageId | None:
    return known.get(target.whatsapp_id)
