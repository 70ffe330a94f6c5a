"""An event loop whose time jumps to what comes next as soon as nobody has anything to do.

It has no file descriptors and no threads to wait for, so all that can happen next is in its ready
queue or in its timers: a program runs in the same order each time.

    24 hours, two processes that look at the store every 2 s and renew leases every 10 s

Looking 86,400 times in vain would take longer than all that happens. So a loop may be told which
timers are **polls**, which come again after a fixed period, and `pass_over` moves them, in step,
to the next moment that matters.
"""

import asyncio
import heapq
import math
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any

TICK: int = 1024
"""Ticks in a second. Times are whole ticks, so adding periods up makes no rounding errors."""
_PART: int = 64
"""Parts of a tick. Each kind of poll has a part of its own, and never meets another timer."""


class Poll:
    """A timer that comes again after a fixed period, as long as nothing else wakes its task."""

    def __init__(self, period: int, part: int) -> None:
        self.period = period
        self.part = part
        self.handle: asyncio.TimerHandle | None = None

    @property
    def at(self) -> float | None:
        """When it rings next; None while its task does something else."""
        handle = self.handle
        return None if handle is None or handle.cancelled() else handle.when()


class FastLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps.

    Attributes:
        idle: called whenever nobody has anything to do before the next timer; what it raises ends
            `run_until_complete`.
        poll: tells for a timer that the running task sets, whether it is a poll.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self.idle: Callable[[], None] = lambda: None
        self.poll: Callable[[], Poll | None] = lambda: None
        super().__init__(_NoWaiting(self._jump))

    def time(self) -> float:
        return self._now

    def call_at(  # type: ignore[override]  # says no more of arguments than that it passes them on
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        poll = self.poll()
        if poll is None:
            return super().call_at(math.ceil(when * TICK) / TICK, callback, *args, context=context)
        when = math.floor(when * TICK) / TICK + poll.part / (TICK * _PART)
        poll.handle = super().call_at(when, callback, *args, context=context)
        return poll.handle

    def next_timer(self, polls: list[Poll]) -> float:
        """When the first timer rings that is none of these polls."""
        passed = {id(poll.handle) for poll in polls}
        return min(
            (
                each.when()
                for each in self._timers()
                if not each.cancelled() and id(each) not in passed
            ),
            default=math.inf,
        )

    def pass_over(self, poll: Poll, until: float) -> int:
        """Move a poll to its first turn that is not before `until`; returns how many it misses."""
        at = poll.at
        if at is None or poll.handle is None or at >= until:
            return 0
        missed = math.ceil((until - at) / poll.period)
        poll.handle._when = at + missed * poll.period  # type: ignore[attr-defined]
        heapq.heapify(self._timers())
        return missed

    def _timers(self) -> list[asyncio.TimerHandle]:
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return timers

    def _jump(self) -> None:
        self.idle()
        self._now = max(self._now, min(t.when() for t in self._timers() if not t.cancelled()))


class _NoWaiting(selectors.DefaultSelector):
    """Lets the time jump instead of waiting."""

    def __init__(self, jump: Callable[[], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        if timeout > 0:
            self._jump()
        return []
