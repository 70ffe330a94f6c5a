"""Windows that begin anew by themselves, and connections that are lost too often."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Let sessions count how often their window began anew, and how often they were lost."""
    with op.batch_alter_table("bot_sessions") as sessions:
        sessions.add_column(sa.Column("window_restarts", sa.Integer(), nullable=True))
        sessions.add_column(sa.Column("restarted", sa.Integer(), nullable=True))
        sessions.add_column(sa.Column("restarted_at", sa.BigInteger(), nullable=True))
        sessions.add_column(sa.Column("losses", sa.Integer(), nullable=True))
        sessions.add_column(sa.Column("losses_since", sa.BigInteger(), nullable=True))
        sessions.create_check_constraint(
            op.f("ck_bot_sessions_window_restarts"),
            "window_restarts IS NULL OR window_opened_at IS NOT NULL AND window_restarts > 0",
        )
        sessions.create_check_constraint(
            op.f("ck_bot_sessions_restarted"),
            "(restarted IS NULL) = (restarted_at IS NULL)",
        )
        sessions.create_check_constraint(
            op.f("ck_bot_sessions_restarts"),
            "restarted IS NULL OR restarted > 0 AND linking IS NOT NULL",
        )
        sessions.create_check_constraint(
            op.f("ck_bot_sessions_losses"), "(losses IS NULL) = (losses_since IS NULL)"
        )
