"""Restorations: credentials that came from a backup, and whether their bot is held back.

They are written with the session that has the credentials, under its lock.
"""

from typing import Final

from sqlalchemy import bindparam, delete, select, text, update

from sololine.core.backup import Restoration
from sololine.core.ids import BotId, DeviceId
from sololine.store.columns import Row, instant, millis
from sololine.store.connection import Connection
from sololine.store.tables import restorations

_row: Final = restorations.c

_OF: Final = select(restorations).where(_row.device_id == bindparam("device"))
_PUT: Final = text(
    "INSERT INTO restorations"
    " (device_id, bot_id, tenant_id, copied_at, restored_at, taken_over_at)"
    " VALUES (:device, :bot, :tenant, :copied_at, :restored_at, :taken_over_at)"
    " ON CONFLICT (device_id) DO UPDATE SET copied_at = excluded.copied_at,"
    " restored_at = excluded.restored_at, taken_over_at = excluded.taken_over_at"
)
_TAKE_OVER: Final = (
    update(restorations)
    .where(_row.device_id == bindparam("device"), _row.taken_over_at.is_(None))
    .values(taken_over_at=bindparam("now"))
)
_DROP: Final = delete(restorations).where(_row.bot_id == bindparam("bot"))


class Restorations:
    """The restorations, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, device: DeviceId) -> Restoration | None:
        """Where these credentials came from; None when they were made here."""
        row = await self._connection.row(_OF, {"device": device})
        return _restoration(row) if row else None

    async def held_back(self, device: DeviceId) -> bool:
        """Whether nobody may use these credentials yet, since their original may still run."""
        found = await self.of(device)
        return found is not None and found.taken_over_at is None

    async def put(self, restoration: Restoration) -> None:
        """Note where credentials came from; they are held back unless they are taken over."""
        self._connection.needs_lock(restoration.bot)
        values = {
            "device": restoration.device,
            "bot": restoration.bot,
            "tenant": restoration.tenant,
            "copied_at": millis(restoration.copied_at),
            "restored_at": millis(restoration.restored_at),
            "taken_over_at": millis(restoration.taken_over_at),
        }
        await self._connection.change(_PUT, values)

    async def take_over(self, device: DeviceId) -> bool:
        """Hold the credentials back no more; False when they are not held back."""
        values = {"device": device, "now": millis(self._connection.now)}
        return await self._connection.change(_TAKE_OVER, values) == 1


async def drop(connection: Connection, bot: BotId) -> None:
    """Forget what was restored of a bot that is being deleted."""
    await connection.change(_DROP, {"bot": bot})


def _restoration(row: Row) -> Restoration:
    return Restoration(
        device=row["device_id"],
        bot=row["bot_id"],
        tenant=row["tenant_id"],
        copied_at=instant(row["copied_at"]),
        restored_at=instant(row["restored_at"]),
        taken_over_at=instant(row["taken_over_at"]),
    )
