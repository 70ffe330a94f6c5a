"""What a message says beside its content: whom it answers, whom it mentions, being passed on."""

from collections.abc import Sequence
from typing import Final

from sololine.core.chat import bare_of, is_group
from sololine.core.content import Context, Quoted, Target
from sololine.wire.content import texts
from sololine.wire.content.forms import Form, context_of, e2e, open_form, parse_form

QUOTE_MAX: Final = 200
"""Characters of a quoted message's beginning."""

MENTIONS_MAX: Final = 1024
"""As many as a group has members."""


def read_mentions(info: Form) -> tuple[str, ...]:
    """The addresses of those who are mentioned, each once."""
    found = dict.fromkeys(texts.person_jid(jid) for jid in info.mentionedJID[:MENTIONS_MAX])
    return tuple(jid for jid in found if jid)


def read_quoted(info: Form, beginning: str) -> Quoted | None:
    """The message that is answered; `beginning` is what the answer repeats of it."""
    whatsapp_id = texts.identifier(info.stanzaID)
    if not whatsapp_id:
        return None
    to = Target(whatsapp_id=whatsapp_id, sender=texts.person_jid(info.participant))
    return Quoted(to=to, text=beginning[:QUOTE_MAX])


def is_forwarded(info: Form) -> bool:
    """Whether the message was passed on."""
    return bool(info.isForwarded or info.forwardingScore)


def write_context(
    context: Context, *, chat: str, mentions: Sequence[str], quoted_form: bytes | None
) -> Form | None:
    """The context to put into a part; None when there is nothing to say."""
    info = e2e.ContextInfo()
    if context.quoted is not None:
        _quote(info, context.quoted, chat, quoted_form)
    if mentions:
        info.mentionedJID.extend(dict.fromkeys(bare_of(jid) for jid in mentions))
    if context.forwarded:
        info.isForwarded = True
        info.forwardingScore = 1
    return info if info.ListFields() else None


def _quote(info: Form, quoted: Quoted, chat: str, quoted_form: bytes | None) -> None:
    info.stanzaID = quoted.to.whatsapp_id
    # Without an author phones show no quote at all. In a chat of two it is the other one, unless
    # it is oneself, whose address only the caller knows.
    author = quoted.to.sender or ("" if quoted.to.from_me or is_group(chat) else chat)
    if author:
        info.participant = bare_of(author)
    repeated = None if quoted_form is None else _repeated(quoted_form)
    if repeated is None:
        repeated = e2e.Message(conversation=texts.text(quoted.text))
    info.quotedMessage.CopyFrom(repeated)


def _repeated(form: bytes) -> Form | None:
    """A message as an answer repeats it: the part alone, without what that one answered."""
    opened = open_form(parse_form(form))
    if not opened.names:
        return None
    name = opened.names[0]
    part = getattr(opened.message, name)
    alone = e2e.Message()
    if isinstance(part, (str, bytes)):
        setattr(alone, name, texts.text(part))
        return alone
    getattr(alone, name).CopyFrom(part)
    if context_of(part) is not None:
        getattr(alone, name).ClearField("contextInfo")
    return alone
