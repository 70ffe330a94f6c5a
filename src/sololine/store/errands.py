"""Errands: what is begun on a connection is finished, though whoever asked for it is cancelled.

A driver that is interrupted in the middle of an exchange can only throw its connection away, and
some threads and sockets with it. So each exchange with the database is a task of its own. Who is
cancelled stops waiting at once; the task goes on, and the connection is cleaned up behind it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Errands:
    """The exchanges of one store that are under way."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    def send(self, errand: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin an errand; wait for it with `asyncio.shield`, or not at all."""
        task = asyncio.create_task(errand)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return task

    async def all_done(self) -> None:
        """Wait until nothing is under way any more."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # who waits is told; when nobody does, asyncio need not complain
