import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sololine.core.chat import ChatId, PersonId
from sololine.core.content import (
    Card,
    Contacts,
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Location,
    Poll,
    Quoted,
    Reaction,
    Target,
    Text,
    Undecryptable,
    Unsupported,
)
from sololine.core.ids import DEFAULT_TENANT, BotId, MediaId, MessageId
from sololine.core.media import Media, MediaKind, Place
from sololine.core.message import Failure, Message, Origin, Status
from sololine.core.message_json import message_json

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SHOWN = "2026-05-01T12:00:00.000Z"
TARGET = Target(whatsapp_id="WA1")
KNOWN = {"WA1": MessageId("msg_1")}
MEDIA = Media(
    id=MediaId("med_1"),
    tenant=DEFAULT_TENANT,
    bot=BotId("bot_1"),
    mime_type="image/png",
    size=3,
    sha256="ab",
    file_name="a.png",
    place=Place.STORED,
    created_at=NOON,
)
PICTURE = File(kind=MediaKind.IMAGE, media=MEDIA.id, mime_type="image/png", size=3, caption="c")
WITHOUT_ROW = {
    "id": "med_1",
    "mimeType": "image/png",
    "size": 3,
    "sha256": None,
    "fileName": None,
    "place": "gone",
}
REST_OF_FILE = {
    "caption": "c",
    "fileName": None,
    "seconds": 0,
    "width": 0,
    "height": 0,
    "viewOnce": False,
}


def message(content: Content, **more: Any) -> Message:
    return Message(
        **{
            "id": MessageId("msg_9"),
            "tenant": DEFAULT_TENANT,
            "bot": BotId("bot_1"),
            "seq": 9,
            "chat": ChatId("34600111222"),
            "origin": Origin.CONTACT,
            "sender": PersonId("34600111222"),
            "content": content,
            "at": NOON,
            "status": Status.RECEIVED,
            "times": {"received": NOON},
            **more,
        }
    )


def shown(message: Message, **more: Any) -> dict[str, Any]:
    told = message_json(message, **{"media": None, "reactions": (), "known": KNOWN, **more})
    assert json.loads(json.dumps(told)) == told
    return told


SAID: list[tuple[Content, str, dict[str, Any]]] = [
    (Text(text="x", link_preview=True), "text", {"text": "x", "linkPreview": True}),
    (PICTURE, "image", {"media": WITHOUT_ROW, **REST_OF_FILE}),
    (replace(PICTURE, media=None), "image", {"media": None, **REST_OF_FILE}),
    (
        Location(latitude=1.5, longitude=2, name="Sol"),
        "location",
        {"latitude": 1.5, "longitude": 2, "name": "Sol", "address": None},
    ),
    (
        Contacts(cards=(Card(name="Eva", numbers=("34600333444",)),)),
        "contact",
        {"contacts": [{"name": "Eva", "numbers": ["34600333444"], "vcard": None}]},
    ),
    (
        Poll(question="?", options=("a", "b")),
        "poll",
        {"question": "?", "options": ["a", "b"], "choicesMax": 1},
    ),
    (Reaction(to=TARGET, emoji="👍"), "reaction", {"messageId": "msg_1", "emoji": "👍"}),
    (Edit(of=TARGET, text="y"), "edit", {"messageId": "msg_1", "text": "y"}),
    (Deletion(of=Target(whatsapp_id="WA2")), "delete", {"messageId": None}),
    (Unsupported(name="orderMessage"), "unsupported", {"name": "orderMessage"}),
    (Undecryptable(), "undecryptable", {}),
]


@pytest.mark.parametrize(("content", "kind", "said"), SAID, ids=lambda each: str(each)[:20])
def test_what_a_message_says_stands_beside_what_it_is(
    content: Content, kind: str, said: dict[str, Any]
) -> None:
    told = shown(message(content))

    assert told["type"] == kind
    assert {name: told[name] for name in said} == said
    assert len(told) == 23 + len(said)


@pytest.mark.parametrize("content", [content for content, _, _ in SAID])
def test_of_a_deleted_message_nothing_that_it_said_is_left(content: Content) -> None:
    quoted = Context(quoted=Quoted(to=TARGET, text="q"), mentions=(PersonId("1"),))
    reaction = message(Reaction(to=TARGET, emoji="👍"))

    whole = shown(message(content), media=MEDIA)
    told = shown(
        message(content, deleted_at=NOON, context=quoted), media=MEDIA, reactions=[reaction]
    )

    assert told["deletedAt"] == SHOWN
    assert told.keys() == whole.keys()
    gone = list(told)[list(told).index("reactions") + 1 :]
    assert all(told[name] is None for name in gone)
    assert (told["replyTo"], told["mentions"], told["reactions"]) == (None, [], [])


def test_a_file_is_shown_as_it_is_now() -> None:
    assert shown(message(PICTURE), media=MEDIA)["media"] == {
        "id": "med_1",
        "mimeType": "image/png",
        "size": 3,
        "sha256": "ab",
        "fileName": "a.png",
        "place": "stored",
    }


def test_who_wrote_it_and_how_far_it_came_is_shown() -> None:
    theirs = shown(message(Text(text="x"), sender_name="Ana", edited_at=NOON))
    failed = shown(
        message(
            Text(text="x"),
            origin=Origin.RULE,
            sender=None,
            status=Status.FAILED,
            failure=Failure.UNLINKED,
            client_ref="r",
            whatsapp_id="WA9",
            answers=MessageId("msg_1"),
            times={"queued": NOON, "failed": NOON},
        )
    )

    assert (theirs["fromMe"], theirs["sender"], theirs["senderName"]) == (
        False,
        "34600111222",
        "Ana",
    )
    assert (theirs["editedAt"], theirs["reason"], theirs["remedy"]) == (SHOWN, None, None)
    assert (failed["fromMe"], failed["origin"], failed["sender"]) == (True, "rule", None)
    assert (failed["status"], failed["reason"]) == ("failed", "unlinked")
    assert failed["remedy"] == Failure.UNLINKED.sentence
    assert failed["times"] == {"queued": SHOWN, "failed": SHOWN}
    assert (failed["clientRef"], failed["whatsappId"], failed["answers"]) == ("r", "WA9", "msg_1")


def test_what_belongs_to_a_message_is_shown_with_our_ids() -> None:
    context = Context(
        quoted=Quoted(to=replace(TARGET, from_me=True), text="q"),
        mentions=(PersonId("34600333444"),),
        forwarded=True,
    )
    reactions = [
        message(Reaction(to=TARGET, emoji="👍")),
        message(Reaction(to=TARGET, emoji="🙏"), origin=Origin.PHONE, sender=None),
        message(Text(text="no reaction")),
    ]

    told = shown(message(Text(text="x"), context=context), reactions=reactions)

    assert told["replyTo"] == {"messageId": "msg_1", "fromMe": True, "text": "q"}
    assert (told["mentions"], told["forwarded"]) == (["34600333444"], True)
    assert told["reactions"] == [
        {"emoji": "👍", "fromMe": False, "sender": "34600111222", "at": SHOWN},
        {"emoji": "🙏", "fromMe": True, "sender": None, "at": SHOWN},
        {"emoji": "", "fromMe": False, "sender": "34600111222", "at": SHOWN},
    ]
