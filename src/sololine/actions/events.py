"""Reading the event log."""

from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS
from sololine.core.access import Caller
from sololine.core.events import LoggedEvent
from sololine.core.ids import BotId


async def after(
    gateway: Gateway,
    caller: Caller,
    seq: int,
    *,
    limit: int,
    wait_s: float = 0,
    bot: str | None = None,
) -> list[LoggedEvent]:
    """Events of the caller's tenant with a higher `seq`, in order.

    Waits up to `wait_s` seconds for the first one. With `bot`, only that bot's.
    """

    async def look() -> list[LoggedEvent] | None:
        async with gateway.store.read() as tx:
            found = await tx.events.after(
                caller.tenant, seq, limit, bot=BotId(bot) if bot else None
            )
        return found or None

    return await gateway.wait_for(look, wait_s, topic=EVENTS) or []
