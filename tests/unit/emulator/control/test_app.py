import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from sololine.emulator import errors
from sololine.emulator.control.app import STATUS, control_app
from sololine.emulator.server import Emulator
from tests.unit.emulator.client import link, logged_in, waiting

NUMBER = "447441395830"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=control_app(emulator))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        yield http


async def test_a_phone_is_added_once_and_shown(
    http: httpx2.AsyncClient, emulator: Emulator
) -> None:
    first = await http.post("/phones", json={"number": NUMBER})
    second = await http.post("/phones", json={"number": NUMBER})

    shown = {
        "number": NUMBER,
        "lid": emulator.phones[NUMBER].lid,
        "name": "",
        "online": True,
        "devices": [],
    }
    assert (first.status_code, first.json()) == (201, shown)
    assert (second.status_code, second.json()) == (200, shown)
    assert (await http.get("/phones")).json() == {"phones": [shown]}
    assert (await http.get(f"/phones/{NUMBER}")).json() == shown


async def test_a_scan_answers_with_the_device_when_it_is_linked(
    http: httpx2.AsyncClient, emulator: Emulator
) -> None:
    await http.post("/phones", json={"number": NUMBER})
    async with waiting(emulator) as client:
        scan = asyncio.create_task(http.post(f"/phones/{NUMBER}/scan", json={"qr": client.qr}))
        await client.accept()
        answer = await scan

    assert (answer.status_code, answer.json()) == (
        200,
        {"jid": f"{NUMBER}:1@s.whatsapp.net", "number": NUMBER, "device": 1},
    )


async def test_devices_are_listed_and_unlinked(
    http: httpx2.AsyncClient, emulator: Emulator
) -> None:
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys) as client:
        [device] = (await http.get(f"/phones/{NUMBER}/devices")).json()["devices"]
        assert device.pop("linkedAt").endswith("+00:00")
        assert device == {"device": 1, "name": "Test", "platform": "CHROME", "online": True}

        gone = await http.delete(f"/phones/{NUMBER}/devices/1")

        assert gone.status_code == 204
        assert (await client.receive()).text("code") == "401"
    again = await http.delete(f"/phones/{NUMBER}/devices/1")
    assert (again.status_code, again.json()["error"]) == (404, "unknown_device")


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/phones", {"number": "12"}, "422 invalid_number"),
        ("/phones", {}, "400 bad_body"),
        ("/phones", [], "400 bad_body"),
        ("/phones/447/scan", {"qr": "x"}, "404 unknown_phone"),
        (f"/phones/{NUMBER}/scan", {"qr": "x"}, "422 invalid_qr"),
        (f"/phones/{NUMBER}/scan", {"qr": 1}, "400 bad_body"),
        (f"/phones/{NUMBER}/code", {"code": "AAAA-AAAA"}, "409 unknown_code"),
        ("/faults", {"kind": "flood"}, "422 invalid_fault"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_code_and_a_sentence(
    http: httpx2.AsyncClient, emulator: Emulator, path: str, body: object, problem: str
) -> None:
    emulator.phones.add(NUMBER)

    answer = await http.post(path, json=body)

    assert f"{answer.status_code} {answer.json()['error']}" == problem
    assert answer.json()["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b'"' + b"x" * 20_000 + b'"'])
async def test_a_body_that_is_no_small_json_is_refused(
    http: httpx2.AsyncClient, body: bytes
) -> None:
    answer = await http.post("/phones", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_body")


async def test_a_web_page_cannot_give_orders(http: httpx2.AsyncClient) -> None:
    plain = await http.post("/faults", content=b'{"kind": "drop"}')
    rebound = await http.get("/phones", headers={"host": "evil.example"})

    assert (plain.status_code, plain.json()["error"]) == (400, "bad_body")
    assert rebound.status_code == 400


async def test_a_refused_qr_stands_nowhere_in_the_answer(
    http: httpx2.AsyncClient, emulator: Emulator
) -> None:
    emulator.phones.add(NUMBER)
    async with waiting(emulator) as client:
        qr = client.qr
    answer = await http.post(f"/phones/{NUMBER}/scan", json={"qr": qr})

    assert answer.json()["error"] == "expired_qr"
    assert not any(part in answer.text for part in qr.split(","))


async def test_faults_are_armed_listed_and_cleared(http: httpx2.AsyncClient) -> None:
    order = {"kind": "login_failure", "number": NUMBER, "reason": 402, "code": 101, "times": None}

    armed = await http.post("/faults", json=order)

    assert armed.status_code == 201
    assert (await http.get("/faults")).json() == {"faults": [armed.json()]}
    assert order.items() <= armed.json().items()
    assert (await http.delete("/faults")).status_code == 204
    assert (await http.get("/faults")).json() == {"faults": []}


async def test_health_counts_and_names_what_was_not_understood(
    http: httpx2.AsyncClient, emulator: Emulator
) -> None:
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys):
        emulator.exchange.note_unknown("iq xmlns=w:stats type=set / add")
        health = (await http.get("/health")).json()

    assert health == {
        "unknown": ["iq xmlns=w:stats type=set / add"],
        "phones": 1,
        "devices": 1,
        "online": 1,
        "connections": 1,
    }


def test_every_refusal_has_a_status_and_a_code_of_its_own() -> None:
    kinds = errors.Refused.__subclasses__()

    assert set(STATUS) == set(kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_a_status_is_never_a_success() -> None:
    assert json.dumps(sorted({int(status) for status in STATUS.values()})) == "[404, 409, 422]"
