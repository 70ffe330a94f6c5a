"""A store that is measured, and that counts what it has committed."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from sololine.clock import Clock
from sololine.metrics import Metrics
from sololine.store.store import Store
from sololine.store.transaction import Transaction

T = TypeVar("T")


class MeteredStore(Store):
    """The store, with metrics.

    Everything that happens is written in some transaction, whoever does it. So what happened is
    counted here and nowhere else: once it is committed, and once however often it was tried.
    """

    metrics: Metrics

    @classmethod
    async def open(cls, url: str, clock: Clock, metrics: Metrics | None = None) -> Self:
        """As `Store.open`; `metrics` are counted in."""
        store = await super().open(url, clock)
        store.metrics = metrics or Metrics()
        return store

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """As `Store.run`."""
        tried = list[Transaction]()

        async def noted(tx: Transaction) -> T:
            tried.append(tx)
            return await work(tx)

        with self.metrics.storing.labels("write").time():
            try:
                done = await super().run(noted)
            finally:
                self.metrics.retries.inc(max(0, len(tried) - 1))
        self._count(tried[-1])
        return done

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """As `Store.read`."""
        began = time.perf_counter()
        try:
            async with super().read() as tx:
                yield tx
        finally:
            self.metrics.storing.labels("read").observe(time.perf_counter() - began)

    def _count(self, tx: Transaction) -> None:
        self.metrics.logged(tx.events.appended)
        self.metrics.windows.inc(tx.sessions.windows_opened)
        for attempt in tx.sessions.attempts_ended:
            if attempt.ended_at is not None and attempt.outcome is not None:
                self.metrics.attempted(
                    links=attempt.links,
                    outcome=attempt.outcome,
                    lasted=attempt.ended_at - attempt.started_at,
                )
        self.metrics.tried(tx.deliveries.saved)
