"""Chats, people, groups and presence as JSON."""

from typing import Literal

from pydantic import Field

from sololine.core.signals import TypingState
from sololine.web.shapes.base import Instant, Shape, Text


class ChatShape(Shape):
    """A conversation with a person or in a group."""

    id: str = Field(description="A number, a LID, or a group; send to it as `to`.")
    ref: str = Field(description="What events call it (`chatRef`), which show no numbers.")
    name: str | None
    group: bool
    unread: int = Field(description="Received messages that were not marked as seen.")
    last_seq: int = Field(description="Place of its latest message.")


class ChatsPage(Shape):
    """Chats, the one with the latest message first."""

    success: Literal[True] = True
    chats: list[ChatShape]
    next_before: int | None = Field(
        description="Send it as `before` for the next page; null on the last one."
    )


class NumbersToCheck(Shape):
    """Numbers to ask about."""

    numbers: list[Text] = Field(examples=[["+34 600 111 222"]], description="1 to 50.")


class CheckedNumber(Shape):
    """What is known of a number."""

    asked: str = Field(description="The number as it was sent.")
    on_whatsapp: bool
    chat: str | None = Field(description="Send to it as `to`; null when not on WhatsApp.")
    business_name: str | None
    problem: str | None = Field(description="Why the text is no number.")


class CheckedNumbers(Shape):
    """The numbers, in the order in which they were sent."""

    success: Literal[True] = True
    numbers: list[CheckedNumber]


class ContactShape(Shape):
    """What WhatsApp shows of a person; null where it shows nothing."""

    chat: str
    name: str | None
    about: str | None
    picture_url: str | None = Field(description="Lasts for some hours.")


class OneContact(Shape):
    """A person."""

    success: Literal[True] = True
    contact: ContactShape


class MemberShape(Shape):
    """Someone in a group."""

    id: str = Field(description="The number, or the LID while the number is hidden.")
    admin: bool


class GroupShape(Shape):
    """A group that the bot's number is in."""

    id: str = Field(examples=["120363000000000001@g.us"])
    subject: str | None
    description: str | None
    created_at: Instant | None
    members: list[MemberShape]


class Groups(Shape):
    """The groups that the bot's number is in."""

    success: Literal[True] = True
    groups: list[GroupShape]


class OneGroup(Shape):
    """One group."""

    success: Literal[True] = True
    group: GroupShape


class TypingShown(Shape):
    """What a chat shall see the bot do."""

    to: Text = Field(examples=["+34 600 111 222"])
    state: TypingState = TypingState.TYPING


class SeenMessages(Shape):
    """What was seen: messages, or all that is unread in a chat."""

    message_ids: list[Text] = Field(default=[])
    chat: Text | None = None


class Seen(Shape):
    """What was marked as seen."""

    success: Literal[True] = True
    seen: int = Field(description="How many messages.")


class PresenceShown(Shape):
    """How the bot is seen."""

    online: bool
