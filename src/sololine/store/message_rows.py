"""How a message stands in its row.

What is looked for has a column of its own; the rest of what a message says is JSON. Beside the
content stand three things that are taken from it, since queries look for them: kind, file, target.
"""

from typing import Any, Final

from sololine.core.coding import ClosedUnion
from sololine.core.content import Content, Context, File, target_of
from sololine.core.message import Failure, Message, Origin, Status
from sololine.store.columns import Row, instant, json_data, json_text, millis, plain

CONTENT: Final = ClosedUnion("type", Content, lenient=True)
CONTEXT: Final = ClosedUnion("type", Context, lenient=True)

TARGET_MAX: Final = 255
"""Longest id that a target is found by. WhatsApp's are shorter, but who writes a reaction may write
any id into it, and no index takes a long one."""

_NO_CONTEXT: Final = Context()
_NOTHING: Final = "{}"


def added_columns(message: Message) -> dict[str, Any]:
    """All columns of a new message."""
    return {
        "id": message.id,
        "bot_id": message.bot,
        "tenant_id": message.tenant,
        "seq": message.seq,
        "origin": message.origin.value,
        "client_ref": message.client_ref,
        "idempotency_key": message.idempotency_key,
        "fingerprint": message.fingerprint,
        "answers": message.answers,
        **saved_columns(message),
    }


def saved_columns(message: Message) -> dict[str, Any]:
    """The columns that may change."""
    content, target = message.content, target_of(message.content)
    return {
        "chat": message.chat,
        "sender": message.sender,
        "sender_name": plain(message.sender_name),
        "sender_jid": plain(message.sender_jid),
        "kind": message.kind.value,
        "content": json_text(CONTENT.to_json(content)),
        "context": (
            _NOTHING
            if message.context == _NO_CONTEXT
            else json_text(CONTEXT.to_json(message.context))
        ),
        "media_id": content.media if isinstance(content, File) else None,
        "target": _findable(target.whatsapp_id) if target else None,
        "whatsapp_id": message.whatsapp_id,
        "at": millis(message.at),
        "status": message.status.value,
        "times": json_text({status: millis(at) for status, at in message.times.items()}),
        "failure": message.failure.value if message.failure else None,
        "sending_since": millis(message.sending_since),
        "edited_at": millis(message.edited_at),
        "deleted_at": millis(message.deleted_at),
    }


def message_of(row: Row) -> Message:
    """The message that a row of `messages` holds."""
    context = row["context"]
    failure = row["failure"]
    return Message(
        id=row["id"],
        tenant=row["tenant_id"],
        bot=row["bot_id"],
        seq=row["seq"],
        chat=row["chat"],
        origin=Origin(row["origin"]),
        sender=row["sender"],
        sender_name=row["sender_name"],
        sender_jid=row["sender_jid"],
        content=CONTENT.from_json(json_data(row["content"])),
        context=_NO_CONTEXT if context == _NOTHING else CONTEXT.from_json(json_data(context)),
        whatsapp_id=row["whatsapp_id"],
        at=instant(row["at"]),
        status=Status(row["status"]),
        times={status: instant(at) for status, at in json_data(row["times"]).items()},
        failure=Failure(failure) if failure else None,
        client_ref=row["client_ref"],
        idempotency_key=row["idempotency_key"],
        fingerprint=row["fingerprint"],
        sending_since=instant(row["sending_since"]),
        answers=row["answers"],
        edited_at=instant(row["edited_at"]),
        deleted_at=instant(row["deleted_at"]),
    )


def _findable(whatsapp_id: str) -> str | None:
    """The id as the index of targets takes it; None when there cannot be such a message."""
    return whatsapp_id if len(whatsapp_id) <= TARGET_MAX and "\x00" not in whatsapp_id else None
