"""A draft: what a caller wants a bot to send, before it is a message.

Whether a draft can be sent is decided in two steps. What it says is held against WhatsApp's limits
here; what it refers to, a chat, a file or an earlier message, is looked up when it is accepted.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final, assert_never

from sololine.core.content import Card, Contacts, Location, Poll, Text
from sololine.core.errors import InvalidInput
from sololine.core.ids import MediaId
from sololine.core.media import MediaKind
from sololine.core.sentence import Sentence

TEXT_MAX: Final = 65_536
CAPTION_MAX: Final = 1_024
QUESTION_MAX: Final = 255
OPTION_MAX: Final = 100
OPTIONS_MIN: Final = 2
OPTIONS_MAX: Final = 12
CARDS_MAX: Final = 50
NAME_MAX: Final = 300
VCARD_MAX: Final = 16_384
EMOJI_MAX: Final = 32
MENTIONS_MAX: Final = 1_024
SECONDS_MAX: Final = 24 * 60 * 60
LATITUDE_MAX: Final = 90
LONGITUDE_MAX: Final = 180

_ONCE: Final = frozenset({MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.VOICE})
_CAPTIONED: Final = frozenset({MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that the bot has already."""

    id: MediaId


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A file that stands in the request."""

    bytes: bytes = field(repr=False)
    mime_type: str = ""
    file_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A file that is to be fetched."""

    url: str = field(repr=False)
    file_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file that came beside the request, and was taken in before it was read."""

    sha256: str


Source = Kept | Inline | Linked | Attached
"""Where a file comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFile:
    """Send a file."""

    kind: MediaKind
    source: Source
    caption: str = field(default="", repr=False)
    file_name: str = field(default="", repr=False)
    seconds: int = 0
    view_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Put an emoji on an earlier message; an empty one takes it back."""

    message: str
    emoji: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """Give an earlier message a new text."""

    message: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Delete an earlier message for everyone."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOn:
    """Forward an earlier message."""

    message: str


What = Text | SendFile | Location | Contacts | Poll | React | Rewrite | Withdraw | PassOn


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a caller wants to be sent.

    Attributes:
        to: a number in any form, or a chat; None where an earlier message tells it.
        reply_to: our id of the message that is answered.
        mentions: the people who are mentioned, as the caller writes them.
        client_ref: what the caller calls the message.
    """

    to: str | None = field(default=None, repr=False)
    what: What
    reply_to: str | None = None
    mentions: tuple[str, ...] = field(default=(), repr=False)
    client_ref: str | None = field(default=None, repr=False)

    @property
    def changes(self) -> str | None:
        """Our id of the message that this one reacts to, edits or deletes; else None."""
        match self.what:
            case React(message=message) | Rewrite(message=message) | Withdraw(message=message):
                return message
            case _:
                return None

    def fingerprint(self, chat: str) -> str:
        """Tells whether two drafts for a chat are the same; nothing can be read from it."""
        said = {**asdict(self), "to": chat, "is": type(self.what).__name__}
        text = json.dumps(said, sort_keys=True, ensure_ascii=False, default=_digest)
        return hashlib.sha256(text.encode()).hexdigest()


def check(draft: Draft) -> None:
    """Return when the draft says what WhatsApp carries.

    Raises:
        InvalidInput: with the field that is wrong.
    """
    _check_words(draft)
    if draft.changes is None and not (draft.to and draft.to.strip()):
        raise InvalidInput(
            Sentence("A message needs a receiver. Send a number or a chat in to."), field="to"
        )
    if len(draft.mentions) > MENTIONS_MAX:
        raise _too_many(len(draft.mentions), "mentions", MENTIONS_MAX)
    if draft.reply_to is not None and (draft.changes is not None or _forwards(draft)):
        raise InvalidInput(
            Sentence(
                "Reactions, edits, deletions and forwarded messages are no replies. "
                "Leave replyTo out."
            ),
            field="replyTo",
        )


def _check_words(draft: Draft) -> None:
    match draft.what:
        case Text(text=text) | Rewrite(text=text):
            _check_text(text, "text", TEXT_MAX, needed=True)
        case SendFile():
            _check_file(draft.what)
        case Location():
            _check_place(draft.what)
        case Contacts(cards=cards):
            _check_cards(cards)
        case Poll():
            _check_poll(draft.what)
        case React(emoji=emoji):
            _check_text(emoji, "emoji", EMOJI_MAX)
        case Withdraw() | PassOn():
            pass
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def _check_file(file: SendFile) -> None:
    _check_text(file.caption, "caption", CAPTION_MAX)
    _check_text(file.file_name, "fileName", NAME_MAX)
    if file.caption and file.kind not in _CAPTIONED:
        raise InvalidInput(
            Sentence("Only images, videos and documents have a caption. Send the words as a text."),
            field="caption",
        )
    if file.view_once and file.kind not in _ONCE:
        raise InvalidInput(
            Sentence("Only images, videos and voice notes can be seen once. Leave viewOnce out."),
            field="viewOnce",
        )
    if not 0 <= file.seconds <= SECONDS_MAX:
        raise InvalidInput(
            Sentence("The length has to be between 0 and {most} seconds.", most=SECONDS_MAX),
            field="seconds",
        )


def _check_place(place: Location) -> None:
    # Written so that what is not a number fails, too.
    if not abs(place.latitude) <= LATITUDE_MAX:
        raise InvalidInput(Sentence("The latitude has to be between -90 and 90."), field="latitude")
    if not abs(place.longitude) <= LONGITUDE_MAX:
        raise InvalidInput(
            Sentence("The longitude has to be between -180 and 180."), field="longitude"
        )
    _check_text(place.name, "name", NAME_MAX)
    _check_text(place.address, "address", NAME_MAX)


def _check_cards(cards: tuple[Card, ...]) -> None:
    if not cards:
        raise InvalidInput(
            Sentence("There is no contact to send. Send one in contact, or several in contacts."),
            field="contacts",
        )
    if len(cards) > CARDS_MAX:
        raise _too_many(len(cards), "contacts", CARDS_MAX)
    for card in cards:
        _check_text(card.name, "contacts.name", NAME_MAX, needed=True)
        _check_text(card.vcard, "contacts.vcard", VCARD_MAX)
        if not card.numbers and not card.vcard:
            raise InvalidInput(
                Sentence("A contact needs a number. Send it in numbers, or a whole card in vcard."),
                field="contacts.numbers",
            )


def _check_poll(poll: Poll) -> None:
    _check_text(poll.question, "question", QUESTION_MAX, needed=True)
    if not OPTIONS_MIN <= len(poll.options) <= OPTIONS_MAX:
        raise InvalidInput(
            Sentence(
                "A poll has {least} to {most} options, not {count}.",
                least=OPTIONS_MIN,
                most=OPTIONS_MAX,
                count=len(poll.options),
            ),
            field="options",
        )
    for option in poll.options:
        _check_text(option, "options", OPTION_MAX, needed=True)
    if len(set(poll.options)) < len(poll.options):
        raise InvalidInput(
            Sentence("Two options of the poll are the same. Send each one once."), field="options"
        )
    if not 0 <= poll.choices_max <= len(poll.options):
        raise InvalidInput(
            Sentence(
                "choicesMax has to be between 0, for any number of choices, and the "
                "number of options."
            ),
            field="choicesMax",
        )


def _check_text(text: str, field_: str, longest: int, *, needed: bool = False) -> None:
    if needed and not text.strip():
        raise InvalidInput(
            Sentence("The field {field} is empty. Write something in it.", field=field_),
            field=field_,
        )
    if len(text) > longest:
        raise InvalidInput(
            Sentence(
                "The field {field} has {count} characters; at most {longest} are possible.",
                field=field_,
                count=len(text),
                longest=longest,
            ),
            field=field_,
        )


def _too_many(count: int, field_: str, most: int) -> InvalidInput:
    return InvalidInput(
        Sentence(
            "There are {count} {field}; at most {most} are possible.",
            count=count,
            field=field_,
            most=most,
        ),
        field=field_,
    )


def _forwards(draft: Draft) -> bool:
    return isinstance(draft.what, PassOn)


def _digest(value: Any) -> str:
    """Bytes, which JSON does not have, by what they are."""
    return hashlib.sha256(value).hexdigest()
