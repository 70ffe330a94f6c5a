"""Chores: what a line is asked to do once with its open link, and to answer.

The half that people talk to cannot call the half that talks to WhatsApp. It writes a chore beside
its bot, wakes the line and waits for the answer, for a short while only: a chore that nobody did in
time is void. A chore that was begun when its process died is void, too; none is done twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sololine.core.chat import ChatId
from sololine.core.coding import ClosedUnion
from sololine.core.ids import BotId, ChoreId, MediaId, MessageId, TenantId
from sololine.core.signals import TypingState

LASTS: Final = timedelta(seconds=60)
"""How long a chore may wait to be done."""


# What a task is answered with stands with it, as JSON. A person is named by `number`, in digits, or
# by `lid` while the number is not known. What is not there is left out or null.


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNumbers:
    """Say which of these numbers are on WhatsApp; digits in international form.

    Answer: {"numbers": [{"asked", "onWhatsapp", "number", "lid", "businessName"}]}
    """

    numbers: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowContact:
    """Say what WhatsApp shows of a person: names, picture, about.

    Answer: {"number", "name", "about", "pictureUrl"}
    """

    chat: ChatId = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroups:
    """List the groups that the bot's number is in, with their members.

    Answer: {"groups": [as `ShowGroup`]}
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowGroup:
    """Describe one group.

    Answer: {"id", "subject", "description", "createdAt",
    "members": [{"number" or "lid", "admin"}]}
    """

    chat: ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchMedia:
    """Bring the bytes of a received file into the data folder.

    Answer: {"mediaId", "size", "sha256"}
    """

    media: MediaId
    message: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTyping:
    """Let the chat see the bot type, record, or stop doing so."""

    chat: ChatId = field(repr=False)
    state: TypingState


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOnline:
    """Let the bot be seen online, or no longer."""

    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSeen:
    """Let the senders see that these received messages were read."""

    messages: tuple[MessageId, ...]


Task = (
    CheckNumbers
    | ShowContact
    | ListGroups
    | ShowGroup
    | FetchMedia
    | ShowTyping
    | ShowOnline
    | MarkSeen
)

TASKS: Final = ClosedUnion("task", Task)
"""Tasks as JSON and back."""


class ChoreState(StrEnum):
    """How far a chore has come."""

    OPEN = "open"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"


class ChoreFailure(StrEnum):
    """Why a chore was not done."""

    NOT_CONNECTED = "not_connected"
    """The link went away, or did not answer; it may have been done all the same."""
    NOT_FOUND = "not_found"
    """WhatsApp knows no such person, group or file."""
    REFUSED = "refused"
    """WhatsApp does not allow it."""
    NO_NAME = "no_name"
    """WhatsApp wants the bot's account to have a name for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """A task for a bot's line, and what came of it.

    Attributes:
        answer: JSON of a `DONE` chore, whose form depends on the task.
        failure: of a `FAILED` one.
    """

    id: ChoreId
    tenant: TenantId
    bot: BotId
    task: Task
    state: ChoreState = ChoreState.OPEN
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)
    failure: ChoreFailure | None = None
    expires_at: datetime
