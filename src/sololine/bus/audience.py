"""Who listens in this process, and what each has yet to hear; shared by the adapters."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Self

from sololine.bus import EVERYTHING, Notice

DEFAULT_LIMIT = 256


class Backlog(AsyncIterator[Notice]):
    """Notices that wait to be taken, in the order in which they were first offered.

    A notice that waits already is not queued twice, and `EVERYTHING` stands for all keys of its
    topic. When more than `limit` would wait, each topic is folded into one such notice. So a
    backlog stays small however long nobody takes from it. One task takes; any number offers.
    """

    def __init__(self, *, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._waiting: dict[Notice, None] = {}  # a set that keeps its order
        self._stirred = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, notice: Notice) -> bool:
        """Queue a notice; False when it was dropped, because `limit` other topics wait already."""
        if self._covers(notice):
            return True
        if notice.key == EVERYTHING:
            self._waiting = {n: None for n in self._waiting if n.topic != notice.topic}
        if len(self._waiting) >= self._limit:
            self._waiting = {Notice(topic=n.topic, key=EVERYTHING): None for n in self._waiting}
        if self._covers(notice):
            return True
        if len(self._waiting) >= self._limit:
            return False
        self._waiting[notice] = None
        self._stirred.set()
        return True

    def _covers(self, notice: Notice) -> bool:
        everything = Notice(topic=notice.topic, key=EVERYTHING)
        return notice in self._waiting or everything in self._waiting

    async def wait(self) -> None:
        """Return when there is something to take, or there never will be."""
        while not self._waiting and not self._closed:
            self._stirred.clear()
            await self._stirred.wait()

    def take_all(self) -> list[Notice]:
        """Take what waits now, which may be nothing."""
        taken, self._waiting = list(self._waiting), {}
        return taken

    def close(self) -> None:
        """End the iteration, also for a task that waits in it at this moment."""
        self._closed = True
        self._waiting.clear()
        self._stirred.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notice:
        await self.wait()
        if self._closed:
            raise StopAsyncIteration
        oldest = next(iter(self._waiting))
        del self._waiting[oldest]
        return oldest


class Audience:
    """The subscribers of this process, by topic."""

    def __init__(self) -> None:
        self._backlogs: defaultdict[str, list[Backlog]] = defaultdict(list)

    def tell(self, notice: Notice) -> None:
        """Pass a notice on to all who listen to its topic; to nobody, if there is none."""
        for backlog in self._backlogs.get(notice.topic, ()):
            backlog.offer(notice)

    @contextmanager
    def listening(self, topics: tuple[str, ...]) -> Iterator[Backlog]:
        """A backlog of what is told on these topics while the context is open."""
        # With room for each topic, nothing is ever dropped: the worst is one notice a topic.
        backlog = Backlog(limit=max(DEFAULT_LIMIT, len(topics)))
        for topic in set(topics):
            self._backlogs[topic].append(backlog)
        try:
            yield backlog
        finally:
            for topic in set(topics):
                self._backlogs[topic].remove(backlog)
                if not self._backlogs[topic]:
                    del self._backlogs[topic]
            backlog.close()
