"""`sololine keys …`: API keys of tenants."""

from typing import TYPE_CHECKING, Annotated

import typer

from sololine.cli.configured import settings_of
from sololine.cli.output import fail, say, show
from sololine.cli.stored import in_store, tenant_named
from sololine.core.ids import DEFAULT_TENANT, TenantId
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.store.transaction import Transaction

app = typer.Typer(name="keys", help="API keys of tenants.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose key it is.")]


@app.command()
def create(
    tenant: Annotated[
        str, typer.Option(help="Whose key it will be; a tenant that is new is made.")
    ] = DEFAULT_TENANT,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
) -> None:
    """Make an API key and print it: the only time it can be seen."""
    from sololine.assembly import keyring_of  # noqa: PLC0415 — loads everything
    from sololine.web.auth import new_key  # noqa: PLC0415 — see above

    whose = tenant_named(tenant)
    key = new_key()
    digest = keyring_of(settings_of()).digest(key)

    async def work(tx: "Transaction") -> None:
        await tx.tenants.ensure(whose)
        await tx.keys.add(whose, digest, name)

    in_store(work)
    show(key)


@app.command("list")
def list_keys(tenant: Tenant = DEFAULT_TENANT) -> None:
    """List a tenant's API keys; the keys themselves cannot be shown again."""
    for key in in_store(lambda tx: tx.keys.list(TenantId(tenant))):
        show(f"{key.id}  {key.created_at:%Y-%m-%d %H:%M}  {key.name}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")],
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Make an API key void at once."""
    if not in_store(lambda tx: tx.keys.remove(TenantId(tenant), key)):
        fail(
            Sentence(
                "The tenant '{tenant}' has no key {key}. `sololine keys list` shows them.",
                tenant=tenant,
                key=key[:20],
            )
        )
    say(Sentence("The key is void."))
