"""What every action works with."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sololine.actions.readings import Readings
from sololine.bus import EVENTS, QUEUES, SESSIONS, Bus, Notice
from sololine.core.claim import Policy
from sololine.core.ids import BotId, TenantId
from sololine.media_files import MediaFiles
from sololine.outward import Outward
from sololine.store.store import Store

_LOOK_EVERY_S: Final = 0.25
"""How often a waiting action looks by itself, since a notice may be lost."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The store and the bus, and the settings that actions need.

    Attributes:
        policy: what happens when a bot links a number that another bot of its tenant has.
        auto_restart: whether linking windows begin anew where the request does not say.
        region: ISO code of the country whose national numbers are understood, or None.
        media: the files of messages; None where none are kept, as for commands.
        media_max_bytes: how large a file may be.
        outward: fetches files from URLs that callers name; None where nothing is fetched.
        readings: of the store, shared by all who ask the same at once.
    """

    store: Store
    bus: Bus
    policy: Policy = Policy.REFUSE
    auto_restart: bool = False
    region: str | None = None
    media: MediaFiles | None = None
    media_max_bytes: int = 64 * 2**20
    outward: Outward | None = None
    readings: Readings = field(default_factory=Readings, repr=False, compare=False)

    async def tell(self, tenant: TenantId, bot: BotId) -> None:
        """Let everyone look again at a bot's session and at its tenant's events."""
        await self.bus.publish(Notice(topic=SESSIONS, key=bot))
        await self.bus.publish(Notice(topic=EVENTS, key=tenant))

    async def tell_queued(self, tenant: TenantId, bot: BotId) -> None:
        """Let a bot's line look at its queue, and everyone at its tenant's events."""
        await self.bus.publish(Notice(topic=QUEUES, key=bot))
        await self.bus.publish(Notice(topic=EVENTS, key=tenant))

    async def wait_for(
        self, look: Callable[[], Awaitable[T | None]], timeout_s: float, topic: str = SESSIONS
    ) -> T | None:
        """Return the first answer of `look`, asked again at each notice of `topic`.

        None when there was no answer within `timeout_s` seconds.
        """
        if (found := await look()) is not None or timeout_s <= 0:
            return found
        async with self.bus.subscribe(topic) as notices:
            notice = asyncio.ensure_future(anext(notices))
            try:
                async with asyncio.timeout(timeout_s):
                    while (found := await look()) is None:
                        done, _ = await asyncio.wait({notice}, timeout=_LOOK_EVERY_S)
                        if done:
                            notice = asyncio.ensure_future(anext(notices))
            except TimeoutError:
                return None
            finally:
                notice.cancel()
        return found
