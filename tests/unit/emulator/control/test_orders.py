import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sololine.core.sentence import Sentence
from sololine.emulator.control.orders import Desk, message_from
from sololine.emulator.errors import InvalidLetter, UnknownPhone
from sololine.emulator.phones import letters
from sololine.emulator.phones.letters import Message, Target
from sololine.emulator.phones.readings import attachment, describe
from sololine.emulator.storage.shelf import Shelf
from sololine.wire.jid import Jid

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BOT = Jid("200000000000001", "lid")
ME = Jid("100000000000001", "lid")
FILE = base64.b64encode(b"file").decode()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def desk(shelf: Shelf) -> Desk:
    def find(letter_id: str) -> tuple[Target, Message]:
        if letter_id not in ("theirs", "mine"):
            raise InvalidLetter(Sentence("the phone has no letter of this id"))
        own = letter_id == "mine"
        target = Target(id=letter_id, chat=BOT, author=ME if own else BOT, own=own)
        return target, letters.text("before")

    def address(number: str) -> Jid:
        if number != "34600111222":
            raise UnknownPhone
        return ME

    return Desk(find=find, upload=shelf.upload, address=address, now=NOW)


@pytest.mark.parametrize(
    ("words", "reading"),
    [
        ({"text": "hola"}, {"type": "text", "text": "hola"}),
        ({"type": "text", "text": "x", "forwarded": True}, {"type": "text", "forwarded": True}),
        ({"text": "@1", "mentions": ["34600111222"]}, {"mentions": ["100000000000001@lid"]}),
        ({"text": "x", "ephemeral": 60}, {"type": "text", "ephemeral": True}),
        ({"type": "image", "data": FILE, "viewOnce": True}, {"type": "image", "viewOnce": True}),
        ({"type": "image", "data": FILE, "caption": "sun"}, {"type": "image", "caption": "sun"}),
        ({"type": "video", "data": FILE}, {"type": "video"}),
        ({"type": "audio", "data": FILE}, {"type": "audio"}),
        ({"type": "sticker", "data": FILE}, {"type": "sticker"}),
        ({"type": "document", "data": FILE, "caption": "c"}, {"type": "document", "caption": "c"}),
        (
            {"type": "location", "latitude": 1, "longitude": -2.5, "name": "Here"},
            {
                "type": "location",
                "location": {"latitude": 1.0, "longitude": -2.5, "name": "Here"},
            },
        ),
        (
            {"type": "poll", "question": "Tea?", "options": ["yes", "no"]},
            {
                "type": "poll",
                "poll": {"question": "Tea?", "options": ["yes", "no"], "selectable": 1},
            },
        ),
        (
            {"type": "reaction", "target": "theirs", "emoji": "👍"},
            {"type": "reaction", "reaction": {"id": "theirs", "emoji": "👍"}},
        ),
        (
            {"type": "edit", "target": "mine", "text": "new"},
            {"type": "edit", "new": {"type": "text", "text": "new"}},
        ),
        ({"type": "delete", "target": "mine"}, {"type": "delete"}),
        ({"type": "unknown"}, {"type": "unknown"}),
        (
            {"type": "raw", "message": base64.b64encode(b"\x0a\x01a").decode()},
            {"type": "text", "text": "a"},
        ),
    ],
)
def test_what_is_ordered_is_what_is_written(
    desk: Desk, words: dict[str, Any], reading: dict[str, Any]
) -> None:
    assert reading.items() <= describe(message_from(words, desk)).items()


def test_a_voice_note_is_a_file_of_its_own_kind(desk: Desk, shelf: Shelf) -> None:
    message = message_from({"type": "voice", "data": FILE, "seconds": 3}, desk)

    reading = describe(message)
    assert (reading["type"], reading["media"]["seconds"]) == ("voice", 3)
    filed = attachment(message)
    assert filed is not None
    assert shelf.download(filed) == b"file"


def test_contacts_are_cards(desk: Desk) -> None:
    people = [{"name": "Ana", "number": "1"}, {"name": "Bo", "number": "2"}]

    reading = describe(message_from({"type": "contact", "contacts": people}, desk))

    assert [person["name"] for person in reading["contacts"]] == ["Ana", "Bo"]


def test_a_reply_carries_what_it_answers(desk: Desk) -> None:
    reading = describe(message_from({"text": "yes", "replyTo": "theirs"}, desk))

    assert reading["quoted"]["id"] == "theirs"
    assert reading["quoted"]["message"] == {"type": "text", "text": "before"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({}, "a message of this type needs text"),
        ({"text": 1}, "a message of this type needs text"),
        ({"type": "fax"}, "a message needs a type, one of: text, image"),
        ({"type": ["text"]}, "type must be a text"),
        ({"type": "image"}, "needs data"),
        ({"type": "image", "data": "not base64!"}, "data must be base64"),
        ({"type": "image", "data": FILE, "caption": 1}, "caption must be a text"),
        ({"type": "video", "data": FILE, "seconds": -1}, "seconds must be a whole number"),
        ({"type": "video", "data": FILE, "seconds": True}, "seconds must be a whole number"),
        ({"type": "location", "latitude": 91, "longitude": 0}, "from -90 to 90"),
        ({"type": "location", "latitude": True, "longitude": 0}, "needs latitude"),
        ({"type": "location", "latitude": float("nan"), "longitude": 0}, "from -90 to 90"),
        ({"type": "contact", "contacts": []}, "contacts must be a list of objects"),
        ({"type": "contact", "contacts": ["Ana"]}, "contacts must be a list of objects"),
        ({"type": "contact", "contacts": [{"name": "Ana"}]}, "needs number"),
        ({"type": "poll", "question": "?", "options": ["a"]}, "2 to 12 options"),
        ({"type": "poll", "question": "?", "options": ["a", "a"]}, "all different"),
        (
            {"type": "poll", "question": "?", "options": ["a", "b"], "selectable": 3},
            "selectable must be 0",
        ),
        ({"type": "edit", "target": "theirs", "text": "x"}, "only what this phone wrote"),
        ({"type": "reaction", "target": "none", "emoji": "x"}, "no letter of this id"),
        ({"type": "raw", "message": FILE}, "no protobuf message"),
        ({"text": "x", "viewOnce": True}, "can be seen once"),
        ({"text": "x", "viewOnce": "yes"}, "viewOnce must be true or false"),
        ({"type": "delete", "target": "mine", "replyTo": "mine"}, "cannot be a reply"),
        ({"text": "x", "mentions": "34600111222"}, "mentions must be a list"),
    ],
)
def test_what_cannot_be_written_is_refused_in_a_sentence(
    desk: Desk, words: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidLetter, match=says):
        message_from(words, desk)


def test_only_who_has_a_phone_can_be_mentioned(desk: Desk) -> None:
    with pytest.raises(UnknownPhone):
        message_from({"text": "x", "mentions": ["49"]}, desk)


def test_a_file_has_a_limit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sololine.emulator.control.orders.MAX_FILE", 3)

    with pytest.raises(InvalidLetter, match="3 bytes at most"):
        message_from({"type": "image", "data": FILE}, desk)
