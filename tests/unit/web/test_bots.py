import json

import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.core.ids import BotId
from tests.unit.scenes import connected_bot, events_of, new_bot


async def make(door: httpx2.AsyncClient, **body: object) -> dict[str, object]:
    answer = await door.post("/v1/bots/create", json={"name": "Ada", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()["bot"]


async def test_a_new_bot_is_shown_without_any_connection(door: httpx2.AsyncClient) -> None:
    bot = await make(door, name="  Ada ", description="Helps", userId="ana")

    assert bot == {
        "id": bot["id"],
        "userId": "ana",
        "name": "Ada",
        "description": "Helps",
        "personality": "",
        "status": "training",
        "setupStep": "training",
        "whatsappConnected": False,
        "phoneNumber": None,
        "connection": {
            "state": "disconnected",
            "endReason": None,
            "remedy": None,
            "until": None,
            "since": "2026-05-01T12:00:00.000Z",
            "connectedAt": None,
            "windowEndsAt": None,
        },
        "createdAt": "2026-05-01T12:00:00.000Z",
    }


async def test_a_bot_walks_through_its_setup_step_by_step(door: httpx2.AsyncClient) -> None:
    bot = await make(door, draft=True)
    assert (bot["status"], bot["setupStep"]) == ("creating", "details")
    path = f"/v1/bots/default/{bot['id']}/setup"

    early = await door.post(path, json={"step": "training"})
    steps = [(await door.post(path, json={"step": each})) for each in ("details", "training")]
    unknown = await door.post(path, json={"step": "connect"})

    assert (early.status_code, early.json()["field"]) == (422, "step")
    assert [each.json()["bot"]["status"] for each in steps] == ["training", "connecting"]
    assert unknown.status_code == 422


async def test_only_what_is_sent_is_changed(door: httpx2.AsyncClient) -> None:
    bot = await make(door, description="old", personality="kind")
    path = f"/v1/bots/default/{bot['id']}"

    changed = (await door.patch(path, json={"description": "new"})).json()["bot"]
    emptied = (await door.patch(path, json={"personality": "", "name": None})).json()["bot"]

    assert (changed["name"], changed["description"]) == ("Ada", "new")
    assert (emptied["name"], emptied["personality"]) == ("Ada", "")
    assert (await door.get(path)).json()["bot"] == emptied


async def test_a_bot_is_deleted_once(door: httpx2.AsyncClient) -> None:
    bot = await make(door)
    path = f"/v1/bots/default/{bot['id']}"

    first, second = await door.delete(path), await door.delete(path)

    assert first.json() == {"success": True, "message": "The bot was deleted."}
    assert (second.status_code, second.json()["error"]) == (404, "bot_not_found")


async def test_a_linked_bot_is_shown_with_its_number_and_not_deleted(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await connected_bot(gateway)
    path = f"/v1/bots/default/{bot}"

    shown = (await door.get(path)).json()["bot"]
    answer = await door.delete(path)

    assert (shown["phoneNumber"], shown["whatsappConnected"]) == ("+34600000001", True)
    assert (answer.status_code, answer.json()["error"]) == (409, "bot_still_linked")


async def test_a_long_list_comes_in_pages_without_gaps_or_repeats(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = [await new_bot(gateway, f"Bot {index}") for index in range(5)]
    seen: list[str] = []
    after: str | None = None
    pages = 0
    while pages == 0 or after:
        asked = {"limit": 2, **({"after": after} if after else {})}
        page = (await door.get("/v1/bots/default", params=asked)).json()
        seen += [bot["id"] for bot in page["bots"]]
        after = page["nextAfter"]
        pages += 1

    assert pages == 3
    assert sorted(seen) == sorted(made)


async def test_a_page_that_follows_a_deleted_bot_is_refused_with_the_field(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    await door.delete(f"/v1/bots/default/{bot}")

    answer = await door.get("/v1/bots/default", params={"after": bot})

    assert (answer.status_code, answer.json()["field"]) == (422, "after")


# A database may refuse what Python calls text: PostgreSQL has no NUL, UTF-8 has no half of a pair.
@pytest.mark.parametrize("text", ["nul\x00", "half\ud800"])
@pytest.mark.parametrize("field", ["name", "description", "personality", "userId"])
async def test_text_that_no_database_takes_is_refused_by_name(
    door: httpx2.AsyncClient, gateway: Gateway, field: str, text: str
) -> None:
    body = json.dumps({"name": "Ada", field: text})

    answer = await door.post(
        "/v1/bots/create", content=body, headers={"content-type": "application/json"}
    )

    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_input")
    assert answer.json()["field"] == field
    assert (await door.get("/v1/bots/default")).json()["bots"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/bots/nul%00"),
        ("GET", "/v1/bots/default?after=nul%00"),
        ("GET", "/v1/bots/default/bot%00"),
        ("GET", "/v1/bots/nul%00/bot_1"),
        ("DELETE", "/v1/bots/default/bot%00"),
        ("GET", "/v1/events?botId=bot%00"),
        ("GET", "/v1/whatsapp/qr/bot%00"),
        ("GET", "/v1/whatsapp/session-check?botId=bot%00"),
        ("GET", "/v1/whatsapp/session-check?userId=nul%00"),
        ("POST", "/v1/whatsapp/connect/bot%00"),
        ("POST", "/v1/whatsapp/disconnect/bot%00"),
    ],
)
async def test_an_address_with_a_nul_is_refused(
    door: httpx2.AsyncClient, method: str, path: str
) -> None:
    answer = await door.request(method, path)

    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_input")


async def test_a_body_with_a_nul_for_an_id_is_refused(door: httpx2.AsyncClient) -> None:
    for body in ({"botId": "bot\x00"}, {"botId": "bot_1", "userId": "nul\x00"}):
        answer = await door.post("/v1/whatsapp/validate-connection", json=body)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid_input")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 60_000, b'"\\ud800"', b"NaN", b""])
async def test_bytes_that_are_no_json_object_are_named_as_such(
    door: httpx2.AsyncClient, body: bytes
) -> None:
    answer = await door.post(
        "/v1/bots/create", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code in (400, 422)
    assert answer.json()["error"] in ("invalid_json", "invalid_input")


async def test_what_was_done_to_a_bot_stands_in_the_log_and_nothing_else(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    """A change that changes nothing is none."""
    bot = await make(door)
    path = f"/v1/bots/default/{bot['id']}"
    await door.patch(path, json={"name": "Ada"})
    await door.patch(path, json={"name": "Eve"})
    await door.delete(path)

    types = await events_of(gateway.store, BotId(str(bot["id"])))
    assert types == ["bot.created", "bot.updated", "bot.deleted"]
