"""Messages as the API shows them: the same form that `core.message_json` makes.

The shapes are for programs that are generated from the OpenAPI document; what is answered is made
by `message_json`, and a test holds the two together.
"""

from typing import Annotated, Literal

from pydantic import Field

from sololine.core.media import Place
from sololine.core.message import Failure, Origin, Status
from sololine.web.shapes.base import Instant, Shape

_GONE = "Null once the message is deleted."


class ReplyTo(Shape):
    """The message that this one answers."""

    message_id: str | None = Field(description="Null when it is not among the bot's messages.")
    from_me: bool
    text: str | None = Field(description="Its beginning, as far as the answer repeats it.")


class ReactionOn(Shape):
    """What somebody put on a message."""

    emoji: str
    from_me: bool
    sender: str | None = Field(description="Null for the bot's own account.")
    at: Instant


class MediaShape(Shape):
    """A file. Its bytes are at `/v1/bots/{botId}/media/{id}`."""

    id: str = Field(examples=["med_0123456789abcdef01234567"])
    mime_type: str
    size: int = Field(description="Bytes, as far as it is known.")
    sha256: str | None
    file_name: str | None = Field(description="What people call it; never a path.")
    place: Place = Field(description="`remote` files are fetched when they are asked for.")


class AnyMessage(Shape):
    """What every message has."""

    id: str = Field(examples=["msg_0123456789abcdef01234567"])
    bot_id: str
    seq: int = Field(description="Its place; grows with every message of the bot.")
    chat: str = Field(description="A number, a LID, or a group.")
    from_me: bool
    origin: Origin
    sender: str | None = Field(description="Null for the bot's own account.")
    sender_name: str | None = Field(description="What the sender calls himself; proves nothing.")
    status: Status
    reason: Failure | None = Field(description="Why it was not sent.")
    remedy: str | None
    at: Instant
    times: dict[str, Instant] = Field(description="When each status came.")
    edited_at: Instant | None
    deleted_at: Instant | None
    client_ref: str | None
    whatsapp_id: str | None
    answers: str | None = Field(description="The message that a rule answers with this one.")
    reply_to: ReplyTo | None
    mentions: list[str]
    forwarded: bool
    reactions: list[ReactionOn]


class TextMessage(AnyMessage):
    """A text."""

    type: Literal["text"]
    text: str | None = Field(description=_GONE)
    link_preview: bool | None


class FileMessage(AnyMessage):
    """An image, video, audio, voice note, document or sticker."""

    type: Literal["image", "video", "audio", "voice", "document", "sticker"]
    media: MediaShape | None = Field(description=_GONE)
    caption: str | None
    file_name: str | None
    seconds: int | None
    width: int | None
    height: int | None
    view_once: bool | None


class LocationMessage(AnyMessage):
    """A place."""

    type: Literal["location"]
    latitude: float | None = Field(description=_GONE)
    longitude: float | None
    name: str | None
    address: str | None


class CardShape(Shape):
    """A contact's card."""

    name: str
    numbers: list[str]
    vcard: str | None


class ContactMessage(AnyMessage):
    """A contact, or several."""

    type: Literal["contact"]
    contacts: list[CardShape] | None = Field(description=_GONE)


class PollMessage(AnyMessage):
    """A question with options."""

    type: Literal["poll"]
    question: str | None = Field(description=_GONE)
    options: list[str] | None
    choices_max: int | None


class ReactionMessage(AnyMessage):
    """An emoji that was put on an earlier message."""

    type: Literal["reaction"]
    message_id: str | None = Field(description="Null when it is not among the bot's messages.")
    emoji: str | None = Field(description="Empty when it was taken back.")


class EditMessage(AnyMessage):
    """A new text for an earlier message."""

    type: Literal["edit"]
    message_id: str | None
    text: str | None


class DeleteMessage(AnyMessage):
    """An earlier message was deleted for everyone."""

    type: Literal["delete"]
    message_id: str | None


class UnsupportedMessage(AnyMessage):
    """Something that WhatsApp has and Sololine does not read."""

    type: Literal["unsupported"]
    name: str | None = Field(description="WhatsApp's own word for it.")


class UndecryptableMessage(AnyMessage):
    """It could not be read; its sender was asked to repeat it."""

    type: Literal["undecryptable"]


MessageShape = Annotated[
    TextMessage
    | FileMessage
    | LocationMessage
    | ContactMessage
    | PollMessage
    | ReactionMessage
    | EditMessage
    | DeleteMessage
    | UnsupportedMessage
    | UndecryptableMessage,
    Field(discriminator="type"),
]
"""Any message; `type` says which fields it has."""


class OneMessage(Shape):
    """One message."""

    success: Literal[True] = True
    message: MessageShape


class MessagesPage(Shape):
    """Messages, newest first."""

    success: Literal[True] = True
    messages: list[MessageShape]
    next_before: int | None = Field(
        description="Send it as `before` for the next page; null on the last one."
    )


class OneMedia(Shape):
    """One file."""

    success: Literal[True] = True
    media: MediaShape
