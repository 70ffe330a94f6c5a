"""WhatsApp addresses: a user on a server, and one of the user's devices."""

from dataclasses import dataclass, replace
from typing import Final, Self

from sololine.wire.errors import MalformedJid

USER_SERVER: Final = "s.whatsapp.net"
LID_SERVER: Final = "lid"
GROUP_SERVER: Final = "g.us"
HOSTED_SERVER: Final = "hosted"
HOSTED_LID_SERVER: Final = "hosted.lid"
MESSENGER_SERVER: Final = "msgr"
INTEROP_SERVER: Final = "interop"

MAX_DEVICE: Final = 0xFFFF
"""The widest device number any address form carries; on most servers it is one byte."""


@dataclass(frozen=True, slots=True, repr=False)
class Jid:
    """A WhatsApp address.

    `user` is a phone number in digits, a LID, or a group id; it is empty for the server itself.
    `device` 0 is the phone, others are companions. A jid of another protocol ("interop") keeps
    its integrator in front of the user: `integrator-user`.

    Raises:
        MalformedJid: if the parts cannot stand in one address.
    """

    user: str
    server: str
    device: int = 0

    def __post_init__(self) -> None:
        if not self.server or set("@:") & set(self.user + self.server):
            raise MalformedJid("a jid needs a server, and no part of it may hold '@' or ':'")
        if not 0 <= self.device <= MAX_DEVICE:
            raise MalformedJid(f"a jid's device number must be between 0 and {MAX_DEVICE}")
        if self.device and not self.user:
            raise MalformedJid("a jid without a user cannot name a device")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `user:device@server`, `user@server` or `server`.

        Raises:
            MalformedJid: if the text is none of these; the message does not show it.
        """
        local, _, server = text.rpartition("@")
        user, colon, device = local.partition(":")
        if not colon:
            return cls(user, server)
        if not (device.isascii() and device.isdigit() and len(device) <= len(str(MAX_DEVICE))):
            raise MalformedJid("the part between ':' and '@' of a jid must be a device number")
        return cls(user, server, int(device))

    @property
    def bare(self) -> Self:
        """The same user without a device: the address of a chat."""
        return replace(self, device=0) if self.device else self

    def __str__(self) -> str:
        if not self.user:
            return self.server
        return f"{self.user}{f':{self.device}' if self.device else ''}@{self.server}"

    def __repr__(self) -> str:
        # A number is personal: tracebacks and logs show only its length.
        return f"Jid(<{len(self.user)} characters>, {self.server!r}, device={self.device})"


SERVER: Final = Jid("", USER_SERVER)
"""WhatsApp itself. Clients ignore what claims to come from it in any other form."""
