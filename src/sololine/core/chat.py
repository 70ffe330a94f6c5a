"""A chat: a conversation with a person or in a group, under the one name that it always has.

WhatsApp addresses a person by the number, or by a LID, an opaque id behind which the number may be
hidden; and one and the same person comes now under this, now under that. A chat's name is the
number whenever it is known, in its canonical digits; else the LID's address, `98765@lid`. A group's
is its address, `120363000000000001@g.us`.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final, NewType

from sololine.core.address import bare_of as bare_of  # noqa: PLC0414 — for all to import
from sololine.core.address import is_group as is_group  # noqa: PLC0414 — for all to import
from sololine.core.errors import InvalidInput, InvalidNumber
from sololine.core.ids import ChatRef
from sololine.core.number import from_jid, parse

# Found here by everyone but the workers, which live without the tables of phone numbers.
from sololine.core.sentence import Sentence

ChatId = NewType("ChatId", str)
"""`447700900123`, `98765@lid` or `120363000000000001@g.us`."""

PersonId = NewType("PersonId", str)
"""Whoever writes: `447700900123`, or `98765@lid` while the number is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A bot's conversation with a person or in a group.

    Attributes:
        jid: the address that WhatsApp uses for it; empty until it is known.
        lid: the person's LID; empty for groups, and until it is known.
        last_seq: place of the event of its latest message, by which chats are ordered.
        unread: received messages that were not marked as seen.
        ref: what events call it.
        typing_by: who typed last; empty when nobody did, or it is not known who.
        typing_since: place of the event since which nobody else typed; 0 when nobody did.
    """

    id: ChatId = field(repr=False)
    name: str = field(default="", repr=False)
    jid: str = field(default="", repr=False)
    lid: str = field(default="", repr=False)
    last_seq: int = 0
    unread: int = 0
    ref: ChatRef = field(default=ChatRef(""))
    typing_by: PersonId = field(default=PersonId(""), repr=False)
    typing_since: int = 0

    def typed(self, by: PersonId, seq: int) -> "Chat":
        """The chat once someone types, in the event at this place."""
        if self.typing_since and self.typing_by == by:
            return self
        return replace(self, typing_by=by, typing_since=seq)

    def typist(self, seq: int) -> PersonId | None:
        """Who typed in the event at this place; None when that is not known any more.

        In a group others may have typed since then.
        """
        if self.typing_by and 0 < self.typing_since <= seq:
            return self.typing_by
        return None if is_group(self.id) else PersonId(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What became known of a chat; what is empty stays as it was.

    Attributes:
        seq: the place of a new message's event.
        unread: how many unread messages were added.
        seen: whether everything in it has been seen; counted before `unread` is added.
        ref: what events call the chat from now on, if it is not known yet.
        typing_by, typing_since: as in `Chat`; both stay as they were when the latter is 0.
    """

    id: ChatId = field(repr=False)
    name: str = field(default="", repr=False)
    jid: str = field(default="", repr=False)
    lid: str = field(default="", repr=False)
    seq: int = 0
    unread: int = 0
    seen: bool = False
    ref: ChatRef = field(default=ChatRef(""))
    typing_by: PersonId = field(default=PersonId(""), repr=False)
    typing_since: int = 0

    def then(self, later: "Touch") -> "Touch":
        """Both touches of one chat as one."""
        typing = later if later.typing_since else self
        return replace(
            self,
            name=later.name or self.name,
            jid=later.jid or self.jid,
            lid=later.lid or self.lid,
            seq=max(self.seq, later.seq),
            unread=later.unread + (0 if later.seen else self.unread),
            seen=self.seen or later.seen,
            ref=self.ref or later.ref,
            typing_by=typing.typing_by,
            typing_since=typing.typing_since,
        )


_LID: Final = "@lid"
_ADDRESS: Final = re.compile(r"([0-9]{1,24}(?:-[0-9]{1,16})?)@(g\.us|lid)")
_MAX_TEXT: Final = 64


def to_chat(text: str, region: str | None = None) -> ChatId:
    """The chat that a caller names: a number in any usual form, or an address of WhatsApp's.

    Understood beside numbers: `447700900123@c.us` and `…@s.whatsapp.net` (a person by number),
    `98765@lid`, and `120363000000000001@g.us` (a group).

    Args:
        text: what the caller wrote.
        region: country whose numbers may be written without a country code.

    Raises:
        InvalidNumber, InvalidInput: with a sentence for the caller. It never shows the text.
    """
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise InvalidInput(
            Sentence("The text is too long for a number or a chat. Send one of them.")
        )
    if _ADDRESS.fullmatch(text.lower()):
        return ChatId(text.lower())
    return ChatId(parse(text, region).digits)


def chat_of(jid: str, alternative: str = "") -> ChatId | None:
    """The chat behind an address that WhatsApp used, and its other address where one is known.

    None for what is no conversation: status updates, broadcast lists, channels.
    """
    if is_group(jid):
        return ChatId(jid) if _ADDRESS.fullmatch(jid) else None
    person = person_of(jid, alternative)
    return ChatId(person) if person else None


def person_of(jid: str, alternative: str = "") -> PersonId | None:
    """The person behind an address that WhatsApp used; None when it is no person's.

    The device in an address does not matter.
    """
    for address in (jid, alternative):
        try:
            return PersonId(from_jid(address).digits)
        except InvalidNumber:
            continue
    for address in (jid, alternative):
        bare = bare_of(address)
        if bare.endswith(_LID) and _ADDRESS.fullmatch(bare):
            return PersonId(bare)
    return None


def lid_of(*jids: str) -> str:
    """The LID among the addresses of one person, without a device; empty when there is none."""
    return next((bare_of(jid) for jid in jids if bare_of(jid).endswith(_LID)), "")


def address_of(chat: str) -> str:
    """The address under which WhatsApp may know the chat, as far as its name tells."""
    return chat if "@" in chat else f"{chat}@s.whatsapp.net"


def masked(chat: str) -> str:
    """The chat as events and logs show it: enough to recognise, not enough to write to.

    Of a number the country code and the last two digits; of other addresses the last three.
    """
    if "@" in chat:
        user, _, server = chat.partition("@")
        return f"…{user[-3:]}@{server}"
    return from_jid(address_of(chat)).masked
