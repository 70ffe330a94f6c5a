"""Hearing: what a chat signal does to a bot's messages.

    a message            a new row, an event
    a reaction           a row of its own, an event
    an edit, a deletion  a row of its own; the earlier message changes, and the event is about it
    a receipt            the earlier message moves on
    typing               an event; the chat's row says who

Only its author edits or deletes a message. WhatsApp lets the admins of a group delete what others
wrote, but only its own servers know who is one; whoever else could claim it, so what such a
deletion leaves is a row that says who wished for it, and the message stays.

Pure: the bot's earlier messages are given, and what follows is gathered in `Changes`.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from sololine import new_ids
from sololine.core.chat import Chat, ChatId, PersonId, bare_of, is_group, lid_of, masked
from sololine.core.content import (
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Reaction,
    Undecryptable,
    Unsupported,
    target_of,
)
from sololine.core.events import Event, EventType
from sololine.core.ids import MessageId
from sololine.core.media import Media, Place
from sololine.core.message import Message, Origin, Status, told
from sololine.core.signals import (
    Receipt,
    ReceiptKind,
    Typing,
    Where,
)
from sololine.lines.addresses import Addresses
from sololine.lines.arrivals import Arrival, Heard, instant, is_id
from sololine.lines.changes import Changes
from sololine.lines.effects import effect_of, with_effect, without_text
from sololine.lines.receipts import Early
from sololine.wire.content import Incoming, seen_by

_STATUSES: Final = {
    ReceiptKind.DELIVERED: Status.DELIVERED,
    ReceiptKind.READ: Status.READ,
    ReceiptKind.PLAYED: Status.PLAYED,
}


class Hearing:
    """Deals with the signals of one batch, in their order.

    Args:
        changes: gathers what follows.
        known: the bot's messages by WhatsApp's ids, as far as the batch names them.
        chats: those in which someone types, as far as they are stored.
        now: the transaction's time.

    Attributes:
        fresh: what contacts said for the first time, in persons' chats and groups.
        early: receipts for messages that are not known, or not yet.
    """

    def __init__(
        self,
        changes: Changes,
        addresses: Addresses,
        known: dict[str, Message],
        chats: Mapping[ChatId, Chat],
        now: datetime,
    ) -> None:
        self._changes = changes
        self._addresses = addresses
        self._known = known
        self._chats = dict(chats)
        self._now = now
        self.fresh = list[MessageId]()
        self.early: list[Early] = []

    def hear(self, heard: Heard) -> None:
        """Deal with one signal."""
        match heard:
            case Arrival():
                self._arrive(heard)
            case Receipt():
                self._confirm(heard)
            case Typing():
                self._type(heard)
            case _ as never:  # pragma: no cover — the type checker proves it
                assert_never(never)

    # ------------------------------------------------------------------ messages

    def _arrive(self, arrival: Arrival) -> None:
        where = arrival.where
        chat = self._addresses.chat(where.chat, where.chat_other)
        if chat is None:
            return
        had = self._known.get(arrival.id)
        message = self._message(arrival, chat)
        if had is not None:
            self._repeated(had, message, arrival)
            return
        match message.content:
            case Reaction():
                self._add(message, told(message, _event_of(message)), arrival)
            case Edit() | Deletion():
                self._change(message, arrival)
            case _:
                self._add(message, told(message, _event_of(message)), arrival)
                self._changes.lift(chat, message.id, unread=not message.from_me)
                self._introduce(message, where)
                self._freshen(message)

    def _repeated(self, had: Message, message: Message, arrival: Arrival) -> None:
        """Let a message that could not be read take its place now that it can."""
        unread = isinstance(had.content, Undecryptable) and had.deleted_at is None
        if (
            not unread
            or isinstance(message.content, Undecryptable)
            or not self._same_author(had, message)
        ):
            return
        readable = replace(had, content=message.content, context=message.context)
        form, event = arrival.form, told(readable, _event_of(readable))
        changed = self._affected(readable)
        if changed is not None:
            readable = replace(readable, content=without_text(readable.content))
            form, event = None, effect_of(readable.content, changed)
        self._carry(readable)
        self._changes.put(readable, form)
        self._changes.tell(event)
        self._known[arrival.id] = readable
        if target_of(readable.content) is None:
            self._freshen(readable)

    def _change(self, message: Message, arrival: Arrival) -> None:
        """Let an edit or a deletion change what it means, if its author may."""
        changed = self._affected(message)
        if changed is None:
            self._add(message, told(message, EventType.MESSAGE_RECEIVED), arrival)
            return
        # What the earlier message says now is told once: deleting it must leave no copy.
        message = replace(message, content=without_text(message.content))
        self._add(message, effect_of(message.content, changed), replace(arrival, form=None))

    def _affected(self, message: Message) -> Message | None:
        """The earlier message as this one leaves it; None when it changes none."""
        target = target_of(message.content)
        earlier = self._known.get(target.whatsapp_id) if target is not None else None
        if earlier is None or not self._same_author(earlier, message):
            return None
        changed = with_effect(self._changes, earlier, message.content, message.at)
        if changed is not None:
            self._known[str(changed.whatsapp_id)] = changed
        return changed

    def _same_author(self, earlier: Message, message: Message) -> bool:
        if self._addresses.chat_known_as(earlier.chat) != message.chat:
            return False
        if earlier.from_me or message.from_me:
            return earlier.from_me == message.from_me
        sender = earlier.sender
        return sender is not None and self._addresses.known_as(sender) == message.sender

    def _add(self, message: Message, event: Event, arrival: Arrival) -> None:
        self._carry(message)
        self._changes.add(message, event, arrival.form)
        self._known[arrival.id] = message

    def _carry(self, message: Message) -> None:
        """Make the row of the file that a message carries."""
        if isinstance(message.content, File) and message.content.media is not None:
            media = Media(
                id=message.content.media,
                tenant=message.tenant,
                bot=message.bot,
                mime_type=message.content.mime_type,
                size=message.content.size,
                sha256=message.content.sha256,
                file_name=message.content.file_name,
                place=Place.REMOTE,
                created_at=self._now,
            )
            self._changes.media.append(media)

    def _introduce(self, message: Message, where: Where) -> None:
        """Note how the chat is reached, and what the other one calls himself."""
        if is_group(message.chat):
            self._changes.touch(message.chat, jid=message.chat)
            return
        lid = lid_of(where.chat, where.chat_other)
        # The number is the steadier address: WhatsApp's servers know the LID behind it.
        addresses = [bare_of(jid) for jid in (where.chat, where.chat_other) if jid]
        jid = next((each for each in addresses if each != lid), "")
        self._changes.touch(
            message.chat,
            name="" if message.from_me else message.sender_name,
            jid=lid if message.chat == lid else jid,
            lid="" if message.chat == lid else lid,
        )
        if jid:
            self._addresses.reach(message.chat, jid)

    def _freshen(self, message: Message) -> None:
        if not message.from_me and not isinstance(message.content, Undecryptable | Unsupported):
            self.fresh.append(message.id)

    def _message(self, arrival: Arrival, chat: ChatId) -> Message:
        where, said = arrival.where, arrival.incoming
        origin = Origin.PHONE if where.from_me else Origin.CONTACT
        sender = None
        if not where.from_me:
            sender = self._addresses.person(where.sender, where.sender_other)
            if sender is None and not is_group(chat):
                sender = PersonId(chat)
        return Message(
            id=new_ids.message(),
            tenant=self._changes.tenant,
            bot=self._changes.bot,
            seq=0,
            chat=chat,
            origin=origin,
            sender=sender,
            sender_name="" if where.from_me else arrival.sender_name,
            sender_jid="" if where.from_me else bare_of(where.sender),
            content=self._content(said.content, where),
            context=self._context(said, where),
            whatsapp_id=arrival.id,
            at=instant(arrival.at_s, self._now),
            status=Status.RECEIVED,
            times={Status.RECEIVED.value: self._now},
        )

    def _content(self, content: Content, where: Where) -> Content:
        """The content from the bot's side, its file named."""
        own = self._addresses.own
        match content:
            case File():
                return replace(content, media=new_ids.media())
            case Reaction(to=target):
                return replace(content, to=seen_by(target, where=where, own=own))
            case Edit(of=target) | Deletion(of=target):
                return replace(content, of=seen_by(target, where=where, own=own))
            case _:
                return content

    def _context(self, said: Incoming, where: Where) -> Context:
        quoted = said.context.quoted
        if quoted is not None:
            quoted = replace(quoted, to=seen_by(quoted.to, where=where, own=self._addresses.own))
        return replace(said.context, quoted=quoted, mentions=self._people(said.mentions))

    def _people(self, jids: Collection[str]) -> tuple[PersonId, ...]:
        people = (self._addresses.person(jid) for jid in jids)
        return tuple(dict.fromkeys(person for person in people if person is not None))

    # ------------------------------------------------------------------ receipts, typing

    def _confirm(self, receipt: Receipt) -> None:
        where = receipt.where
        at = instant(receipt.at_s, self._now)
        if receipt.kind is ReceiptKind.READ_SELF:
            chat = self._addresses.chat(where.chat, where.chat_other)
            if chat is not None:
                self._changes.see(chat)
            return
        if where.from_me:
            return  # another device of the bot's own account has it, which is no news
        status = _STATUSES[receipt.kind]
        for id_ in receipt.ids:
            message = self._known.get(id_)
            if message is not None:
                self._known[id_] = self._changes.move(message, status, at)
            elif is_id(id_):
                self.early.append(Early(id_, status, at))

    def _type(self, typing: Typing) -> None:
        where = typing.where
        chat = self._addresses.chat(where.chat, where.chat_other)
        if chat is None or where.from_me:
            return
        sender = self._addresses.person(where.sender, where.sender_other)
        had = self._chats.setdefault(chat, Chat(id=chat, ref=new_ids.chat_ref()))
        data = {"chatRef": had.ref, "chat": masked(chat), "state": typing.state.value}
        if sender is not None:
            data["sender"] = masked(sender)
        self._changes.type(had, sender, Event(type=EventType.CHAT_TYPING, data=data))


def _event_of(message: Message) -> EventType:
    """What tells of a message that came, unless it changes an earlier one."""
    reacts = isinstance(message.content, Reaction)
    return EventType.MESSAGE_REACTION if reacts else EventType.MESSAGE_RECEIVED
