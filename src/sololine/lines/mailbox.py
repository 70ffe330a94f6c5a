"""The mailbox: what a line's links said, in its order, and that someone asked it to look again.

What people say in their chats comes out in batches, since a hundred messages are stored in one
transaction nearly as fast as one. What happens to the link comes out by itself, and a batch never
reaches over it: a message that came before the link went down is stored before the line hears
that it went down.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from sololine.core.ids import DeviceId
from sololine.core.signals import ChatSignal, LinkSignal, Signal
from sololine.engine.port import Link

BATCH: Final = 200
"""Chat signals that are stored in one transaction."""


@dataclass(slots=True, eq=False)
class OpenLink:
    """A link that the line has opened; whatever it says is told apart by this very object.

    Attributes:
        linked: whether a phone knows its credentials, so that closing is not enough to end them.
        granted: whether the number behind it is the bot's: then what people say on it is, too.
    """

    device: DeviceId
    linked: bool
    granted: bool
    link: Link = field(init=False)


@dataclass(frozen=True, slots=True)
class Said:
    """Something happened to a link."""

    signal: LinkSignal
    by: OpenLink


@dataclass(frozen=True, slots=True)
class Chatted:
    """People said something, on one link."""

    signals: tuple[ChatSignal, ...]
    by: OpenLink


@dataclass(frozen=True, slots=True)
class Look:
    """The row may have changed."""


class Mailbox:
    """What a line has yet to hear."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Signal, OpenLink]] = deque()
        self._look = False
        self._stirred = asyncio.Event()
        self._awaited = False

    @property
    def empty(self) -> bool:
        """Whether everything was taken."""
        return not self._waiting and not self._look

    @property
    def idle(self) -> bool:
        """Whether everything was taken and dealt with, and more is waited for."""
        return self.empty and self._awaited

    def put(self, signal: Signal, by: OpenLink) -> None:
        """Take in what a link said."""
        self._waiting.append((signal, by))
        self._stirred.set()

    def look(self) -> None:
        """Have `Look` come out next, once, however often this is asked for."""
        self._look = True
        self._stirred.set()

    async def take(self, until: float | None) -> Said | Chatted | Look:
        """What comes next. Raises `TimeoutError` at `until`, by the loop's clock."""
        if self.empty:
            async with asyncio.timeout_at(until):
                self._awaited = True
                try:
                    while self.empty:
                        self._stirred.clear()
                        await self._stirred.wait()
                finally:
                    self._awaited = False
        if self._look:
            self._look = False
            return Look()
        signal, by = self._waiting[0]
        if isinstance(signal, ChatSignal):
            return Chatted(self._batch(), by)
        self._waiting.popleft()
        return Said(signal, by)

    def rest(self) -> list[Chatted]:
        """All that people said and nobody took yet; the mailbox is empty then."""
        batches = []
        while self._waiting:
            signal, by = self._waiting[0]
            if isinstance(signal, ChatSignal):
                batches.append(Chatted(self._batch(), by))
            else:
                self._waiting.popleft()
        self._look = False
        return batches

    def _batch(self) -> tuple[ChatSignal, ...]:
        by = self._waiting[0][1]
        batch: list[ChatSignal] = []
        while self._waiting and len(batch) < BATCH:
            signal, speaker = self._waiting[0]
            if not isinstance(signal, ChatSignal) or speaker is not by:
                break
            batch.append(signal)
            self._waiting.popleft()
        return tuple(batch)
