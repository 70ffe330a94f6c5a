"""Groups: chats of several phones."""

from dataclasses import dataclass
from datetime import datetime

from sololine.wire.jid import GROUP_SERVER, Jid


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group chat. The world keeps each under its `id`; a change makes a new value."""

    id: str
    """What stands before `@g.us` in its address: digits."""
    subject: str
    """What people call it."""
    members: tuple[str, ...]
    """The numbers of its members, the creator's among them."""
    creator: str
    """The number of who made it."""
    created_at: datetime

    @property
    def jid(self) -> Jid:
        """The address of the chat."""
        return Jid(self.id, GROUP_SERVER)
