"""Readings of the store that many ask for at once, and that are done once.

a notice ──▶ all who follow a tenant ask ──▶ one reading ──▶ its answer for each of them
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Readings:
    """What is about to be read in this process."""

    def __init__(self) -> None:
        self._coming: dict[Hashable, asyncio.Task[Any]] = {}

    async def of(self, what: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The answer of `read`, which is called once for all who ask the same before it begins.

        Who asks while it is under way begins another one: what he heard of may have been written
        after the store was looked at.

        Args:
            what: tells equal readings.
            read: goes on, though who asked is cancelled: others may wait for it.
        """
        reading: asyncio.Task[T] | None = self._coming.get(what)
        if reading is None:
            reading = asyncio.create_task(self._read(what, read))
            reading.add_done_callback(_heard)
            self._coming[what] = reading
        return await asyncio.shield(reading)

    async def _read(self, what: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        del self._coming[what]
        return await read()


def _heard(reading: asyncio.Task[Any]) -> None:
    if not reading.cancelled():
        reading.exception()  # who waits is told; when nobody does, asyncio need not complain
