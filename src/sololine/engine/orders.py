"""Orders on their way to a worker, and the answers that come back.

    send ──┐                        an answer frees the lane,
    send ──┤ lane, one at a time ─▶ worker     also when nobody waits for it any more
    send ──┘

An order may take longer than anyone waits: WhatsApp's word on a message is awaited for 75 s by the
library, and by us for 30. What was given to the worker is then uncertain, but what waits behind it
never left, and its callers are told so.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from sololine.core.frames import Answer, Call, Failed, FrameTooLong, Function, Order, Returned
from sololine.core.ids import DeviceId
from sololine.engine.port import LinkClosed, NotSent

ANSWER_LASTS: Final = timedelta(seconds=30)
"""How long WhatsApp may take for what a caller waits for."""
MEDIA_LASTS: Final = timedelta(seconds=300)
"""The same for a file."""
STUCK_AFTER: Final = timedelta(seconds=60)
"""Beyond that; the library's own patience is over by then, so it has lost its way."""


class _Lane(Enum):
    """Calls that get into each other's way, and how many of them may be on their way at once."""

    MESSAGES = 1
    """Their order is what people see."""
    FILES = -1
    """Each is held in memory, more than once."""
    APPEARANCES = -2
    """Typing, and no longer typing."""
    QUESTIONS = 4

    @property
    def width(self) -> int:
        return max(self.value, 1)


_LANES: Final = {
    Function.SEND: _Lane.MESSAGES,
    Function.UPLOAD: _Lane.FILES,
    Function.DOWNLOAD: _Lane.FILES,
    Function.SHOW_TYPING: _Lane.APPEARANCES,
    Function.SHOW_ONLINE: _Lane.APPEARANCES,
    Function.MARK_READ: _Lane.APPEARANCES,
}


@dataclass(slots=True)
class Asked:
    """An order that has no answer yet."""

    order: Order
    answer: asyncio.Future[Answer]
    """Awaited by the one who asked; cancelled when he gives up, or the link ends."""
    lane: asyncio.Semaphore | None
    stuck: asyncio.TimerHandle


class Orders:
    """The orders of one link. Belongs to the event loop.

    Args:
        device: whose link it is.
        write: gives an order to the worker; raises `NotSent` when there is none.
        on_stuck: called when an order has no answer long after its time.
    """

    def __init__(
        self,
        device: DeviceId,
        write: Callable[[Order], None],
        on_stuck: Callable[[], object],
    ) -> None:
        self._device = device
        self._write = write
        self._on_stuck = on_stuck
        self._asked: dict[int, Asked] = {}
        self._last = 0
        self._lanes = {lane: asyncio.Semaphore(lane.width) for lane in _Lane}

    def number(self) -> int:
        """A number for the next order."""
        self._last += 1
        return self._last

    async def carry_out(self, order: Order, within: timedelta) -> None:
        """Give the order and await its answer. Raises `LinkClosed`."""
        answer = await self._give(order, within, None)
        if isinstance(answer, Failed):
            raise LinkClosed(answer.detail)

    async def call(self, function: Function, *arguments: bytes) -> bytes:
        """Give a call when its lane is free, and await what it returns.

        Raises:
            NotSent: the lane did not become free in time, or there is no worker.
            LinkClosed: the worker has not answered, or could not.
            FrameTooLong: the arguments are longer than a frame.
        """
        kind = _LANES.get(function, _Lane.QUESTIONS)
        lane = self._lanes[kind]
        within = MEDIA_LASTS if kind is _Lane.FILES else ANSWER_LASTS
        try:
            async with asyncio.timeout(within.total_seconds()):
                await lane.acquire()
        except TimeoutError:
            raise NotSent("what was asked before has no answer yet") from None
        order = Call(
            device=self._device, order=self.number(), function=function, arguments=arguments
        )
        match await self._give(order, within, lane):
            case Returned(value=value):
                return value
            case Failed(detail=detail):
                raise LinkClosed(detail)
            case _:
                raise LinkClosed("the worker's answer is none")

    def answered(self, answer: Answer) -> Asked | None:
        """The order that this answers, for which nothing waits behind any more."""
        asked = self._asked.pop(answer.order, None)
        if asked is not None:
            self._free(asked)
        return asked

    def end(self) -> None:
        """There will be no more answers."""
        while self._asked:
            _, asked = self._asked.popitem()
            self._free(asked)
            asked.answer.cancel()

    async def _give(
        self, order: Order, within: timedelta, lane: asyncio.Semaphore | None
    ) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            self._write(order)
        except (NotSent, FrameTooLong):
            if lane is not None:
                lane.release()
            raise
        answer: asyncio.Future[Answer] = loop.create_future()
        stuck = loop.call_later((within + STUCK_AFTER).total_seconds(), self._on_stuck)
        self._asked[order.order] = Asked(order, answer, lane, stuck)
        try:
            # Not `wait_for`: the link's end cancels the answer, which must not look like our own
            # cancellation.
            await asyncio.wait((answer,), timeout=within.total_seconds())
        finally:
            given_up = answer.cancel()
        if given_up:
            raise LinkClosed("whatsapp did not answer in time")
        if answer.cancelled():
            raise LinkClosed("the link ended meanwhile")
        return answer.result()

    @staticmethod
    def _free(asked: Asked) -> None:
        asked.stuck.cancel()
        if asked.lane is not None:
            asked.lane.release()
