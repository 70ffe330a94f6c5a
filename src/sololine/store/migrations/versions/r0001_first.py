"""The first schema."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "deployment",
        sa.Column("only_row", sa.Integer(), nullable=False),
        sa.Column("credentials_id", sa.Text(), nullable=False),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_deployment_only_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_deployment")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "api_keys",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_api_keys_tenant_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_tenant_id"), "api_keys", ["tenant_id"])
    op.create_table(
        "bots",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("personality", sa.Text(), nullable=False),
        sa.Column("setup", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "setup IN ('details', 'training', 'connect', 'complete')", name=op.f("ck_bots_setup")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_bots_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bots")),
    )
    op.create_index(
        op.f("ix_bots_tenant_id_owner_created_at_id"),
        "bots",
        ["tenant_id", "owner", "created_at", "id"],
    )
    op.create_table(
        "connection_attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("links", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('connected', 'asked', 'window_over', 'unreachable', 'number_taken', "
            "'number_mismatch', 'logged_out', 'unlinked', 'replaced_by_policy', "
            "'credentials_in_use', 'banned', 'engine_outdated', 'passkey_required')",
            name=op.f("ck_connection_attempts_outcome"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (outcome IS NULL)", name=op.f("ck_connection_attempts_ended")
        ),
        sa.CheckConstraint("links IN (0, 1)", name=op.f("ck_connection_attempts_links")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_connection_attempts_tenant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_attempts")),
    )
    op.create_index(
        op.f("ix_connection_attempts_tenant_id_started_at"),
        "connection_attempts",
        ["tenant_id", "started_at"],
    )
    op.create_index(
        "uq_connection_attempts_open",
        "connection_attempts",
        ["bot_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "events",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_events_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "seq", name=op.f("pk_events")),
    )
    op.create_index(
        op.f("ix_events_tenant_id_bot_id_seq"),
        "events",
        ["tenant_id", "bot_id", "seq"],
    )
    op.create_table(
        "retired_devices",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_retired_devices_tries")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_retired_devices_tenant_id")
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_retired_devices")),
    )
    op.create_index(op.f("ix_retired_devices_due_at"), "retired_devices", ["due_at"])
    op.create_table(
        "bot_sessions",
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("intent_no", sa.BigInteger(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("window_opened_at", sa.BigInteger(), nullable=True),
        sa.Column("window_ends_at", sa.BigInteger(), nullable=True),
        sa.Column("window_method", sa.Text(), nullable=True),
        sa.Column("window_number", sa.Text(), nullable=True),
        sa.Column("window_policy", sa.Text(), nullable=True),
        sa.Column("window_reserves", sa.Integer(), nullable=True),
        sa.Column("obeyed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.Column("end_until", sa.BigInteger(), nullable=True),
        sa.Column("device_id", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("jid", sa.Text(), nullable=True),
        sa.Column("lid", sa.Text(), nullable=True),
        sa.Column("linked_at", sa.BigInteger(), nullable=True),
        sa.Column("linking", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("code_method", sa.Text(), nullable=True),
        sa.Column("code_text", sa.Text(), nullable=True),
        sa.Column("code_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("connected_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_process", sa.Text(), nullable=True),
        sa.Column("lease_term", sa.BigInteger(), nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "code_method IN ('qr', 'code')", name=op.f("ck_bot_sessions_code_method")
        ),
        sa.CheckConstraint(
            "end_reason IN ('asked', 'window_over', 'unreachable', 'number_taken', "
            "'number_mismatch', 'logged_out', 'unlinked', 'replaced_by_policy', "
            "'credentials_in_use', 'banned', 'engine_outdated', 'passkey_required')",
            name=op.f("ck_bot_sessions_end_reason"),
        ),
        sa.CheckConstraint(
            "end_reason IS NULL OR state = 'disconnected'", name=op.f("ck_bot_sessions_ended")
        ),
        sa.CheckConstraint(
            "linking IS NULL OR state <> 'disconnected'", name=op.f("ck_bot_sessions_linking")
        ),
        sa.CheckConstraint(
            "state <> 'connected' OR device_id IS NOT NULL", name=op.f("ck_bot_sessions_connected")
        ),
        sa.CheckConstraint(
            "state IN ('disconnected', 'connecting', 'awaiting_scan', 'connected', 'reconnecting')",
            name=op.f("ck_bot_sessions_state"),
        ),
        sa.CheckConstraint(
            "window_method <> 'code' OR window_number IS NOT NULL",
            name=op.f("ck_bot_sessions_window_code"),
        ),
        sa.CheckConstraint(
            "window_method IN ('qr', 'code')", name=op.f("ck_bot_sessions_window_method")
        ),
        sa.CheckConstraint(
            "window_policy IN ('refuse', 'replace')", name=op.f("ck_bot_sessions_window_policy")
        ),
        sa.CheckConstraint(
            "wish IN ('online', 'offline', 'unlinked')", name=op.f("ck_bot_sessions_wish")
        ),
        sa.CheckConstraint(
            "(code_method IS NULL) = (code_text IS NULL) AND (code_method IS NULL) = "
            "(code_expires_at IS NULL)",
            name=op.f("ck_bot_sessions_code"),
        ),
        sa.CheckConstraint(
            "(device_id IS NULL) = (number IS NULL) AND (device_id IS NULL) = (jid IS NULL) AND "
            "(device_id IS NULL) = (lid IS NULL) AND (device_id IS NULL) = (linked_at IS NULL)",
            name=op.f("ck_bot_sessions_device"),
        ),
        sa.CheckConstraint(
            "(end_reason IS NULL) = (end_at IS NULL)", name=op.f("ck_bot_sessions_end")
        ),
        sa.CheckConstraint(
            "(lease_process IS NULL) = (lease_expires_at IS NULL)",
            name=op.f("ck_bot_sessions_lease"),
        ),
        sa.CheckConstraint(
            "(window_opened_at IS NULL) = (window_ends_at IS NULL) AND (window_opened_at IS "
            "NULL) = (window_method IS NULL) AND (window_opened_at IS NULL) = (window_policy IS "
            "NULL) AND (window_opened_at IS NULL) = (window_reserves IS NULL)",
            name=op.f("ck_bot_sessions_window"),
        ),
        sa.CheckConstraint(
            "code_text IS NULL OR linking IS NOT NULL", name=op.f("ck_bot_sessions_code_shown")
        ),
        sa.CheckConstraint(
            "end_until IS NULL OR end_reason IS NOT NULL", name=op.f("ck_bot_sessions_end_until")
        ),
        sa.CheckConstraint("obeyed BETWEEN 0 AND intent_no", name=op.f("ck_bot_sessions_obeyed")),
        sa.CheckConstraint(
            "round >= 0 AND attempt >= 0 AND lease_term >= 0", name=op.f("ck_bot_sessions_counts")
        ),
        sa.CheckConstraint(
            "window_number IS NULL OR window_opened_at IS NOT NULL",
            name=op.f("ck_bot_sessions_window_number"),
        ),
        sa.CheckConstraint(
            "window_reserves IN (0, 1)", name=op.f("ck_bot_sessions_window_reserves")
        ),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_bot_sessions_bot_id")),
        sa.ForeignKeyConstraint(
            ["number", "bot_id"],
            ["number_claims.held_number", "number_claims.bot_id"],
            name="fk_bot_sessions_law",
            initially="DEFERRED",
            deferrable=True,
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_bot_sessions_tenant_id")
        ),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_bot_sessions")),
        sa.UniqueConstraint("number", "bot_id", name=op.f("uq_bot_sessions_number_bot_id")),
    )
    op.create_index(
        op.f("ix_bot_sessions_lease_process"), "bot_sessions", ["lease_process"], unique=False
    )
    op.create_index(op.f("ix_bot_sessions_tenant_id"), "bot_sessions", ["tenant_id"])
    op.create_table(
        "number_claims",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("held_number", sa.Text(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'held') = (held_number IS NOT NULL)", name=op.f("ck_number_claims_held")
        ),
        sa.CheckConstraint(
            "(kind = 'reserved') = (expires_at IS NOT NULL)",
            name=op.f("ck_number_claims_expires_at"),
        ),
        sa.CheckConstraint("kind IN ('reserved', 'held')", name=op.f("ck_number_claims_kind")),
        sa.CheckConstraint("held_number = number", name=op.f("ck_number_claims_held_number")),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_number_claims_bot_id")),
        sa.ForeignKeyConstraint(
            ["held_number", "bot_id"],
            ["bot_sessions.number", "bot_sessions.bot_id"],
            name="fk_number_claims_law",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_number_claims_tenant_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_number_claims")),
        sa.UniqueConstraint("bot_id", "kind", name=op.f("uq_number_claims_bot_id_kind")),
        sa.UniqueConstraint(
            "held_number", "bot_id", name=op.f("uq_number_claims_held_number_bot_id")
        ),
    )

    # SQLite has got the law's first half with its table; PostgreSQL needs both tables for it.
    if op.get_context().dialect.supports_alter:
        op.create_foreign_key(
            "fk_bot_sessions_law",
            "bot_sessions",
            "number_claims",
            ["number", "bot_id"],
            ["held_number", "bot_id"],
            deferrable=True,
            initially="DEFERRED",
        )
