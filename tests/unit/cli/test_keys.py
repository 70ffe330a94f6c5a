"""Keys are made, listed and revoked in the service's own store."""

import asyncio
from pathlib import Path

import pytest

from sololine.assembly import keyring_of
from sololine.opened_store import opened_store
from sololine.settings import Settings
from tests.unit.cli.conftest import Run


async def tenant_of(key: str) -> str | None:
    """Whose key it is, as the service would find."""
    settings = Settings()
    async with opened_store(settings) as store, store.read() as tx:
        return await tx.keys.tenant_of(keyring_of(settings).digest(key))


def test_a_key_is_printed_once_and_listed_without_it(run: Run) -> None:
    made = run("keys", "create", "--tenant", "acme", "--name", "for the shop")
    listed = run("keys", "list", "--tenant", "acme")

    key = made.output.strip()
    assert key.startswith("sl_")
    assert listed.output.endswith("  for the shop\n")
    assert key not in listed.output
    assert run("keys", "list").output == ""


def test_a_key_acts_for_its_tenant_until_it_is_revoked(run: Run) -> None:
    key = run("keys", "create", "--tenant", "acme").output.strip()
    assert asyncio.run(tenant_of(key)) == "acme"
    key_id = run("keys", "list", "--tenant", "acme").output.split()[0]

    foreign = run("keys", "revoke", key_id)
    assert foreign.exit_code == 1
    assert asyncio.run(tenant_of(key)) == "acme"
    revoked = run("keys", "revoke", key_id, "--tenant", "acme")
    assert (revoked.exit_code, revoked.output) == (0, "The key is void.\n")
    assert asyncio.run(tenant_of(key)) is None


def test_a_key_that_is_not_there_cannot_be_revoked(run: Run) -> None:
    result = run("keys", "revoke", "x" * 100)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"The tenant 'default' has no key {'x' * 20}. `sololine keys list` shows them.\n"
    )


@pytest.mark.parametrize("tenant", ["", " ", "x" * 65, "a\nb"])
def test_a_tenant_needs_a_name_that_can_be_read(run: Run, data_dir: Path, tenant: str) -> None:
    result = run("keys", "create", "--tenant", tenant)

    assert result.exit_code == 1
    assert "1 to 64 printable characters" in result.stderr
    assert not data_dir.exists()
