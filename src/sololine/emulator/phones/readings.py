"""What a message says, read as a phone would show it: values for JSON, for listings and tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sololine.emulator.phones.letters import Message, e2e
from sololine.emulator.phones.media import Attachment, Kind

Reading = dict[str, Any]
"""`type`, and what belongs to that type."""

_WRAPPERS: Final = {
    "ephemeralMessage": {"ephemeral": True},
    "viewOnceMessage": {"viewOnce": True},
    "viewOnceMessageV2": {"viewOnce": True},
    "viewOnceMessageV2Extension": {"viewOnce": True},
    "documentWithCaptionMessage": {},
    "editedMessage": {},
    "groupMentionedMessage": {},
    "lottieStickerMessage": {},
}

_MEDIA: Final = {
    "imageMessage": Kind.IMAGE,
    "videoMessage": Kind.VIDEO,
    "ptvMessage": Kind.VIDEO,
    "audioMessage": Kind.AUDIO,
    "documentMessage": Kind.DOCUMENT,
    "stickerMessage": Kind.STICKER,
}

_POLLS: Final = (
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV5",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message without what was wrapped around it."""

    message: Message = field(repr=False)
    part: str
    """The field that holds the content; empty if there is none that is known."""
    traits: Mapping[str, bool]
    """What the wrappers said."""


def opened(message: Message) -> Opened:
    """Take a message out of its wrappers."""
    traits: dict[str, bool] = {}
    while True:
        wrapper = next((name for name in _WRAPPERS if message.HasField(name)), None)
        if wrapper is None:
            break
        traits |= _WRAPPERS[wrapper]
        message = getattr(message, wrapper).message
    aside = ("messageContextInfo", "senderKeyDistributionMessage")
    parts = [found.name for found, _ in message.ListFields() if found.name not in aside]
    return Opened(message=message, part=parts[0] if parts else "", traits=traits)


def is_empty(message: Message) -> bool:
    """Whether it says nothing: it only carried keys."""
    alone = e2e.Message()
    alone.CopyFrom(message)
    alone.ClearField("senderKeyDistributionMessage")
    alone.ClearField("messageContextInfo")
    return not alone.ByteSize()


def describe(message: Message) -> Reading:
    """What the message says. Texts are in it: not for logs.

    Always: `type`, one of text, image, video, audio, voice, document, sticker, location, contact,
    poll, vote, reaction, edit, delete, unknown. By type: `text`; `caption`; `media` with mimeType,
    size, sha256 and, where told, fileName and seconds; `location`; `contact` or `contacts`;
    `poll`; `reaction` and `target`. Where true: `quoted`, `mentions`, `forwarded`, `ephemeral`,
    `viewOnce`.
    """
    seen = opened(message)
    reading = _content(seen) | dict(seen.traits)
    part = getattr(seen.message, seen.part) if seen.part else None
    names = () if part is None or isinstance(part, str) else part.DESCRIPTOR.fields_by_name
    if part is not None and "contextInfo" in names and part.HasField("contextInfo"):
        reading |= _context(part.contextInfo)
    if part is not None and "viewOnce" in names and part.viewOnce:
        reading["viewOnce"] = True
    return reading


def attachment(message: Message) -> Attachment | None:
    """The file that comes with the message; None if there is none."""
    seen = opened(message)
    kind = _MEDIA.get(seen.part)
    if kind is None:
        return None
    part = getattr(seen.message, seen.part)
    return Attachment(
        kind=kind,
        direct_path=part.directPath,
        key=part.mediaKey,
        size=part.fileLength,
        sha256=part.fileSHA256,
        enc_sha256=part.fileEncSHA256,
    )


def _content(seen: Opened) -> Reading:
    message, part = seen.message, seen.part
    if part in _MEDIA:
        return _media(part, getattr(message, part))
    if part in _POLLS:
        return _poll(getattr(message, part))
    match part:
        case "conversation":
            return {"type": "text", "text": message.conversation}
        case "extendedTextMessage":
            return {"type": "text", "text": message.extendedTextMessage.text}
        case "locationMessage":
            return {"type": "location", "location": _place(message.locationMessage)}
        case "liveLocationMessage":
            place = _place(message.liveLocationMessage)
            return {"type": "location", "location": place | {"live": True}}
        case "contactMessage":
            return {"type": "contact", "contact": _person(message.contactMessage)}
        case "contactsArrayMessage":
            people = [_person(card) for card in message.contactsArrayMessage.contacts]
            return {"type": "contact", "contacts": people}
        case "reactionMessage":
            said = message.reactionMessage
            return {
                "type": "reaction",
                "reaction": {"id": said.key.ID, "emoji": said.text},
                "target": _target(said.key),
            }
        case "pollUpdateMessage":
            return {
                "type": "vote",
                "target": _target(message.pollUpdateMessage.pollCreationMessageKey),
            }
        case "protocolMessage":
            return _change(message.protocolMessage)
        case _:
            return {"type": "unknown", "field": part}


def _media(name: str, part: Any) -> Reading:
    kind = "voice" if name == "audioMessage" and part.PTT else str(_MEDIA[name])
    told: Reading = {
        "mimeType": part.mimetype,
        "size": part.fileLength,
        "sha256": part.fileSHA256.hex(),
    }
    if getattr(part, "fileName", ""):
        told["fileName"] = part.fileName
    if getattr(part, "seconds", 0):
        told["seconds"] = part.seconds
    caption = getattr(part, "caption", "")
    return {"type": kind, "media": told} | ({"caption": caption} if caption else {})


def _poll(part: Any) -> Reading:
    options = [option.optionName for option in part.options]
    told = {"question": part.name, "options": options, "selectable": part.selectableOptionsCount}
    return {"type": "poll", "poll": told}


def _change(change: Any) -> Reading:
    kinds = e2e.ProtocolMessage
    # REVOKE is number 0: without a key it is only what an unset type reads as.
    if change.type == kinds.REVOKE and change.HasField("key"):
        return {"type": "delete", "target": _target(change.key)}
    if change.type == kinds.MESSAGE_EDIT:
        new = describe(change.editedMessage)
        return {"type": "edit", "target": _target(change.key), "new": new}
    return {"type": "unknown", "field": f"protocolMessage {kinds.Type.Name(change.type)}"}


def _place(part: Any) -> Reading:
    told: Reading = {"latitude": part.degreesLatitude, "longitude": part.degreesLongitude}
    for name in ("name", "address"):
        if getattr(part, name, ""):
            told[name] = getattr(part, name)
    return told


def _person(card: Any) -> Reading:
    return {"name": card.displayName, "vcard": card.vcard}


def _target(key: Any) -> Reading:
    told: Reading = {"id": key.ID, "chat": key.remoteJID, "own": key.fromMe}
    return told | ({"author": key.participant} if key.participant else {})


def _context(context: Any) -> Reading:
    told: Reading = {}
    if context.stanzaID:
        told["quoted"] = {"id": context.stanzaID, "author": context.participant}
        if context.HasField("quotedMessage"):
            told["quoted"]["message"] = describe(context.quotedMessage)
    if context.mentionedJID:
        told["mentions"] = list(context.mentionedJID)
    if context.isForwarded:
        told["forwarded"] = True
    return told
