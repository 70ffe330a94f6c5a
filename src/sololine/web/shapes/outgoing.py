"""Messages to send, as JSON: one body, whose `type` says what else is in it."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from sololine.web.shapes.base import Shape, Text

_TO = "A number in any form, 34600111222@c.us, or a group: 120363000000000001@g.us."

LIST_MAX: Final = 2_000
"""Entries of a list beyond which none is looked at: a large body has room for millions. How many
make sense is said in `core.draft`."""


class Outgoing(Shape):
    """What every message to send may have."""

    reply_to: Text | None = Field(
        default=None, max_length=64, description="Id of the message that this one answers."
    )
    mentions: list[Text] = Field(
        default=[],
        max_length=LIST_MAX,
        description="Numbers of the people whom the text mentions, as @number.",
    )
    client_ref: Text | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="What you call this message. The same again finds the message that is there.",
    )


class OutgoingTo(Outgoing):
    """A message that needs a receiver."""

    to: Text = Field(description=_TO, examples=["+34 600 111 222"])


class TextOut(OutgoingTo):
    """A text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "text", "to": "+34600111222", "text": "Hola"}]}
    )

    type: Literal["text"]
    text: Text = Field(description="Up to 65,536 characters.")
    link_preview: bool = Field(default=False, description="Show a preview of the first link.")


class FileSource(Shape):
    """A file: the id of an upload, the bytes themselves in base64, or a URL to fetch it from."""

    id: Text | None = Field(default=None, max_length=64)
    base64: str | None = Field(default=None, repr=False)
    url: Text | None = Field(default=None, max_length=4096, repr=False)
    mime_type: Text = Field(
        default="", max_length=200, description="Counts only where the bytes do not tell."
    )
    file_name: Text = Field(default="", max_length=1000, repr=False)


class FileOut(OutgoingTo):
    """An image, video, audio, voice note, document or sticker."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "image",
                    "to": "+34600111222",
                    "media": {"url": "https://example.com/cat.jpg"},
                    "caption": "A cat",
                },
                {
                    "type": "document",
                    "to": "+34600111222",
                    "media": {"base64": "SGVsbG8=", "fileName": "hello.txt"},
                },
                {
                    "type": "voice",
                    "to": "+34600111222",
                    "media": {"id": "med_0123456789abcdef01234567"},
                    "seconds": 3,
                },
            ]
        }
    )

    type: Literal["image", "video", "audio", "voice", "document", "sticker"]
    media: FileSource | None = Field(
        default=None, description="Left out only where the file is a part of a multipart request."
    )
    caption: Text = Field(default="", description="Of images, videos and documents.")
    file_name: Text = Field(default="", description="What the receiver sees; the file's own else.")
    seconds: int = Field(default=0, description="How long it plays.")
    view_once: bool = Field(default=False, description="Images, videos, voice notes.")


class LocationOut(OutgoingTo):
    """A place."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "location",
                    "to": "+34600111222",
                    "latitude": 40.4168,
                    "longitude": -3.7038,
                    "name": "Puerta del Sol",
                }
            ]
        }
    )

    type: Literal["location"]
    latitude: float = Field(description="Degrees, WGS 84.")
    longitude: float
    name: Text = ""
    address: Text = ""


class CardOut(Shape):
    """A contact's card."""

    name: Text
    numbers: list[Text] = Field(default=[], max_length=20)
    vcard: Text = Field(default="", description="The whole card; made from the rest if left out.")


class ContactOut(OutgoingTo):
    """A contact, or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "contact",
                    "to": "+34600111222",
                    "contact": {"name": "Ada", "numbers": ["+34600333444"]},
                }
            ]
        }
    )

    type: Literal["contact"]
    contact: CardOut | None = None
    contacts: list[CardOut] = Field(default=[], max_length=LIST_MAX)


class PollOut(OutgoingTo):
    """A question with options."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "poll",
                    "to": "120363000000000001@g.us",
                    "question": "When?",
                    "options": ["Today", "Tomorrow"],
                }
            ]
        }
    )

    type: Literal["poll"]
    question: Text
    options: list[Text] = Field(max_length=LIST_MAX, description="2 to 12.")
    choices_max: int = Field(default=1, description="0 for any number of choices.")


class OutgoingAbout(Outgoing):
    """A message that changes an earlier one, whose chat it goes to."""

    to: Text | None = Field(default=None, description="May be left out.")
    message_id: Text = Field(max_length=64, examples=["msg_0123456789abcdef01234567"])


class ReactionOut(OutgoingAbout):
    """An emoji on an earlier message; an empty one takes it back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "reaction", "messageId": "msg_0123456789abcdef01234567", "emoji": "👍"}
            ]
        }
    )

    type: Literal["reaction"]
    emoji: Text


class EditOut(OutgoingAbout):
    """A new text for a message of the bot's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "edit", "messageId": "msg_0123456789abcdef01234567", "text": "Adiós"}
            ]
        }
    )

    type: Literal["edit"]
    text: Text


class DeleteOut(OutgoingAbout):
    """Delete a message of the bot's for everyone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "delete", "messageId": "msg_0123456789abcdef01234567"}]
        }
    )

    type: Literal["delete"]


class ForwardOut(OutgoingTo):
    """Pass an earlier message on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "forward",
                    "to": "+34600333444",
                    "messageId": "msg_0123456789abcdef01234567",
                }
            ]
        }
    )

    type: Literal["forward"]
    message_id: Text = Field(max_length=64)


AnyOutgoing = Annotated[
    TextOut
    | FileOut
    | LocationOut
    | ContactOut
    | PollOut
    | ReactionOut
    | EditOut
    | DeleteOut
    | ForwardOut,
    Field(discriminator="type"),
]
"""Any message to send."""
