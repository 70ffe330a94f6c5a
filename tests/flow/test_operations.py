"""What operators see: health while a part is away, and metrics that tell nothing of anybody."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cable import cable
from tests.exposition import values
from tests.flow.house import KEY, Server, WhatsApp, until
from tests.flow.phone import Phone
from tests.servers import Valkey

WELL = {"status": "ok", "reason": None}


async def health(server: Server) -> tuple[int, dict[str, Any]]:
    answer = await server.answer("GET", "/health/ready")
    return answer.status_code, answer.json()


async def statuses(server: Server) -> dict[str, str]:
    return {name: part["status"] for name, part in (await health(server))[1]["parts"].items()}


async def metrics(server: Server) -> tuple[str, dict[str, float]]:
    answer = await server.answer("GET", "/metrics")
    assert answer.status_code == 200, answer.text
    return answer.text, values(answer.text)


@pytest.mark.timeout(180)
async def test_health_tells_which_part_is_away_and_that_it_is_back(
    phones: WhatsApp, tmp_path: Path, postgres_database: str, valkey: Valkey, number: str
) -> None:
    async with cable(postgres_database) as wire:
        settings = {"SOLOLINE_DATABASE_URL": wire.url, "SOLOLINE_REDIS_URL": valkey.url}
        server = await Server(phones, tmp_path / "data", settings).start()
        try:
            bot = await server.bot()
            await server.link(bot, number)
            status, body = await health(server)
            assert (status, body["status"]) == (200, "ok")
            assert body["parts"] == dict.fromkeys(
                ("store", "bus", "lines", "courier", "workers"), WELL
            )

            valkey.kill()

            async def bus_away() -> bool:
                return (await statuses(server))["bus"] == "degraded"

            await until(bus_away, "the bus is away")
            status, body = await health(server)
            assert (status, body["status"]) == (200, "degraded")
            assert body["parts"]["bus"]["reason"].startswith("Redis does not answer")
            assert body["parts"]["store"] == WELL
            valkey.start()

            await wire.cut()
            status, body = await health(server)
            assert (status, body["status"]) == (503, "unavailable")
            assert "password" not in str(body)
            assert (await server.answer("GET", "/health/live")).status_code == 200
            _, shown = await metrics(server)
            assert shown['sololine_part_up{part="store"}'] == 0
            await wire.mend()

            async def all_well() -> bool:
                return await health(server) == (
                    200,
                    {"status": "ok", "parts": dict.fromkeys(body["parts"], WELL)},
                )

            await until(all_well, "every part is well again")
            assert (await server.session(bot))["whatsappConnected"] is True
        finally:
            await server.stop()


async def test_metrics_count_what_happened_and_name_nobody(
    own_talking: Server, phones: WhatsApp, number: str, ana: Phone
) -> None:
    server = own_talking
    bot = await server.bot("Zanzibar", user="ana")
    await server.link(bot, number)
    await ana.say(number, "what Xylophon said")
    await server.event("message.received", bot)
    body = {"type": "text", "to": ana.number, "text": "to Xylophon"}
    await server.ask("POST", f"/v1/bots/{bot}/messages", body, params={"wait": 20})

    text, shown = await metrics(server)

    assert shown['sololine_sessions{reason="",state="connected"}'] == 1
    assert shown["sololine_sessions_wanted"] == shown["sololine_lines"] == 1
    assert shown["sololine_workers"] == 1
    assert shown["sololine_linking_windows_total"] == 1
    assert shown['sololine_connection_attempts_total{links="yes",outcome="connected"}'] == 1
    assert shown['sololine_connection_duration_seconds_count{links="yes"}'] == 1
    assert shown['sololine_messages_total{direction="in",status="received"}'] == 1
    assert shown['sololine_messages_total{direction="out",status="sent"}'] == 1
    assert shown['sololine_part_up{part="lines"}'] == 1
    route = "/v1/bots/{botId}/messages"
    accepted = f'sololine_http_requests_total{{method="POST",route="{route}",status="200"}}'
    assert shown[accepted] == 1
    people = (number.lstrip("+"), ana.number.lstrip("+"), "Xylophon", "Zanzibar", "default")
    for secret in (*people, bot, KEY):
        assert secret not in text, secret


async def test_the_log_of_a_conversation_is_one_object_a_line_and_names_nobody(
    phones: WhatsApp,
    tmp_path: Path,
    number: str,
    ana: Phone,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """With everything on that can be."""
    chatty = {
        "SOLOLINE_LOG_LEVEL": "debug",
        "SOLOLINE_LOG_FORMAT": "json",
        "SOLOLINE_LOG_REQUESTS": "true",
    }
    server = await Server(phones, tmp_path / "data", chatty).start()
    bot = await server.bot("Zanzibar", user="ana")
    seen = await server.last()
    await server.connect(bot)
    qr = await server.qr(bot)
    await phones.phone(number)
    await phones.scan(number, qr)
    await server.event("session.connected", bot, after=seen)
    await ana.say(number, "what Xylophon said")
    await server.event("message.received", bot)
    body = {"type": "text", "to": ana.number, "text": "to Xylophon"}
    path = f"/v1/bots/{bot}/messages"
    await server.answer("POST", path, body, params={"wait": 20}, headers={"X-Request-Id": "r-1"})
    await server.stop()

    log = capfd.readouterr().err
    lines = [json.loads(line) for line in log.splitlines()]
    told = [line["event"] for line in lines]
    assert {"session.linked", "session.connected", "request"} <= set(told)
    (sent,) = [line for line in lines if line.get("request") == "r-1"]
    assert (sent["route"], sent["status"]) == ("/v1/bots/{botId}/messages", 200)
    people = (number.lstrip("+"), ana.number.lstrip("+"), "Xylophon", "Zanzibar")
    for secret in (*people, qr, qr.partition(",")[0], KEY):
        assert secret not in log, secret
