"""Keys: how a message names an earlier one, that it reacts to, edits, deletes or quotes.

A key is written from its writer's side: `fromMe` means that the writer of the key also wrote the
message. So it says who wrote it only together with who sent the key.
"""

from collections.abc import Collection
from dataclasses import replace

from sololine.core.chat import bare_of, is_group
from sololine.core.content import Target
from sololine.core.signals import Where
from sololine.wire.content import texts
from sololine.wire.content.forms import Form, common


def read_key(key: Form) -> Target | None:
    """The message that the key means, from its writer's side; None if it means none."""
    whatsapp_id = texts.identifier(key.ID)
    if not whatsapp_id:
        return None
    return Target(
        whatsapp_id=whatsapp_id, from_me=key.fromMe, sender=texts.person_jid(key.participant)
    )


def write_key(target: Target, chat: str) -> Form:
    """The key of a message in that chat."""
    key = common.MessageKey(remoteJID=chat, fromMe=target.from_me, ID=target.whatsapp_id)
    if target.sender and is_group(chat) and not target.from_me:
        key.participant = bare_of(target.sender)
    return key


def seen_by(target: Target, *, where: Where, own: Collection[str]) -> Target:
    """The same target from the bot's side: `from_me` and `sender` as they are for the bot.

    Args:
        target: as `read` gave it, from the side of whoever wrote the message.
        where: that message's place and sender.
        own: the addresses of the bot's own account, by number and by LID, without devices.
    """
    if target.sender:
        sender = bare_of(target.sender)
        return replace(target, from_me=sender in own, sender=sender)
    # Without an author: the writer's own, or in a chat of two the other one's.
    by_writer = target.from_me
    from_me = by_writer == where.from_me
    if from_me:
        return replace(target, from_me=True)
    return replace(target, from_me=False, sender=bare_of(where.sender if by_writer else where.chat))
