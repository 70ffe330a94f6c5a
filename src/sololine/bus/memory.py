"""A bus within one process: for one that runs alone, and for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sololine.bus import Notice
from sololine.bus.audience import Audience
from sololine.health import OK, Condition


class MemoryBus:
    """Passes notices on at once, to subscribers on the same event loop."""

    def __init__(self) -> None:
        self._audience = Audience()

    @property
    def lost(self) -> int:
        """Always 0: within a process nothing is lost."""
        return 0

    def condition(self) -> Condition:
        """Always well: there is nobody else to reach."""
        return OK

    async def publish(self, notice: Notice) -> None:
        """Tell all subscribers of the topic."""
        self._audience.tell(notice)

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[Notice]]:
        """Listen to topics for as long as the context is open."""
        with self._audience.listening(topics) as backlog:
            yield backlog
