"""What can be wrong with a request: each error has a code, typed fields and its own sentence.

    SololineError
    ├── InvalidInput             the caller's text cannot be what it should be
    │   ├── InvalidNumber
    │   ├── UrlNotAllowed
    │   └── UrlUnreachable
    ├── MediaTooLarge            a file is larger than it may be
    ├── MediaUnsuitable          a file is not what WhatsApp can show that way
    ├── NotFound                 no such thing, or not the caller's; nobody tells which
    │   ├── BotNotFound
    │   ├── WebhookNotFound
    │   ├── DeliveryNotFound
    │   ├── MessageNotFound
    │   ├── MediaNotFound
    │   ├── NotOnWhatsApp
    │   └── GroupNotFound
    ├── MediaGone                there was such a file, and nobody has it any more
    ├── NotAllowed               the caller is known, and may not
    │   ├── UserMismatch
    │   └── NotOwnMessage
    ├── NotAuthenticated         the caller is not known
    ├── NoAnswer                 WhatsApp did not answer in time
    └── Conflict                 the request is sound, but the state of things forbids it now
        ├── AlreadyConnected
        ├── LinkingPending
        ├── NumberTaken
        ├── OtherNumberLinked
        ├── StillLinked
        ├── HeldBack
        ├── TooMany
        ├── NoCode
        ├── NotLinked
        ├── NotConnected
        ├── NotSentYet
        ├── RefusedByWhatsApp
        ├── AccountUnnamed
        └── IdempotencyMismatch

A sentence names the mistake and the remedy. Which HTTP status a code has is no matter of this
module (see `web/problems.py`). Sentences may reach logs: no number stands in one unmasked.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from sololine.core.ids import BotId, is_bot_id
from sololine.core.sentence import Counted, Sentence


class SololineError(Exception):
    """Base of all that Sololine refuses on purpose.

    Attributes:
        code: stable, for programs; snake case.
        message: a sentence for people: the mistake, then the remedy. As it is, it is English; a
            door says it in the reader's language.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: Sentence) -> None:
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

    def __init__(self, message: Sentence, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    def fields(self) -> Mapping[str, Any]:
        return {"field": self.field} if self.field else {}


class InvalidNumber(InvalidInput):
    """The text is no phone number that WhatsApp could know; the message says why."""

    code = "invalid_phone_number"


class UrlNotAllowed(InvalidInput):
    """The URL leads where we do not go: into a private network, or past HTTP."""

    code = "url_not_allowed"


class UrlUnreachable(InvalidInput):
    """Nothing could be fetched from the URL."""

    code = "url_unreachable"


_SMALLER: Final = Sentence("Send a smaller one.")


class MediaTooLarge(SololineError):
    """A file is larger than it may be this way.

    Attributes:
        max_bytes: how large it may be.
    """

    code = "media_too_large"

    def __init__(self, *, max_bytes: int, remedy: Sentence = _SMALLER) -> None:
        super().__init__(
            Sentence(
                "The file is larger than {max_bytes} bytes. {remedy}",
                max_bytes=max_bytes,
                remedy=remedy,
            )
        )
        self.max_bytes = max_bytes

    def fields(self) -> Mapping[str, Any]:
        return {"max_bytes": self.max_bytes}


class MediaUnsuitable(SololineError):
    """A file's bytes are not of a type that can be sent as this.

    Attributes:
        mime_type: what the bytes are.
    """

    code = "media_unsuitable"

    def __init__(self, message: Sentence, *, mime_type: str) -> None:
        super().__init__(message)
        self.mime_type = mime_type

    def fields(self) -> Mapping[str, Any]:
        return {"mime_type": self.mime_type}


class NotFound(SololineError):
    """No such thing, or not the caller's to see."""

    code = "not_found"


class BotNotFound(NotFound):
    """No such bot for this caller."""

    code = "bot_not_found"

    def __init__(self, bot: str) -> None:
        # What is no bot's id may be anything, a phone number too, so it is not shown.
        super().__init__(
            Sentence("There is no bot '{bot}'. List your bots to find its id.", bot=bot)
            if is_bot_id(bot)
            else Sentence("There is no such bot. List your bots to find its id.")
        )


class WebhookNotFound(NotFound):
    """No such webhook of the caller's tenant."""

    code = "webhook_not_found"

    def __init__(self) -> None:
        super().__init__(Sentence("There is no such webhook. List your webhooks to find its id."))


class DeliveryNotFound(NotFound):
    """No such delivery of the webhook."""

    code = "delivery_not_found"

    def __init__(self) -> None:
        super().__init__(
            Sentence("This webhook has no such delivery. List its deliveries to find the id.")
        )


class MessageNotFound(NotFound):
    """The bot has no such message.

    Attributes:
        field: the field of the request that names it, where the address does not.
    """

    code = "message_not_found"

    def __init__(self, *, field: str | None = None) -> None:
        super().__init__(
            Sentence("The bot has no such message. List the chat's messages to find its id.")
        )
        self.field = field

    def fields(self) -> Mapping[str, Any]:
        return {"field": self.field} if self.field else {}


class MediaNotFound(NotFound):
    """The bot has no such file."""

    code = "media_not_found"

    def __init__(self) -> None:
        super().__init__(
            Sentence("The bot has no such file. Upload it, and use the id of the answer.")
        )


class NotOnWhatsApp(NotFound):
    """WhatsApp knows nobody under this number."""

    code = "not_on_whatsapp"

    def __init__(self) -> None:
        super().__init__(
            Sentence("This number is not on WhatsApp. Check it, country code included.")
        )


class GroupNotFound(NotFound):
    """There is no such group, or the bot is not in it."""

    code = "group_not_found"

    def __init__(self) -> None:
        super().__init__(Sentence("The bot is in no such group. List its groups to find the id."))


class MediaGone(SololineError):
    """WhatsApp keeps media for some weeks, and this file was not fetched in time."""

    code = "media_gone"

    def __init__(self) -> None:
        super().__init__(
            Sentence("WhatsApp does not have this file any more. Ask its sender for it again.")
        )


class NoAnswer(SololineError):
    """WhatsApp did not answer in time; what was asked may have been done all the same."""

    code = "no_answer"

    def __init__(self) -> None:
        super().__init__(Sentence("WhatsApp did not answer in time. Try again in a moment."))


class NotAuthenticated(SololineError):
    """The caller is not known."""

    code = "not_authenticated"

    def __init__(self, message: Sentence | None = None) -> None:
        super().__init__(message or Sentence("Send your API key in the header x-api-key."))


class NotAllowed(SololineError):
    """The caller is known, and may not do this."""

    code = "not_allowed"


class UserMismatch(NotAllowed):
    """The request names another user than the one it acts for."""

    code = "user_mismatch"

    def __init__(self) -> None:
        super().__init__(Sentence("The bot belongs to another user. Name its owner in userId."))


class NotOwnMessage(NotAllowed):
    """Only what the bot's own account wrote can be edited, or deleted for everyone."""

    code = "not_own_message"

    def __init__(self) -> None:
        super().__init__(
            Sentence("This message is somebody else's. Only the bot's own messages can be changed.")
        )


class Conflict(SololineError):
    """The request is sound, but the state of things forbids it now."""

    code = "conflict"


class AlreadyConnected(Conflict):
    """The bot has an open connection; a new QR would lead nowhere."""

    code = "already_connected"

    def __init__(self, *, connected_at: datetime | None) -> None:
        super().__init__(
            Sentence(
                "You already have an active WhatsApp connection. Disconnect first before "
                "scanning a new QR."
            )
        )
        self.connected_at = connected_at

    def fields(self) -> Mapping[str, Any]:
        return {"can_connect": False, "connected_at": self.connected_at}


class LinkingPending(Conflict):
    """The bot has an open linking window."""

    code = "qr_pending"

    def __init__(self, *, ends_at: datetime, seconds_left: int) -> None:
        super().__init__(
            Counted(
                "You already have a pending QR code. Scan it, or wait {count} second until it "
                "expires.",
                "You already have a pending QR code. Scan it, or wait {count} seconds until it "
                "expires.",
                count=seconds_left,
            )
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
            Sentence("This WhatsApp number is already registered in another account.")
            if bot is None
            else Sentence(
                "This WhatsApp number is already connected to bot '{bot_name}'", bot_name=bot_name
            )
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
            Sentence(
                "This bot is linked with another WhatsApp number. Send "
                "useExistingSession false to unlink it and link the new number."
            )
        )

    def fields(self) -> Mapping[str, Any]:
        return {"can_connect": False}


class StillLinked(Conflict):
    """A bot that has a number or an open linking window cannot be deleted."""

    code = "bot_still_linked"

    def __init__(self) -> None:
        super().__init__(
            Sentence("This bot is linked with a WhatsApp number. Disconnect it first.")
        )


class HeldBack(Conflict):
    """The bot was restored from a backup, and its original may still run somewhere."""

    code = "held_back"

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "This bot was restored from a backup, and its original may still run elsewhere. "
                "Ask the operator to stop the original and to restore with --take-over."
            )
        )

    def fields(self) -> Mapping[str, Any]:
        return {"can_connect": False}


class TooMany(Conflict):
    """The tenant has as many of something as it may have."""

    code = "too_many"

    def __init__(self, message: Sentence, *, limit: int) -> None:
        super().__init__(message)
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
            Sentence("The QR is being prepared. Ask again in a second.")
            if preparing
            else Sentence("This bot has no open linking window. Connect it first.")
        )
        self.preparing = preparing

    def fields(self) -> Mapping[str, Any]:
        return {"preparing": self.preparing}


class NotLinked(Conflict):
    """The bot has no number to send from."""

    code = "bot_not_linked"

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "This bot is not linked with a WhatsApp number. Connect it and scan the QR first."
            )
        )


class NotConnected(Conflict):
    """WhatsApp has to be asked, and the bot has no open connection to it."""

    code = "bot_not_connected"

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "This bot is not connected to WhatsApp now. Connect it, or wait until it is back."
            )
        )


class NotSentYet(Conflict):
    """A message that WhatsApp does not have yet cannot be answered or changed."""

    code = "message_not_sent"

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "WhatsApp does not have the message that this one refers to. Wait until "
                "its status is sent."
            )
        )


class RefusedByWhatsApp(Conflict):
    """WhatsApp does not allow this bot to do that."""

    code = "refused_by_whatsapp"

    def __init__(self) -> None:
        super().__init__(
            Sentence("WhatsApp does not allow this. Look at the bot's account on its phone.")
        )


class AccountUnnamed(Conflict):
    """WhatsApp shows nobody online who has no name, and the bot's account has told none."""

    code = "account_unnamed"

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "WhatsApp shows nobody online without a name, and the bot's account has "
                "none. Set one in WhatsApp on its phone (Settings, your profile), and "
                "try again in a minute."
            )
        )


class IdempotencyMismatch(Conflict):
    """The key was used for another request."""

    code = "idempotency_mismatch"

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "This Idempotency-Key or clientRef was used for another message. Take a "
                "new one for each message."
            )
        )
