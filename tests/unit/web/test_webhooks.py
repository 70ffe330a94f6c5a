from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.actions.webhooks import WEBHOOKS_MAX
from sololine.outward import Outward
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from tests.unit.scenes import OTHER_TENANT, new_bot
from tests.unit.web.door import KEY

ADDRESSES = {"hooks.example.com": "93.184.216.34", "inside.example.com": "10.0.0.7"}


async def resolve(host: str, _port: int) -> list[str]:
    try:
        return [ADDRESSES[host]]
    except KeyError:
        raise OSError from None


@pytest.fixture
async def door(gateway: Gateway, keyring: Keyring) -> AsyncIterator[httpx2.AsyncClient]:
    """The API, in a net where two names lead somewhere."""
    async with Outward(resolve=resolve) as outward:
        app = create_app(replace(gateway, outward=outward), keyring, "1.2.3")
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://sololine", headers={"x-api-key": KEY}
        ) as client:
            yield client


async def made(door: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await door.post("/v1/webhooks", json={"url": "https://hooks.example.com/", **fields})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()["webhook"]
    return webhook


async def answered(
    door: httpx2.AsyncClient, method: str, path: str, body: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    answer = await door.request(method, f"/v1/webhooks{path}", json=body)
    return answer.status_code, answer.json()


async def test_a_webhook_shows_its_secret_when_it_is_made_and_never_again(
    door: httpx2.AsyncClient,
) -> None:
    webhook = await made(door, types=["message.received"], description="orders")
    _, shown = await answered(door, "GET", f"/{webhook['id']}")
    _, listed = await answered(door, "GET", "")

    assert webhook["secret"].startswith("whsec_")
    assert shown["webhook"] == {key: each for key, each in webhook.items() if key != "secret"}
    assert listed["webhooks"] == [shown["webhook"]]
    assert (webhook["state"], webhook["types"]) == ("active", ["message.received"])


async def test_a_new_secret_replaces_the_old_one(door: httpx2.AsyncClient) -> None:
    webhook = await made(door)
    status, renewed = await answered(door, "POST", f"/{webhook['id']}/secret")

    assert status == 200
    assert renewed["webhook"]["secret"] != webhook["secret"]


@pytest.mark.parametrize(
    "url",
    [
        "https://inside.example.com/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "https://nowhere.example.com/",
        "ftp://hooks.example.com/",
        "https://user:secret@hooks.example.com/",
        "nonsense",
        "",
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_with_its_field(
    url: str, door: httpx2.AsyncClient
) -> None:
    webhook = await made(door)
    refusals = [
        await answered(door, "POST", "", {"url": url}),
        await answered(door, "PATCH", f"/{webhook['id']}", {"url": url}),
    ]

    for status, body in refusals:
        assert (status, body["field"]) == (422, "url")
        # Of the addresses the resolver of this test knows the first one only.
        assert body["error"] in {"url_not_allowed", "url_unreachable"}
        assert "secret" not in body["message"]


async def test_what_is_not_sent_stays_as_it_was(door: httpx2.AsyncClient) -> None:
    webhook = await made(door, types=["bot.created"], description="first")
    _, changed = await answered(door, "PATCH", f"/{webhook['id']}", {"description": "second"})
    _, emptied = await answered(door, "PATCH", f"/{webhook['id']}", {"types": []})

    assert changed["webhook"]["types"] == ["bot.created"]
    assert (emptied["webhook"]["types"], emptied["webhook"]["description"]) == ([], "second")


async def test_a_webhook_is_paused_and_resumed(door: httpx2.AsyncClient) -> None:
    webhook = await made(door)
    states = [
        (await answered(door, "POST", f"/{webhook['id']}/{verb}"))[1]["webhook"]["state"]
        for verb in ("pause", "pause", "resume", "resume")
    ]
    log = (await door.get("/v1/events")).json()["events"]

    assert states == ["paused", "paused", "active", "active"]
    assert [event["type"] for event in log] == ["webhook.paused", "webhook.resumed"]


async def test_a_deleted_webhook_is_gone_with_its_deliveries(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    webhook = await made(door)
    await new_bot(gateway)
    assert (await answered(door, "DELETE", f"/{webhook['id']}"))[0] == 200
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test")):
        status, body = await answered(door, method, f"/{webhook['id']}{path}")
        assert (status, body["error"]) == (404, "webhook_not_found")


async def test_deliveries_are_listed_latest_first_and_in_pages(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    webhook = await made(door, types=["bot.created"])
    for no in range(3):
        await new_bot(gateway, f"Bot {no}")
    _, first = await answered(door, "GET", f"/{webhook['id']}/deliveries?limit=2")
    path = f"/{webhook['id']}/deliveries?limit=2&before={first['nextBefore']}"
    _, second = await answered(door, "GET", path)
    _, delivered = await answered(door, "GET", f"/{webhook['id']}/deliveries?state=delivered")

    assert [each["seq"] for each in first["deliveries"]] == [3, 2]
    assert [each["seq"] for each in second["deliveries"]] == [1]
    assert (second["nextBefore"], delivered["deliveries"]) == (None, [])
    assert {each["state"] for each in first["deliveries"]} == {"waiting"}


async def test_a_test_is_delivered_to_this_webhook_alone(door: httpx2.AsyncClient) -> None:
    webhook, other = await made(door, types=["bot.created"]), await made(door)
    status, _ = await answered(door, "POST", f"/{webhook['id']}/test")
    _, mine = await answered(door, "GET", f"/{webhook['id']}/deliveries")
    _, others = await answered(door, "GET", f"/{other['id']}/deliveries")

    assert status == 202
    assert [each["type"] for each in mine["deliveries"]] == ["webhook.tested"]
    assert others["deliveries"] == []


async def test_what_waits_is_sent_again_at_once_and_what_never_was_is_unknown(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    webhook = await made(door, types=["bot.created"])
    await new_bot(gateway)
    _, listed = await answered(door, "GET", f"/{webhook['id']}/deliveries")
    (delivery,) = listed["deliveries"]
    redriven = await answered(door, "POST", f"/{webhook['id']}/deliveries/{delivery['id']}/redrive")
    unknown = await answered(door, "POST", f"/{webhook['id']}/deliveries/dlv_none/redrive")
    every = await answered(door, "POST", f"/{webhook['id']}/redrive")

    assert redriven == (202, {"success": True, "count": 1})
    assert (unknown[0], unknown[1]["error"]) == (404, "delivery_not_found")
    assert every == (202, {"success": True, "count": 0})


async def test_a_webhook_of_one_bot_gets_that_bots_events(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    ada, bea = await new_bot(gateway), await new_bot(gateway, "Bea")
    webhook = await made(door, botId=bea)
    for bot in (ada, bea):
        await door.patch(f"/v1/bots/default/{bot}", json={"name": "New"})
    _, listed = await answered(door, "GET", f"/{webhook['id']}/deliveries")
    unknown = await answered(
        door, "POST", "", {"url": "https://hooks.example.com/", "botId": "bot_0"}
    )

    assert [each["type"] for each in listed["deliveries"]] == ["bot.updated"]
    assert (unknown[0], unknown[1]["error"]) == (404, "bot_not_found")


async def test_a_tenant_has_so_many_webhooks_and_no_more(door: httpx2.AsyncClient) -> None:
    for _ in range(WEBHOOKS_MAX):
        await made(door)
    status, body = await answered(door, "POST", "", {"url": "https://hooks.example.com/"})

    assert (status, body["error"], body["limit"]) == (409, "too_many", WEBHOOKS_MAX)


async def test_another_tenant_sees_none_of_them(
    door: httpx2.AsyncClient, gateway: Gateway, keyring: Keyring
) -> None:
    webhook = await made(door)
    digest = keyring.digest("sl_other")
    await gateway.store.run(lambda tx: tx.keys.add(OTHER_TENANT, digest, "test"))
    door.headers["x-api-key"] = "sl_other"

    assert (await answered(door, "GET", ""))[1]["webhooks"] == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/redrive")):
        status, body = await answered(door, method, f"/{webhook['id']}{path}", {})
        assert (status, body["error"]) == (404, "webhook_not_found")
