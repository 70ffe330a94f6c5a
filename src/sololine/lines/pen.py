"""The pen: how all parts of a line write, each time fenced by the line's lease.

    line's step ─┐
    inbox       ─┼─ one after the other ──▶ transaction: fence, work ──▶ notices
    outbox      ─┘

The parts take turns (`alone`), since what one keeps in memory rests on what another has just
written; the session's row, which each of them locks, would make them wait for each other anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sololine.bus import EVENTS, SESSIONS, Bus, Notice
from sololine.core.ids import BotId, TenantId
from sololine.core.lease import Lease
from sololine.store.errors import Fenced
from sololine.store.store import Store
from sololine.store.transaction import Transaction

T = TypeVar("T")


async def fenced(tx: Transaction, bot: BotId, lease: Lease) -> None:
    """Lock the bot's session for the holder of `lease`.

    Raises:
        Fenced: the lease is no longer held in this term, or the bot is deleted.
    """
    if not await tx.leases.fence(bot, lease):
        raise Fenced(bot, lease.term)


class Pen:
    """Writes for one line and tells who listens.

    Attributes:
        tenant: whose the bot is; the line learns it when it reads its session.
        alone: held from reading what is in memory until what was written is in memory, too.
    """

    def __init__(self, bot: BotId, lease: Lease, *, store: Store, bus: Bus) -> None:
        self.bot = bot
        self.tenant = TenantId("")
        self.lease = lease
        self.store = store
        self.alone = asyncio.Lock()
        self._bus = bus

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do `work` in one transaction, if the lease is still held.

        Raises:
            Fenced: it is not; nothing was written.
        """

        async def if_held(tx: Transaction) -> T:
            await fenced(tx, self.bot, self.lease)
            return await work(tx)

        return await self.store.run(if_held)

    async def tell_events(self) -> None:
        """Let everyone read on in the tenant's log."""
        await self.tell(EVENTS, self.tenant)

    async def tell_session(self, bot: BotId) -> None:
        """Let everyone look again at a bot's session: this one's, or one that it changed."""
        await self.tell(SESSIONS, bot)

    async def tell(self, topic: str, key: str) -> None:
        """Publish a notice."""
        await self._bus.publish(Notice(topic=topic, key=key))
