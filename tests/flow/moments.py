"""Moments of the connect way at which a server can be made to die.

A moment is `before:N` or `after:N`, where N counts the transactions and the calls to the engine
that this process makes for its lines and requests, from 1: so all moments between two durable
facts are met by counting, and a new step cannot be forgotten.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from sololine.engine.neonize import NeonizeEngine, NeonizeLink
from sololine.store.store import Store


def die_at(moment: str) -> None:
    """Have this process die at `moment`; counting begins with the first request that writes."""
    when, number = moment.split(":")
    count = 0

    def counted(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            mine = count
            if when == "before" and mine == int(number):
                _die()
            result = await method(*args, **kwargs)
            if when == "after" and mine == int(number):
                _die()
            return result

        return call

    for owner, name in (
        (Store, "run"),
        (NeonizeEngine, "link"),
        (NeonizeEngine, "resume"),
        (NeonizeEngine, "forget"),
        (NeonizeLink, "log_out"),
        (NeonizeLink, "close"),
    ):
        setattr(owner, name, counted(getattr(owner, name)))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
