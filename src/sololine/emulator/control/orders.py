"""Messages as other processes order them from a phone: a JSON object each.

    {"type": "text", "text": …}
    {"type": "image" | "video" | "audio" | "voice" | "document" | "sticker", "data": BASE64,
     "mimeType": …, "caption": …, "fileName": …, "seconds": …}
    {"type": "location", "latitude": …, "longitude": …, "name": …, "address": …}
    {"type": "contact", "contacts": [{"name": …, "number": …}]}
    {"type": "poll", "question": …, "options": […], "selectable": …}
    {"type": "reaction", "target": ID, "emoji": …}      an empty emoji takes it back
    {"type": "edit", "target": ID, "text": …}
    {"type": "delete", "target": ID}
    {"type": "unknown"}                                 what no client has ever heard of
    {"type": "raw", "message": BASE64}                  any protobuf message

With what is new may stand: "replyTo": ID, "mentions": [NUMBER], "forwarded": true,
"ephemeral": SECONDS, "viewOnce": true. An ID is that of a letter which the phone has, or wrote.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sololine.core.sentence import Sentence
from sololine.emulator.errors import InvalidLetter
from sololine.emulator.phones import letters
from sololine.emulator.phones.letters import Contact, Message, Place, Target, e2e
from sololine.emulator.phones.media import Attachment, Kind
from sololine.wire.errors import WireError
from sololine.wire.jid import Jid
from sololine.wire.protobuf import parse

MAX_FILE: Final = 64 * 2**20
"""Bytes a file may have that is ordered in JSON."""

_FILES: Final = {
    "image": Kind.IMAGE,
    "video": Kind.VIDEO,
    "audio": Kind.AUDIO,
    "voice": Kind.AUDIO,
    "document": Kind.DOCUMENT,
    "sticker": Kind.STICKER,
}

_TYPES: Final = (
    "text",
    *_FILES,
    "location",
    "contact",
    "poll",
    "reaction",
    "edit",
    "delete",
    "unknown",
    "raw",
)

_MIN_OPTIONS: Final = 2
_MAX_OPTIONS: Final = 12

Words = Mapping[str, Any]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a phone's user writes: what writing needs beside the words."""

    find: Callable[[str], tuple[Target, Message]]
    """An earlier letter by id; raises `InvalidLetter` if there is none."""
    upload: Callable[[bytes, Kind], Attachment]
    address: Callable[[str], Jid]
    """A person's address by LID, given the number; raises `UnknownPhone`."""
    now: datetime


def message_from(words: Words, desk: Desk) -> Message:
    """The message that was ordered.

    Raises:
        InvalidLetter: if it cannot be written; the message says what is missing.
        UnknownPhone: if somebody who is mentioned has no phone.
    """
    kind = _maybe(words, "type", str, "text")
    message = _file(kind, words, desk) if kind in _FILES else _plain(kind, words, desk)
    try:
        return _framed(message, words, desk)
    except letters.Unsuited as error:
        raise InvalidLetter(error.sentence) from error


def _plain(kind: str, words: Words, desk: Desk) -> Message:
    match kind:
        case "text":
            return letters.text(_need(words, "text", str))
        case "location":
            return letters.location(_place(words))
        case "contact":
            return letters.contacts(_people(words))
        case "poll":
            return _poll(words)
        case "reaction":
            target, _ = desk.find(_need(words, "target", str))
            return letters.reaction(target, _need(words, "emoji", str), now=desk.now)
        case "edit":
            target = _own(words, desk)
            return letters.edit(target, letters.text(_need(words, "text", str)), now=desk.now)
        case "delete":
            target, _ = desk.find(_need(words, "target", str))
            return letters.delete(target)
        case "unknown":
            return letters.unknown()
        case "raw":
            return _raw(words)
        case _:
            raise InvalidLetter(
                Sentence("a message needs a type, one of: {types}", types=", ".join(_TYPES))
            )


def _file(kind: str, words: Words, desk: Desk) -> Message:
    content = _bytes(words, "data")
    if len(content) > MAX_FILE:
        raise InvalidLetter(Sentence("a file may have {most} bytes at most", most=MAX_FILE))
    return letters.media(
        desk.upload(content, _FILES[kind]),
        mime_type=_maybe(words, "mimeType", str, ""),
        caption=_maybe(words, "caption", str, ""),
        file_name=_maybe(words, "fileName", str, ""),
        seconds=_maybe(words, "seconds", int, 0),
        voice=kind == "voice",
        now=desk.now,
    )


def _framed(message: Message, words: Words, desk: Desk) -> Message:
    """The message with what stands around it: a quote, mentions, wrappers."""
    if reply_to := _maybe(words, "replyTo", str, ""):
        message = letters.replying(message, *desk.find(reply_to))
    if mentions := _maybe(words, "mentions", list, []):
        message = letters.mentioning(message, [desk.address(str(who)) for who in mentions])
    if _maybe(words, "forwarded", bool, False):
        message = letters.forwarded(message)
    if _maybe(words, "viewOnce", bool, False):
        message = letters.view_once(message)
    if lasts_s := _maybe(words, "ephemeral", int, 0):
        message = letters.ephemeral(message, lasts_s=lasts_s)
    return message


def _own(words: Words, desk: Desk) -> Target:
    target, _ = desk.find(_need(words, "target", str))
    if not target.own:
        raise InvalidLetter(Sentence("only what this phone wrote can be edited"))
    return target


def _place(words: Words) -> Place:
    latitude, longitude = (float(_need(words, name, (int, float))) for name in _DEGREES)
    for (name, most), value in zip(_DEGREES.items(), (latitude, longitude), strict=True):
        if not -most <= value <= most:
            raise InvalidLetter(
                Sentence("{name} must be a number from -{most} to {most}", name=name, most=most)
            )
    return Place(
        latitude=latitude,
        longitude=longitude,
        name=_maybe(words, "name", str, ""),
        address=_maybe(words, "address", str, ""),
    )


_DEGREES: Final = {"latitude": 90, "longitude": 180}


def _people(words: Words) -> list[Contact]:
    listed = _need(words, "contacts", list)
    if not listed or not all(isinstance(person, dict) for person in listed):
        raise InvalidLetter(Sentence("contacts must be a list of objects with a name and a number"))
    return [
        Contact(name=_need(person, "name", str), number=_need(person, "number", str))
        for person in listed
    ]


def _poll(words: Words) -> Message:
    options = [str(option) for option in _need(words, "options", list)]
    if not _MIN_OPTIONS <= len(set(options)) == len(options) <= _MAX_OPTIONS:
        raise InvalidLetter(
            Sentence(
                "a poll needs {least} to {most} options, all different",
                least=_MIN_OPTIONS,
                most=_MAX_OPTIONS,
            )
        )
    selectable = _maybe(words, "selectable", int, 1)
    if not 0 <= selectable <= len(options):
        raise InvalidLetter(
            Sentence("selectable must be 0 (any number) or as many as there are options")
        )
    return letters.poll(_need(words, "question", str), options, selectable=selectable)


def _raw(words: Words) -> Message:
    try:
        return parse(e2e.Message, _bytes(words, "message"))
    except WireError:
        raise InvalidLetter(Sentence("message holds no protobuf message of WhatsApp's")) from None


def _bytes(words: Words, name: str) -> bytes:
    try:
        return base64.b64decode(_need(words, name, str), validate=True)
    except binascii.Error:
        raise InvalidLetter(Sentence("{name} must be base64", name=name)) from None


def _need(words: Words, name: str, kind: type[T] | tuple[type[T], ...]) -> T:
    value = words.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidLetter(Sentence("a message of this type needs {name}", name=name))
    return value


def _maybe(words: Words, name: str, kind: type[T], absent: T) -> T:
    value = words.get(name, absent)
    if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or value < 0)):  # type: ignore[operator]  # an int is compared
        raise InvalidLetter(Sentence("{name} must be {kind}", name=name, kind=_NAMES[kind]))
    return value


_NAMES: Final[dict[type, str]] = {
    str: Sentence("a text"),
    int: Sentence("a whole number, 0 or more"),
    bool: Sentence("true or false"),
    list: Sentence("a list"),
}
