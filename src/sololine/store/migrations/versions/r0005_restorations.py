"""Restorations: credentials that came from a backup."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make the table of what holds restored bots back."""
    op.create_table(
        "restorations",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("copied_at", sa.BigInteger(), nullable=False),
        sa.Column("restored_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_over_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_restorations_bot_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_restorations_tenant_id")
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_restorations")),
    )
    op.create_index(op.f("ix_restorations_bot_id"), "restorations", ["bot_id"])
