"""Devices: which credentials the database knows of, whatever it knows of them."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import BindParameter, bindparam, select, union_all

from sololine.core.ids import DeviceId
from sololine.store.connection import Connection
from sololine.store.tables import bot_sessions, retired_devices

_ASKED: Final[BindParameter[Any]] = bindparam("devices", expanding=True)
_KNOWN: Final = union_all(
    select(bot_sessions.c.device_id.label("device")).where(bot_sessions.c.device_id.in_(_ASKED)),
    select(bot_sessions.c.linking).where(bot_sessions.c.linking.in_(_ASKED)),
    select(retired_devices.c.device_id).where(retired_devices.c.device_id.in_(_ASKED)),
)


class Devices:
    """The devices, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def known(self, devices: Collection[DeviceId]) -> set[DeviceId]:
        """Those of the devices that are a bot's, are being linked, or wait to be logged out."""
        rows = await self._connection.rows_among(_KNOWN, "devices", devices)
        return {row["device"] for row in rows}
