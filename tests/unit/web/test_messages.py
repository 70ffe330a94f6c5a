"""Sending and reading through HTTP, with a played line behind."""

import asyncio
import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import TypeAdapter

from sololine.actions.gateway import Gateway
from sololine.core.chat import Touch
from sololine.core.content import Context, Deletion, Poll, Target, Text, Undecryptable
from sololine.core.ids import DEFAULT_TENANT, BotId
from sololine.core.message import Failure, Status
from sololine.core.signals import LinkDown, LoggedOut
from sololine.web.shapes.messages import MessageShape
from sololine.wire.content import write
from tests.unit.fake_line import ANA, GROUP, image_of, moved, received, remote
from tests.unit.scenes import NOON, STRANGER, connected_bot, events_of, move, new_bot, until
from tests.unit.web.door import PNG, kept

TO = "+34 600 111 222"
HOLA = {"type": "text", "to": TO, "text": "hola"}
SHAPE: TypeAdapter[Any] = TypeAdapter(MessageShape)


@pytest.fixture
async def bot(gateway: Gateway) -> BotId:
    return await connected_bot(gateway)


async def send(
    door: httpx2.AsyncClient, bot: BotId, body: dict[str, Any], **headers: str
) -> httpx2.Response:
    return await door.post(f"/v1/bots/{bot}/messages", json=body, headers=headers)


async def sent(door: httpx2.AsyncClient, bot: BotId, **body: Any) -> dict[str, Any]:
    """A message that was accepted."""
    answer = await send(door, bot, {**HOLA, **body})
    assert answer.status_code == 202, answer.text
    message: dict[str, Any] = answer.json()["message"]
    return message


async def test_a_text_is_accepted_at_once_and_waits_for_its_line(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    answer = await send(door, bot, HOLA)

    message = answer.json()["message"]
    assert (answer.status_code, answer.json()["success"]) == (202, True)
    assert "idempotency-replayed" not in answer.headers
    assert message == {
        "id": message["id"],
        "botId": bot,
        "seq": message["seq"],
        "chat": "34600111222",
        "type": "text",
        "fromMe": True,
        "origin": "api",
        "sender": None,
        "senderName": None,
        "status": "queued",
        "reason": None,
        "remedy": None,
        "at": "2026-05-01T12:00:00.000Z",
        "times": {"queued": "2026-05-01T12:00:00.000Z"},
        "editedAt": None,
        "deletedAt": None,
        "clientRef": None,
        "whatsappId": None,
        "answers": None,
        "replyTo": None,
        "mentions": [],
        "forwarded": False,
        "reactions": [],
        "text": "hola",
        "linkPreview": False,
    }
    async with gateway.store.read() as tx:
        (waiting,) = await tx.messages.waiting(bot, 10)
        event = (await tx.events.after(waiting.tenant, waiting.seq - 1, 1))[0]
        chat = await tx.chats.get(bot, ANA)
    assert waiting.id == message["id"]
    assert (event.type, event.data["messageId"]) == ("message.queued", message["id"])
    assert "hola" not in str(event.data)
    assert ANA not in str(event.data)
    assert chat is not None
    assert chat.last_seq == message["seq"]


BODIES: list[dict[str, Any]] = [
    HOLA,
    {"type": "location", "to": TO, "latitude": 40.4, "longitude": -3.7, "name": "Sol"},
    {"type": "contact", "to": TO, "contact": {"name": "Eva", "numbers": ["+34600333444"]}},
    {"type": "contact", "to": TO, "contacts": [{"name": "Eva", "vcard": "BEGIN:VCARD"}] * 2},
    {"type": "poll", "to": GROUP, "question": "When?", "options": ["now", "later"]},
    {"type": "text", "to": "34600111222@c.us", "text": "x", "mentions": ["+34600333444"]},
    *(
        {"type": kind, "to": TO, "media": {"base64": base64.b64encode(PNG).decode()}}
        for kind in ("image", "document")
    ),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body["type"])
async def test_what_is_sent_is_shown_under_the_names_it_was_sent_by(
    door: httpx2.AsyncClient, bot: BotId, body: dict[str, Any]
) -> None:
    message = await sent(door, bot, **body)

    shown = (await door.get(f"/v1/bots/{bot}/messages/{message['id']}")).json()["message"]
    assert shown == message
    for name in body.keys() - {"to", "media", "contact", "contacts", "mentions"}:
        assert message[name] == body[name]


async def test_the_json_of_every_kind_is_the_form_that_the_document_describes(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    for body in BODIES:
        await sent(door, bot, **body)
    file = remote(bot)
    first = await received(gateway, bot)
    await received(gateway, bot, image_of(file), no=2, media=file)
    await received(gateway, bot, Undecryptable(), no=3)
    await received(gateway, bot, Deletion(of=Target(whatsapp_id="IN2")), no=4)
    for kind, more in (("reaction", {"emoji": "👍"}), ("forward", {})):
        body = {"type": kind, "messageId": first.id, "to": TO, **more}
        answer = await send(door, bot, body)
        assert answer.status_code == (202 if kind == "reaction" else 422)

    listed = (await door.get(f"/v1/bots/{bot}/messages")).json()["messages"]

    assert len(listed) == len(BODIES) + 5
    for message in listed:
        again = SHAPE.validate_python(message).model_dump(mode="json", by_alias=True)
        assert again == message, message["type"]


async def test_a_bot_that_is_offline_keeps_what_it_is_to_send(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    await move(gateway.store, bot, LinkDown())

    assert (await sent(door, bot))["status"] == "queued"


async def test_wait_answers_with_what_became_of_the_message(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    async def line(status: Status, failure: Failure | None) -> None:
        async def waiting() -> str | None:
            async with gateway.store.read() as tx:
                found = await tx.messages.waiting(bot, 1)
            return found[0].id if found else None

        await moved(gateway, bot, await until(waiting, "a message"), status, failure=failure)

    answers = []
    for status, failure in (
        (Status.SENT, None),
        (Status.FAILED, Failure.NOT_ON_WHATSAPP),
        (Status.UNCERTAIN, None),
    ):
        path = f"/v1/bots/{bot}/messages?wait=20"
        answer, _ = await asyncio.gather(door.post(path, json=HOLA), line(status, failure))
        answers.append(answer)

    told = [answer.json()["message"] for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [each["status"] for each in told] == ["sent", "failed", "uncertain"]
    assert [each["reason"] for each in told] == [None, "not_on_whatsapp", None]
    assert "country code" in told[1]["remedy"]
    spanish = {"Accept-Language": "es"}
    failed = await door.get(f"/v1/bots/{bot}/messages/{told[1]['id']}", headers=spanish)
    listed = await door.get(f"/v1/bots/{bot}/messages", headers=spanish)
    remedy = "Este número no está en WhatsApp. Revísalo, incluido el código de país."
    assert failed.json()["message"]["remedy"] == remedy
    assert [each["remedy"] for each in listed.json()["messages"]] == [None, remedy, None]
    patience = await door.post(f"/v1/bots/{bot}/messages?wait=0.05", json=HOLA)
    assert (patience.status_code, patience.json()["message"]["status"]) == (202, "queued")


@pytest.mark.parametrize("name", ["key", "ref", "both"])
async def test_fifty_equal_requests_at_once_are_one_message(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId, name: str
) -> None:
    headers = {} if name == "ref" else {"Idempotency-Key": "k1"}
    body = HOLA if name == "key" else {**HOLA, "clientRef": "order 7"}

    answers = await asyncio.gather(*(send(door, bot, body, **headers) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["message"]["id"] for answer in answers}) == 1
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None] + ["true"] * 49
    assert (await events_of(gateway.store, bot)).count("message.queued") == 1


async def test_equal_requests_with_a_file_leave_one_file(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    body = {"type": "image", "to": TO, "media": {"base64": base64.b64encode(PNG).decode()}}

    answers = await asyncio.gather(
        *(send(door, bot, body, **{"Idempotency-Key": "k1"}) for _ in range(8))
    )

    ids = {answer.json()["message"]["media"]["id"] for answer in answers}
    assert [each.name for each in kept(media_folder)] == list(ids)


async def test_a_key_is_for_one_request_and_for_one_bot(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    other_bot = await connected_bot(gateway, "34600000009")
    await send(door, bot, {**HOLA, "clientRef": "r"}, **{"Idempotency-Key": "k"})

    same = await send(
        door, bot, {**HOLA, "clientRef": "r", "to": "0034600111222"}, **{"Idempotency-Key": "k"}
    )
    refused = [
        await send(door, bot, {**HOLA, "clientRef": "r", "text": "x"}, **{"Idempotency-Key": "k"}),
        await send(door, bot, {**HOLA, "clientRef": "r", "text": "x"}),
        await send(door, bot, HOLA, **{"Idempotency-Key": "k"}),
    ]
    elsewhere = await send(door, other_bot, HOLA, **{"Idempotency-Key": "k"})

    assert (same.status_code, same.headers["idempotency-replayed"]) == (202, "true")
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]) == (409, "idempotency_mismatch")
    assert elsewhere.status_code == 202
    assert "idempotency-replayed" not in elsewhere.headers


async def test_a_replay_shows_the_message_as_it_is_by_now(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    first = await sent(door, bot, clientRef="r")
    await moved(gateway, bot, first["id"], Status.SENT)

    again = await send(door, bot, {**HOLA, "clientRef": "r"})

    assert (again.status_code, again.json()["message"]["status"]) == (200, "sent")


async def test_a_request_is_found_again_after_the_bot_was_unlinked(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    """Else its client would take it for refused, and send it once more."""
    first = await sent(door, bot, clientRef="r")
    await move(gateway.store, bot, LoggedOut())

    again = await send(door, bot, {**HOLA, "clientRef": "r"})
    other = await send(door, bot, {**HOLA, "clientRef": "s"})

    assert again.json()["message"]["id"] == first["id"]
    assert (other.status_code, other.json()["error"]) == (409, "bot_not_linked")


async def test_an_earlier_message_is_answered_and_changed(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    theirs = await received(gateway, bot)
    ours = await sent(door, bot)
    await moved(gateway, bot, ours["id"], Status.SENT)

    reply = await sent(door, bot, replyTo=theirs.id)
    reaction = await send(door, bot, {"type": "reaction", "messageId": theirs.id, "emoji": "👍"})
    taken_back = await send(door, bot, {"type": "reaction", "messageId": ours["id"], "emoji": ""})
    edit = await send(door, bot, {"type": "edit", "messageId": ours["id"], "text": "adiós"})
    deletion = await send(door, bot, {"type": "delete", "messageId": ours["id"], "to": TO})

    assert reply["replyTo"] == {"messageId": theirs.id, "fromMe": False, "text": "hola 1"}
    changes = [each.json()["message"] for each in (reaction, taken_back, edit, deletion)]
    assert [each["type"] for each in changes] == ["reaction", "reaction", "edit", "delete"]
    assert [each["messageId"] for each in changes] == [theirs.id, *[ours["id"]] * 3]
    assert {each["chat"] for each in changes} == {ANA}
    shown = (await door.get(f"/v1/bots/{bot}/messages/{theirs.id}")).json()["message"]
    (put,) = shown["reactions"]
    assert (put["emoji"], put["fromMe"], put["sender"]) == ("👍", True, None)
    chat = (await door.get(f"/v1/bots/{bot}/chats")).json()["chats"][0]
    assert chat["lastSeq"] == reply["seq"], "what changes a message is no new one"


async def test_a_message_is_passed_on_in_whatsapps_own_form(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    form = write(
        Text(text="hola"),
        chat="34600111222@s.whatsapp.net",
        now=NOON,
        context=Context(),
        mentions=(),
        quoted_form=None,
        file=None,
    )
    theirs = await received(gateway, bot, Text(text="hola"), form=form)

    body = {"type": "forward", "to": GROUP, "messageId": theirs.id}
    answer = await send(door, bot, body)

    message = answer.json()["message"]
    assert (message["type"], message["text"], message["forwarded"]) == ("text", "hola", True)
    assert message["chat"] == GROUP
    async with gateway.store.read() as tx:
        again = await tx.messages.form(bot, message["id"])
    assert again is not None
    assert b"hola" in again


async def test_a_person_who_is_known_by_number_is_found_by_lid_too(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    touch = Touch(id=ANA, lid="98765@lid", seq=1)
    await gateway.store.run(lambda tx: tx.chats.touch(bot, DEFAULT_TENANT, [touch]))

    known = await sent(door, bot, to="98765@lid")
    unknown = await sent(door, bot, to="98766@lid")

    assert (known["chat"], unknown["chat"]) == (ANA, "98766@lid")


# Refusals -----------------------------------------------------------------------------------------

CARD = {"name": "Eva", "numbers": ["+34600333444"]}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"to": "hello"}, "invalid_phone_number", "to"),
    ({"to": "12"}, "invalid_phone_number", "to"),
    ({"to": ""}, "invalid_input", "to"),
    ({"to": None}, "invalid_input", "to"),
    ({"to": "x" * 100}, "invalid_input", "to"),
    ({"text": " "}, "invalid_input", "text"),
    ({"text": "x" * 65_537}, "invalid_input", "text"),
    ({"text": "nul\x00"}, "invalid_input", "text"),
    ({"text": None}, "invalid_input", "text"),
    ({"type": "fax"}, "invalid_input", "type"),
    ({"type": None}, "invalid_input", "type"),
    ({"mentions": ["x"]}, "invalid_phone_number", "mentions"),
    ({"mentions": [GROUP]}, "invalid_input", "mentions"),
    ({"mentions": ["+34600333444"] * 1025}, "invalid_input", "mentions"),
    ({"mentions": [1] * 2001}, "invalid_input", "mentions"),
    ({"clientRef": ""}, "invalid_input", "clientRef"),
    ({"clientRef": "x" * 256}, "invalid_input", "clientRef"),
    ({"type": "location", "latitude": 90.1, "longitude": 0}, "invalid_input", "latitude"),
    ({"type": "location", "latitude": 0, "longitude": -181}, "invalid_input", "longitude"),
    ({"type": "contact"}, "invalid_input", "contacts"),
    ({"type": "contact", "contact": {"name": "Eva"}}, "invalid_input", "contacts.numbers"),
    (
        {"type": "contact", "contact": {"name": "Eva", "numbers": ["x"]}},
        "invalid_phone_number",
        "contacts.numbers",
    ),
    ({"type": "contact", "contacts": [CARD] * 51}, "invalid_input", "contacts"),
    ({"type": "poll", "question": " ", "options": ["a", "b"]}, "invalid_input", "question"),
    ({"type": "poll", "question": "?", "options": ["a"]}, "invalid_input", "options"),
    ({"type": "poll", "question": "?", "options": ["a", "a"]}, "invalid_input", "options"),
    (
        {"type": "poll", "question": "?", "options": [str(no) for no in range(13)]},
        "invalid_input",
        "options",
    ),
    (
        {"type": "poll", "question": "?", "options": ["a", "b"], "choicesMax": 3},
        "invalid_input",
        "choicesMax",
    ),
    ({"type": "image"}, "invalid_input", "media"),
    ({"type": "image", "media": {}}, "invalid_input", "media"),
    ({"type": "image", "media": {"id": "med_x", "url": "http://x"}}, "invalid_input", "media"),
    ({"type": "image", "media": {"base64": "%"}}, "invalid_input", "media.base64"),
    ({"type": "image", "media": {"base64": ""}}, "invalid_input", "media"),
    ({"type": "sticker", "media": {"id": "m"}, "caption": "c"}, "invalid_input", "caption"),
    ({"type": "document", "media": {"id": "m"}, "viewOnce": True}, "invalid_input", "viewOnce"),
    ({"type": "audio", "media": {"id": "m"}, "seconds": -1}, "invalid_input", "seconds"),
    ({"type": "image", "media": {"id": "m"}, "caption": "x" * 1025}, "invalid_input", "caption"),
]


@pytest.mark.parametrize(("wrong", "code", "field"), WRONG, ids=lambda each: str(each)[:40])
async def test_what_cannot_be_sent_is_refused_with_the_field_and_leaves_nothing(
    door: httpx2.AsyncClient,
    gateway: Gateway,
    bot: BotId,
    media_folder: Path,
    *,
    wrong: dict[str, Any],
    code: str,
    field: str,
) -> None:
    body = {name: value for name, value in {**HOLA, **wrong}.items() if value is not None}

    answer = await send(door, bot, body)

    told = answer.json()
    assert (answer.status_code, told["error"], told.get("field")) == (422, code, field), told
    assert "message.queued" not in await events_of(gateway.store, bot)
    assert kept(media_folder) == []


async def test_a_bot_without_a_number_sends_nothing(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    answer = await send(door, await new_bot(gateway), HOLA)

    assert (answer.status_code, answer.json()["error"]) == (409, "bot_not_linked")
    assert "scan the QR" in answer.json()["message"]


async def test_messages_that_a_message_refers_to_in_vain_are_named(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    other_bot = await connected_bot(gateway, "34600000009")
    foreign = (await received(gateway, other_bot, no=9)).id
    theirs = (await received(gateway, bot)).id
    poll = Poll(question="?", options=("a", "b"))
    await received(gateway, bot, poll, no=2)
    queued = (await sent(door, bot))["id"]
    poll_of_ours = (await sent(door, bot, **BODIES[4]))["id"]
    await moved(gateway, bot, poll_of_ours, Status.SENT)
    gone = "msg_" + "0" * 23 + "x"

    answers = [
        await send(door, bot, {"type": "edit", "text": "x", **body})
        if "messageId" in body
        else await send(door, bot, {**HOLA, **body})
        for body in (
            {"replyTo": gone},
            {"replyTo": foreign},
            {"replyTo": queued},
            {"replyTo": theirs, "to": "+34600333444"},
            {"messageId": gone},
            {"messageId": queued},
            {"messageId": theirs},
            {"messageId": theirs, "type": "delete"},
            {"messageId": theirs, "type": "forward", "to": TO},
            {"messageId": poll_of_ours},
            {"messageId": theirs, "type": "reaction", "emoji": "👍", "to": "+34600333444"},
            {"messageId": theirs, "type": "reaction", "emoji": "👍" * 33},
        )
    ]

    told = [(answer.status_code, answer.json()["error"]) for answer in answers]
    assert told == [
        (404, "message_not_found"),
        (404, "message_not_found"),
        (409, "message_not_sent"),
        (422, "invalid_input"),
        (404, "message_not_found"),
        (409, "message_not_sent"),
        (403, "not_own_message"),
        (403, "not_own_message"),
        (422, "invalid_input"),
        (422, "invalid_input"),
        (422, "invalid_input"),
        (422, "invalid_input"),
    ]
    fields = [answer.json().get("field") for answer in answers]
    assert fields == [
        "replyTo",
        "replyTo",
        None,
        "replyTo",
        "messageId",
        None,
        None,
        None,
        "messageId",
        "messageId",
        "to",
        "emoji",
    ]


async def test_no_refusal_repeats_a_text_or_a_number(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    secret = "the code is 4711"
    for body in (
        {**HOLA, "text": secret, "to": "hunter2 600111222"},
        {**HOLA, "text": secret * 5000},
        {**HOLA, "text": {"x": secret}},
        {"type": "poll", "to": TO, "question": secret, "options": [secret, secret]},
        {"type": "image", "to": TO, "media": {"base64": secret, "url": secret}},
        {"type": "image", "to": TO, "media": {"base64": secret}},
    ):
        answer = await send(door, bot, body)
        assert answer.status_code == 422
        assert "4711" not in answer.text
        assert "600111222" not in answer.text


async def test_a_strangers_bot_is_not_found_whatever_is_asked(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    foreign = await connected_bot(gateway, "34600000009", caller=STRANGER)
    paths = {
        "GET": ["messages", "messages/msg_1", "media/med_1", "chats", "groups", "groups/1@g.us"],
        "POST": ["messages", "media", "typing", "seen", "presence", "numbers/check"],
    }
    bodies = {
        "messages": HOLA,
        "typing": {"to": TO},
        "seen": {"chat": TO},
        "presence": {"online": True},
        "numbers/check": {"numbers": [TO]},
    }

    for method, names in paths.items():
        for name in names:
            answer = await door.request(
                method, f"/v1/bots/{foreign}/{name}", json=bodies.get(name, {})
            )
            assert (answer.status_code, answer.json()["error"]) == (404, "bot_not_found"), name
    mine = await door.get(f"/v1/bots/{bot}/messages?userId=eva")
    assert (mine.status_code, mine.json()["error"]) == (403, "user_mismatch")


# Forms --------------------------------------------------------------------------------------------


async def test_a_file_comes_in_the_same_request_as_a_form(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    answer = await door.post(
        f"/v1/bots/{bot}/messages",
        data={"type": "image", "to": TO, "caption": "a cat", "viewOnce": "true"},
        files={"file": ("../cat.png", PNG, "text/html")},
    )

    message = answer.json()["message"]
    assert answer.status_code == 202, answer.text
    assert (message["caption"], message["viewOnce"]) == ("a cat", True)
    assert message["media"] == {
        "id": message["media"]["id"],
        "mimeType": "image/png",
        "size": len(PNG),
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "fileName": "cat.png",
        "place": "stored",
    }
    (file,) = kept(media_folder)
    assert (file.name, file.read_bytes()) == (message["media"]["id"], PNG)


async def test_a_form_may_hold_the_message_as_json_and_be_repeated(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    parts = {"message": json.dumps({"type": "document", "to": TO, "fileName": "a.png"})}

    answers = [
        await door.post(
            f"/v1/bots/{bot}/messages",
            data=parts,
            files={"file": ("cat.png", content)},
            headers={"Idempotency-Key": "k"},
        )
        for content in (PNG, PNG, PNG + b"x")
    ]

    assert [answer.status_code for answer in answers] == [202, 202, 409]
    assert answers[0].json()["message"]["fileName"] == "a.png"
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert len(kept(media_folder)) == 1


async def test_a_form_without_a_file_is_a_message_too(door: httpx2.AsyncClient, bot: BotId) -> None:
    answer = await door.post(
        f"/v1/bots/{bot}/messages",
        files=[
            ("type", (None, "poll")),
            ("to", (None, TO)),
            ("question", (None, "?")),
            ("options", (None, "a")),
            ("options", (None, "b")),
        ],
    )

    assert answer.status_code == 202, answer.text
    assert answer.json()["message"]["options"] == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "files", "field"),
    [
        ({"type": "text", "to": TO, "text": "x"}, {"file": ("a.png", PNG)}, "file"),
        ({"type": "image", "to": TO}, {"other": ("a.png", PNG)}, "media"),
        ({"type": "image", "to": TO}, {"file": ("a.png", b"")}, "media"),
        ({"message": "{"}, {"file": ("a.png", PNG)}, "message"),
        ({"message": "[]"}, {"file": ("a.png", PNG)}, "message"),
        ({"message": "[" * 100_000}, {"file": ("a.png", PNG)}, "message"),
        ({"type": ["image", "text"], "to": TO}, {"file": ("a.png", PNG)}, "type"),
        ({"type": "image", "to": TO}, {"photo": ("a.png", PNG)}, "media"),
        ({"type": "image"}, {"file": ("a.png", PNG)}, "to"),
        ({"to": TO}, {"file": ("a.png", PNG)}, "type"),
    ],
)
async def test_a_form_that_is_none_of_ours_leaves_nothing(
    door: httpx2.AsyncClient,
    bot: BotId,
    media_folder: Path,
    *,
    data: dict[str, Any],
    files: dict[str, Any],
    field: str,
) -> None:
    answer = await door.post(f"/v1/bots/{bot}/messages", data=data, files=files)

    told = answer.json()
    assert (answer.status_code, told["error"]) == (422, "invalid_input"), told
    assert told["field"] == field
    assert kept(media_folder) == []


async def test_a_form_that_is_broken_is_named_as_such(door: httpx2.AsyncClient, bot: BotId) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = await door.post(
            f"/v1/bots/{bot}/messages", content=b"hello", headers={"content-type": kind}
        )
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid_input"), kind


# Reading ------------------------------------------------------------------------------------------


async def test_messages_are_read_newest_first_page_by_page(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    for no in range(1, 8):
        await received(gateway, bot, no=no, chat=GROUP if no % 2 else ANA)
    seen: list[str] = []
    before: int | None = None
    while True:
        asked = {"limit": 3, **({"before": before} if before else {})}
        page = (await door.get(f"/v1/bots/{bot}/messages", params=asked)).json()
        seen += [message["text"] for message in page["messages"]]
        before = page["nextBefore"]
        if before is None:
            break
    of_group = (await door.get(f"/v1/bots/{bot}/messages", params={"chat": GROUP})).json()
    of_ana = (await door.get(f"/v1/bots/{bot}/messages", params={"chat": TO})).json()

    assert seen == [f"hola {no}" for no in range(7, 0, -1)]
    assert [each["text"] for each in of_group["messages"]] == [
        "hola 7",
        "hola 5",
        "hola 3",
        "hola 1",
    ]
    assert {each["chat"] for each in of_ana["messages"]} == {ANA}
    assert len(of_ana["messages"]) == 3


async def test_a_message_that_is_not_the_bots_is_not_found(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    other_bot = await connected_bot(gateway, "34600000009")
    foreign = (await received(gateway, other_bot)).id

    answer = await door.get(f"/v1/bots/{bot}/messages/{foreign}")

    assert (answer.status_code, answer.json()["error"]) == (404, "message_not_found")


async def test_nothing_is_shown_of_what_a_deleted_message_said(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    message = await received(gateway, bot, Text(text="secret"))
    gone = replace(message, deleted_at=NOON)

    async def work(tx: Any) -> None:
        await tx.messages.save([gone])

    await gateway.store.run(work)
    answer = await door.get(f"/v1/bots/{bot}/messages/{message.id}")

    shown = answer.json()["message"]
    assert (shown["text"], shown["deletedAt"]) == (None, "2026-05-01T12:00:00.000Z")
    assert "secret" not in answer.text
