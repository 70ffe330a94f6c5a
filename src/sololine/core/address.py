"""Addresses as WhatsApp writes them: `447441395830:37@s.whatsapp.net`, `98765@lid`, `1203…@g.us`.

This module imports the standard library only, so that a worker process stays small.
"""

from typing import Final

_GROUP: Final = "@g.us"


def bare_of(jid: str) -> str:
    """The address without its device: `98765:37@lid` as `98765@lid`."""
    user, at, server = jid.partition("@")
    return f"{user.partition(':')[0]}{at}{server}"


def is_group(chat: str) -> bool:
    """Whether the chat is a group."""
    return chat.endswith(_GROUP)
