"""Listings: what other systems say of bots (see `core/listing.py`), one a bot at most.

Whoever writes one has locked the bot's session, whose link ends it: `overtake`.
"""

from typing import Final

from sqlalchemy import bindparam, delete, select, text

from sololine.core.ids import BotId
from sololine.core.listing import Listing
from sololine.core.number import Number
from sololine.core.session import Session, State
from sololine.store.columns import Row, instant, millis
from sololine.store.connection import Connection
from sololine.store.tables import listings

_PUT: Final = text(
    "INSERT INTO listings (bot_id, tenant_id, number, state, last_connected_at)"
    " VALUES (:bot, :tenant, :number, :state, :last_connected_at)"
    " ON CONFLICT (bot_id) DO UPDATE SET number = excluded.number, state = excluded.state,"
    " last_connected_at = excluded.last_connected_at"
)
_OF_BOT: Final = select(listings).where(listings.c.bot_id == bindparam("bot"))
_DROP: Final = delete(listings).where(listings.c.bot_id == bindparam("bot"))


class Listings:
    """The listings, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, listing: Listing) -> None:
        """Write down what is said of a bot, in the place of what was said before."""
        self._connection.needs_lock(listing.bot)
        values = {
            "bot": listing.bot,
            "tenant": listing.tenant,
            "number": listing.number.digits,
            "state": listing.state.value,
            "last_connected_at": millis(listing.last_connected_at),
        }
        await self._connection.change(_PUT, values)

    async def of_bot(self, bot: BotId) -> Listing | None:
        """What is said of the bot."""
        row = await self._connection.row(_OF_BOT, {"bot": bot})
        return _listing(row) if row else None

    async def forget(self, bot: BotId) -> None:
        """Forget what is said of the bot, if anything is."""
        self._connection.needs_lock(bot)
        await drop(self._connection, bot)


async def overtake(connection: Connection, before: Session, after: Session) -> None:
    """Forget what is said of a bot that is linked from now on: its session says what is so."""
    if after.device is not None and after.device != before.device:
        await drop(connection, after.bot)


async def drop(connection: Connection, bot: BotId) -> None:
    """Forget what is said of a bot, which is being linked or deleted."""
    await connection.change(_DROP, {"bot": bot})


def _listing(row: Row) -> Listing:
    return Listing(
        bot=row["bot_id"],
        tenant=row["tenant_id"],
        number=Number(digits=row["number"]),
        state=State(row["state"]),
        last_connected_at=instant(row["last_connected_at"]),
    )
