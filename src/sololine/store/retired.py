"""Retired devices: credentials that a bot gave up and that the phone may still list.

    session ──gives up──▶ due ──take──▶ being logged out ──done──▶ gone
                           ▲                  │
                           └────later─────────┘

`due_at` is the lock as well: whoever takes a device moves it into the future, so that no one else
sees it due. After a crash it comes due again by itself, or at once when the process that took it
is started anew (`recover`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, func, select, text, update

from sololine.core.ids import BotId, DeviceId, ProcessId, TenantId
from sololine.core.session import Session
from sololine.store.columns import Row, instant, millis
from sololine.store.connection import Connection
from sololine.store.tables import retired_devices

_row: Final = retired_devices.c

_RETIRE: Final = text(
    "INSERT INTO retired_devices (device_id, bot_id, tenant_id, retired_at, due_at, tries)"
    " VALUES (:device, :bot, :tenant, :now, :now, 0) ON CONFLICT DO NOTHING"
)
_DUE: Final = (
    select(retired_devices)
    .where(_row.due_at <= bindparam("now"))
    .order_by(_row.due_at, _row.device_id)
    .limit(bindparam("page"))
)
_OF: Final = select(retired_devices).where(_row.device_id == bindparam("device"))
_LATER: Final = update(retired_devices).where(_row.device_id == bindparam("device"))
_TAKE: Final = _LATER.where(_row.due_at <= bindparam("now")).values(tries=_row.tries + 1)
_RECOVER: Final = (
    update(retired_devices)
    .where(_row.taken_by == bindparam("process"))
    .values(taken_by=None, due_at=bindparam("now"))
)
_HURRY: Final = (
    update(retired_devices)
    .where(_row.tenant_id == bindparam("tenant"), _row.taken_by.is_(None))
    .values(due_at=bindparam("now"))
)
_HURRY_ALL: Final = (
    update(retired_devices).where(_row.taken_by.is_(None)).values(due_at=bindparam("now"))
)
_WAITING_ALL: Final = select(func.count().label("devices")).select_from(retired_devices)
_LIST: Final = (
    select(retired_devices).order_by(_row.retired_at, _row.device_id).limit(bindparam("page"))
)
_LIST_OWN: Final = _LIST.where(_row.tenant_id == bindparam("tenant"))
_WAITING: Final = _WAITING_ALL.where(_row.tenant_id == bindparam("tenant"))
_DONE: Final = delete(retired_devices).where(_row.device_id == bindparam("device"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """Credentials that no bot uses any more, to be removed from their phone.

    Attributes:
        tries: how often someone took it to log it out.
    """

    device: DeviceId
    bot: BotId
    tenant: TenantId
    retired_at: datetime
    tries: int


class RetiredDevices:
    """The retired devices, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def due(self, limit: int) -> list[Retired]:
        """Devices that may be taken now, the longest due first."""
        values = {"now": millis(self._connection.now), "page": limit}
        return [_retired(row) for row in await self._connection.rows(_DUE, values)]

    async def waiting(self, tenant: TenantId | None) -> int:
        """How many devices phones may still list though no bot uses them: a tenant's, or all."""
        (row,) = await self._connection.rows_of(tenant, _WAITING_ALL, _WAITING)
        return int(row["devices"])

    async def list(self, tenant: TenantId | None, limit: int) -> list[Retired]:
        """The devices that `waiting` counts, those that were given up first before the others."""
        rows = await self._connection.rows_of(tenant, _LIST, _LIST_OWN, page=limit)
        return [_retired(row) for row in rows]

    async def take(self, device: DeviceId, process: ProcessId, for_: timedelta) -> bool:
        """Have the device to oneself for a while; False when someone else has it, or it is done."""
        now = self._connection.now
        values = {
            "device": device,
            "now": millis(now),
            "due_at": millis(now + for_),
            "taken_by": process,
        }
        return await self._connection.change(_TAKE, values) == 1

    async def recover(self, process: ProcessId) -> int:
        """Make due what `process` had taken when it died; returns how many devices that were."""
        values = {"process": process, "now": millis(self._connection.now)}
        return await self._connection.change(_RECOVER, values)

    async def hurry(self, tenant: TenantId | None) -> int:
        """Make waiting devices due now, a tenant's or all; returns how many nobody works on yet."""
        now = {"now": millis(self._connection.now)}
        if tenant is None:
            return await self._connection.change(_HURRY_ALL, now)
        return await self._connection.change(_HURRY, {"tenant": tenant, **now})

    async def later(self, device: DeviceId, in_: timedelta) -> None:
        """Give the device back; it comes due again after a while."""
        due_at = millis(self._connection.now + in_)
        values = {"device": device, "due_at": due_at, "taken_by": None}
        await self._connection.change(_LATER, values)

    async def done(self, device: DeviceId) -> None:
        """Forget the device: its phone no longer lists it."""
        await self._connection.change(_DONE, {"device": device})

    async def of(self, device: DeviceId) -> Retired | None:
        """The device, if it is retired and not done."""
        row = await self._connection.row(_OF, {"device": device})
        return _retired(row) if row else None


async def retire(connection: Connection, session: Session, devices: Collection[DeviceId]) -> None:
    """Note that the session gave these devices up."""
    for device in sorted(devices):
        values = {"device": device, "bot": session.bot, "tenant": session.tenant}
        await connection.change(_RETIRE, {**values, "now": millis(connection.now)})


def _retired(row: Row) -> Retired:
    return Retired(
        device=row["device_id"],
        bot=row["bot_id"],
        tenant=row["tenant_id"],
        retired_at=instant(row["retired_at"]),
        tries=row["tries"],
    )
