"""The JSON that goes in and out: camelCase, instants in UTC with a `Z`."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from sololine.core.advance import rfc3339
from sololine.core.bot import BotStatus
from sololine.core.claim import Policy
from sololine.core.linking import Method
from sololine.core.session import EndReason, State

Instant = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]


def _storable(text: str) -> str:
    # PostgreSQL has no NUL in its text, and no database has half a surrogate pair, which JSON may
    # spell: both would be a fault of ours only when they are written or looked for.
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("unstorable", "it holds a character that no text may hold")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Any text from outside that may reach a database."""

Responses = dict[int | str, dict[str, Any]]
"""What a route answers beside success, as FastAPI takes it."""


def camel(name: str) -> str:
    """`window_ends_at` as JSON writes it: `windowEndsAt`."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


class Shape(BaseModel):
    """Base of every body: camelCase outside, snake case inside; unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=camel, populate_by_name=True, extra="ignore")


class Problem(Shape):
    """A refusal or a failure. Some errors carry more fields; each is named in the docs."""

    model_config = ConfigDict(extra="allow")

    success: Literal[False] = False
    error: str = Field(description="Stable code, for programs.")
    message: str = Field(description="The mistake and the remedy, for people.")


UNREADABLE: Final[Responses] = {400: {"model": Problem}, 413: {"model": Problem}}
"""What every route that takes a body may answer: it is not JSON, or too large."""


class Success(Shape):
    """Done."""

    success: Literal[True] = True
    message: str


# ---------------------------------------------------------------------- bots


class NewBot(Shape):
    """A bot to create. It starts without any connection."""

    name: Text = Field(examples=["Customer Support Bot"])
    description: Text = ""
    personality: Text = ""
    user_id: Text | None = Field(default=None, examples=["user_123"], max_length=255)
    draft: bool = Field(default=False, description="Keep the first setup step open.")


class BotChanges(Shape):
    """What to change; a field that is left out stays."""

    name: Text | None = None
    description: Text | None = None
    personality: Text | None = None


class FinishedStep(Shape):
    """The setup step that the user finished."""

    step: Literal["details", "training"]


class BotShape(Shape):
    """A bot with its connection."""

    id: str
    user_id: str
    name: str
    description: str
    personality: str
    status: BotStatus
    setup_step: str = Field(description="The setup step to be done next, or `complete`.")
    whatsapp_connected: bool
    phone_number: str | None = Field(description="The linked number, E.164; null when not linked.")
    connection: "ConnectionShape"
    created_at: Instant


class ConnectionShape(Shape):
    """Where a bot's session stands."""

    state: State
    end_reason: EndReason | None = None
    remedy: str | None = None
    until: Instant | None = None
    since: Instant
    connected_at: Instant | None = None
    window_ends_at: Instant | None = None


class OneBot(Shape):
    """One bot."""

    success: Literal[True] = True
    bot: BotShape


class Bots(Shape):
    """A user's bots, incomplete ones included, oldest first."""

    success: Literal[True] = True
    bots: list[BotShape]
    next_after: str | None = Field(
        default=None, description="Send it as `after` for the next page; null on the last one."
    )


# ---------------------------------------------------------------------- whatsapp


class Validation(Shape):
    """A number to ask about, for a bot that wants to connect."""

    bot_id: Text = Field(max_length=64)
    user_id: Text | None = Field(default=None, max_length=255)
    phone_number: Text | None = Field(
        default=None, examples=["447441395830:37@s.whatsapp.net"], max_length=200
    )


class Available(Shape):
    """Nothing stands in the way of connecting."""

    success: Literal[True] = True
    can_connect: Literal[True] = True
    message: str = "WhatsApp number available for connection"


class Connect(Shape):
    """How to connect a bot."""

    user_id: Text | None = Field(default=None, max_length=255)
    validate_only: bool = Field(default=False, description="Only say whether it would be refused.")
    use_existing_session: bool | None = Field(
        default=None,
        description="For a linked bot: true resumes its own credentials, false unlinks it and "
        "shows a fresh QR. A bot that is not linked always gets a fresh QR.",
    )
    phone_number: Text | None = Field(
        default=None,
        max_length=200,
        description="The number that will be linked. It is checked before the QR, kept for this "
        "bot while the window is open, and no other phone can be linked then.",
    )
    method: Method = Field(default=Method.QR, description="`code` needs phoneNumber.")
    conflict_policy: Policy | None = Field(
        default=None, description="`refuse` narrows the server's setting; it cannot be widened."
    )


class BotName(Shape):
    """A bot, by id and name."""

    bot_id: str
    bot_name: str


class ConnectingShape(Shape):
    """A connect was accepted; events tell how it goes on."""

    success: Literal[True] = True
    can_connect: Literal[True] = True
    bot_id: str
    status: State
    message: str
    uses_existing_session: bool
    method: Method | None = None
    window_ends_at: Instant | None = None
    qr_url: str | None = Field(default=None, description="Where the QR or code can be fetched.")
    will_replace: BotName | None = Field(
        default=None, description="The bot that loses the number when this one links it."
    )


class Disconnect(Shape):
    """How to disconnect a bot."""

    user_id: Text | None = Field(default=None, max_length=255)
    unlink: bool = Field(
        default=True,
        description="Remove the device from the phone and free the number. With false the bot "
        "only goes offline and keeps its number.",
    )


class Disconnected(Shape):
    """What a disconnect left."""

    success: Literal[True] = True
    bot_id: str
    status: State
    number_freed: bool
    message: str


class CodeShape(Shape):
    """What the phone has to be shown. Whoever sees it can link: treat it like a password."""

    success: Literal[True] = True
    bot_id: str
    method: Method
    qr: str | None = Field(description="The text of the QR; null for a pairing code.")
    qr_image: str | None = Field(description="The QR as a data URL (PNG); null for a code.")
    pairing_code: str | None = Field(description="The code to type; null for a QR.")
    expires_at: Instant
    window_ends_at: Instant


class ExistingConnection(Shape):
    """The connection that a session check found."""

    bot_id: str
    bot_name: str
    status: Literal["CONNECTED", "CONNECTING", "QR_PENDING", "RECONNECTING", "DISCONNECTED"]
    phone_number: str | None
    is_connected: bool
    connected_at: Instant | None


class StatsShape(Shape):
    """Sessions of the tenant."""

    total_connections: int
    active_connections: int
    pending_qr: int = Field(alias="pendingQR")
    disconnected: int
    duplicates: int


class SessionCheck(Shape):
    """Whether a connect would begin now, and why not."""

    success: Literal[True] = True
    can_connect: bool
    reason: str | None = None
    error: str | None = Field(default=None, description="The code of the reason.")
    existing_connection: ExistingConnection | None = None
    stats: StatsShape


class Resolution(Shape):
    """What resolving conflicts did."""

    success: Literal[True] = True
    resolved: int = Field(description="Devices that were logged out of their phone.")
    left: int = Field(description="Devices that could not be logged out yet.")
    message: str


# ---------------------------------------------------------------------- events


class EventShape(Shape):
    """A fact of the event log."""

    seq: int
    type: str
    bot_id: str | None
    at: Instant
    data: dict[str, Any]


class Events(Shape):
    """A stretch of the event log; ask again with `after` set to `last`."""

    success: Literal[True] = True
    events: list[EventShape]
    last: int
