"""What other systems say of bots."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from sololine.core.session import State
from sololine.store.tables.schema import metadata, one_of

listings: Final = Table(
    "listings",
    metadata,
    Column("bot_id", Text, ForeignKey("bots.id"), primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    # Not unique, and no right to the number: that others may say it twice is what it is for.
    Column("number", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("last_connected_at", BigInteger),
    one_of("state", State),
    Index(None, "number"),
    Index(None, "tenant_id"),
)
