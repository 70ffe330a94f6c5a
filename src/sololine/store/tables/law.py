"""Tenants, bots, their sessions and numbers: the tables of the law."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from sololine.core.bot import Setup
from sololine.core.claim import ClaimKind, Policy
from sololine.core.linking import Method
from sololine.core.session import EndReason, State, Wish
from sololine.store.tables.schema import check, metadata, one_of, together

deployment: Final = Table(
    "deployment",
    metadata,
    Column("only_row", Integer, primary_key=True),
    # Which data folder holds the credentials that the sessions below speak of.
    Column("credentials_id", Text, nullable=False),
    check("only_row", "only_row = 1"),
)

tenants: Final = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # The place of the tenant's last event: counted here, and not by an identity column, whose
    # numbers become visible out of order, so that a reader with a cursor would miss events.
    Column("seq", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    # A keyed hash of the key, in hexadecimal digits; the key itself is nowhere.
    Column("digest", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "tenant_id"),
)

bots: Final = Table(
    "bots",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("personality", Text, nullable=False),
    Column("setup", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    one_of("setup", Setup),
    Index(None, "tenant_id", "owner", "created_at", "id"),
)

bot_sessions: Final = Table(
    "bot_sessions",
    metadata,
    Column("bot_id", Text, ForeignKey("bots.id"), primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    # --- the intent: written by whoever asks (`save_intent`)
    Column("intent_no", BigInteger, nullable=False),
    Column("wish", Text, nullable=False),
    Column("window_opened_at", BigInteger),
    Column("window_ends_at", BigInteger),
    Column("window_method", Text),
    Column("window_number", Text),
    Column("window_policy", Text),
    Column("window_reserves", Integer),
    # How often the window may begin anew; null for never.
    Column("window_restarts", Integer),
    # --- the life: written by the line alone, fenced by its lease (`save_life`); by another bot's
    # line only when that takes the number over (`evict`)
    Column("obeyed", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("end_reason", Text),
    Column("end_at", BigInteger),
    Column("end_until", BigInteger),
    Column("device_id", Text),
    Column("number", Text),
    Column("jid", Text),
    Column("lid", Text),
    Column("linked_at", BigInteger),
    Column("linking", Text),
    Column("round", Integer, nullable=False),
    # What the phone is shown, a secret: it stands here only, and only while it may be used.
    Column("code_method", Text),
    Column("code_text", Text),
    Column("code_expires_at", BigInteger),
    Column("attempt", Integer, nullable=False),
    Column("retry_at", BigInteger),
    Column("connected_at", BigInteger),
    # How often the window has begun anew, and when it last did.
    Column("restarted", Integer),
    Column("restarted_at", BigInteger),
    # How often the connection was lost in the hour that began then.
    Column("losses", Integer),
    Column("losses_since", BigInteger),
    # --- the lease: written by processes (`leases`); the term outlives the lease
    Column("lease_process", Text),
    Column("lease_term", BigInteger, nullable=False),
    Column("lease_expires_at", BigInteger),
    one_of("wish", Wish),
    one_of("window_method", Method),
    one_of("window_policy", Policy),
    one_of("state", State),
    one_of("end_reason", EndReason),
    one_of("code_method", Method),
    together(
        "window",
        *("window_opened_at", "window_ends_at", "window_method", "window_policy"),
        "window_reserves",
    ),
    check("window_number", "window_number IS NULL OR window_opened_at IS NOT NULL"),
    check("window_code", "window_method <> 'code' OR window_number IS NOT NULL"),
    check("window_reserves", "window_reserves IN (0, 1)"),
    check(
        "window_restarts",
        "window_restarts IS NULL OR window_opened_at IS NOT NULL AND window_restarts > 0",
    ),
    check("obeyed", "obeyed BETWEEN 0 AND intent_no"),
    together("end", "end_reason", "end_at"),
    check("end_until", "end_until IS NULL OR end_reason IS NOT NULL"),
    check("ended", "end_reason IS NULL OR state = 'disconnected'"),
    together("device", "device_id", "number", "jid", "lid", "linked_at"),
    check("connected", "state <> 'connected' OR device_id IS NOT NULL"),
    check("linking", "linking IS NULL OR state <> 'disconnected'"),
    together("restarted", "restarted", "restarted_at"),
    check("restarts", "restarted IS NULL OR restarted > 0 AND linking IS NOT NULL"),
    together("losses", "losses", "losses_since"),
    together("code", "code_method", "code_text", "code_expires_at"),
    check("code_shown", "code_text IS NULL OR linking IS NOT NULL"),
    check("counts", "round >= 0 AND attempt >= 0 AND lease_term >= 0"),
    together("lease", "lease_process", "lease_expires_at"),
    UniqueConstraint("number", "bot_id"),
    ForeignKeyConstraint(
        ["number", "bot_id"],
        ["number_claims.held_number", "number_claims.bot_id"],
        name="fk_bot_sessions_law",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    Index(None, "tenant_id"),
    # No index on the expiry: it changes with each renewal, which then costs no index write.
    Index(None, "lease_process"),
)

number_claims: Final = Table(
    "number_claims",
    metadata,
    Column("number", Text, primary_key=True),
    Column("bot_id", Text, ForeignKey("bots.id"), nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("kind", Text, nullable=False),
    # The number once more when the claim is held: what the law's foreign keys hold on to.
    Column("held_number", Text),
    Column("since", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    one_of("kind", ClaimKind),
    check("held", "(kind = 'held') = (held_number IS NOT NULL)"),
    check("held_number", "held_number = number"),
    check("expires_at", "(kind = 'reserved') = (expires_at IS NOT NULL)"),
    UniqueConstraint("held_number", "bot_id"),
    UniqueConstraint("bot_id", "kind"),
    ForeignKeyConstraint(
        ["held_number", "bot_id"],
        ["bot_sessions.number", "bot_sessions.bot_id"],
        name="fk_number_claims_law",
        deferrable=True,
        initially="DEFERRED",
    ),
)

retired_devices: Final = Table(
    "retired_devices",
    metadata,
    Column("device_id", Text, primary_key=True),
    # No foreign key: credentials must be logged out although their bot is gone.
    Column("bot_id", Text, nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("retired_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("taken_by", Text),
    Column("tries", Integer, nullable=False),
    check("tries", "tries >= 0"),
    Index(None, "due_at"),
)

restorations: Final = Table(
    "restorations",
    metadata,
    # Credentials that came from a backup. By device, and not by bot: they may be given up, and the
    # bot be linked anew.
    Column("device_id", Text, primary_key=True),
    Column("bot_id", Text, ForeignKey("bots.id"), nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("copied_at", BigInteger, nullable=False),
    Column("restored_at", BigInteger, nullable=False),
    # Null while the original may still run, so that the bot must not.
    Column("taken_over_at", BigInteger),
    Index(None, "bot_id"),
)

connection_attempts: Final = Table(
    "connection_attempts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    # No foreign key: success rates outlive the bots.
    Column("bot_id", Text, nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("links", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    # `connected`, or the reason of the end.
    Column("outcome", Text),
    check("links", "links IN (0, 1)"),
    together("ended", "ended_at", "outcome"),
    CheckConstraint(
        "outcome IN (" + ", ".join(f"'{word}'" for word in ("connected", *EndReason)) + ")",
        name="outcome",
    ),
    Index(
        "uq_connection_attempts_open",
        "bot_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(None, "tenant_id", "started_at"),
)
