"""The store of the settings, opened: what the service and the commands beside it begin with.

It stands apart from `assembly`, which knows the engine: commands that only need the store run on
systems on which the engine does not.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sololine.clock import Clock, SystemClock
from sololine.core.ids import DEFAULT_TENANT
from sololine.settings import Settings
from sololine.store.migrate import migrate
from sololine.store.store import Store


@asynccontextmanager
async def opened_store(
    settings: Settings, opening: Callable[[str, Clock], Awaitable[Store]] = Store.open
) -> AsyncIterator[Store]:
    """The store with its newest schema; `opening` opens it once that is there."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    await migrate(settings.store_url)
    store = await opening(settings.store_url, SystemClock())
    try:
        await store.run(lambda tx: tx.tenants.ensure(DEFAULT_TENANT))
        yield store
    finally:
        await store.close()
