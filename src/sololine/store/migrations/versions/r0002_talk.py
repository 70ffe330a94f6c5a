"""Messages, chats, media, chores, trainings, webhooks and deliveries."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Make the tables of what bots say and hear, and of who is told."""
    op.create_table(
        "media",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("place IN ('remote', 'stored', 'gone')", name=op.f("ck_media_place")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_media_size")),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_media_bot_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_media_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_bot_id"), "media", ["bot_id"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("sender_jid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("media_id", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("whatsapp_id", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("times", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("client_ref", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("sending_since", sa.BigInteger(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=True),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(status = 'failed') = (failure IS NOT NULL)", name=op.f("ck_messages_failure")
        ),
        sa.CheckConstraint(
            "origin IN ('contact', 'phone', 'api', 'rule')", name=op.f("ck_messages_origin")
        ),
        sa.CheckConstraint(
            "sending_since IS NULL OR status = 'queued'", name=op.f("ck_messages_sending_since")
        ),
        sa.CheckConstraint(
            "status IN ('received', 'queued', 'sent', 'delivered', 'read', 'played', 'failed', "
            "'uncertain')",
            name=op.f("ck_messages_status"),
        ),
        sa.ForeignKeyConstraint(
            ["media_id"],
            ["media.id"],
            name=op.f("fk_messages_media_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_messages_bot_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_messages_tenant_id")),
        sa.UniqueConstraint("bot_id", "whatsapp_id", name=op.f("uq_messages_bot_id_whatsapp_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(
        "ix_messages_media_id",
        "messages",
        ["media_id", "bot_id", "seq"],
        sqlite_where=sa.text("media_id IS NOT NULL"),
        postgresql_where=sa.text("media_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_target",
        "messages",
        ["bot_id", "target"],
        sqlite_where=sa.text("target IS NOT NULL"),
        postgresql_where=sa.text("target IS NOT NULL"),
    )
    op.create_index(op.f("ix_messages_bot_id_chat_seq"), "messages", ["bot_id", "chat", "seq"])
    op.create_index(
        "uq_messages_client_ref",
        "messages",
        ["bot_id", "client_ref"],
        unique=True,
        sqlite_where=sa.text("client_ref IS NOT NULL"),
        postgresql_where=sa.text("client_ref IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_queued",
        "messages",
        ["bot_id", "status", "seq"],
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "uq_messages_answers",
        "messages",
        ["answers"],
        unique=True,
        sqlite_where=sa.text("answers IS NOT NULL"),
        postgresql_where=sa.text("answers IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_rule",
        "messages",
        ["bot_id", "chat", "at"],
        sqlite_where=sa.text("origin = 'rule'"),
        postgresql_where=sa.text("origin = 'rule'"),
    )
    op.create_index(op.f("ix_messages_bot_id_seq"), "messages", ["bot_id", "seq"])
    op.create_index(
        "uq_messages_idempotency_key",
        "messages",
        ["bot_id", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "message_forms",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_forms_message_id")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_forms")),
    )
    op.create_table(
        "chats",
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("lid", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("typing_by", sa.Text(), nullable=False),
        sa.Column("typing_since", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("unread >= 0", name=op.f("ck_chats_unread")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_chats_tenant_id")),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_chats_bot_id")),
        sa.PrimaryKeyConstraint("bot_id", "id", name=op.f("pk_chats")),
        sa.UniqueConstraint("ref", name=op.f("uq_chats_ref")),
    )
    op.create_index(op.f("ix_chats_bot_id_last_seq"), "chats", ["bot_id", "last_seq"])
    op.create_index(
        "ix_chats_lid",
        "chats",
        ["bot_id", "lid"],
        sqlite_where=sa.text("lid <> ''"),
        postgresql_where=sa.text("lid <> ''"),
    )
    op.create_table(
        "chores",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_chores_failure")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'begun', 'done', 'failed')", name=op.f("ck_chores_state")
        ),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_chores_bot_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_chores_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chores")),
    )
    op.create_index(op.f("ix_chores_expires_at"), "chores", ["expires_at"])
    op.create_index(
        op.f("ix_chores_bot_id_state_expires_at"), "chores", ["bot_id", "state", "expires_at"]
    )
    op.create_table(
        "trainings",
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("fallback", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_trainings_bot_id")),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_trainings")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_webhooks_failures")),
        sa.CheckConstraint("state IN ('active', 'paused', 'gone')", name=op.f("ck_webhooks_state")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_webhooks_tenant_id")),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_webhooks_bot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_bot_id"), "webhooks", ["bot_id"])
    op.create_index(
        op.f("ix_webhooks_tenant_id_created_at_id"), "webhooks", ["tenant_id", "created_at", "id"]
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("taken_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'waiting') = (ended_at IS NULL)", name=op.f("ck_deliveries_ended")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_deliveries_state")
        ),
        sa.CheckConstraint(
            "(taken_by IS NULL) = (taken_until IS NULL)", name=op.f("ck_deliveries_taken")
        ),
        sa.CheckConstraint(
            "taken_by IS NULL OR state = 'waiting'", name=op.f("ck_deliveries_taken_waits")
        ),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_deliveries_tries")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_deliveries_tenant_id")
        ),
        sa.UniqueConstraint("webhook_id", "seq", name=op.f("uq_deliveries_webhook_id_seq")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["webhook_id", "due_at"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_deliveries_taken",
        "deliveries",
        ["taken_by", "taken_until"],
        sqlite_where=sa.text("taken_by IS NOT NULL"),
        postgresql_where=sa.text("taken_by IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_failed",
        "deliveries",
        ["webhook_id", "seq"],
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
