"""The deployment: what holds for a database as a whole."""

from typing import Final

from sqlalchemy import select, text

from sololine.store.connection import Connection
from sololine.store.tables import deployment

_BIND: Final = text(
    "INSERT INTO deployment (only_row, credentials_id) VALUES (1, :credentials)"
    " ON CONFLICT (only_row) DO NOTHING"
)
_BOUND: Final = select(deployment.c.credentials_id)


class Deployment:
    """The deployment, as a transaction sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def bound(self) -> str | None:
        """The folder of credentials that the database is bound to, if it is to any."""
        row = await self._connection.row(_BOUND, {})
        return row["credentials_id"] if row else None

    async def bind(self, credentials: str) -> bool:
        """Bind the database to a folder of credentials, for good; False when it has another.

        A process without the credentials of a session would take it for logged out, and give its
        number away.
        """
        await self._connection.change(_BIND, {"credentials": credentials})
        return await self.bound() == credentials
