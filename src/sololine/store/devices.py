"""Devices: which credentials the database knows of, whatever it knows of them."""

from collections.abc import Collection
from itertools import islice
from typing import Any, Final

from sqlalchemy import BindParameter, bindparam, select, union_all

from sololine.core.ids import DeviceId
from sololine.store.connection import Connection
from sololine.store.tables import bot_sessions, retired_devices

ASKED_AT_ONCE: Final = 500

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
        left, found = iter(devices), set[DeviceId]()
        while some := list(islice(left, ASKED_AT_ONCE)):
            rows = await self._connection.rows(_KNOWN, {"devices": some})
            found |= {row["device"] for row in rows}
        return found
