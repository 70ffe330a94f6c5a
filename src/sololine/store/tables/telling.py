"""What happened, and who is told of it: events, webhooks, deliveries."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from sololine.core.webhook import DeliveryState, WebhookState
from sololine.store.tables.schema import check, metadata, one_of, some, together

events: Final = Table(
    "events",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    # No foreign key: what happened stays true when the bot is deleted.
    Column("bot_id", Text),
    # No CHECK: types are added with every release, and nothing is decided by what stands here.
    Column("type", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "tenant_id", "bot_id", "seq"),
)

webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("bot_id", Text, ForeignKey("bots.id")),
    Column("url", Text, nullable=False),
    # A JSON array, empty for all types.
    Column("types", Text, nullable=False),
    Column("description", Text, nullable=False),
    # Not a digest as with API keys: each delivery is signed with it.
    Column("secret", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    one_of("state", WebhookState),
    check("failures", "failures >= 0"),
    Index(None, "tenant_id", "created_at", "id"),
    Index(None, "bot_id"),
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("webhook_id", Text, ForeignKey("webhooks.id"), nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    # No foreign key: the event is written with its deliveries, and checking it once more would
    # cost as much as the row.
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("status", Integer),
    Column("error", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    # Which courier sends it right now, and until when it has it to itself.
    Column("taken_by", Text),
    Column("taken_until", BigInteger),
    one_of("state", DeliveryState),
    check("tries", "tries >= 0"),
    check("ended", "(state = 'waiting') = (ended_at IS NULL)"),
    together("taken", "taken_by", "taken_until"),
    check("taken_waits", "taken_by IS NULL OR state = 'waiting'"),
    # One event is sent to a webhook once. Also lists a webhook's deliveries.
    UniqueConstraint("webhook_id", "seq"),
    # By webhook first: one that is paused, or has fallen behind, costs the others nothing.
    some("ix_deliveries_due", "state = 'waiting'", "webhook_id", "due_at"),
    some("ix_deliveries_failed", "state = 'failed'", "webhook_id", "seq"),
    some("ix_deliveries_taken", "taken_by IS NOT NULL", "taken_by", "taken_until"),
)
