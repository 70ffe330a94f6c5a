"""The listing: what another system's data says of a bot.

An import brings it: the number that the bot had there, the state of its connection, and when that
was last up. It is kept apart from claims and gives no right to the number: nothing is refused for
it, and nobody is disconnected by it. It is there to be compared (`core.conflict`), and it is over
when the bot is linked here: from then on the session says what is so.
"""

from dataclasses import dataclass
from datetime import datetime

from sololine.core.ids import BotId, TenantId
from sololine.core.number import Number
from sololine.core.session import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is said of one bot.

    Attributes:
        state: of its connection there.
        last_connected_at: when it was connected there; None when nobody knows.
    """

    bot: BotId
    tenant: TenantId
    number: Number
    state: State
    last_connected_at: datetime | None
