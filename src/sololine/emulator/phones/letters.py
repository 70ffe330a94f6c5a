"""Messages as real phones write them: what is inside the encryption, as protobuf.

This is a witness of its own for what the product writes and reads, so it is made from the
message definitions and from what phones send, and from nothing of the product's.

Addresses in here are the sender's view: `remoteJID` is the chat as the sender sees it, `fromMe`
means written by the sender's own account.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from sololine.core.sentence import Sentence
from sololine.emulator.phones.media import Attachment, Kind
from sololine.wire.jid import GROUP_SERVER, Jid
from sololine.wire.protobuf import load

e2e: Final[Any] = load("waE2E.WAWebProtobufsE2E_pb2")
_common: Final[Any] = load("waCommon.WACommon_pb2")

Message: TypeAlias = Any
"""A `WAWebProtobufsE2E.Message`; the generated modules have no types that hold."""

SECRET_SIZE: Final = 32
"""Bytes of the secret that comes with a poll; votes are encrypted with it."""

_CONTEXTUAL: Final = (
    "extendedTextMessage",
    "imageMessage",
    "videoMessage",
    "ptvMessage",
    "audioMessage",
    "documentMessage",
    "stickerMessage",
    "locationMessage",
    "liveLocationMessage",
    "contactMessage",
    "contactsArrayMessage",
    "pollCreationMessage",
    "pollCreationMessageV3",
)
"""The parts of a message that have room for a context: a quote, mentions, being forwarded."""

_DEFAULT_TYPES: Final = {
    Kind.IMAGE: "image/jpeg",
    Kind.VIDEO: "video/mp4",
    Kind.AUDIO: "audio/mp4",
    Kind.DOCUMENT: "application/octet-stream",
    Kind.STICKER: "image/webp",
}

VOICE_TYPE: Final = "audio/ogg; codecs=opus"
"""The MIME type of every voice note that a phone records."""


class Unsuited(ValueError):
    """A message cannot be made into what was asked."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An earlier message, to quote, edit, delete or react to."""

    id: str
    chat: Jid
    """The chat it is in, as the one who refers to it sees it."""
    author: Jid
    """Who wrote it, by LID."""
    own: bool
    """Whether the one who refers to it wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person, as an address book has them. `number` is digits."""

    name: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point on the map, in degrees."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


# What is said


def text(body: str) -> Message:
    """Plain text."""
    return e2e.Message(conversation=body)


def media(
    attachment: Attachment,
    *,
    mime_type: str = "",
    caption: str = "",
    file_name: str = "",
    seconds: int = 0,
    voice: bool = False,
    now: datetime,
) -> Message:
    """An image, video, audio, document or sticker that has been uploaded.

    `voice` makes an audio a voice note. A document with a caption is wrapped, as phones do.
    """
    stored = _stored(attachment, now)
    stored["mimetype"] = mime_type or (VOICE_TYPE if voice else _DEFAULT_TYPES[attachment.kind])
    match attachment.kind:
        case Kind.IMAGE:
            return e2e.Message(imageMessage=e2e.ImageMessage(**stored, **_kept(caption=caption)))
        case Kind.VIDEO:
            said = _kept(caption=caption, seconds=seconds)
            return e2e.Message(videoMessage=e2e.VideoMessage(**stored, **said))
        case Kind.AUDIO:
            said = _kept(seconds=seconds, waveform=bytes(64) if voice else b"")
            return e2e.Message(audioMessage=e2e.AudioMessage(**stored, **said, PTT=voice))
        case Kind.STICKER:
            sticker = e2e.StickerMessage(
                **stored, isAnimated=False, stickerSentTS=int(now.timestamp() * 1000)
            )
            return e2e.Message(stickerMessage=sticker)
        case Kind.DOCUMENT:
            said = _kept(caption=caption, fileName=file_name, title=file_name)
            message = e2e.Message(documentMessage=e2e.DocumentMessage(**stored, **said))
            return _wrapped("documentWithCaptionMessage", message) if caption else message


def location(place: Place) -> Message:
    """A place on the map."""
    point = e2e.LocationMessage(
        degreesLatitude=place.latitude,
        degreesLongitude=place.longitude,
        **_kept(name=place.name, address=place.address),
    )
    return e2e.Message(locationMessage=point)


def contacts(people: Sequence[Contact]) -> Message:
    """One person from the address book, or several at once."""
    cards = [e2e.ContactMessage(displayName=person.name, vcard=_vcard(person)) for person in people]
    if len(cards) == 1:
        return e2e.Message(contactMessage=cards[0])
    named = f"{len(cards)} contacts"
    return e2e.Message(
        contactsArrayMessage=e2e.ContactsArrayMessage(displayName=named, contacts=cards)
    )


def poll(
    question: str, options: Sequence[str], *, selectable: int = 1, secret: bytes | None = None
) -> Message:
    """A question with options to choose from; `selectable` 0 lets people choose any number."""
    creation = e2e.PollCreationMessage(
        name=question,
        options=[e2e.PollCreationMessage.Option(optionName=option) for option in options],
        selectableOptionsCount=selectable,
    )
    context = e2e.MessageContextInfo(messageSecret=secret or os.urandom(SECRET_SIZE))
    # Phones write version 3 for a single choice and version 1 for several.
    if selectable == 1:
        return e2e.Message(pollCreationMessageV3=creation, messageContextInfo=context)
    return e2e.Message(pollCreationMessage=creation, messageContextInfo=context)


def unknown(field: int = 9000) -> Message:
    """A message of a type that nobody has heard of: one field that no definition has."""
    tag = field << 3 | 2
    varint = bytearray()
    while tag > 0x7F:  # noqa: PLR2004 — seven bits a byte
        varint.append(tag & 0x7F | 0x80)
        tag >>= 7
    return e2e.Message.FromString(bytes([*varint, tag, 3]) + b"\x0a\x01?")


# What is said about an earlier message


def reaction(to: Target, emoji: str, *, now: datetime) -> Message:
    """An emoji on a message; an empty one takes the reaction back."""
    said = e2e.ReactionMessage(
        key=_key(to), text=emoji, senderTimestampMS=int(now.timestamp() * 1000)
    )
    return e2e.Message(reactionMessage=said)


def edit(target: Target, new: Message, *, now: datetime) -> Message:
    """Other words for an own message."""
    change = e2e.ProtocolMessage(
        key=_key(target),
        type=e2e.ProtocolMessage.MESSAGE_EDIT,
        editedMessage=new,
        timestampMS=int(now.timestamp() * 1000),
    )
    return _wrapped("editedMessage", e2e.Message(protocolMessage=change))


def delete(target: Target) -> Message:
    """Delete a message for everyone: an own one or, as a group's admin, another's."""
    change = e2e.ProtocolMessage(key=_key(target), type=e2e.ProtocolMessage.REVOKE)
    return e2e.Message(protocolMessage=change)


# How it is said


def replying(message: Message, to: Target, quoted: Message) -> Message:
    """The message as a reply to another, which it carries along."""
    context = e2e.ContextInfo(stanzaID=to.id, participant=str(to.author.bare))
    context.quotedMessage.CopyFrom(_without_context(quoted))
    return _in_context(message, context)


def mentioning(message: Message, people: Sequence[Jid]) -> Message:
    """The message with these people named in it; its text holds `@user` for each."""
    return _in_context(message, e2e.ContextInfo(mentionedJID=[str(jid.bare) for jid in people]))


def forwarded(message: Message, *, score: int = 1) -> Message:
    """The message passed on, without what it quoted; `score` counts how often it was."""
    alone = _without_context(_unwrapped(message))
    alone.ClearField("messageContextInfo")
    return _in_context(alone, e2e.ContextInfo(isForwarded=True, forwardingScore=score))


def ephemeral(message: Message, *, lasts_s: int) -> Message:
    """The message in a chat whose messages disappear after `lasts_s` seconds."""
    timed = _in_context(message, e2e.ContextInfo(expiration=lasts_s))
    return _wrapped("ephemeralMessage", timed)


def view_once(message: Message) -> Message:
    """An image, video or voice note that may be opened once."""
    once = e2e.Message()
    once.CopyFrom(message)
    part = _part(once)
    if part not in ("imageMessage", "videoMessage", "audioMessage"):
        raise Unsuited(Sentence("only an image, a video or an audio can be seen once"))
    getattr(once, part).viewOnce = True
    # Voice notes came later, in a wrapper of their own.
    extension = part == "audioMessage"
    return _wrapped("viewOnceMessageV2Extension" if extension else "viewOnceMessageV2", once)


def _stored(attachment: Attachment, now: datetime) -> dict[str, Any]:
    return {
        "URL": f"https://mmg.whatsapp.net{attachment.direct_path}&mms3=true",
        "directPath": attachment.direct_path,
        "mediaKey": attachment.key,
        "mediaKeyTimestamp": int(now.timestamp()),
        "fileSHA256": attachment.sha256,
        "fileEncSHA256": attachment.enc_sha256,
        "fileLength": attachment.size,
    }


def _kept(**values: object) -> dict[str, Any]:
    """Without what is empty: phones leave such fields out."""
    return {name: value for name, value in values.items() if value}


def _vcard(person: Contact) -> str:
    name = "".join(f"\\{letter}" if letter in "\\;," else letter for letter in person.name)
    return (
        "BEGIN:VCARD\nVERSION:3.0\n"
        f"N:;{name};;;\nFN:{name}\n"
        f"TEL;type=CELL;waid={person.number}:+{person.number}\n"
        "END:VCARD"
    )


def _key(target: Target) -> Any:
    key = _common.MessageKey(remoteJID=str(target.chat.bare), fromMe=target.own, ID=target.id)
    if target.chat.server == GROUP_SERVER and not target.own:
        key.participant = str(target.author.bare)
    return key


def _wrapped(wrapper: str, message: Message) -> Message:
    outer = e2e.Message(**{wrapper: e2e.FutureProofMessage(message=message)})
    if message.HasField("messageContextInfo"):
        # It belongs to the message as a whole: phones keep it outside.
        outer.messageContextInfo.CopyFrom(message.messageContextInfo)
        getattr(outer, wrapper).message.ClearField("messageContextInfo")
    return outer


def _unwrapped(message: Message) -> Message:
    for wrapper in ("ephemeralMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"):
        if message.HasField(wrapper):
            return _unwrapped(getattr(message, wrapper).message)
    return message


def _inner(message: Message) -> Message:
    """The message that holds the content: a captioned document's stands in a wrapper."""
    if message.HasField("documentWithCaptionMessage"):
        return message.documentWithCaptionMessage.message
    return message


def _part(message: Message) -> str:
    return next((name for name in _CONTEXTUAL if message.HasField(name)), "")


def _in_context(message: Message, context: Any) -> Message:
    changed = e2e.Message()
    changed.CopyFrom(message)
    if changed.HasField("conversation"):
        # Plain text has no room for a context; phones then write the longer form.
        body = changed.conversation
        changed.ClearField("conversation")
        changed.extendedTextMessage.text = body
    inner = _inner(changed)
    part = _part(inner)
    if not part:
        raise Unsuited(Sentence("this message cannot be a reply, mention people or be forwarded"))
    getattr(inner, part).contextInfo.MergeFrom(context)
    return changed


def _without_context(message: Message) -> Message:
    alone = e2e.Message()
    alone.CopyFrom(message)
    inner = _inner(alone)
    part = _part(inner)
    if part:
        getattr(inner, part).ClearField("contextInfo")
    return alone
