"""What the library reports of chats, as signals. Pure: protobuf bytes in, signals out.

The library writes what stands around a message, and passes on what strangers wrote in it. So the
one must be as it should, and the other may be anything: the server reads it, and nobody's bytes
end a link.

Besides the message in WhatsApp's own form, the library's event carries a second copy of it, as it
was before its wrappings came off; that one is left alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from sololine.core.address import bare_of, is_group
from sololine.core.signals import (
    ChatSignal,
    Receipt,
    ReceiptKind,
    Received,
    Typing,
    TypingState,
    Unreadable,
    Where,
)
from sololine.engine.fields import data, number, text
from sololine.wire.errors import MalformedPayload
from sololine.wire.fields import Fields, read, repeated

MESSAGE: Final = 17
RECEIPT: Final = 18
CHAT_PRESENCE: Final = 19
UNDECRYPTABLE: Final = 44

CODES: Final = (MESSAGE, RECEIPT, CHAT_PRESENCE, UNDECRYPTABLE)

_RECEIPTS: Final[Mapping[int, ReceiptKind]] = {
    1: ReceiptKind.DELIVERED,
    4: ReceiptKind.READ,
    5: ReceiptKind.READ_SELF,
    6: ReceiptKind.PLAYED,
}
"""The others are between devices: an own device that got it, one that asks for it again."""

_PAUSED: Final = 2
_AUDIO: Final = 2
_HIDDEN: Final = 2
_BETWEEN_OWN_DEVICES: Final = b"peer"
_LID: Final = "@lid"
_FOR_MACHINES: Final = frozenset({2, 35})
"""Fields of a `waE2E.Message` that say nothing to people: a group's new key, and context alone. A
key comes as a message of its own, under the id of the one that follows."""
_PROTOCOL: Final = 12
_REVOKE: Final = 0
_EDIT: Final = 14
_MILLISECONDS: Final = 1000
"""In the time of a message; receipts have seconds."""

NumberOf = Callable[[str], str]
"""The number's address of a person whose LID it is given; empty when it is not known."""


def chat_signal(code: int, message: bytes) -> ChatSignal | None:
    """What an event with one of `CODES` means, or None. Raises `MalformedPayload`."""
    if code == RECEIPT:
        return _receipt(message)
    fields = read(message)
    if code == MESSAGE:
        return _received(fields)
    if code == CHAT_PRESENCE:
        return _typing(fields)
    return _unreadable(fields)


def with_numbers(said: ChatSignal, number_of: NumberOf) -> ChatSignal:
    """The signal with the numbers of those whom WhatsApp named by their LID alone."""
    where = said.where
    sender_other, chat_other = where.sender_other, where.chat_other
    if not sender_other and where.sender.endswith(_LID):
        sender_other = number_of(bare_of(where.sender))
    if not chat_other and where.chat.endswith(_LID):
        same = where.chat == bare_of(where.sender)
        chat_other = bare_of(sender_other) if same else number_of(where.chat)
    if (sender_other, chat_other) == (where.sender_other, where.chat_other):
        return said
    return replace(said, where=replace(where, sender_other=sender_other, chat_other=chat_other))


def jid(message: bytes) -> str:
    """A JID message as text: `447441395830:37@s.whatsapp.net`; empty when it names nobody."""
    fields = read(message)
    user, device, server = text(fields, 1), number(fields, 3), text(fields, 5)
    if not user:
        return ""
    return f"{user}:{device}@{server}" if device else f"{user}@{server}"


def _received(fields: Fields) -> Received | None:
    info = read(data(fields, 1))
    message = data(fields, 2)
    if data(info, 7) == _BETWEEN_OWN_DEVICES or not _is_for_people(message):
        return None
    return Received(
        id=_chosen(data(info, 2)),
        where=_where(data(info, 1)),
        at_s=(number(info, 6) or 0) // _MILLISECONDS,
        sender_name=_chosen(data(info, 5)),
        message=message,
    )


def _chosen(text: bytes) -> str:
    """A text that its writer chose, as far as it is one."""
    return text.decode(errors="replace")


def _is_for_people(message: bytes) -> bool:
    try:
        content = read(message)
        rest = content.keys() - _FOR_MACHINES
        if rest == {_PROTOCOL}:
            # The others are between devices, and their keys are nobody else's business.
            return number(read(data(content, _PROTOCOL)), 2) in {_REVOKE, _EDIT}
    except MalformedPayload:
        # The library has read it, so the server may be able to.
        return True
    return bool(rest)


def _unreadable(fields: Fields) -> Unreadable | None:
    info = read(data(fields, 1))
    if number(fields, 3) == _HIDDEN:
        return None  # a reaction, say, of which people should not hear until it can be read
    return Unreadable(
        id=_chosen(data(info, 2)),
        where=_where(data(info, 1)),
        at_s=(number(info, 6) or 0) // _MILLISECONDS,
        sender_name=_chosen(data(info, 5)),
    )


def _receipt(message: bytes) -> Receipt | None:
    fields = read(message)
    kind = _RECEIPTS.get(number(fields, 4) or 0)
    ids = tuple(map(_chosen, repeated(message, 2)))
    if kind is None or not ids:
        return None
    return Receipt(kind=kind, ids=ids, where=_where(data(fields, 1)), at_s=number(fields, 3) or 0)


def _typing(fields: Fields) -> Typing:
    state = TypingState.RECORDING if number(fields, 3) == _AUDIO else TypingState.TYPING
    if number(fields, 2) == _PAUSED:
        state = TypingState.PAUSED
    return Typing(where=_where(data(fields, 1)), state=state)


def _where(source: bytes) -> Where:
    fields = read(source)
    chat, sender = bare_of(jid(data(fields, 1))), jid(data(fields, 2))
    from_me = bool(number(fields, 3))
    # The library knows the other address of the sender, and of whom the own phone wrote to.
    sender_other, recipient_other = jid(data(fields, 6)), jid(data(fields, 7))
    chat_other = "" if is_group(chat) else bare_of(recipient_other if from_me else sender_other)
    return Where(
        chat=chat,
        chat_other=chat_other,
        sender=sender,
        sender_other=sender_other,
        from_me=from_me,
    )
