"""Health tells the parts apart, and says no only when requests cannot be served."""

from collections.abc import Callable

import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.core.sentence import Sentence
from sololine.health import OK, Condition, degraded
from sololine.languages import Language
from sololine.web import health
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from tests.unit.web.door import Hanging

WELL = {"status": "ok", "reason": None}


def client(
    gateway: Gateway, keyring: Keyring, **parts: Callable[[], Condition]
) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(create_app(gateway, keyring, "1.2.3", parts=parts))
    return httpx2.AsyncClient(transport=transport, base_url="http://sololine")


async def test_every_part_that_runs_here_is_told(gateway: Gateway, keyring: Keyring) -> None:
    async with client(gateway, keyring, bus=lambda: OK, lines=lambda: OK) as door:
        answer = await door.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": {"store": WELL, "bus": WELL, "lines": WELL}}


async def test_a_part_that_is_not_well_is_told_with_its_reason_and_costs_no_request(
    gateway: Gateway, keyring: Keyring
) -> None:
    async with client(gateway, keyring, bus=lambda: degraded(Sentence("Redis is away"))) as door:
        answer = await door.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["parts"]["bus"] == {"status": "degraded", "reason": "Redis is away"}
    assert answer.json()["parts"]["store"] == WELL


async def test_the_reason_is_told_in_the_language_that_is_asked_for(
    gateway: Gateway, keyring: Keyring
) -> None:
    late = Sentence("no session was looked for in {silent} s; nothing is taken up", silent=40)
    async with client(gateway, keyring, lines=lambda: degraded(late)) as door:
        answer = await door.get("/health/ready", headers={"Accept-Language": "es"})

    assert answer.headers["content-language"] == "es"
    assert answer.json()["parts"]["lines"] == {
        "status": "degraded",
        "reason": Language.SPANISH.say(late),
    }
    assert answer.json()["parts"]["lines"]["reason"].startswith("hace 40 s que no se busca")


async def test_without_the_store_no_request_can_be_served(
    gateway: Gateway, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise ConnectionError("with a password in it")

    monkeypatch.setattr(gateway.store, "read", away)
    async with client(gateway, keyring, bus=lambda: OK) as door:
        answer = await door.get("/health/ready")
        live = await door.get("/health/live")

    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()["parts"]["store"]["status"] == "unavailable"
    assert "password" not in answer.text
    assert answer.json()["parts"]["bus"] == WELL
    assert (live.status_code, live.json()) == (200, {"status": "ok"})


async def test_a_store_that_hangs_is_not_waited_for(
    gateway: Gateway, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.store, "read", Hanging)
    monkeypatch.setattr(health, "PATIENCE_S", 0.01)
    async with client(gateway, keyring) as door:
        answer = await door.get("/health/ready")

    assert answer.status_code == 503
