"""Drafts: a queued message with all that is needed to send it.

    message ──gather, in the transaction that takes it up──▶ draft ──ready──▶ form ──▶ WhatsApp

A number that the bot writes to for the first time has to be looked up, and a file to be given to
WhatsApp. Both can be done again without harm, so they come before the message counts as being
sent: a crash in between leaves it waiting and not in doubt.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sololine.core.chat import lid_of
from sololine.core.content import (
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Reaction,
    Target,
    target_of,
)
from sololine.core.ids import BotId, MediaId
from sololine.core.media import Place, Uploaded
from sololine.core.message import Failure, Message
from sololine.core.number import Number, spellings
from sololine.engine.port import Link, SendRefused
from sololine.lines.addresses import Addresses
from sololine.media_files import MediaFiles
from sololine.store.transaction import Transaction
from sololine.wire.content import write
from sololine.wire.errors import WireError


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that is about to be sent.

    Attributes:
        jid: where to; None while the number has to be looked up.
        lid, looked_up: what the look-up told beside it, if there was one.
        form: WhatsApp's own form, if it is there already, as for what is passed on.
        related: the form of the message that is quoted or edited.
        upload: the file that WhatsApp must have first.
        uploaded: where WhatsApp keeps it.
    """

    message: Message
    content: Content
    context: Context
    mentions: tuple[str, ...] = field(default=(), repr=False)
    jid: str | None = field(default=None, repr=False)
    lid: str = field(default="", repr=False)
    looked_up: bool = False
    form: bytes | None = field(default=None, repr=False)
    related: bytes | None = field(default=None, repr=False)
    upload: MediaId | None = None
    uploaded: Uploaded | None = None

    @property
    def ready(self) -> bool:
        """Whether nothing is left to do but to send it."""
        return self.jid is not None and self.upload is None


class Unsendable(Exception):
    """The message cannot be sent any more, whoever tries; `failure` says why."""

    def __init__(self, failure: Failure = Failure.UNSENDABLE) -> None:
        super().__init__(failure.value)
        self.failure = failure


async def gathered(tx: Transaction, bot: BotId, message: Message, addresses: Addresses) -> Draft:
    """What the store knows that is needed to send a message.

    Raises:
        Unsendable: what the message needs is gone.
    """
    jid = addresses.of_chat(message.chat)
    if jid is None:
        chat = await tx.chats.get(bot, message.chat)
        if chat is not None and chat.jid:
            jid = chat.jid
            addresses.reach(message.chat, jid)
    draft = Draft(message=message, content=message.content, context=message.context, jid=jid)
    if message.context.forwarded:
        form = await tx.messages.form(bot, message.id)
        if form is not None:
            return replace(draft, form=form)
    if isinstance(message.content, File):
        media = await tx.media.get(bot, message.content.media) if message.content.media else None
        if media is None or media.place is not Place.STORED:
            raise Unsendable
        draft = replace(draft, upload=media.id)
    return await _related(tx, bot, draft, addresses)


async def _related(tx: Transaction, bot: BotId, draft: Draft, addresses: Addresses) -> Draft:
    """Look up the earlier message that this one is about, as WhatsApp addresses it."""
    context = draft.context
    mentions = tuple(addresses.of_person(person) for person in context.mentions)
    quoted = context.quoted
    target = quoted.to if quoted is not None else target_of(draft.content)
    if target is None:
        return replace(draft, mentions=mentions)
    known = await tx.messages.known(bot, [target.whatsapp_id])
    earlier = known.get(target.whatsapp_id)
    addressed = _addressed(target, earlier, addresses)
    related = None
    if earlier is not None and (quoted is not None or isinstance(draft.content, Edit)):
        related = await tx.messages.form(bot, earlier.id)
    if quoted is not None:
        context = replace(context, quoted=replace(quoted, to=addressed))
        return replace(draft, context=context, mentions=mentions, related=related)
    content = draft.content
    match content:
        case Reaction():
            content = replace(content, to=addressed)
        case Edit() | Deletion():
            content = replace(content, of=addressed)
        case _:
            pass
    return replace(draft, content=content, mentions=mentions, related=related)


def _addressed(target: Target, earlier: Message | None, addresses: Addresses) -> Target:
    """The target with its author's address: ours, or the one under which we heard him."""
    if earlier is None:
        return target
    if earlier.from_me:
        return replace(target, from_me=True, sender=addresses.number)
    sender = earlier.sender_jid or (addresses.of_person(earlier.sender) if earlier.sender else "")
    return replace(target, from_me=False, sender=sender)


async def uploaded(draft: Draft, link: Link, files: MediaFiles | None) -> Draft:
    """Give WhatsApp the file that the message carries, if it carries one.

    Raises:
        Unsendable, SendRefused: WhatsApp will never have it.
        LinkClosed: not now; nothing is lost.
    """
    if draft.upload is None:
        return draft
    content = draft.content
    if files is None or not files.exists(draft.upload) or not isinstance(content, File):
        raise Unsendable
    given = await link.upload(files.path(draft.upload), content.kind)
    return replace(draft, upload=None, uploaded=given)


async def looked_up(draft: Draft, link: Link) -> Draft:
    """Find the address of a number that the bot has not written to before.

    Raises:
        SendRefused: the number is not on WhatsApp.
        LinkClosed: not now; nothing is lost.
    """
    if draft.jid is not None:
        return draft
    asked = spellings(Number(digits=draft.message.chat))
    for found in await link.on_whatsapp(asked):
        if found.jid is not None:
            return replace(draft, jid=found.jid, lid=lid_of(found.lid), looked_up=True)
    raise SendRefused(Failure.NOT_ON_WHATSAPP)


def form_of(draft: Draft, now: datetime) -> bytes:
    """The message in WhatsApp's form.

    Raises:
        Unsendable: it cannot be written.
    """
    if draft.form is not None:
        return draft.form
    if draft.jid is None:
        raise Unsendable
    try:
        return write(
            draft.content,
            chat=draft.jid,
            now=now,
            context=draft.context,
            mentions=draft.mentions,
            quoted_form=draft.related,
            file=draft.uploaded,
        )
    except (ValueError, WireError) as wrong:
        raise Unsendable from wrong
