import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from sololine.emulator.control import letters as control_letters
from sololine.emulator.control.app import control_app
from sololine.emulator.phones.letters import text
from sololine.emulator.server import Emulator
from sololine.wire.jid import USER_SERVER, Jid

ANA, BO, CY = "34600000001", "34600000002", "34600000003"
FILE = b"\x00a file\xff"


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[httpx2.AsyncClient]:
    for number in (ANA, BO, CY):
        emulator.phones.add(number)
    transport = httpx2.ASGITransport(app=control_app(emulator))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        yield http


async def order(http: httpx2.AsyncClient, number: str, **words: Any) -> str:
    """Let the phone write; return the message's id."""
    answer = await http.post(f"/phones/{number}/messages", json=words)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def inbox(http: httpx2.AsyncClient, number: str, **asked: str | int) -> list[dict[str, Any]]:
    answer = await http.get(f"/phones/{number}/inbox", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["letters"]
    return found


async def refusal(http: httpx2.AsyncClient, path: str, body: Any, method: str = "POST") -> str:
    answer = await http.request(method, path, json=body)
    return f"{answer.status_code} {answer.json()['error']}"


async def test_a_text_comes_to_the_other_phone(http: httpx2.AsyncClient) -> None:
    sent = await order(http, ANA, to=f"+{BO}", text="hola")

    [letter] = await inbox(http, BO)

    assert letter.pop("at").endswith("+00:00")
    lid = letter.pop("chat")
    assert lid.endswith("@lid")
    assert letter == {
        "id": sent,
        "sender": lid,
        "from": ANA,
        "group": None,
        "own": False,
        "type": "text",
        "text": "hola",
    }


async def test_what_is_said_about_a_message_goes_where_it_is(http: httpx2.AsyncClient) -> None:
    first = await order(http, ANA, to=BO, text="hola")
    await order(http, BO, type="reaction", target=first, emoji="👍")
    await order(http, BO, replyTo=first, text="same to you")
    await order(http, ANA, type="edit", target=first, text="hello")
    await order(http, ANA, type="delete", target=first)

    reaction, reply = await inbox(http, ANA)
    _, edit, deletion = await inbox(http, BO)

    assert reaction["reaction"] == {"id": first, "emoji": "👍"}
    assert reaction["target"]["own"] is False
    assert (reply["text"], reply["quoted"]["id"]) == ("same to you", first)
    assert reply["quoted"]["author"] == edit["sender"]
    assert (edit["target"]["id"], edit["target"]["own"]) == (first, True)
    assert edit["new"] == {"type": "text", "text": "hello"}
    assert (deletion["type"], deletion["target"]["id"]) == ("delete", first)


async def test_a_file_is_read_back_as_the_other_phone_reads_it(http: httpx2.AsyncClient) -> None:
    data = base64.b64encode(FILE).decode()
    sent = await order(http, ANA, to=BO, type="document", data=data, fileName="a.bin")

    [letter] = await inbox(http, BO)
    got = await http.get(f"/phones/{BO}/inbox/{sent}/file")

    assert letter["media"]["size"] == len(FILE)
    assert (got.status_code, got.content) == (200, FILE)


async def test_the_inbox_is_paged_by_the_last_one_seen(http: httpx2.AsyncClient) -> None:
    ids = [await order(http, ANA, to=BO, text=str(at)) for at in range(5)]

    page = await inbox(http, BO, limit=2)
    rest = await inbox(http, BO, after=page[-1]["id"])

    assert [letter["id"] for letter in page + rest] == ids
    assert await inbox(http, BO, after=ids[-1]) == []


async def test_the_inbox_waits_for_what_comes(http: httpx2.AsyncClient) -> None:
    waiting = asyncio.create_task(inbox(http, BO, wait=10))
    await asyncio.sleep(0)
    sent = await order(http, ANA, to=BO, text="late")

    assert [letter["id"] for letter in await waiting] == [sent]


async def test_the_inbox_does_not_wait_forever(
    http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_letters, "_LONGEST_WAIT_S", 0.01)

    assert await inbox(http, BO, wait=60) == []


async def test_reading_and_typing_are_told_to_the_other_side(http: httpx2.AsyncClient) -> None:
    sent = await order(http, ANA, to=BO, text="hola")
    voice = await order(http, ANA, to=BO, type="voice", data="")
    for act, letter_id in (("read", sent), ("played", voice)):
        answer = await http.post(f"/phones/{BO}/{act}", json={"ids": [letter_id]})
        assert answer.status_code == 204
    typing = {"chat": ANA, "state": "recording"}
    assert (await http.post(f"/phones/{BO}/typing", json=typing)).status_code == 204

    receipts = (await http.get(f"/phones/{ANA}/receipts")).json()["receipts"]
    seen = (await http.get(f"/phones/{ANA}/typing")).json()["typing"]

    assert {(receipt["id"], receipt["kind"]) for receipt in receipts} == {
        (sent, "delivered"),
        (sent, "read"),
        (voice, "delivered"),
        (voice, "played"),
    }
    assert [typing["state"] for typing in seen] == ["recording"]


async def test_a_phone_that_is_offline_gets_what_waited_when_it_is_back(
    http: httpx2.AsyncClient,
) -> None:
    await http.put(f"/phones/{BO}/online", json={"online": False})
    await order(http, ANA, to=BO, text="hola")
    assert await inbox(http, BO) == []
    assert (await http.get(f"/phones/{BO}")).json()["online"] is False

    await http.put(f"/phones/{BO}/online", json={"online": True})

    assert [letter["text"] for letter in await inbox(http, BO)] == ["hola"]


async def test_a_flood_is_divided_among_the_chats_and_paced(http: httpx2.AsyncClient) -> None:
    words = {"chats": [BO, CY], "count": 5, "rate": 200, "text": "n"}

    answer = (await http.post(f"/phones/{ANA}/flood", json=words)).json()

    assert answer["sent"] == len(answer["ids"]) == 5
    assert answer["tookS"] >= 0.02, "the fifth leaves four steps of 5 ms after the first"
    assert [letter["text"] for letter in await inbox(http, BO)] == ["n 0", "n 2", "n 4"]
    assert [letter["id"] for letter in await inbox(http, CY)] == answer["ids"][1::2]


async def test_a_group_is_made_written_to_and_changed(http: httpx2.AsyncClient) -> None:
    words = {"creator": ANA, "subject": "Trip", "members": [BO]}
    made = await http.post("/groups", json=words)
    group = made.json()
    assert (made.status_code, group["members"], group["jid"]) == (
        201,
        [ANA, BO],
        f"{group['id']}@g.us",
    )
    await order(http, ANA, to=group["id"], text="hola")
    await http.post(f"/groups/{group['id']}/members", json={"by": ANA, "members": [CY]})
    await http.patch(f"/groups/{group['id']}", json={"by": CY, "subject": "Journey"})
    await http.post(f"/groups/{group['id']}/removed", json={"by": ANA, "members": [BO]})
    await order(http, CY, to=group["jid"], text="and you")

    shown = (await http.get(f"/groups/{group['id']}")).json()
    [letter] = await inbox(http, BO)

    assert (shown["members"], shown["subject"]) == ([ANA, CY], "Journey")
    assert (await http.get("/groups")).json() == {"groups": [shown]}
    assert (letter["group"], letter["from"], letter["text"]) == (group["id"], ANA, "hola")
    assert [letter["text"] for letter in await inbox(http, ANA)] == ["and you"]


async def test_a_profile_changes_only_where_it_is_said(
    http: httpx2.AsyncClient, emulator: Emulator
) -> None:
    named = await http.put(f"/phones/{ANA}/profile", json={"name": "Ana"})
    picture = base64.b64encode(b"jpeg").decode()
    shown = await http.put(f"/phones/{ANA}/profile", json={"about": "busy", "picture": picture})

    assert named.json() == {"name": "Ana", "about": "", "pictureId": ""}
    told = shown.json()
    assert (told["name"], told["about"]) == ("Ana", "busy")
    assert told["pictureId"]
    found = emulator.exchange.world.profile(ANA)
    file = emulator.shelf.find("pps.whatsapp.net", found.picture.partition("?")[0])
    assert file is not None
    assert file.read_bytes() == b"jpeg"
    assert (await http.get(f"/phones/{ANA}")).json()["name"] == "Ana"


async def test_a_new_phone_may_have_a_name_at_once(http: httpx2.AsyncClient) -> None:
    added = await http.post("/phones", json={"number": "34600000009", "name": "Eve"})

    assert added.json()["name"] == "Eve"


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        (f"/phones/{ANA}/messages", {"to": BO}, "422 invalid_letter"),
        (f"/phones/{ANA}/messages", {"text": "x"}, "400 bad_body"),
        (f"/phones/{ANA}/messages", {"to": "34600000009", "text": "x"}, "404 unknown_phone"),
        (f"/phones/{ANA}/messages", {"to": "1@g.us", "text": "x"}, "404 unknown_group"),
        (f"/phones/{ANA}/messages", {"to": "a:b", "text": "x"}, "422 invalid_letter"),
        (
            f"/phones/{ANA}/messages",
            {"type": "delete", "target": "none"},
            "422 invalid_letter",
        ),
        ("/phones/49/messages", {"to": BO, "text": "x"}, "404 unknown_phone"),
        (f"/phones/{ANA}/read", {"ids": []}, "400 bad_body"),
        (f"/phones/{ANA}/read", {"ids": "x"}, "400 bad_body"),
        (f"/phones/{ANA}/read", {"ids": ["none"]}, "422 invalid_letter"),
        (f"/phones/{ANA}/typing", {"chat": BO, "state": "singing"}, "400 bad_body"),
        (f"/phones/{ANA}/flood", {"chats": []}, "400 bad_body"),
        (f"/phones/{ANA}/flood", {"chats": [BO], "count": 0}, "400 bad_body"),
        (f"/phones/{ANA}/flood", {"chats": [BO], "rate": "fast"}, "400 bad_body"),
        ("/groups", {"creator": ANA, "subject": "x", "members": ["49"]}, "404 unknown_phone"),
        ("/groups", {"creator": ANA, "subject": "x", "members": [1]}, "400 bad_body"),
        ("/groups/1/members", {"by": ANA, "members": [BO]}, "404 unknown_group"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_code(
    http: httpx2.AsyncClient, path: str, body: object, problem: str
) -> None:
    assert await refusal(http, path, body) == problem


async def test_what_else_is_refused(http: httpx2.AsyncClient, emulator: Emulator) -> None:
    first, second = [await order(http, ANA, to=to, text="x") for to in (BO, CY)]
    mine = emulator.phones[BO]
    await mine.send(Jid(CY, USER_SERVER), text("to another"))

    both = {"ids": [letter.id for letter in (*mine.inbox, *mine.sent)]}
    assert await refusal(http, f"/phones/{BO}/read", both) == "400 bad_body"
    bad = {"picture": "?"}
    assert await refusal(http, f"/phones/{BO}/profile", bad, "PUT") == "400 bad_body"
    assert await refusal(http, f"/phones/{BO}/online", {}, "PUT") == "400 bad_body"
    assert (await http.get(f"/phones/{BO}/inbox/{first}/file")).status_code == 404
    assert (await http.get(f"/phones/{BO}/inbox/{second}/file")).status_code == 422
    assert (await http.get(f"/phones/{BO}/inbox?limit=many")).status_code == 400
