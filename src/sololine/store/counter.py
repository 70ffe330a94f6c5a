"""The tenant's counter, which numbers its events: a lock that is held until the commit."""

from typing import Final

from sqlalchemy import bindparam, select, update

from sololine.core.ids import TenantId
from sololine.store.connection import Connection
from sololine.store.tables import tenants

_COUNT: Final = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant"))
    .values(seq=tenants.c.seq + bindparam("more"))
    .returning(tenants.c.seq)
)
_HOLD: Final = select(tenants.c.seq).where(tenants.c.id == bindparam("tenant")).with_for_update()


async def count(connection: Connection, tenant: TenantId, more: int) -> int:
    """Take the next places of the tenant's log; returns the first of them.

    Raises:
        LookupError: there is no such tenant.
    """
    connection.counts()
    row = await connection.row(_COUNT, {"tenant": tenant, "more": more})
    if row is None:
        raise LookupError(f"there is no tenant {tenant!r} to log events for")
    return int(row["seq"]) - more + 1


async def hold(connection: Connection, tenant: TenantId) -> None:
    """Let nobody append events of the tenant before this transaction ends."""
    connection.counts()
    await connection.row(_HOLD, {"tenant": tenant})
