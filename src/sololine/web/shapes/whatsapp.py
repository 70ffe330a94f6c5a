"""Connecting and disconnecting as JSON."""

from typing import Literal

from pydantic import Field

from sololine.core.claim import Policy
from sololine.core.linking import Method
from sololine.core.session import State
from sololine.web.shapes.base import Instant, Shape, Text


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
    message: str = Field(examples=["WhatsApp number available for connection"])


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
    auto_restart: bool | None = Field(
        default=None,
        description="Begin the window anew when nobody scanned in time, for an hour at most. "
        "Without it the server's setting holds.",
    )


class Switch(Shape):
    """How the phone shall be linked from now on, in the window that is open."""

    user_id: Text | None = Field(default=None, max_length=255)
    method: Method = Field(description="`code` needs phoneNumber, unless it was declared before.")
    phone_number: Text | None = Field(default=None, max_length=200)


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
    auto_restart: bool = Field(
        default=False, description="Whether the window begins anew when it is over."
    )
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
    auto_restart: bool = Field(description="Whether the window begins anew when it is over.")


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
    resolved: int = Field(
        description="Numbers that were left to one bot, and devices that left their phone."
    )
    left: int = Field(description="Devices that could not be logged out yet.")
    message: str
