"""Listings: what other systems say of bots."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Make the table of what an import brings."""
    op.create_table(
        "listings",
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("last_connected_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('disconnected', 'connecting', 'awaiting_scan', 'connected', 'reconnecting')",
            name=op.f("ck_listings_state"),
        ),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_listings_bot_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_listings_tenant_id")),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_listings")),
    )
    op.create_index(op.f("ix_listings_number"), "listings", ["number"])
    op.create_index(op.f("ix_listings_tenant_id"), "listings", ["tenant_id"])
