"""What bots say and hear: messages, chats, media, chores, training.

Texts that come from outside stand in JSON or in columns that no index holds: an index takes short
values only, and a message must not be refused for what it says.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from sololine.core.chore import ChoreState
from sololine.core.media import Place
from sololine.core.message import Origin, Status
from sololine.store.tables.schema import check, metadata, one_of, some

media: Final = Table(
    "media",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bot_id", Text, ForeignKey("bots.id"), nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    one_of("place", Place),
    check("size", "size >= 0"),
    Index(None, "bot_id"),
)

messages: Final = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bot_id", Text, ForeignKey("bots.id"), nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("chat", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("sender", Text),
    Column("sender_name", Text, nullable=False),
    Column("sender_jid", Text, nullable=False),
    # No CHECK: kinds are added with every release, and `content` holds the truth of it.
    Column("kind", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("context", Text, nullable=False),
    # From the content: the file that it carries, and WhatsApp's id of the message that it changes.
    Column("media_id", Text, ForeignKey("media.id", deferrable=True, initially="DEFERRED")),
    Column("target", Text),
    Column("whatsapp_id", Text),
    Column("at", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    # JSON: when each status came.
    Column("times", Text, nullable=False),
    # No CHECK of the word: reasons are added, and nothing is decided by them.
    Column("failure", Text),
    Column("client_ref", Text),
    Column("idempotency_key", Text),
    Column("fingerprint", Text),
    Column("sending_since", BigInteger),
    # No foreign key: what was answered may be cleaned away before the answer.
    Column("answers", Text),
    Column("edited_at", BigInteger),
    Column("deleted_at", BigInteger),
    one_of("origin", Origin),
    one_of("status", Status),
    check("failure", "(status = 'failed') = (failure IS NOT NULL)"),
    check("sending_since", "sending_since IS NULL OR status = 'queued'"),
    # Nothing is stored twice, whatever is repeated: by WhatsApp, by the caller, by the bot's rules.
    UniqueConstraint("bot_id", "whatsapp_id"),
    some("uq_messages_client_ref", "client_ref IS NOT NULL", "bot_id", "client_ref", unique=True),
    some(
        "uq_messages_idempotency_key",
        "idempotency_key IS NOT NULL",
        *("bot_id", "idempotency_key"),
        unique=True,
    ),
    some("uq_messages_answers", "answers IS NOT NULL", "answers", unique=True),
    Index(None, "bot_id", "seq"),
    Index(None, "bot_id", "chat", "seq"),
    # With the status in it, though it is always the same: SQLite would go through all of a bot's
    # messages instead, in the order asked for.
    some("ix_messages_queued", "status = 'queued'", "bot_id", "status", "seq"),
    some("ix_messages_target", "target IS NOT NULL", "bot_id", "target"),
    some("ix_messages_media_id", "media_id IS NOT NULL", "media_id", "bot_id", "seq"),
    some("ix_messages_rule", "origin = 'rule'", "bot_id", "chat", "at"),
)

message_forms: Final = Table(
    "message_forms",
    metadata,
    Column("message_id", Text, ForeignKey("messages.id"), primary_key=True),
    # WhatsApp's own bytes of the message, in base64. Apart, since a form may be a hundred times as
    # long as its message, and listing messages should not read it.
    Column("form", Text, nullable=False),
)

chats: Final = Table(
    "chats",
    metadata,
    Column("bot_id", Text, ForeignKey("bots.id"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("jid", Text, nullable=False),
    Column("lid", Text, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("unread", Integer, nullable=False),
    # What events call the chat: its id may be a number.
    Column("ref", Text, nullable=False, unique=True),
    Column("typing_by", Text, nullable=False),
    Column("typing_since", BigInteger, nullable=False),
    check("unread", "unread >= 0"),
    Index(None, "bot_id", "last_seq"),
    some("ix_chats_lid", "lid <> ''", "bot_id", "lid"),
)

chores: Final = Table(
    "chores",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bot_id", Text, ForeignKey("bots.id"), nullable=False),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("task", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("failure", Text),
    Column("expires_at", BigInteger, nullable=False),
    one_of("state", ChoreState),
    check("failure", "(state = 'failed') = (failure IS NOT NULL)"),
    Index(None, "bot_id", "state", "expires_at"),
    Index(None, "expires_at"),
)

trainings: Final = Table(
    "trainings",
    metadata,
    # The personality is the bot's (`bots.personality`), older than trainings.
    Column("bot_id", Text, ForeignKey("bots.id"), primary_key=True),
    Column("instructions", Text, nullable=False),
    # A JSON array.
    Column("rules", Text, nullable=False),
    Column("fallback", Text, nullable=False),
)
