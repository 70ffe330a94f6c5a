"""Arrivals: chat signals, read and made safe, before anything follows from them.

What strangers wrote ends here: whatever the bytes are, a signal becomes a value that can be
stored, or nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, assert_never

from sololine.core.chat import bare_of
from sololine.core.content import Undecryptable, Unsupported, target_of
from sololine.core.signals import ChatSignal, Receipt, Received, Typing, Unreadable, Where
from sololine.wire.content import Incoming, read
from sololine.wire.errors import MalformedPayload

ID_MAX: Final = 128
NAME_MAX: Final = 200
_LID: Final = re.compile(r"[0-9]{1,24}@lid")
_LATEST_S: Final = 4_102_444_800
"""The year 2100: what claims to be later is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message that arrived, read."""

    id: str
    where: Where
    at_s: int
    sender_name: str = field(default="", repr=False)
    incoming: Incoming
    form: bytes | None = field(default=None, repr=False)

    def unstorable(self) -> "Arrival":
        """That it arrived, without anything that its sender chose."""
        incoming = Incoming(content=Unsupported(name="unstorable"))
        return replace(self, incoming=incoming, sender_name="", form=None)


Heard = Arrival | Receipt | Typing
"""Chat signals as they are dealt with."""


def understood(signal: ChatSignal) -> Heard | None:
    """The signal, read; None when it is nothing for people."""
    match signal:
        case Receipt() | Typing():
            return signal
        case Unreadable():
            said: Incoming | None = Incoming(content=Undecryptable())
            form = None
        case Received(message=form):
            try:
                said = read(form)
            except MalformedPayload:
                said = Incoming(content=Unsupported(name="malformed"))
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)
    if said is None or not is_id(signal.id):
        return None
    return Arrival(
        id=signal.id,
        where=signal.where,
        at_s=signal.at_s,
        sender_name=_clean(signal.sender_name),
        incoming=said,
        form=form,
    )


def ids_in(heard: Iterable[Heard]) -> set[str]:
    """WhatsApp's ids of the messages that have to be known to deal with these."""
    ids: set[str] = set()
    for each in heard:
        match each:
            case Arrival():
                ids.add(each.id)
                target = target_of(each.incoming.content)
                if target is not None and is_id(target.whatsapp_id):
                    ids.add(target.whatsapp_id)
            case Receipt():
                ids.update(filter(is_id, each.ids))
            case Typing():
                pass
            case _ as never:  # pragma: no cover — the type checker proves it
                assert_never(never)
    return ids


def lids_in(heard: Iterable[Heard]) -> set[str]:
    """LIDs in the signals for which no second address is told."""
    jids: set[str] = set()
    for each in heard:
        where = each.where
        jids |= {
            jid
            for jid, other in (
                (where.chat, where.chat_other),
                (where.sender, where.sender_other),
            )
            if not other
        }
        if isinstance(each, Arrival):
            jids.update(each.incoming.mentions)
    return {jid for jid in map(bare_of, jids) if _LID.fullmatch(jid)}


def instant(at_s: int, otherwise: datetime) -> datetime:
    """The instant that WhatsApp names in seconds; `otherwise` when it can be none."""
    return datetime.fromtimestamp(at_s, UTC) if 0 < at_s < _LATEST_S else otherwise


def is_id(text: str) -> bool:
    """Whether the text can be WhatsApp's id of a message."""
    return 0 < len(text) <= ID_MAX and text.isprintable()


def _clean(name: str) -> str:
    """A name that someone gave himself, as it may be stored."""
    kept = "".join(letter for letter in name if letter.isprintable())[:NAME_MAX]
    return kept.encode(errors="replace").decode().strip()
