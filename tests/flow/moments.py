"""Moments of a server's work at which it can be made to die.

Moment N is right after the Nth durable fact or engine call that the process makes, counted from
when it answers requests. So all moments of a way are met by counting, and a step that is added
later cannot be forgotten: `test_crashes.py` checks that its list of moments is long enough.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sololine.engine.link import NeonizeLink
from sololine.engine.neonize import NeonizeEngine
from sololine.store.store import Store

COUNTED = (
    (Store, "run"),
    (NeonizeEngine, "link"),
    (NeonizeEngine, "resume"),
    (NeonizeEngine, "forget"),
    (NeonizeLink, "log_out"),
    (NeonizeLink, "close"),
)


def die_at(moment: int, count_file: str) -> None:
    """Have this process die at `moment`; `count_file` always tells how many there have been."""
    count = 0

    def counted(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            result = await method(*args, **kwargs)
            count += 1
            Path(count_file).write_text(str(count), encoding="ascii")  # noqa: ASYNC240 — dying soon
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for owner, name in COUNTED:
        setattr(owner, name, counted(getattr(owner, name)))
