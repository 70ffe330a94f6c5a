"""Tenants: the account boundaries."""

from typing import Final

from sqlalchemy import bindparam, select, text

from sololine.core.ids import TenantId
from sololine.store.columns import millis
from sololine.store.connection import Connection
from sololine.store.tables import tenants

_ENSURE: Final = text(
    "INSERT INTO tenants (id, name, seq, created_at) VALUES (:id, :name, 0, :created_at) "
    "ON CONFLICT (id) DO NOTHING"
)
_ALL: Final = select(tenants.c.id).order_by(tenants.c.id)
_EXISTS: Final = select(tenants.c.id).where(tenants.c.id == bindparam("tenant"))


class Tenants:
    """The tenants, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ensure(self, tenant: TenantId, name: str | None = None) -> None:
        """Make the tenant if there is none of this id; one that exists keeps its name."""
        values = {"id": tenant, "name": name or tenant, "created_at": millis(self._connection.now)}
        await self._connection.change(_ENSURE, values)

    async def all(self) -> list[TenantId]:
        """All tenants, in the order of their ids."""
        return [row["id"] for row in await self._connection.rows(_ALL, {})]

    async def exists(self, tenant: TenantId) -> bool:
        """Whether there is such a tenant."""
        return await self._connection.row(_EXISTS, {"tenant": tenant}) is not None
