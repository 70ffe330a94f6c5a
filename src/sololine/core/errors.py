"""What can be wrong with a request: each error has a code, typed fields and its own sentence.

    SololineError
    ├── InvalidInput             the caller's text cannot be what it should be
    │   └── InvalidNumber
    ├── NotFound                 no such thing, or not the caller's; nobody tells which
    │   ├── BotNotFound
    │   ├── WebhookNotFound
    │   └── DeliveryNotFound
    ├── NotAllowed               the caller is known, and may not
    │   └── UserMismatch
    ├── NotAuthenticated         the caller is not known
    └── Conflict                 the request is sound, but the state of things forbids it now
        ├── AlreadyConnected
        ├── LinkingPending
        ├── NumberTaken
        ├── OtherNumberLinked
        ├── StillLinked
        ├── TooMany
        └── NoCode

A sentence names the mistake and the remedy. Which HTTP status a code has is no matter of this
module (see `web/problems.py`). Sentences may reach logs: no number stands in one unmasked.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from sololine.core.ids import BotId, is_bot_id


class SololineError(Exception):
    """Base of all that Sololine refuses on purpose.

    Attributes:
        code: stable, for programs; snake case.
        message: a sentence for people: the mistake, then the remedy.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def fields(self) -> Mapping[str, Any]:
        """The typed fields that an answer carries beside code and message, named as in Python."""
        return {}


class InvalidInput(SololineError):
    """The caller's text cannot be what it should be.

    Attributes:
        field: the field of the request that is meant, as the caller named it.
    """

    code = "invalid_input"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    def fields(self) -> Mapping[str, Any]:
        return {"field": self.field} if self.field else {}


class InvalidNumber(InvalidInput):
    """The text is no phone number that WhatsApp could know; the message says why."""

    code = "invalid_phone_number"


class NotFound(SololineError):
    """No such thing, or not the caller's to see."""

    code = "not_found"


class BotNotFound(NotFound):
    """No such bot for this caller."""

    code = "bot_not_found"

    def __init__(self, bot: str) -> None:
        # What is no bot's id may be anything, a phone number too, so it is not shown.
        named = f"no bot '{bot}'" if is_bot_id(bot) else "no such bot"
        super().__init__(f"There is {named}. List your bots to find its id.")


class WebhookNotFound(NotFound):
    """No such webhook of the caller's tenant."""

    code = "webhook_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such webhook. List your webhooks to find its id.")


class DeliveryNotFound(NotFound):
    """No such delivery of the webhook."""

    code = "delivery_not_found"

    def __init__(self) -> None:
        super().__init__("This webhook has no such delivery. List its deliveries to find the id.")


class NotAuthenticated(SololineError):
    """The caller is not known."""

    code = "not_authenticated"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or "Send your API key in the header x-api-key.")


class NotAllowed(SololineError):
    """The caller is known, and may not do this."""

    code = "not_allowed"


class UserMismatch(NotAllowed):
    """The request names another user than the one it acts for."""

    code = "user_mismatch"

    def __init__(self) -> None:
        super().__init__("The bot belongs to another user. Name its owner in userId.")


class Conflict(SololineError):
    """The request is sound, but the state of things forbids it now."""

    code = "conflict"


class AlreadyConnected(Conflict):
    """The bot has an open connection; a new QR would lead nowhere."""

    code = "already_connected"

    def __init__(self, *, connected_at: datetime | None) -> None:
        super().__init__(
            "You already have an active WhatsApp connection. "
            "Disconnect first before scanning a new QR."
        )
        self.connected_at = connected_at

    def fields(self) -> Mapping[str, Any]:
        return {"can_connect": False, "connected_at": self.connected_at}


class LinkingPending(Conflict):
    """The bot has an open linking window."""

    code = "qr_pending"

    def __init__(self, *, ends_at: datetime, seconds_left: int) -> None:
        super().__init__(
            "You already have a pending QR code. "
            f"Scan it, or wait {seconds_left} seconds until it expires."
        )
        self.window_ends_at = ends_at
        self.seconds_left = seconds_left

    def fields(self) -> Mapping[str, Any]:
        return {
            "can_connect": False,
            "window_ends_at": self.window_ends_at,
            "seconds_left": self.seconds_left,
        }


class NumberTaken(Conflict):
    """The number belongs to another bot.

    Attributes:
        bot, bot_name, connected_at: the holder, when it belongs to the caller's own tenant; all
            None when another tenant holds the number, of which the caller may learn nothing.
    """

    code = "whatsapp_already_connected"

    def __init__(
        self,
        *,
        bot: BotId | None = None,
        bot_name: str | None = None,
        connected_at: datetime | None = None,
    ) -> None:
        super().__init__(
            "This WhatsApp number is already registered in another account."
            if bot is None
            else f"This WhatsApp number is already connected to bot '{bot_name}'"
        )
        self.bot = bot
        self.bot_name = bot_name
        self.connected_at = connected_at

    def fields(self) -> Mapping[str, Any]:
        if self.bot is None:
            return {"can_connect": False}
        return {
            "can_connect": False,
            "conflicting_bot": {
                "bot_id": self.bot,
                "bot_name": self.bot_name,
                "connected_at": self.connected_at,
            },
        }


class OtherNumberLinked(Conflict):
    """The request names a number, and the bot is linked with another one."""

    code = "other_number_linked"

    def __init__(self) -> None:
        super().__init__(
            "This bot is linked with another WhatsApp number. "
            "Send useExistingSession false to unlink it and link the new number."
        )

    def fields(self) -> Mapping[str, Any]:
        return {"can_connect": False}


class StillLinked(Conflict):
    """A bot that has a number or an open linking window cannot be deleted."""

    code = "bot_still_linked"

    def __init__(self) -> None:
        super().__init__("This bot is linked with a WhatsApp number. Disconnect it first.")


class TooMany(Conflict):
    """The tenant has as many of something as it may have."""

    code = "too_many"

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"There are {limit} {what} already. Delete one that you need no more.")
        self.limit = limit

    def fields(self) -> Mapping[str, Any]:
        return {"limit": self.limit}


class NoCode(Conflict):
    """There is no QR or pairing code to show now.

    Attributes:
        preparing: whether one will be there soon.
    """

    code = "no_qr"

    def __init__(self, *, preparing: bool) -> None:
        super().__init__(
            "The QR is being prepared. Ask again in a second."
            if preparing
            else "This bot has no open linking window. Connect it first."
        )
        self.preparing = preparing

    def fields(self) -> Mapping[str, Any]:
        return {"preparing": self.preparing}
