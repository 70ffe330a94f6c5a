"""Chores: does what the API asks of a link, a few things at once, beside everything else.

    open ──begin──▶ begun ──task──▶ done, with an answer
                       └──────────▶ failed

The API waits for the answer, so a chore that cannot be done now fails at once. Files that shall be
fetched when their message arrives are fetched here, too; no chore stands behind those, and one
that could not be fetched is fetched when someone asks for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from sololine.bus import CHORES
from sololine.core.chore import LASTS, Chore, ChoreFailure, FetchMedia
from sololine.core.ids import MediaId, MessageId
from sololine.engine.port import Link, LinkClosed, NoName, NoSuch, SendRefused
from sololine.lines.pen import Pen
from sololine.lines.tasks import Tasks
from sololine.store.errors import Fenced
from sololine.store.transaction import Transaction

log = structlog.get_logger()

AT_ONCE: Final = 4
"""Tasks that one line does at a time."""


class Chores:
    """Does the chores of one line.

    Args:
        link: the link, while it is up.
    """

    def __init__(self, pen: Pen, *, link: Callable[[], Link | None], tasks: Tasks) -> None:
        self._pen = pen
        self._link = link
        self._tasks = tasks
        self._stirred = asyncio.Event()
        self._asked = False
        self._fetching: deque[FetchMedia] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    def stir(self) -> None:
        """Have it look for chores."""
        self._asked = True
        self._stirred.set()

    def fetch(self, media: MediaId, message: MessageId) -> None:
        """Fetch a file soon, if the link is up."""
        self._fetching.append(FetchMedia(media=media, message=message))
        self._stirred.set()

    async def run(self) -> None:
        """Do what there is to do, until cancelled.

        Raises:
            Fenced: the line has lost its lease.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                await self._stirred.wait()
                self._stirred.clear()
                if self._asked and self._room:
                    await self._begin(group)
                while self._fetching and self._room:
                    fetch = self._fetching.popleft()
                    if self._link() is not None:
                        self._start(group, self._fetch(fetch))

    async def finish(self) -> None:
        """Wait for what is under way; for a line whose link is closed, so that it ends soon."""
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    @property
    def _room(self) -> int:
        return AT_ONCE - len(self._under_way)

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        room, self._asked = self._room, False
        begun = await self._pen.write(lambda tx: tx.chores.begin(self._pen.bot, room))
        self._asked = self._asked or len(begun) == room
        for chore in begun:
            self._start(group, self._do(chore))

    def _start(self, group: asyncio.TaskGroup, work: Any) -> None:
        task = group.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._stirred.set()

    # ------------------------------------------------------------------ one chore

    async def _do(self, chore: Chore) -> None:
        answer: Mapping[str, Any] = {}
        failure: ChoreFailure | None = None
        link = self._link()
        try:
            if link is None:
                failure = ChoreFailure.NOT_CONNECTED
            else:
                async with asyncio.timeout(LASTS.total_seconds()):
                    answer = await self._tasks.do(chore.task, link)
        except NoName:
            failure = ChoreFailure.NO_NAME
        except (LinkClosed, TimeoutError):
            failure = ChoreFailure.NOT_CONNECTED
        except NoSuch:
            failure = ChoreFailure.NOT_FOUND
        except SendRefused:
            failure = ChoreFailure.REFUSED
        except Fenced:
            raise
        except Exception:
            # A mistake of ours in one chore must not end the connection.
            log.exception("chore fault", bot=self._pen.bot, chore=chore.id)
            failure = ChoreFailure.NOT_CONNECTED

        async def settle(tx: Transaction) -> None:
            if failure is None:
                await tx.chores.done(chore.id, answer)
            else:
                await tx.chores.failed(chore.id, failure)

        # Not fenced: a successor has made void what this line had begun, and that is final.
        await self._pen.store.run(settle)
        await self._pen.tell(CHORES, chore.id)

    async def _fetch(self, task: FetchMedia) -> None:
        link = self._link()
        if link is None:
            return
        try:
            await self._tasks.do(task, link)
        except (LinkClosed, NoSuch):
            return
        except Fenced:
            raise
        except Exception:
            log.exception("file not fetched", bot=self._pen.bot, media=task.media)
