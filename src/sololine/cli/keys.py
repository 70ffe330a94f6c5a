"""`sololine keys …`: API keys of tenants."""

import asyncio
from typing import Annotated

import typer

from sololine.assembly import keyring_of, opened_store
from sololine.cli.output import fail
from sololine.core.ids import DEFAULT_TENANT, TenantId
from sololine.settings import Settings
from sololine.store.transaction import Transaction
from sololine.web.auth import new_key

app = typer.Typer(name="keys", help="API keys of tenants.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="The tenant; it is made when there is none yet.")]


@app.command()
def create(
    tenant: Tenant = DEFAULT_TENANT,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
) -> None:
    """Make an API key and print it: the only time it can be seen."""
    if not tenant.strip() or not tenant.isprintable() or len(tenant) > 64:  # noqa: PLR2004
        fail("A tenant's name has 1 to 64 printable characters.")
    key = new_key()
    asyncio.run(_add(TenantId(tenant), key, name))
    typer.echo(key)


async def _add(tenant: TenantId, key: str, name: str) -> None:
    settings = Settings()
    digest = keyring_of(settings).digest(key)
    async with opened_store(settings) as store:

        async def work(tx: Transaction) -> None:
            await tx.tenants.ensure(tenant)
            await tx.keys.add(tenant, digest, name)

        await store.run(work)
