"""A client that waits to be linked: it shows one ref after the other until a phone accepts it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sololine.emulator.people.accounts import DeviceKey
from sololine.wire.jid import Jid
from sololine.wire.registration import Registration

FIRST_REF_LASTS: Final = timedelta(seconds=60)
NEXT_REF_LASTS: Final = timedelta(seconds=20)
REF_GRACE: Final = timedelta(seconds=10)
"""A QR is accepted this long after its client has replaced it: scanning takes time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """The part of a QR that names the waiting client."""

    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A place on an account, held for a client until it has signed its identity."""

    key: DeviceKey
    key_index: int
    jid: Jid
    lid: Jid


@dataclass(slots=True, kw_only=True)
class Pairing:
    """A connected client that waits for a phone to accept it."""

    id: int
    noise: bytes
    registration: Registration
    refs: tuple[Ref, ...]
    offer: Offer | None = None

    def shows(self, ref: str, now: datetime) -> bool:
        """Whether the client's QR may have this ref at that moment."""
        return any(known.text == ref and now < known.expires_at for known in self.refs)


def dated_refs(refs: tuple[str, ...], now: datetime) -> tuple[Ref, ...]:
    """The refs in the order in which a client shows them, from now on."""
    shown_until = now + FIRST_REF_LASTS
    return tuple(
        Ref(text=text, expires_at=shown_until + NEXT_REF_LASTS * index + REF_GRACE)
        for index, text in enumerate(refs)
    )
