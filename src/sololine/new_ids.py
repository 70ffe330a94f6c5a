"""New identifiers: the prefix that tells what they name, and enough chance never to meet again.

Not in the core, which knows no chance. 96 bits for what is made all the time, 80 for the rest.
"""

import secrets

from sololine.core.ids import (
    BotId,
    ChatRef,
    ChoreId,
    DeliveryId,
    MediaId,
    MessageId,
    WebhookId,
)


def bot() -> BotId:
    """For a new bot."""
    return BotId(f"bot_{secrets.token_hex(10)}")


def message() -> MessageId:
    """For a new message, in or out."""
    return MessageId(f"msg_{secrets.token_hex(12)}")


def media() -> MediaId:
    """For a new file."""
    return MediaId(f"med_{secrets.token_hex(12)}")


def chat_ref() -> ChatRef:
    """For a new chat, as events name it."""
    return ChatRef(f"cht_{secrets.token_hex(10)}")


def chore() -> ChoreId:
    """For a new chore."""
    return ChoreId(f"cho_{secrets.token_hex(12)}")


def webhook() -> WebhookId:
    """For a new webhook."""
    return WebhookId(f"whk_{secrets.token_hex(10)}")


def delivery() -> DeliveryId:
    """For a new delivery."""
    return DeliveryId(f"dlv_{secrets.token_hex(12)}")
