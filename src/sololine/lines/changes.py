"""Changes: what one transaction does to a bot's messages, gathered before any of it is written.

Deciding touches nothing, so a transaction that has to be begun again decides again. Writing is a
few statements however many messages there are; the events come first, since a message's place is
the place of its event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sololine.core.chat import Chat, ChatId, PersonId, Touch
from sololine.core.content import File
from sololine.core.events import Event, EventType, LoggedEvent
from sololine.core.ids import BotId, MediaId, MessageId, TenantId
from sololine.core.media import Media, Place
from sololine.core.message import Failure, Message, Origin, Status, told
from sololine.store.transaction import Transaction

DROPPED: Final = b""
"""Instead of a form: none is kept."""

_EVENTS: Final[Mapping[Status, EventType]] = {
    Status.SENT: EventType.MESSAGE_SENT,
    Status.DELIVERED: EventType.MESSAGE_DELIVERED,
    Status.READ: EventType.MESSAGE_READ,
    Status.PLAYED: EventType.MESSAGE_PLAYED,
    Status.UNCERTAIN: EventType.MESSAGE_UNCERTAIN,
}


@dataclass(slots=True)
class _Touched:
    """What became known of a chat so far.

    Attributes:
        latest: a new message, whose place it takes.
        had: the chat as it was before somebody typed.
        typed: who typed, and which of the events tells of it.
    """

    touch: Touch
    latest: MessageId | None = None
    had: Chat | None = None
    typed: list[tuple[PersonId, int]] = field(default_factory=list)


class Changes:
    """The changes of one transaction.

    Attributes:
        new: messages that are added, in their order; their places are still to come.
        media: the files that come with them.
        dropped: files whose messages were deleted.
    """

    def __init__(self, tenant: TenantId, bot: BotId) -> None:
        self.tenant = tenant
        self.bot = bot
        self.new: dict[MessageId, Message] = {}
        self.media: list[Media] = []
        self.dropped: list[MediaId] = []
        self._changed: dict[MessageId, Message] = {}
        self._forms: dict[MessageId, bytes] = {}
        self._events: list[tuple[Event, MessageId | None]] = []
        self._touched: dict[ChatId, _Touched] = {}

    @property
    def told(self) -> bool:
        """Whether there are events, so that someone may want to hear of them."""
        return bool(self._events)

    # ------------------------------------------------------------------ messages

    def add(self, message: Message, event: Event, form: bytes | None = None) -> None:
        """Add a message; `event` tells of it, and gives it its place."""
        self.new[message.id] = message
        self._events.append((event, message.id))
        if form:
            self._forms[message.id] = form

    def put(self, message: Message, form: bytes | None = None) -> None:
        """Have a message be as it is here."""
        (self.new if message.id in self.new else self._changed)[message.id] = message
        if form is not None:
            self._forms[message.id] = form

    def tell(self, event: Event) -> None:
        """Log an event that gives no message its place."""
        self._events.append((event, None))

    def move(self, message: Message, status: Status, at: datetime) -> Message:
        """Let a message hear of its status, and tell of it if it is news."""
        moved = message.moved(status, at)
        if moved is not message:
            self.put(moved)
            self.tell(told(moved, _EVENTS[status]))
        return moved

    def fail(self, message: Message, failure: Failure, at: datetime) -> None:
        """Let a message fail, if it was not sent."""
        failed = message.failed(failure, at)
        if failed is not message:
            self.put(failed)
            self.tell(told(failed, EventType.MESSAGE_FAILED))

    def drop(self, deleted: Message, before: Message) -> None:
        """Forget all that a deleted message said.

        A file that the API sent stays: it is its client's, and may be in other messages, too.
        """
        self.put(deleted, DROPPED)
        if (
            isinstance(before.content, File)
            and before.content.media is not None
            and before.origin in (Origin.CONTACT, Origin.PHONE)
        ):
            self.dropped.append(before.content.media)

    # ------------------------------------------------------------------ chats

    def touch(self, chat: ChatId, *, name: str = "", jid: str = "", lid: str = "") -> None:
        """Note what became known of a chat."""
        touched = self._touched.setdefault(chat, _Touched(Touch(id=chat)))
        had = touched.touch
        touched.touch = replace(had, name=name or had.name, jid=jid or had.jid, lid=lid or had.lid)

    def lift(self, chat: ChatId, message: MessageId, *, unread: bool) -> None:
        """Let a new message be the latest in its chat."""
        touched = self._touched.setdefault(chat, _Touched(Touch(id=chat)))
        touched.latest = message
        if unread:
            touched.touch = replace(touched.touch, unread=touched.touch.unread + 1)

    def see(self, chat: ChatId) -> None:
        """Let everything in a chat have been seen."""
        touched = self._touched.setdefault(chat, _Touched(Touch(id=chat)))
        touched.touch = replace(touched.touch, seen=True, unread=0)

    def type(self, had: Chat, by: PersonId | None, event: Event) -> None:
        """Log an event of someone who types in a chat, which is as it was stored, or new."""
        touched = self._touched.setdefault(had.id, _Touched(Touch(id=had.id)))
        touched.had = had
        touched.typed.append((by or PersonId(""), len(self._events)))
        self.tell(event)

    # ------------------------------------------------------------------ writing

    async def write(self, tx: Transaction) -> None:
        """Write everything. Comes last in the transaction: it holds the tenant's counter."""
        if self.media:
            await tx.media.add(self.media)
        events = [event for event, _ in self._events]
        logged = await tx.events.append(self.tenant, self.bot, *events) if events else []
        for entry, (_, id_) in zip(logged, self._events, strict=True):
            if id_ is not None:
                self.new[id_] = replace(self.new[id_], seq=entry.seq)
        if self.new:
            forms = {id_: form for id_, form in self._forms.items() if id_ in self.new and form}
            await tx.messages.add(list(self.new.values()), forms)
        if self._changed:
            forms = {id_: form for id_, form in self._forms.items() if id_ in self._changed}
            await tx.messages.save(list(self._changed.values()), forms)
        for media in self.dropped:
            had = await tx.media.get(self.bot, media)
            if had is not None:
                await tx.media.save(replace(had, place=Place.GONE, file_name=""))
        if self._touched:
            touches = [self._placed(touched, logged) for touched in self._touched.values()]
            await tx.chats.touch(self.bot, self.tenant, touches)

    def _placed(self, touched: _Touched, logged: Sequence[LoggedEvent]) -> Touch:
        touch = touched.touch
        if (chat := touched.had) is not None:
            for by, event in touched.typed:
                chat = chat.typed(by, logged[event].seq)
            touch = replace(
                touch, ref=chat.ref, typing_by=chat.typing_by, typing_since=chat.typing_since
            )
        if touched.latest is None:
            return touch
        return replace(touch, seq=self.new[touched.latest].seq)
