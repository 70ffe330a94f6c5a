"""Each request is counted by what it asked for, never by whom or what about."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog
from structlog.testing import capture_logs

from sololine.actions.gateway import Gateway
from sololine.metrics import Metrics
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from sololine.web.traffic import Traffic
from tests.exposition import value
from tests.unit.scenes import new_bot
from tests.unit.web.door import KEY


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def door(
    gateway: Gateway, keyring: Keyring, metrics: Metrics
) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(gateway, keyring, "1.2.3", counted_in=metrics, log_requests=True)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://sololine",
        headers={"x-api-key": KEY},
    ) as client:
        yield client


def counted(metrics: Metrics, route: str, status: int = 200, method: str = "GET") -> float:
    labels = {"route": route, "method": method, "status": str(status)}
    return value(metrics.registry, "http_requests_total", **labels)


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/health/live", "/health/live", 200),
        ("/v1/bots/ana", "/v1/bots/{userId}", 200),
        ("/api/v1/bots/ana", "/api/v1/bots/{userId}", 200),
        ("/api/whatsapp/qr/bot_34600111222", "/api/whatsapp/qr/{botId}", 404),
        ("/v1/events", "/v1/events", 200),
        ("/openapi.json", "none", 200),
        ("/nowhere/34600111222", "none", 404),
        ("/v1/bots/ana%2F34600111222", "/v1/bots/{userId}/{botId}", 404),
    ],
)
async def test_a_request_is_counted_under_the_template_of_its_path(
    door: httpx2.AsyncClient, metrics: Metrics, path: str, route: str, status: int
) -> None:
    await door.get(path)

    assert counted(metrics, route, status) == 1
    timed = value(
        metrics.registry, "http_request_duration_seconds_count", route=route, method="GET"
    )
    assert timed == 1
    assert "34600111222" not in metrics.exposition()[0].decode()


async def test_a_method_that_nobody_knows_is_no_label(
    door: httpx2.AsyncClient, metrics: Metrics
) -> None:
    """A stranger could make as many labels as he likes."""
    await door.request("BREW", "/health/live")

    assert counted(metrics, "/health/live", 405, "other") == 1


async def test_a_fault_is_counted_logged_and_answered_under_one_id(
    door: httpx2.AsyncClient,
    gateway: Gateway,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise RuntimeError

    monkeypatch.setattr(gateway.store, "read", broken)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        answer = await door.get("/v1/bots/ana", headers={"x-request-id": "mine-1"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine-1"
    assert counted(metrics, "/v1/bots/{userId}", 500) == 1
    fault, told = logs
    assert (fault["event"], fault["request"]) == ("fault", "mine-1")
    assert (told["event"], told["request"], told["status"]) == ("request", "mine-1", 500)


async def test_a_line_tells_of_a_request_without_telling_what_it_said(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        answer = await door.get(f"/v1/bots/ana/{bot}?phoneNumber=34600111222")

    (line,) = logs
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request": answer.headers["x-request-id"],
        "route": "/v1/bots/{userId}/{botId}",
        "method": "GET",
        "status": answer.status_code,
    }


async def test_unless_it_is_wanted_there_is_no_such_line(
    gateway: Gateway, keyring: Keyring
) -> None:
    app = create_app(gateway, keyring, "1.2.3")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://sololine"
    ) as client:
        with capture_logs() as logs:
            await client.get("/health/live")

    assert logs == []


@pytest.mark.parametrize(
    "given",
    [
        "7b6f2b1e-0c9d-4c55-8f0e-1234567890ab",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "order-12.retry_3",
    ],
)
async def test_the_clients_own_id_is_taken_over(door: httpx2.AsyncClient, given: str) -> None:
    answer = await door.get("/health/live", headers={"x-request-id": given})

    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given", ["34600111222", "order-34600111222", "a b", "x" * 65, 'a"b', "ñ", "", "+34600"]
)
async def test_what_must_not_stand_in_a_log_is_no_id(door: httpx2.AsyncClient, given: str) -> None:
    answer = await door.get("/health/live", headers=[("x-request-id", given.encode())])

    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 16


async def test_every_request_has_another_id(door: httpx2.AsyncClient) -> None:
    ids = {(await door.get("/health/live")).headers["x-request-id"] for _ in range(5)}

    assert len(ids) == 5


async def test_sockets_are_counted_while_they_last(metrics: Metrics) -> None:
    during = []

    async def app(*_: object) -> None:
        during.append(value(metrics.registry, "event_sockets"))

    async def nothing(*_: object) -> None: ...

    await Traffic(app, metrics)({"type": "websocket"}, nothing, nothing)  # type: ignore[arg-type]  # what it looks at

    assert during == [1]
    assert value(metrics.registry, "event_sockets") == 0
