"""What a phone's user can see: the letters that came, the ones written, ticks, who is typing."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Final

from sololine.emulator.phones.letters import Message, e2e
from sololine.emulator.storage.journal import Drawer, Journal
from sololine.wire.jid import Jid
from sololine.wire.protobuf import parse

KEPT: Final = 1000
"""How many letters, receipts and so on a phone remembers of each kind."""

_MILLISECONDS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as a phone has it."""

    id: str
    chat: Jid
    """The other person, or the group; never a device."""
    sender: Jid
    """Who wrote it; the device tells whether on the phone (0) or on a companion."""
    at: datetime
    own: bool
    """Whether it was written by this phone's own account."""
    message: Message = field(repr=False)
    raw: bytes = field(repr=False)
    """The message as bytes."""


class ReceiptKind(StrEnum):
    """What a receipt says of a message."""

    DELIVERED = "delivered"
    INACTIVE = "inactive"
    """Delivered to a device whose user is not looking."""
    READ = "read"
    PLAYED = "played"
    READ_SELF = "read-self"
    PLAYED_SELF = "played-self"
    """Read or played on another device of the same account."""
    SENDER = "sender"
    """A companion has the copy of what its own account wrote."""

    @property
    def attribute(self) -> str | None:
        """The `type` of a receipt stanza; a plain delivery has none."""
        return None if self is ReceiptKind.DELIVERED else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Someone has, or saw, a message that this phone's account wrote."""

    id: str
    """The message's."""
    chat: Jid
    by: Jid
    """Whose device says so, by LID."""
    kind: ReceiptKind
    at: datetime


class TypingState(StrEnum):
    """What someone is doing in a chat."""

    COMPOSING = "composing"
    RECORDING = "recording"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """Someone began or stopped to write in a chat."""

    chat: Jid
    by: Jid
    state: TypingState
    at: datetime


class Mailbox:
    """The letters, receipts and typing that one phone saw; the latest thousand of each."""

    def __init__(self, number: str, journal: Journal) -> None:
        self.inbox: deque[Letter] = deque()
        self.sent: deque[Letter] = deque()
        self.receipts: deque[Receipt] = deque(maxlen=KEPT)
        self.typing: deque[Typing] = deque(maxlen=KEPT)
        self._prefix = f"{number} "
        self._journal = journal
        self._places: dict[Drawer, int] = {Drawer.LETTERS: 0, Drawer.SENT: 0}
        self._ids: dict[tuple[Drawer, str], Letter] = {}
        self._news = asyncio.Event()

    def put_in(self, letter: Letter) -> None:
        """A letter came."""
        self._keep(Drawer.LETTERS, self.inbox, letter)

    def put_out(self, letter: Letter) -> None:
        """The phone's user wrote a letter."""
        self._keep(Drawer.SENT, self.sent, letter)

    def note(self, news: Receipt | Typing) -> None:
        """Something happened in a chat."""
        if isinstance(news, Receipt):
            self.receipts.append(news)
        else:
            self.typing.append(news)
        self._tell()

    def came(self, letter_id: str) -> Letter | None:
        """The letter of this id that came, while it is remembered."""
        return self._ids.get((Drawer.LETTERS, letter_id))

    def wrote(self, letter_id: str) -> Letter | None:
        """The letter of this id that was written on the phone, while it is remembered."""
        return self._ids.get((Drawer.SENT, letter_id))

    def restore(self, drawer: Drawer, place: int, kept: bytes) -> None:
        """Put back a letter from an earlier run."""
        letter = _load(kept)
        self._places[drawer] = place
        self._ids[drawer, letter.id] = letter
        (self.inbox if drawer is Drawer.LETTERS else self.sent).append(letter)

    async def received(
        self, wanted: int | Callable[[Letter], bool], timeout_s: float
    ) -> Sequence[Letter]:
        """Wait until that many letters are in the inbox, or one that fits; return all that do.

        Raises:
            TimeoutError: if they do not come in time.
        """

        def found() -> Sequence[Letter]:
            if isinstance(wanted, int):
                return tuple(self.inbox) if len(self.inbox) >= wanted else ()
            return tuple(filter(wanted, self.inbox))

        if wanted == 0:
            return ()
        await self.until(lambda: bool(found()), timeout_s)
        return found()

    async def until(self, true: Callable[[], bool], timeout_s: float) -> None:
        """Wait until this is true; it is asked again whenever something came.

        Raises:
            TimeoutError: if it does not become true in time.
        """
        async with asyncio.timeout(timeout_s):
            while not true():
                await self._news.wait()

    def _keep(self, drawer: Drawer, box: deque[Letter], letter: Letter) -> None:
        self._places[drawer] += 1
        place = self._places[drawer]
        box.append(letter)
        self._ids[drawer, letter.id] = letter
        self._journal.put(drawer, self._record(place), partial(_dump, letter))
        if len(box) > KEPT:
            self._ids.pop((drawer, box.popleft().id), None)
            self._journal.drop(drawer, self._record(place - KEPT))
        self._tell()

    def _record(self, place: int) -> str:
        return f"{self._prefix}{place:016}"

    def _tell(self) -> None:
        # Whoever waits is woken once, and waits on a new event afterwards.
        self._news.set()
        self._news = asyncio.Event()


def _dump(letter: Letter) -> bytes:
    at = int(letter.at.timestamp() * _MILLISECONDS)
    head = f"{letter.id} {letter.chat} {letter.sender} {at} {int(letter.own)}"
    return head.encode() + b"\n" + letter.raw


def _load(kept: bytes) -> Letter:
    head, _, raw = kept.partition(b"\n")
    letter_id, chat, sender, at, own = head.decode().split(" ")
    return Letter(
        id=letter_id,
        chat=Jid.parse(chat),
        sender=Jid.parse(sender),
        at=datetime.fromtimestamp(int(at) / _MILLISECONDS, UTC),
        own=own == "1",
        message=parse(e2e.Message, raw),
        raw=raw,
    )
