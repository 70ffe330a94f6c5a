"""API keys: which tenant a key acts for. Only digests are stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select, text

from sololine.core.backup import KeyCopy
from sololine.core.ids import TenantId
from sololine.store.columns import instant, millis
from sololine.store.connection import Connection
from sololine.store.tables import api_keys

NAMED_BY: Final = 12
"""Digits of the digest by which a key may be spoken of; they do not help anyone to guess it."""

_id: Final = func.substr(api_keys.c.digest, 1, NAMED_BY)

_ADD: Final = insert(api_keys)
_PUT_BACK: Final = text(
    "INSERT INTO api_keys (digest, tenant_id, name, created_at)"
    " VALUES (:digest, :tenant, :name, :created_at) ON CONFLICT DO NOTHING"
)
_COPIES: Final = (
    select(api_keys.c.digest, api_keys.c.name, api_keys.c.created_at)
    .where(api_keys.c.tenant_id == bindparam("tenant"))
    .order_by(api_keys.c.created_at, api_keys.c.digest)
)
_TENANT_OF: Final = select(api_keys.c.tenant_id).where(api_keys.c.digest == bindparam("digest"))
_LIST: Final = (
    select(_id.label("id"), api_keys.c.name, api_keys.c.created_at)
    .where(api_keys.c.tenant_id == bindparam("tenant"))
    .order_by(api_keys.c.created_at, api_keys.c.digest)
)
_REMOVE: Final = delete(api_keys).where(
    api_keys.c.tenant_id == bindparam("tenant"), _id == bindparam("key")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """What may be told of an API key.

    Attributes:
        id: the beginning of its digest; names the key when it is to be removed.
        name: what the key is for, in its tenant's words; need not be unique.
    """

    id: str
    name: str
    created_at: datetime


class Keys:
    """The API keys, as a transaction sees them. A digest is bytes, or their hexadecimal digits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, tenant: TenantId, digest: bytes | str, name: str) -> None:
        """Let a new key act for the tenant."""
        values = {
            "digest": _hex(digest),
            "tenant_id": tenant,
            "name": name,
            "created_at": millis(self._connection.now),
        }
        await self._connection.change(_ADD, values)

    async def tenant_of(self, digest: bytes | str) -> TenantId | None:
        """The tenant that the key with this digest acts for."""
        row = await self._connection.row(_TENANT_OF, {"digest": _hex(digest)})
        return row["tenant_id"] if row else None

    async def list(self, tenant: TenantId) -> list[KeyEntry]:
        """The tenant's keys, the oldest first."""
        return [
            KeyEntry(id=row["id"], name=row["name"], created_at=instant(row["created_at"]))
            for row in await self._connection.rows(_LIST, {"tenant": tenant})
        ]

    async def copies(self, tenant: TenantId) -> tuple[KeyCopy, ...]:
        """The tenant's keys for a backup, the oldest first."""
        return tuple(
            KeyCopy(digest=row["digest"], name=row["name"], created_at=instant(row["created_at"]))
            for row in await self._connection.rows(_COPIES, {"tenant": tenant})
        )

    async def put_back(self, tenant: TenantId, key: KeyCopy) -> bool:
        """Let a key of a backup act for its tenant; False when there is such a key."""
        values = {
            "digest": key.digest,
            "tenant": tenant,
            "name": key.name,
            "created_at": millis(key.created_at),
        }
        return await self._connection.change(_PUT_BACK, values) == 1

    async def remove(self, tenant: TenantId, key: str) -> bool:
        """Void the tenant's key with this id; False when it has none."""
        return await self._connection.change(_REMOVE, {"tenant": tenant, "key": key}) > 0


def _hex(digest: bytes | str) -> str:
    return digest if isinstance(digest, str) else digest.hex()
