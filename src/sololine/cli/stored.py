"""What commands do in the service's own store, whether or not the service runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from sololine.cli.configured import settings_of
from sololine.cli.output import fail, said_by
from sololine.core.ids import TenantId
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.actions.gateway import Gateway
    from sololine.settings import Settings
    from sololine.store.store import Store
    from sololine.store.transaction import Transaction

T = TypeVar("T")
TENANT_MAX: Final = 64

OfTenant = Annotated[str | None, typer.Option(help="Look at this tenant's bots only.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def in_store(work: Callable[["Transaction"], Awaitable[T]]) -> T:
    """Do something in one transaction."""
    return at_gateway(lambda gateway: gateway.store.run(work))


def at_gateway(work: Callable[["Gateway"], Awaitable[T]]) -> T:
    """Do what the API does too.

    Nobody hears the notices of it: a service that runs finds what was written by itself, within
    seconds.
    """
    # They load the database's parts, which takes longer than most commands.
    from sololine.actions.gateway import Gateway  # noqa: PLC0415 — see above
    from sololine.bus.memory import MemoryBus  # noqa: PLC0415 — see above

    settings = settings_of()

    async def run() -> T:
        async with store_of(settings) as store:
            return await work(Gateway(store=store, bus=MemoryBus(), region=settings.region))

    return asyncio.run(run())


@asynccontextmanager
async def store_of(settings: "Settings") -> "AsyncIterator[Store]":
    """The service's store; ends the command when its address is none."""
    from sololine.opened_store import opened_store  # noqa: PLC0415 — loads the database's parts

    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(opened_store(settings))
        except ValueError as error:
            fail(said_by(error))
        yield store


def scope_of(tenant: str | None) -> TenantId | None:
    """Whose bots a command is about, by `OfTenant`; None for all."""
    return None if tenant is None else tenant_named(tenant)


def tenant_named(name: str) -> TenantId:
    """A tenant by its name; ends the command when it cannot be one."""
    if not name.strip() or not name.isprintable() or len(name) > TENANT_MAX:
        fail(Sentence("A tenant's name has 1 to {most} printable characters.", most=TENANT_MAX))
    return TenantId(name)
