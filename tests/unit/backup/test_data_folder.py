"""A data folder's secrets come back, and a database stays with its own folder."""

import stat
from pathlib import Path

import pytest

from sololine.backup.data_folder import OtherFolder, belong_together, keep_secrets, secrets_of
from sololine.core.backup import Secret
from sololine.store.store import Store

SECRETS = (Secret(name="secret", text="s"), Secret(name="api-key", text="k"))
NAME = (Secret(name="credentials-id", text="first"),)


def test_a_new_folder_has_no_secrets(data_dir: Path) -> None:
    assert secrets_of(data_dir) == ()


def test_secrets_come_back_to_an_empty_folder(data_dir: Path) -> None:
    assert keep_secrets(data_dir, SECRETS)
    assert secrets_of(data_dir) == SECRETS
    assert stat.S_IMODE((data_dir / "secret").stat().st_mode) == 0o600
    assert keep_secrets(data_dir, SECRETS)


def test_a_folder_keeps_the_secrets_that_it_has(data_dir: Path) -> None:
    (data_dir / "secret").write_text("its own")
    assert not keep_secrets(data_dir, SECRETS)
    assert {each.name: each.text for each in secrets_of(data_dir)} == {
        "secret": "its own",
        "api-key": "k",
    }


def test_without_the_secret_no_key_fits(data_dir: Path) -> None:
    assert not keep_secrets(data_dir, SECRETS[1:])


async def test_a_new_database_and_a_new_folder_belong_together_from_then_on(
    store: Store, data_dir: Path
) -> None:
    await belong_together(store, data_dir, dry_run=True)
    assert secrets_of(data_dir) == ()
    await belong_together(store, data_dir, NAME)
    (name,) = secrets_of(data_dir)
    assert name.text != "first"
    async with store.read() as tx:
        assert await tx.deployment.bound() == name.text
    await belong_together(store, data_dir)


@pytest.mark.parametrize("here", [None, "second"])
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_folder_of_another_database_is_refused(
    store: Store, data_dir: Path, here: str | None, *, dry_run: bool
) -> None:
    await store.run(lambda tx: tx.deployment.bind("first"))
    if here is not None:
        (data_dir / "credentials-id").write_text(here)
    with pytest.raises(OtherFolder, match="another data folder"):
        await belong_together(store, data_dir, dry_run=dry_run)


async def test_a_lost_folder_comes_back_under_its_name(store: Store, data_dir: Path) -> None:
    """The database survived, and a backup of everything knows what its folder was called."""
    await store.run(lambda tx: tx.deployment.bind("first"))
    await belong_together(store, data_dir, NAME)
    assert (data_dir / "credentials-id").read_text() == "first"
