"""Every type of message both ways, through HTTP, the real engine and the loopback WhatsApp."""

import asyncio
import base64
import json
import secrets
from typing import Any

import pytest

from tests.flow.bot import Bot
from tests.flow.files import FILE_TYPES, file_of
from tests.flow.house import Server, WhatsApp, until
from tests.flow.phone import Group, Phone
from tests.flow.shelf import Shelf

SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # by type: the words of a phone, and what the bot's message shows
    "text": ({"text": "¡Hola! 👋"}, {"text": "¡Hola! 👋"}),
    "location": (
        {"latitude": 40.4168, "longitude": -3.7038, "name": "Sol", "address": "Madrid"},
        {"latitude": 40.4168, "longitude": -3.7038, "name": "Sol", "address": "Madrid"},
    ),
    "contact": (
        {"contacts": [{"name": "Ada; Lovelace", "number": "34600333444"}]},
        {"contacts": [{"name": "Ada; Lovelace", "numbers": ["34600333444"]}]},
    ),
    "contacts": (
        {
            "contacts": [
                {"name": "Ada", "number": "34600333444"},
                {"name": "Bob", "number": "34600333445"},
            ]
        },
        {
            "contacts": [
                {"name": "Ada", "numbers": ["34600333444"]},
                {"name": "Bob", "numbers": ["34600333445"]},
            ]
        },
    ),
    "poll": (
        {"question": "When?", "options": ["Today", "Tomorrow"], "selectable": 1},
        {"question": "When?", "options": ["Today", "Tomorrow"], "choicesMax": 1},
    ),
    "poll of many": (
        {"question": "Which?", "options": ["A", "B", "C"], "selectable": 0},
        {"question": "Which?", "options": ["A", "B", "C"], "choicesMax": 0},
    ),
    "unknown": ({}, {}),
}
NAMES = {"contacts": "contact", "poll of many": "poll"}
"""Types that stand more than once in the table."""


def shows(message: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        if name == "contacts":
            told = [{"name": c["name"], "numbers": c["numbers"]} for c in message["contacts"]]
            assert told == value
        else:
            assert message[name] == value, name


# ------------------------------------------------------------------------------- phone to bot


@pytest.mark.parametrize("case", SAID)
async def test_what_a_phone_says_the_bot_has(bot: Bot, ana: Phone, case: str) -> None:
    words, expected = SAID[case]
    type_ = NAMES.get(case, case)
    await ana.profile(name="Ana María")
    sent = await ana.send(bot.number, type_, **words)
    event = await bot.about("message.received", sent)
    message = event["message"]
    assert message["type"] == {"unknown": "unsupported"}.get(type_, type_)
    shows(message, expected)
    assert message["whatsappId"] == sent
    assert message["status"] == "received"
    assert message["fromMe"] is False
    assert message["origin"] == "contact"
    assert message["chat"] == message["sender"] == ana.digits
    assert message["senderName"] == "Ana María"
    assert event["data"]["messageId"] == message["id"]
    assert event["data"]["kind"] == message["type"]
    assert ana.digits not in event["data"]["chat"]
    assert await bot.message(message["id"]) == message
    assert await bot.messages(chat=ana.number) == [message]


@pytest.mark.parametrize("type_", FILE_TYPES)
async def test_a_file_from_a_phone_is_the_same_file(bot: Bot, ana: Phone, type_: str) -> None:
    file = file_of(type_, 70_000)
    captioned = type_ in ("image", "video", "document")
    words = {"caption": "Look!"} if captioned else {}
    words |= {"fileName": "../../etc/paper.pdf"} if type_ == "document" else {}
    words |= {"seconds": 7} if type_ in ("video", "audio", "voice") else {}
    sent = await ana.send(bot.number, type_, data=file.content, mimeType=file.mime_type, **words)
    message = await bot.received(sent)
    assert message["type"] == type_
    assert message["caption"] == words.get("caption", "")
    assert message["seconds"] == words.get("seconds", 0)
    assert message["media"]["size"] == len(file.content)
    assert message["media"]["sha256"] == file.sha256
    assert message["media"]["mimeType"] == file.mime_type
    assert message["media"]["place"] == "remote"
    if type_ == "document":
        assert message["media"]["fileName"] == message["fileName"]
        assert "/" not in message["fileName"]
    assert await bot.file(message) == file.content
    assert (await bot.message(message["id"]))["media"]["place"] == "stored"
    assert await bot.file(message) == file.content


async def test_a_file_that_whatsapp_has_no_more_is_gone(
    bot: Bot, ana: Phone, phones: WhatsApp
) -> None:
    file = file_of("image")
    sent = await ana.send(bot.number, "image", data=file.content, mimeType=file.mime_type)
    message = await bot.received(sent)
    await phones.fault(kind="media_gone", times=20)
    try:
        path = f"/v1/bots/{bot.id}/media/{message['media']['id']}"
        answer = await bot.server.answer("GET", path)
        assert (answer.status_code, answer.json()["error"]) == (410, "media_gone")
    finally:
        await phones.clear_faults()
    assert not any(
        message["media"]["id"] in each.name for each in (bot.server.data_dir / "media").iterdir()
    )


async def test_wrappers_are_seen_through(bot: Bot, ana: Phone) -> None:
    """Messages that disappear, and those that may be seen once."""
    sent = await ana.say(bot.number, "gone tomorrow", ephemeral=86_400)
    message = await bot.received(sent)
    assert (message["type"], message["text"]) == ("text", "gone tomorrow")
    file = file_of("image")
    sent = await ana.send(
        bot.number, "image", data=file.content, mimeType=file.mime_type, viewOnce=True
    )
    message = await bot.received(sent)
    assert (message["type"], message["viewOnce"]) == ("image", True)


async def test_a_phone_quotes_mentions_and_forwards(bot: Bot, ana: Phone, ben: Phone) -> None:
    asked = await bot.say(ana.number, "Do you know him?")
    letter = await ana.letter_of(asked)
    sent = await ana.say(
        bot.number, f"Yes: @{ben.digits}", replyTo=letter["id"], mentions=[ben.digits]
    )
    message = await bot.received(sent)
    assert message["replyTo"] == {
        "messageId": asked["id"],
        "fromMe": True,
        "text": "Do you know him?",
    }
    assert len(message["mentions"]) == 1
    sent = await ana.say(bot.number, "old joke", forwarded=True)
    assert (await bot.received(sent))["forwarded"] is True


async def test_a_phone_edits_and_deletes_what_it_said(bot: Bot, ana: Phone) -> None:
    sent = await ana.say(bot.number, "Helo")
    first = await bot.received(sent)
    await ana.send(bot.number, "edit", target=sent, text="Hello")
    event = await bot.about("message.edited", sent)
    assert event["data"]["messageId"] == first["id"]
    assert event["message"]["text"] == "Hello"
    assert event["message"]["editedAt"] is not None
    await ana.send(bot.number, "delete", target=sent)
    event = await bot.about("message.deleted", sent)
    gone = event["message"]
    assert (gone["text"], gone["deletedAt"] is not None) == (None, True)
    assert await bot.message(first["id"]) == gone


async def test_a_phone_reacts_and_takes_it_back(bot: Bot, ana: Phone) -> None:
    asked = await bot.say(ana.number, "Good?")
    letter = await ana.letter_of(asked)
    for emoji, left in (("👍", ["👍"]), ("❤️", ["❤️"]), ("", [])):
        sent = await ana.send(bot.number, "reaction", target=letter["id"], emoji=emoji)
        event = await bot.about("message.reaction", sent)
        assert event["message"]["type"] == "reaction"
        assert event["message"]["messageId"] == asked["id"]
        assert event["message"]["emoji"] == emoji
        reactions = (await bot.message(asked["id"]))["reactions"]
        assert [each["emoji"] for each in reactions] == left
        assert all(each["sender"] == ana.digits for each in reactions)


async def test_a_stranger_cannot_change_what_another_said(bot: Bot, ana: Phone, ben: Phone) -> None:
    group = await Group.of(ana, ben, bot.phone)
    sent = await ana.say(group.chat, "mine")
    first = await bot.received(sent)
    await ben.letter(lambda letter: letter["id"] == sent)
    await ben.send(group.chat, "delete", target=sent)
    after = await ben.say(group.chat, "that was me")
    await bot.received(after)
    assert (await bot.message(first["id"]))["text"] == "mine"


async def test_the_bots_own_phone_writes(bot: Bot, ana: Phone) -> None:
    sent = await bot.phone.say(ana.number, "I take over")
    message = await bot.received(sent)
    assert message["text"] == "I take over"
    assert (message["fromMe"], message["origin"]) == (True, "phone")
    assert (message["chat"], message["sender"]) == (ana.digits, None)
    await bot.phone.send(ana.number, "edit", target=sent, text="I take over now")
    assert (await bot.about("message.edited", sent))["message"]["text"] == "I take over now"


async def test_what_comes_twice_is_stored_once(bot: Bot, ana: Phone, phones: WhatsApp) -> None:
    await phones.fault(kind="duplicate_delivery", number=bot.phone.digits)
    sent = await ana.say(bot.number, "twice")
    await bot.received(sent)
    await bot.received(await ana.say(bot.number, "after"))
    texts = [message["text"] for message in await bot.messages(chat=ana.number)]
    assert texts == ["twice", "after"]


async def test_what_cannot_be_decrypted_is_told_and_repaired_in_its_place(
    bot: Bot, ana: Phone, phones: WhatsApp
) -> None:
    await bot.received(await ana.say(bot.number, "before"))
    await phones.fault(kind="corrupt_message", number=bot.phone.digits)
    sent = await ana.say(bot.number, "repaired")
    first = await bot.received(sent)

    async def repaired() -> Any:
        message = await bot.message(first["id"])
        return message if message["type"] == "text" else None

    message = await until(repaired, "the sender repeats it")
    assert message["text"] == "repaired"
    assert message["whatsappId"] == sent
    assert len(await bot.messages(chat=ana.number)) == 2


async def test_messages_of_a_bot_that_is_offline_come_when_it_is_back(
    talking: Server, number: str, ana: Phone
) -> None:
    bot = await Bot.linked(talking, number)
    await talking.ask("POST", f"/v1/whatsapp/disconnect/{bot.id}", {"unlink": False})
    sent = [await ana.say(bot.number, f"missed {count}") for count in range(5)]
    await bot.server.connect(bot.id, useExistingSession=True)
    await bot.received(sent[-1])
    texts = [message["text"] for message in await bot.messages(chat=ana.number)]
    assert texts == [f"missed {count}" for count in range(5)]


# ------------------------------------------------------------------------------- bot to phone


WRITTEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # by type: the words of the API, and what the phone shows
    "text": ({"text": "¡Hola! 👋"}, {"text": "¡Hola! 👋"}),
    "long text": ({"text": "é" * 60_000}, {"text": "é" * 60_000}),
    "location": (
        {"latitude": 40.4168, "longitude": -3.7038, "name": "Sol", "address": "Madrid"},
        {
            "location": {
                "latitude": 40.4168,
                "longitude": -3.7038,
                "name": "Sol",
                "address": "Madrid",
            }
        },
    ),
    "poll": (
        {"question": "When?", "options": ["Today", "Tomorrow"]},
        {"poll": {"question": "When?", "options": ["Today", "Tomorrow"], "selectable": 1}},
    ),
    "poll of many": (
        {"question": "Which?", "options": ["A", "B", "C"], "choicesMax": 0},
        {"poll": {"question": "Which?", "options": ["A", "B", "C"], "selectable": 0}},
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
async def test_what_the_bot_says_the_phone_shows(bot: Bot, ana: Phone, case: str) -> None:
    words, expected = WRITTEN[case]
    type_ = {"long text": "text", "poll of many": "poll"}.get(case, case)
    sent = await bot.send(ana.number, type_, **words)
    letter = await ana.letter_of(sent)
    assert letter["type"] == type_
    assert letter["own"] is False
    assert {name: letter[name] for name in expected} == expected
    for name, value in words.items():
        assert sent[name] == value, name


@pytest.mark.parametrize("count", [1, 2])
async def test_contacts_arrive_as_cards(bot: Bot, ana: Phone, count: int) -> None:
    cards = [{"name": "Ada; Lovelace", "numbers": ["+34 600 333 444"]}]
    cards += [{"name": "Bob", "numbers": ["+34600333445"]}] * (count - 1)
    letter = await ana.letter_of(await bot.send(ana.number, "contact", contacts=cards))
    assert letter["type"] == "contact"
    shown = letter["contacts"] if count > 1 else [letter["contact"]]
    assert [each["name"] for each in shown] == [each["name"] for each in cards]
    assert "34600333444" in str(shown[0])


@pytest.mark.parametrize("source", ["upload", "base64", "url"])
@pytest.mark.parametrize("type_", FILE_TYPES)
async def test_a_file_from_the_bot_is_the_same_file(
    bot: Bot, ana: Phone, shelf: Shelf, type_: str, source: str
) -> None:
    file = file_of(type_, 70_000)
    match source:
        case "upload":
            media = {"id": (await bot.upload(file.content, file.name, file.mime_type))["id"]}
        case "base64":
            media = {
                "base64": base64.b64encode(file.content).decode(),
                "mimeType": file.mime_type,
                "fileName": file.name,
            }
        case _:
            media = {"url": shelf.url_of(file.name, file.content, file.mime_type)}
    captioned = type_ in ("image", "video", "document")
    words: dict[str, Any] = {"caption": "Look!"} if captioned else {}
    words |= {"seconds": 7} if type_ in ("video", "audio", "voice") else {}
    sent = await bot.send(ana.number, type_, media=media, **words)
    assert sent["media"]["sha256"] == file.sha256
    letter = await ana.letter_of(sent)
    assert letter["type"] == type_
    assert letter.get("caption", "") == words.get("caption", "")
    assert letter["media"]["sha256"] == file.sha256
    assert letter["media"]["size"] == len(file.content)
    assert letter["media"].get("seconds", 0) == words.get("seconds", 0)
    assert letter["media"]["mimeType"].split(";")[0] == file.mime_type.split(";")[0]
    if type_ == "document":
        assert letter["media"]["fileName"] == file.name
    assert await ana.file(letter) == file.content


async def test_a_file_can_be_a_part_of_the_request(bot: Bot, ana: Phone) -> None:
    file = file_of("image")
    assert bot.server.api is not None
    said = json.dumps({"type": "image", "to": ana.number, "caption": "in one"})
    answer = await bot.server.api.post(
        f"/v1/bots/{bot.id}/messages",
        params={"wait": 20},
        files={"message": (None, said), "file": ("cat.jpg", file.content, "image/jpeg")},
    )
    assert answer.is_success, (answer.status_code, answer.text)
    letter = await ana.letter_of(answer.json()["message"])
    assert letter["caption"] == "in one"
    assert await ana.file(letter) == file.content


async def test_a_bot_quotes_and_mentions(bot: Bot, ana: Phone, ben: Phone) -> None:
    asked = await bot.received(await ana.say(bot.number, "Who else?"))
    answer = await bot.say(
        ana.number, f"@{ben.digits} comes", replyTo=asked["id"], mentions=[ben.number]
    )
    letter = await ana.letter_of(answer)
    assert letter["quoted"]["id"] == asked["whatsappId"]
    assert letter["quoted"]["message"]["text"] == "Who else?"
    assert len(letter["mentions"]) == 1
    assert answer["mentions"] == [ben.digits]
    assert answer["replyTo"]["messageId"] == asked["id"]
    image = file_of("image")
    media = await bot.upload(image.content, image.name)
    answer = await bot.send(
        ana.number, "image", media={"id": media["id"]}, replyTo=asked["id"], caption="him"
    )
    assert (await ana.letter_of(answer))["quoted"]["id"] == asked["whatsappId"]


async def test_a_bot_edits_and_deletes_what_it_said(bot: Bot, ana: Phone) -> None:
    first = await bot.say(ana.number, "Helo")
    edit = await bot.send(ana.number, "edit", messageId=first["id"], text="Hello")
    letter = await ana.letter_of(edit)
    assert (letter["type"], letter["target"]["id"]) == ("edit", first["whatsappId"])
    assert letter["new"]["text"] == "Hello"
    changed = await bot.message(first["id"])
    assert (changed["text"], changed["editedAt"] is not None) == ("Hello", True)
    withdrawn = await bot.send(ana.number, "delete", messageId=first["id"])
    letter = await ana.letter_of(withdrawn)
    assert (letter["type"], letter["target"]["id"]) == ("delete", first["whatsappId"])
    gone = await bot.message(first["id"])
    assert (gone["text"], gone["deletedAt"] is not None) == (None, True)


async def test_only_its_own_words_can_a_bot_edit_or_delete(bot: Bot, ana: Phone) -> None:
    theirs = await bot.received(await ana.say(bot.number, "mine"))
    for words in ({"type_": "edit", "text": "ours"}, {"type_": "delete"}):
        answer = await bot.post(ana.number, messageId=theirs["id"], **words)
        assert (answer.status_code, answer.json()["error"]) == (403, "not_own_message")
    answer = await bot.post(ana.number, "delete", messageId="msg_" + "0" * 24)
    assert (answer.status_code, answer.json()["error"]) == (404, "message_not_found")


async def test_a_bot_reacts_and_takes_it_back(bot: Bot, ana: Phone) -> None:
    asked = await bot.received(await ana.say(bot.number, "Good?"))
    for emoji in ("👍", ""):
        sent = await bot.send(ana.number, "reaction", messageId=asked["id"], emoji=emoji)
        letter = await ana.letter_of(sent)
        assert letter["type"] == "reaction"
        assert letter["reaction"] == {"id": asked["whatsappId"], "emoji": emoji}
        reactions = (await bot.message(asked["id"]))["reactions"]
        assert [each["emoji"] for each in reactions] == ([emoji] if emoji else [])


async def test_a_bot_forwards_what_came_and_what_it_said(bot: Bot, ana: Phone, ben: Phone) -> None:
    file = file_of("image")
    picture = await bot.received(
        await ana.send(
            bot.number, "image", data=file.content, mimeType=file.mime_type, caption="cat"
        )
    )
    letter = await ben.letter_of(await bot.send(ben.number, "forward", messageId=picture["id"]))
    assert (letter["type"], letter["caption"], letter["forwarded"]) == ("image", "cat", True)
    assert await ben.file(letter) == file.content
    own = await bot.say(ana.number, "said before")
    letter = await ben.letter_of(await bot.send(ben.number, "forward", messageId=own["id"]))
    assert (letter["text"], letter["forwarded"]) == ("said before", True)


async def test_statuses_come_with_their_times(bot: Bot, ana: Phone) -> None:
    voice = file_of("voice")
    media = await bot.upload(voice.content, voice.name)
    sent = await bot.accepted(ana.number, "voice", media={"id": media["id"]}, seconds=3)
    assert sent["status"] in ("queued", "sent")
    letter = await ana.letter_of(await bot.until("sent", sent))
    await bot.until("delivered", sent)
    await ana.read(bot.number, letter["id"])
    await bot.until("read", sent)
    await ana.play(bot.number, letter["id"])
    last = await bot.until("played", sent)
    assert last["status"] == "played"
    steps = ["queued", "sent", "delivered", "read", "played"]
    assert set(last["times"]) == set(steps)
    told = [
        event["type"]
        for event in await bot.events()
        if event["data"].get("messageId") == sent["id"]
    ]
    assert told == [f"message.{step}" for step in steps]


async def test_a_number_that_is_not_on_whatsapp_fails_with_that_reason(bot: Bot) -> None:
    nobody = f"+346999{secrets.randbelow(10**5):05d}"
    sent = await bot.accepted(nobody, text="anyone?", wait=20)
    assert (sent["status"], sent["reason"]) == ("failed", "not_on_whatsapp")
    assert "not on WhatsApp" in sent["remedy"]
    event = await bot.event(
        "message.failed", lambda event: event["data"]["messageId"] == sent["id"]
    )
    assert event["data"]["reason"] == "not_on_whatsapp"


async def test_what_whatsapp_refuses_fails_and_the_next_goes_out(
    bot: Bot, ana: Phone, phones: WhatsApp
) -> None:
    await phones.fault(kind="ack_error", number=bot.phone.digits, code=463)
    refused = await bot.accepted(ana.number, text="refused", wait=20)
    assert (refused["status"], refused["reason"]) == ("failed", "refused")
    letter = await ana.letter_of(await bot.say(ana.number, "taken"))
    assert letter["text"] == "taken"


async def test_what_was_being_sent_when_the_connection_broke_is_uncertain_until_a_receipt(
    bot: Bot, ana: Phone, phones: WhatsApp
) -> None:
    await bot.say(ana.number, "before")
    await phones.fault(kind="drop_before_ack", number=bot.phone.digits)
    sent = await bot.accepted(ana.number, text="sent and not told")
    await bot.until("delivered", sent)
    told = [
        event["type"].removeprefix("message.")
        for event in await bot.events()
        if event["data"].get("messageId") == sent["id"]
    ]
    assert told[0] == "queued"
    assert told[-1] == "delivered"
    letters = [letter["text"] for letter in await ana.inbox()]
    assert letters == ["before", "sent and not told"]


# --------------------------------------------------------------------------------- the queue


async def test_a_hundred_messages_arrive_in_the_order_in_which_they_were_accepted(
    bot: Bot, ana: Phone
) -> None:
    sent = [await bot.accepted(ana.number, text=f"number {count}") for count in range(100)]
    await bot.until("sent", sent[-1])
    await ana.letter(lambda letter: letter["text"] == "number 99")
    texts = [letter["text"] for letter in await ana.inbox()]
    assert texts == [f"number {count}" for count in range(100)]


@pytest.mark.parametrize("by", ["key", "clientRef"])
async def test_fifty_equal_requests_at_once_are_one_message(bot: Bot, ana: Phone, by: str) -> None:
    name = secrets.token_hex(8)
    words = {by: name}
    answers = await asyncio.gather(
        *(bot.post(ana.number, text="only once", **words) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} <= {200, 202}
    (id_,) = {answer.json()["message"]["id"] for answer in answers}
    await bot.until("sent", {"id": id_})
    await ana.letter_of(await bot.say(ana.number, "afterwards"))
    assert [letter["text"] for letter in await ana.inbox()] == ["only once", "afterwards"]
    other = await bot.post(ana.number, text="something else", **words)
    assert (other.status_code, other.json()["error"]) == (409, "idempotency_mismatch")


async def test_what_is_queued_offline_is_sent_after_the_reconnect(
    talking: Server, number: str, ana: Phone
) -> None:
    bot = await Bot.linked(talking, number)
    await talking.ask("POST", f"/v1/whatsapp/disconnect/{bot.id}", {"unlink": False})
    queued = [await bot.accepted(ana.number, text=f"later {count}") for count in range(3)]
    assert {each["status"] for each in queued} == {"queued"}
    assert await ana.inbox() == []
    await talking.connect(bot.id, useExistingSession=True)
    await bot.until("sent", queued[-1])
    await ana.letter(lambda letter: letter["text"] == "later 2")
    assert [each["text"] for each in await ana.inbox()] == [f"later {no}" for no in range(3)]


async def test_an_unlinked_bot_takes_no_messages_and_fails_those_that_waited(
    talking: Server, number: str, ana: Phone
) -> None:
    bot = await Bot.linked(talking, number)
    await talking.ask("POST", f"/v1/whatsapp/disconnect/{bot.id}", {"unlink": False})
    queued = await bot.accepted(ana.number, text="too late")
    await talking.ask("POST", f"/v1/whatsapp/disconnect/{bot.id}")
    failed = await bot.until("failed", queued)
    assert failed["reason"] == "unlinked"
    answer = await bot.post(ana.number, text="nobody")
    assert (answer.status_code, answer.json()["error"]) == (409, "bot_not_linked")


async def test_waiting_answers_once_it_is_known_what_became_of_it(bot: Bot, ana: Phone) -> None:
    answer = await bot.post(ana.number, text="now", wait=20)
    assert answer.status_code == 200
    assert answer.json()["message"]["status"] in ("sent", "delivered")
    answer = await bot.post(ana.number, text="at once")
    assert answer.status_code == 202


# ------------------------------------------------------------------------------------ groups


async def test_a_group_both_ways(bot: Bot, ana: Phone, ben: Phone) -> None:
    group = await Group.of(ana, ben, bot.phone, subject="Picnic")
    sent = await ben.say(group.chat, "Who comes?")
    message = await bot.received(sent)
    assert (message["chat"], message["sender"]) == (group.chat, ben.digits)
    assert message["text"] == "Who comes?"
    answer = await bot.say(group.chat, "I do", replyTo=message["id"])
    for phone in (ana, ben):
        letter = await phone.letter_of(answer)
        assert letter["text"] == "I do"
        assert letter["chat"] == group.chat
        assert letter["quoted"]["id"] == sent
    file = file_of("image")
    media = await bot.upload(file.content, file.name)
    picture = await bot.send(group.chat, "image", media={"id": media["id"]})
    for phone in (ana, ben):
        assert await phone.file(await phone.letter_of(picture)) == file.content
    reaction = await bot.send(group.chat, "reaction", messageId=message["id"], emoji="🎉")
    letter = await ben.letter_of(reaction)
    assert letter["reaction"] == {"id": sent, "emoji": "🎉"}
    deleted = await bot.send(group.chat, "delete", messageId=answer["id"])
    assert (await ana.letter_of(deleted))["target"]["id"] == answer["whatsappId"]
    poll = await bot.send(group.chat, "poll", question="Sun?", options=["Yes", "No"])
    assert (await ana.letter_of(poll))["poll"]["question"] == "Sun?"


async def test_the_groups_of_a_bot_are_listed_with_their_members(
    bot: Bot, ana: Phone, ben: Phone
) -> None:
    group = await Group.of(ana, ben, bot.phone, subject="Hikers")
    found = {each["id"]: each for each in (await bot.ask("groups"))["groups"]}
    shown = found[group.chat]
    assert shown["subject"] == "Hikers"
    assert {each["id"]: each["admin"] for each in shown["members"]} == {
        ana.digits: True,
        ben.digits: False,
        bot.phone.digits: False,
    }
    assert (await bot.ask(f"groups/{group.chat}"))["group"] == shown
    answer = await bot.server.answer("GET", f"/v1/bots/{bot.id}/groups/120363999999999999@g.us")
    assert (answer.status_code, answer.json()["error"]) == (404, "group_not_found")


async def test_a_group_that_the_bot_is_not_in_fails_with_that_reason(
    bot: Bot, ana: Phone, ben: Phone
) -> None:
    group = await Group.of(ana, ben)
    sent = await bot.accepted(group.chat, text="let me in", wait=20)
    assert (sent["status"], sent["reason"]) == ("failed", "not_in_group")


# ------------------------------------------------------------------------ beside the messages


@pytest.mark.parametrize(
    ("shown", "told"),
    [("composing", "typing"), ("recording", "recording"), ("paused", "paused")],
)
async def test_typing_is_told_both_ways(bot: Bot, ana: Phone, shown: str, told: str) -> None:
    await bot.received(await ana.say(bot.number, "hello"))
    await bot.do("presence", {"online": True})
    await ana.type_to(bot.number, shown)
    event = await bot.event("chat.typing", lambda event: event["data"]["state"] == told)
    assert ana.digits not in str(event["data"])
    assert event["typing"] == {"chat": ana.digits, "sender": ana.digits, "state": told}
    (chat,) = [each for each in (await bot.ask("chats"))["chats"] if each["id"] == ana.digits]
    assert event["data"]["chatRef"] == chat["ref"]
    await bot.do("typing", {"to": ana.number, "state": told})

    async def seen() -> bool:
        return any(each["state"] == shown for each in await ana.typing())

    await until(seen, "the phone shows it")


async def test_typing_in_a_group_tells_who_types(bot: Bot, ana: Phone, ben: Phone) -> None:
    group = await Group.of(ana, ben, bot.phone)
    for phone in (ana, ben):
        await bot.received(await phone.say(group.chat, "hello"))
    await bot.do("presence", {"online": True})
    for phone in (ana, ben):
        await phone.type_to(group.chat)
        event = await bot.event(
            "chat.typing",
            lambda event, phone=phone: event.get("typing", {}).get("sender") == phone.digits,
        )
        shown = {"chat": group.chat, "sender": phone.digits, "state": "typing"}
        assert event["typing"] == shown
        assert phone.digits not in str(event["data"])


async def test_who_types_before_anything_was_said_can_be_answered(bot: Bot) -> None:
    stranger = await Phone(bot.server.whatsapp, f"+34699{secrets.randbelow(10**6):06}").own()
    await bot.do("presence", {"online": True})
    await stranger.type_to(bot.number)
    chat = (await bot.event("chat.typing"))["typing"]["chat"]
    assert chat not in [each["id"] for each in (await bot.ask("chats"))["chats"]], "nothing said"
    letter = await stranger.letter_of(await bot.say(chat, "May I help?"))
    assert letter["text"] == "May I help?"
    assert chat in [each["id"] for each in (await bot.ask("chats"))["chats"]]


async def test_what_is_marked_as_seen_is_told_to_its_sender(bot: Bot, ana: Phone) -> None:
    first = await bot.received(await ana.say(bot.number, "one"))
    second = await bot.received(await ana.say(bot.number, "two"))

    async def unread() -> int:
        (chat,) = [each for each in (await bot.ask("chats"))["chats"] if each["id"] == ana.digits]
        return chat["unread"]

    assert await unread() == 2
    assert (await bot.do("seen", {"chat": ana.number}))["seen"] == 2
    wanted = {first["whatsappId"], second["whatsappId"]}

    async def seen() -> bool:
        return wanted <= {each["id"] for each in await ana.receipts() if each["kind"] == "read"}

    await until(seen, "the sender hears of it")
    assert await unread() == 0
    third = await bot.received(await ana.say(bot.number, "three"))
    assert (await bot.do("seen", {"messageIds": [third["id"]]}))["seen"] == 1
    assert await unread() == 0


async def test_numbers_are_checked(bot: Bot, ana: Phone) -> None:
    asked = [ana.number, f"+346999{secrets.randbelow(10**5):05d}", "no number"]
    found = (await bot.do("numbers/check", {"numbers": asked}))["numbers"]
    assert [each["asked"] for each in found] == asked
    assert [each["onWhatsapp"] for each in found] == [True, False, False]
    assert [each["chat"] for each in found] == [ana.digits, None, None]
    assert found[2]["problem"]


async def test_a_contacts_name_and_picture_are_shown(bot: Bot, ana: Phone) -> None:
    await ana.profile(name="Ana", about="On the road", picture=b"\xff\xd8\xffnot a real one")
    await bot.received(await ana.say(bot.number, "hello"))
    contact = (await bot.ask(f"contacts/{ana.number}"))["contact"]
    assert contact["chat"] == ana.digits
    assert contact["about"] == "On the road"
    assert contact["name"] == "Ana"
    assert contact["pictureUrl"].startswith("https://")
    answer = await bot.server.answer("GET", f"/v1/bots/{bot.id}/contacts/+34699900000")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_on_whatsapp")


async def test_chats_are_listed_latest_first_and_messages_by_pages(
    bot: Bot, ana: Phone, ben: Phone
) -> None:
    await bot.received(await ana.say(bot.number, "first"))
    await bot.received(await ben.say(bot.number, "second"))
    listed = [each["id"] for each in (await bot.ask("chats", limit=2))["chats"]]
    assert listed == [ben.digits, ana.digits]
    await bot.say(ana.number, "third")
    listed = [each["id"] for each in (await bot.ask("chats", limit=2))["chats"]]
    assert listed == [ana.digits, ben.digits]
    page = await bot.ask("messages", chat=ana.number, limit=1)
    assert [each["text"] for each in page["messages"]] == ["third"]
    page = await bot.ask("messages", chat=ana.number, limit=1, before=page["nextBefore"])
    assert [each["text"] for each in page["messages"]] == ["first"]


async def test_a_person_is_one_chat_by_the_number_and_by_the_lid(bot: Bot, ana: Phone) -> None:
    """Old phones and new ones name a person differently; it stays one chat."""
    await bot.say(ana.number, "first")
    lid = (await ana.whatsapp.ask("GET", f"/phones/{ana.digits}"))["lid"]
    sent = await ana.say(bot.number, "by lid")
    message = await bot.received(sent)
    assert (message["chat"], message["sender"]) == (ana.digits, ana.digits)
    answer = await bot.say(f"{lid}@lid", "to the lid")
    assert answer["chat"] == ana.digits
    await ana.letter_of(answer)


async def test_another_tenant_sees_nothing_of_a_bots_messages(
    bot: Bot, ana: Phone, guest: Server
) -> None:
    message = await bot.received(await ana.say(bot.number, "secret"))
    for path in ("messages", f"messages/{message['id']}", "chats", "groups", "media/med_0"):
        answer = await guest.answer("GET", f"/v1/bots/{bot.id}/{path}")
        assert (answer.status_code, answer.json()["error"]) == (404, "bot_not_found"), path
    answer = await guest.answer(
        "POST", f"/v1/bots/{bot.id}/messages", {"type": "text", "to": ana.number, "text": "x"}
    )
    assert answer.status_code == 404
    assert (await guest.ask("GET", "/v1/events"))["events"] == []
