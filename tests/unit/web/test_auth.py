import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.core.errors import NotAuthenticated
from sololine.core.ids import DEFAULT_TENANT
from sololine.web.auth import Keyring, new_key
from tests.unit.scenes import OTHER_TENANT, STRANGER, new_bot
from tests.unit.web.door import KEY


async def added(gateway: Gateway, keyring: Keyring) -> str:
    """A key of the other tenant."""
    key = new_key()
    await gateway.store.run(lambda tx: tx.keys.add(OTHER_TENANT, keyring.digest(key), "test"))
    return key


async def test_the_key_from_the_settings_acts_for_the_default_tenant(
    gateway: Gateway, keyring: Keyring
) -> None:
    caller = await keyring.caller(gateway, KEY)

    assert (caller.tenant, caller.user) == (DEFAULT_TENANT, None)


async def test_a_stored_key_acts_for_its_tenant(gateway: Gateway, keyring: Keyring) -> None:
    key = await added(gateway, keyring)

    assert await keyring.caller(gateway, key) == STRANGER


async def test_a_removed_key_acts_for_nobody(gateway: Gateway, keyring: Keyring) -> None:
    key = await added(gateway, keyring)
    async with gateway.store.read() as tx:
        (entry,) = await tx.keys.list(OTHER_TENANT)
    await gateway.store.run(lambda tx: tx.keys.remove(OTHER_TENANT, entry.id))

    with pytest.raises(NotAuthenticated, match="unknown or was revoked"):
        await keyring.caller(gateway, key)


async def test_a_stored_key_is_worth_nothing_under_another_secret(
    gateway: Gateway, keyring: Keyring
) -> None:
    key = await added(gateway, keyring)

    with pytest.raises(NotAuthenticated):
        await Keyring(secret=b"t" * 32, bootstrap=KEY).caller(gateway, key)


@pytest.mark.parametrize("key", [None, "", KEY[:-1], KEY + "x", KEY.upper(), "é" * 20, "x" * 201])
async def test_anything_else_acts_for_nobody(
    gateway: Gateway, keyring: Keyring, key: str | None
) -> None:
    with pytest.raises(NotAuthenticated):
        await keyring.caller(gateway, key)


def test_keys_are_long_all_different_and_told_by_their_prefix() -> None:
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(key.startswith("sl_") and len(key) == 35 for key in keys)


def test_the_digest_in_the_store_does_not_hold_the_key(keyring: Keyring) -> None:
    key = new_key()

    assert len(keyring.digest(key)) == 64
    assert key not in keyring.digest(key)


async def test_a_key_is_taken_as_a_bearer_token_as_well(door: httpx2.AsyncClient) -> None:
    del door.headers["x-api-key"]

    answers = [
        await door.get("/v1/events", headers={"authorization": given})
        for given in (f"Bearer {KEY}", f"bearer {KEY}", "Bearer wrong", f"Basic {KEY}", "Bearer")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 401, 401, 401]


async def test_the_header_for_keys_goes_before_the_bearer_token(door: httpx2.AsyncClient) -> None:
    right, wrong = f"Bearer {KEY}", "Bearer wrong"
    first = await door.get("/v1/events", headers={"authorization": wrong})
    second = await door.get("/v1/events", headers={"x-api-key": "no", "authorization": right})

    assert (first.status_code, second.status_code) == (200, 401)


async def test_each_key_sees_the_bots_of_its_tenant_alone(
    door: httpx2.AsyncClient, gateway: Gateway, keyring: Keyring
) -> None:
    mine = await new_bot(gateway)
    theirs = await new_bot(gateway, caller=STRANGER)
    key = await added(gateway, keyring)

    here = (await door.get("/v1/bots/default")).json()
    there = (await door.get("/v1/bots/default", headers={"x-api-key": key})).json()

    assert [bot["id"] for bot in here["bots"]] == [mine]
    assert [bot["id"] for bot in there["bots"]] == [theirs]
