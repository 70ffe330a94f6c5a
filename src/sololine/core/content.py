"""What a message says: one class for each kind that WhatsApp knows and Sololine carries.

The same values stand for what is received and what is sent. Texts and names are kept out of every
repr, since a repr ends in a log.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from sololine.core.chat import PersonId
from sololine.core.ids import MediaId
from sololine.core.media import MediaKind


class Kind(StrEnum):
    """Kinds of messages, as the API names them; `docs/howto/messages.md` has the table."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    REACTION = "reaction"
    EDIT = "edit"
    DELETE = "delete"
    UNSUPPORTED = "unsupported"
    """Something that WhatsApp has and Sololine does not read."""
    UNDECRYPTABLE = "undecryptable"
    """It could not be read; the sender was asked to repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text."""

    text: str = field(repr=False)
    link_preview: bool = False
    """Show a preview of the first link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An image, video, audio, voice note, document or sticker."""

    kind: MediaKind
    media: MediaId | None = None
    """None only between being read from WhatsApp and being stored."""
    mime_type: str
    size: int = 0
    sha256: str = ""
    """Of the bytes, in hexadecimal digits."""
    caption: str = field(default="", repr=False)
    file_name: str = field(default="", repr=False)
    seconds: int = 0
    width: int = 0
    height: int = 0
    view_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place; degrees as in WGS 84."""

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)
    name: str = field(default="", repr=False)
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A contact's card."""

    name: str = field(repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    """Digits in international form, as far as the card has them."""
    vcard: str = field(default="", repr=False)
    """The card as vCard text; made from name and numbers when it is sent without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """One contact or several."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A question with options; people may choose up to `choices_max`, any number when it is 0."""

    question: str = field(repr=False)
    options: tuple[str, ...] = field(repr=False)
    choices_max: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An earlier message, as WhatsApp names it.

    Attributes:
        whatsapp_id: its id.
        from_me: whether the bot's own account wrote it.
        sender: who wrote it, as an address of WhatsApp's; needed in groups.
    """

    whatsapp_id: str
    from_me: bool = False
    sender: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """An emoji on an earlier message; an empty one takes it back."""

    to: Target
    emoji: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A new text for an earlier message."""

    of: Target
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """An earlier message is deleted for everyone."""

    of: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """Something that Sololine does not read; `name` is WhatsApp's own word for it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecryptable:
    """Something that could not be decrypted. When the sender repeats it, it takes this place."""


Content = (
    Text
    | File
    | Location
    | Contacts
    | Poll
    | Reaction
    | Edit
    | Deletion
    | Unsupported
    | Undecryptable
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """The message that this one answers.

    Attributes:
        to: which one.
        text: its beginning, as far as the answer repeats it.
    """

    to: Target
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a message says beside its content."""

    quoted: Quoted | None = None
    mentions: tuple[PersonId, ...] = field(default=(), repr=False)
    forwarded: bool = False


def kind_of(content: Content) -> Kind:
    """The kind of a content."""
    match content:
        case Text():
            return Kind.TEXT
        case File(kind=kind):
            return Kind(kind.value)
        case Location():
            return Kind.LOCATION
        case Contacts():
            return Kind.CONTACT
        case Poll():
            return Kind.POLL
        case Reaction():
            return Kind.REACTION
        case Edit():
            return Kind.EDIT
        case Deletion():
            return Kind.DELETE
        case Unsupported():
            return Kind.UNSUPPORTED
        case Undecryptable():
            return Kind.UNDECRYPTABLE
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def target_of(content: Content) -> Target | None:
    """The earlier message that a content changes; None when it stands for itself."""
    match content:
        case Reaction(to=target) | Edit(of=target) | Deletion(of=target):
            return target
        case _:
            return None


def text_of(content: Content) -> str:
    """The words in a content: the text of a text, the caption of a file; else nothing."""
    match content:
        case Text(text=text) | Edit(text=text):
            return text
        case File(caption=caption):
            return caption
        case _:
            return ""


def with_text(content: Text | File, text: str) -> Text | File:
    """The content with other words: the text of a text, the caption of a file."""
    match content:
        case Text():
            return replace(content, text=text)
        case File():
            return replace(content, caption=text)
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def emptied(content: Content) -> Content:
    """A content of the same kind that says nothing any more."""
    match content:
        case Text():
            return Text(text="")
        case File(kind=kind, mime_type=mime_type):
            return File(kind=kind, mime_type=mime_type)
        case Location():
            return Location(latitude=0.0, longitude=0.0)
        case Contacts():
            return Contacts(cards=())
        case Poll():
            return Poll(question="", options=())
        case Reaction(to=target):
            return Reaction(to=target, emoji="")
        case Edit(of=target):
            return Edit(of=target, text="")
        case Deletion() | Unsupported() | Undecryptable():
            return content
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)
