from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from sololine.core.chat import ChatId
from sololine.core.content import (
    Card,
    Contacts,
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Kind,
    Location,
    Poll,
    Quoted,
    Reaction,
    Target,
    Text,
    Undecryptable,
    Unsupported,
    emptied,
    kind_of,
    target_of,
    text_of,
)
from sololine.core.events import EventType
from sololine.core.ids import DEFAULT_TENANT, BotId, MediaId, MessageId
from sololine.core.media import MediaKind
from sololine.core.message import Failure, Message, Origin, Status, told

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
TARGET = Target(whatsapp_id="A1")

EVERY: Sequence[Content] = (
    Text(text="secret"),
    File(
        kind=MediaKind.VOICE,
        media=MediaId("med_1"),
        mime_type="audio/ogg",
        sha256="secret",
        caption="secret",
        file_name="secret",
    ),
    Location(latitude=1.0, longitude=2.0, name="secret", address="secret"),
    Contacts(cards=(Card(name="secret"),)),
    Poll(question="secret", options=("secret",)),
    Reaction(to=TARGET, emoji="secret"),
    Edit(of=TARGET, text="secret"),
    Deletion(of=TARGET),
    Unsupported(name="eventMessage"),
    Undecryptable(),
)


def message(**said: Any) -> Message:
    return Message(
        **{
            "id": MessageId("msg_1"),
            "tenant": DEFAULT_TENANT,
            "bot": BotId("bot_1"),
            "seq": 1,
            "chat": ChatId("447700900123"),
            "origin": Origin.API,
            "content": Text(text="secret"),
            "at": NOON,
            "status": Status.QUEUED,
            **said,
        }
    )


def test_every_content_is_looked_at_here() -> None:
    assert {type(each) for each in EVERY} == set(get_args(Content))


# ---------------------------------------------------------------------- statuses


def test_a_message_moves_forward_and_keeps_the_time_of_each_status() -> None:
    moved = message(sending_since=NOON)
    for minutes, status in enumerate(
        (Status.SENT, Status.DELIVERED, Status.READ, Status.PLAYED), start=1
    ):
        moved = moved.moved(status, NOON + timedelta(minutes=minutes))
        assert (moved.status, moved.sending_since) == (status, None)

    assert list(moved.times) == ["sent", "delivered", "read", "played"]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENT, Status.READ, Status.UNCERTAIN])
def test_a_message_never_moves_back(status: Status) -> None:
    read = message(status=Status.READ)

    assert read.moved(status, LATER) is read


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.FAILED])
def test_what_is_settled_stays_so(status: Status) -> None:
    settled = message(status=status)

    assert settled.moved(Status.READ, LATER) is settled
    assert settled.failed(Failure.REFUSED, LATER) is settled


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.FAILED])
def test_nothing_becomes_received_or_failed_by_moving(status: Status) -> None:
    queued = message()

    assert queued.moved(status, LATER) is queued


def test_what_is_uncertain_gives_way_to_the_proof_that_it_was_sent() -> None:
    uncertain = message(sending_since=NOON).moved(Status.UNCERTAIN, LATER)

    assert (uncertain.status, uncertain.sending_since) == (Status.UNCERTAIN, None)
    assert uncertain.moved(Status.QUEUED, LATER) is uncertain
    assert uncertain.moved(Status.DELIVERED, LATER).status is Status.DELIVERED
    assert uncertain.failed(Failure.REFUSED, LATER) is uncertain


def test_a_failure_has_its_reason_and_its_remedy() -> None:
    failed = message(sending_since=NOON).failed(Failure.NOT_ON_WHATSAPP, LATER)
    event = told(failed, EventType.MESSAGE_FAILED)

    assert (failed.status, failed.sending_since) == (Status.FAILED, None)
    assert failed.times == {"failed": LATER}
    assert event.data == {
        "messageId": "msg_1",
        "kind": "text",
        "chat": "+44********23",
        "fromMe": True,
        "reason": "not_on_whatsapp",
        "remedy": Failure.NOT_ON_WHATSAPP.sentence,
    }


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_a_sentence(failure: Failure) -> None:
    assert failure.sentence.endswith(".")


# ---------------------------------------------------------------------- edits and deletions


@pytest.mark.parametrize("content", [EVERY[0], EVERY[1]], ids=["text", "file"])
def test_an_edit_changes_the_words_and_nothing_else(content: Content) -> None:
    before = message(content=content)
    edited = before.edited("new", LATER)

    assert (text_of(edited.content), edited.edited_at) == ("new", LATER)
    assert edited.edited(text_of(before.content), NOON) == replace(before, edited_at=NOON)


@pytest.mark.parametrize("content", EVERY[2:], ids=lambda content: type(content).__name__)
def test_what_has_no_words_cannot_be_edited(content: Content) -> None:
    before = message(content=content)

    assert before.edited("new", LATER) is before


@pytest.mark.parametrize("content", EVERY, ids=lambda content: type(content).__name__)
def test_of_a_deleted_message_nothing_but_its_kind_is_left(content: Content) -> None:
    context = Context(quoted=Quoted(to=TARGET, text="secret"))
    deleted = message(content=content, context=context).deleted(LATER)

    assert (deleted.kind, deleted.deleted_at) == (kind_of(content), LATER)
    assert deleted.context == Context()
    said = {field: getattr(deleted.content, field) for field in type(deleted.content).__slots__}
    assert "secret" not in str(said)
    assert target_of(deleted.content) == target_of(content)
    assert emptied(deleted.content) == deleted.content
    assert deleted.deleted(NOON) is deleted
    assert deleted.edited("new", NOON) is deleted


def test_a_deleted_file_is_carried_no_more() -> None:
    deleted = message(content=EVERY[1]).deleted(LATER)

    assert deleted.content == File(kind=MediaKind.VOICE, mime_type="audio/ogg")
    assert deleted.kind is Kind.VOICE


def test_a_repr_shows_nothing_of_what_was_said() -> None:
    for content in EVERY:
        if not isinstance(content, File):
            assert "secret" not in repr(message(content=content, client_ref="secret"))


def test_what_others_wrote_is_not_the_bots() -> None:
    assert [message(origin=origin).from_me for origin in Origin] == [False, True, True, True]
