"""Who may read the metrics, and what reading them costs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.sentence import Sentence
from sololine.health import degraded
from sololine.metrics import Metrics
from sololine.web import metrics as module
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from sololine.web.metrics import CENSUS_LASTS_S, Exhibition
from tests.exposition import values
from tests.unit.scenes import new_bot
from tests.unit.web.door import KEY, Hanging

METRICS_KEY = "for-prometheus"


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(secret=b"s" * 32, bootstrap=KEY, metrics=METRICS_KEY)


@pytest.fixture
async def door(gateway: Gateway, keyring: Keyring) -> AsyncIterator[httpx2.AsyncClient]:
    """The application, for a caller without a key."""
    app = create_app(gateway, keyring, "1.2.3")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://sololine"
    ) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {METRICS_KEY}"},
        {"x-api-key": METRICS_KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY},
    ],
)
async def test_the_operators_keys_open_them(
    door: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await door.get("/metrics", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert values(answer.text)['sololine_build_info{version="1.2.3"}'] == 1


async def test_a_tenants_key_does_not_nor_does_none(
    door: httpx2.AsyncClient, gateway: Gateway, keyring: Keyring
) -> None:
    """They tell of all tenants together."""
    key = "sl_a-key-of-the-tenant-default"
    await gateway.store.run(
        lambda tx: tx.keys.add(DEFAULT_TENANT, keyring.digest(key), "a backend")
    )

    for headers in ({}, {"x-api-key": key}, {"x-api-key": ""}, {"x-api-key": "ñ"}):
        raw = [(name, value.encode()) for name, value in headers.items()]
        answer = await door.get("/metrics", headers=raw)
        assert (answer.status_code, answer.json()["error"]) == (401, "not_authenticated")
    assert (await door.get("/v1/events", headers={"x-api-key": key})).status_code == 200


async def test_the_key_for_metrics_opens_nothing_else(door: httpx2.AsyncClient) -> None:
    answer = await door.get("/v1/events", headers={"x-api-key": METRICS_KEY})

    assert answer.status_code == 401


async def test_without_a_key_for_metrics_only_the_tenants_opens_them(gateway: Gateway) -> None:
    app = create_app(gateway, Keyring(secret=b"s", bootstrap=KEY), "1.2.3")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://sololine"
    ) as client:
        statuses = [
            (await client.get("/metrics", headers={"x-api-key": key})).status_code
            for key in (KEY, "None", "")
        ]

    assert statuses == [200, 401, 401]


async def test_a_service_without_doors_shows_them(gateway: Gateway, keyring: Keyring) -> None:
    app = create_app(gateway, keyring, "1.2.3", doors=False)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://sololine"
    ) as client:
        assert (await client.get("/metrics", headers={"x-api-key": KEY})).status_code == 200


class Hours:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def exhibition(gateway: Gateway, metrics: Metrics, hours: Hours) -> Exhibition:
    return Exhibition(
        metrics, gateway, {"bus": lambda: degraded(Sentence("away"))}, hours.monotonic
    )


async def shown(exhibition: Exhibition) -> dict[str, float]:
    body, _ = await exhibition.open("")
    return values(body.decode())


NO_REASON = 'sololine_sessions{reason="",state="disconnected"}'


async def test_the_census_is_taken_anew_only_when_it_is_old(
    exhibition: Exhibition, gateway: Gateway, hours: Hours
) -> None:
    await new_bot(gateway)
    first = await shown(exhibition)
    await new_bot(gateway)
    soon = await shown(exhibition)
    hours.now += CENSUS_LASTS_S
    later = await shown(exhibition)

    assert [each[NO_REASON] for each in (first, soon, later)] == [1, 1, 2]


async def test_many_readers_at_once_ask_the_store_once(
    exhibition: Exhibition, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, read = 0, gateway.store.read

    def counted() -> Any:
        nonlocal asked
        asked += 1
        return read()

    monkeypatch.setattr(gateway.store, "read", counted)
    await asyncio.gather(*(shown(exhibition) for _ in range(20)))

    assert asked == 1


async def test_while_the_store_is_away_the_rest_is_shown_and_that_it_is_away(
    exhibition: Exhibition, gateway: Gateway, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await shown(exhibition)

    def away() -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(gateway.store, "read", away)
        hours.now += CENSUS_LASTS_S
        without = await shown(exhibition)
    after = await shown(exhibition)

    assert NO_REASON in before
    assert NO_REASON not in without
    assert without['sololine_part_up{part="store"}'] == 0
    assert without['sololine_part_up{part="bus"}'] == 0
    assert 'sololine_events_total{type="bot.created"}' in without
    assert NO_REASON in after
    assert after['sololine_part_up{part="store"}'] == 1


async def test_a_store_that_hangs_does_not_keep_the_reader_waiting(
    exhibition: Exhibition, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.store, "read", Hanging)
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    monkeypatch.setattr("sololine.web.health.PATIENCE_S", 0.01)

    assert (await shown(exhibition))['sololine_part_up{part="store"}'] == 0
