"""A phone number's account, and the devices that are linked with it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from sololine.wire.curve import KeyPair
from sololine.wire.jid import LID_SERVER, USER_SERVER, Jid
from sololine.wire.registration import Registration

PREKEY_SIZE: Final = 35
"""Bytes of a one-time prekey as kept: its id (3, big-endian) and its public key (32)."""


class DeviceKey(NamedTuple):
    """Which companion: the account's number and the companion's device number (1 or more)."""

    number: str
    device: int

    def __repr__(self) -> str:
        # A number is personal: logs show its end only.
        return f"…{self.number[-4:]}:{self.device}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A linked device of an account."""

    device: int
    key_index: int
    """Which of the account's device keys it is; counts up, never used again."""
    noise: bytes
    """The static key of its Noise handshake; it proves at login that it is the same client."""
    registration: Registration
    device_identity: bytes
    """The account's and the device's signature over each other, as others may see it."""
    linked_at: datetime
    prekeys: bytes = b""
    """One-time prekeys not handed out yet, `PREKEY_SIZE` bytes each.

    Kept as bytes: hundreds of keys as objects would cost 0.3 MB a device.
    """
    online: bool = False

    @property
    def prekey_count(self) -> int:
        """One-time prekeys not handed out yet."""
        return len(self.prekeys) // PREKEY_SIZE


@dataclass(slots=True, kw_only=True)
class Account:
    """A phone number with its phone and its companions. Only the world changes it."""

    number: str
    lid: str
    identity: KeyPair
    """The phone's Signal identity; also what it signs its companions with."""
    next_device: int = 1
    companions: dict[int, Companion] = field(default_factory=dict)

    def jid(self, device: int = 0) -> Jid:
        """The address by number, of the phone or of a companion."""
        return Jid(self.number, USER_SERVER, device)

    def lid_jid(self, device: int = 0) -> Jid:
        """The address by LID, of the phone or of a companion."""
        return Jid(self.lid, LID_SERVER, device)
