"""Identifiers: a type each, with a readable prefix, so that a log line explains itself."""

import re
from typing import Final, NewType

TenantId = NewType("TenantId", str)
"""An account boundary; chosen by the operator, for example `default`."""

UserId = NewType("UserId", str)
"""A person of a tenant; any text the platform uses for its users (with Firebase, the uid)."""

BotId = NewType("BotId", str)
"""What a user creates; `bot_` and 20 characters."""

DeviceId = NewType("DeviceId", str)
"""One set of WhatsApp credentials; names their file, so it holds only letters, digits, `_`."""

ProcessId = NewType("ProcessId", str)
"""A running server, as leases name it."""

MessageId = NewType("MessageId", str)
"""A message of a bot's, in or out; `msg_` and 24 characters."""

ChatRef = NewType("ChatRef", str)
"""What events call a bot's chat, since its name holds a number; `cht_` and 20 characters."""

MediaId = NewType("MediaId", str)
"""A file that a message carries; `med_` and 24 characters. Names the file on disk."""

ChoreId = NewType("ChoreId", str)
"""Something that a line is asked to do once; `cho_` and 24 characters."""

WebhookId = NewType("WebhookId", str)
"""An address that a tenant's events are sent to; `whk_` and 20 characters."""

DeliveryId = NewType("DeliveryId", str)
"""One event on its way to one webhook; `dlv_` and 24 characters."""

DEFAULT_TENANT: Final = TenantId("default")
DEFAULT_USER: Final = UserId("default")

_BOT_ID: Final = re.compile(r"bot_[0-9a-z]{20}")
_MEDIA_ID: Final = re.compile(r"med_[0-9a-z]{24}")


def is_bot_id(text: str) -> bool:
    """Whether `text` has the form of a bot's id; says nothing about whether the bot exists."""
    return _BOT_ID.fullmatch(text) is not None


def is_media_id(text: str) -> bool:
    """Whether `text` has the form of a medium's id; only such a text may name a file."""
    return _MEDIA_ID.fullmatch(text) is not None


def device_id(bot: BotId, intent_no: int, round_no: int) -> DeviceId:
    """The id of the credentials that a bot's linking makes.

    Made from the order that asked for the link and the number of the linking worker within its
    window, so that deciding needs no randomness and a crashed attempt finds its own file again.
    """
    return DeviceId(f"dev_{bot.removeprefix('bot_')}_{intent_no}_{round_no}")
