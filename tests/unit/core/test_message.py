from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.chat import ChatId, PersonId
from sololine.core.content import Context, File, Kind, Poll, Text
from sololine.core.events import EventType
from sololine.core.ids import BotId, MediaId, MessageId, TenantId
from sololine.core.media import MediaKind
from sololine.core.message import Failure, Message, Origin, Status, told

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(seconds=1)

QUEUED = Message(
    id=MessageId("msg_1"),
    tenant=TenantId("acme"),
    bot=BotId("bot_1"),
    seq=1,
    chat=ChatId("447700900123"),
    origin=Origin.API,
    content=Text(text="hello"),
    at=AT,
    status=Status.QUEUED,
    times={"queued": AT},
    sending_since=AT,
)
HEARD = replace(
    QUEUED,
    origin=Origin.CONTACT,
    sender=PersonId("447700900123"),
    sender_name="Ana",
    status=Status.RECEIVED,
    times={},
    sending_since=None,
)
ORDER = [Status.QUEUED, Status.SENT, Status.DELIVERED, Status.READ, Status.PLAYED]


def in_status(status: Status) -> Message:
    return replace(QUEUED, status=status)


@pytest.mark.parametrize("status", ORDER)
@pytest.mark.parametrize("heard", ORDER)
def test_a_status_moves_forward_only(status: Status, heard: Status) -> None:
    before = in_status(status)
    after = before.moved(heard, LATER)
    if ORDER.index(heard) > ORDER.index(status):
        assert after.status is heard
        assert after.times == {"queued": AT, heard.value: LATER}
        assert after.sending_since is None
    else:
        assert after is before


def test_no_status_is_dated_before_the_one_that_it_follows() -> None:
    """WhatsApp tells whole seconds, which lie before the moment of queueing."""
    assert QUEUED.moved(Status.SENT, AT - timedelta(milliseconds=600)).times["sent"] == AT


@pytest.mark.parametrize("status", Status)
def test_only_what_is_queued_becomes_uncertain(status: Status) -> None:
    before = in_status(status)
    after = before.moved(Status.UNCERTAIN, LATER)
    assert (after is before) == (status is not Status.QUEUED)


@pytest.mark.parametrize("heard", Status)
def test_what_is_uncertain_gives_way_to_proof_that_it_was_sent(heard: Status) -> None:
    after = in_status(Status.UNCERTAIN).moved(heard, LATER)
    assert after.status is (heard if heard in ORDER[1:] else Status.UNCERTAIN)


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.FAILED])
@pytest.mark.parametrize("heard", Status)
def test_what_is_settled_stays(status: Status, heard: Status) -> None:
    before = in_status(status)
    assert before.moved(heard, LATER) is before


@given(heard=st.lists(st.sampled_from(Status)))
def test_receipts_in_any_order_lead_to_the_furthest(heard: list[Status]) -> None:
    message = in_status(Status.SENT)
    for status in heard:
        message = message.moved(status, LATER)
    proofs = [Status.SENT, *(status for status in heard if status in ORDER)]
    assert message.status is max(proofs, key=ORDER.index)


@pytest.mark.parametrize("status", Status)
def test_only_what_is_queued_fails(status: Status) -> None:
    before = in_status(status)
    after = before.failed(Failure.REFUSED, LATER)
    if status is Status.QUEUED:
        assert (after.status, after.failure) == (Status.FAILED, Failure.REFUSED)
        assert (after.times["failed"], after.sending_since) == (LATER, None)
    else:
        assert after is before


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_a_sentence_that_ends(failure: Failure) -> None:
    assert failure.sentence.endswith(".")
    assert len(failure.sentence.split(". ")) >= 2 or ":" in failure.sentence


@pytest.mark.parametrize("origin", Origin)
def test_what_no_contact_wrote_is_the_bots_own(origin: Origin) -> None:
    assert replace(QUEUED, origin=origin).from_me == (origin is not Origin.CONTACT)


def test_a_message_is_of_the_kind_of_its_content() -> None:
    assert QUEUED.kind is Kind.TEXT
    assert replace(QUEUED, content=Poll(question="?", options=())).kind is Kind.POLL


def test_an_edit_changes_the_words_and_tells_when() -> None:
    after = HEARD.edited("better", LATER)
    assert after == replace(HEARD, content=Text(text="better"), edited_at=LATER)
    file = File(kind=MediaKind.IMAGE, media=MediaId("med_1"), mime_type="image/png", caption="a")
    captioned = replace(HEARD, content=file).edited("b", LATER)
    assert captioned.content == replace(file, caption="b")


def test_what_has_no_words_or_is_deleted_is_not_edited() -> None:
    poll = replace(HEARD, content=Poll(question="?", options=()))
    assert poll.edited("better", LATER) is poll
    gone = HEARD.deleted(AT)
    assert gone.edited("better", LATER) is gone


def test_of_a_deleted_message_nothing_is_left_but_that_it_was_there() -> None:
    gone = replace(HEARD, context=Context(forwarded=True)).deleted(LATER)
    assert gone == replace(HEARD, content=Text(text=""), deleted_at=LATER)
    assert gone.deleted(LATER + timedelta(seconds=1)) is gone


def test_an_event_points_at_its_message_and_shows_nothing_of_it() -> None:
    event = told(HEARD, EventType.MESSAGE_RECEIVED)
    assert event.type is EventType.MESSAGE_RECEIVED
    assert event.data == {
        "messageId": "msg_1",
        "kind": "text",
        "chat": "+44********23",
        "fromMe": False,
    }


def test_an_event_of_a_failure_says_why_and_what_to_do() -> None:
    event = told(QUEUED.failed(Failure.NOT_IN_GROUP, LATER), EventType.MESSAGE_FAILED)
    assert event.data["reason"] == "not_in_group"
    assert event.data["remedy"] == Failure.NOT_IN_GROUP.sentence


def test_a_message_shows_no_number_no_name_and_no_words_when_it_is_logged() -> None:
    shown = repr(replace(HEARD, client_ref="ref_x", idempotency_key="key_x", fingerprint="fp_x"))
    secrets = ("hello", "Ana", "447700900123", "ref_x", "key_x", "fp_x")
    assert not [word for word in secrets if word in shown]
