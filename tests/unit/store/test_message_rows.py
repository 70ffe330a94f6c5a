"""A message's columns hold all of it, beside what queries look for."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.chat import ChatId, PersonId
from sololine.core.content import Content, Context, Deletion, Edit, Reaction, Target
from sololine.core.ids import BotId, MessageId, TenantId
from sololine.core.message import Failure, Message, Origin, Status
from sololine.store.message_rows import TARGET_MAX, added_columns, message_of, saved_columns
from sololine.store.tables import messages

INSTANTS = st.integers(min_value=0, max_value=4_000_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
TEXTS = st.text(max_size=9)
NAMES = st.text(st.characters(exclude_characters="\x00"), max_size=9)
MESSAGES = st.builds(
    Message,
    id=TEXTS.map(MessageId),
    tenant=TEXTS.map(TenantId),
    bot=TEXTS.map(BotId),
    seq=st.integers(1, 99),
    chat=TEXTS.map(ChatId),
    origin=st.sampled_from(Origin),
    sender=st.none() | TEXTS.map(PersonId),
    sender_jid=NAMES,
    sender_name=NAMES,
    content=st.one_of([st.from_type(content) for content in get_args(Content)]),
    context=st.just(Context()) | st.from_type(Context),
    whatsapp_id=st.none() | TEXTS,
    at=INSTANTS,
    status=st.sampled_from(Status),
    times=st.dictionaries(st.sampled_from([status.value for status in Status]), INSTANTS),
    failure=st.none() | st.sampled_from(Failure),
    client_ref=st.none() | TEXTS,
    idempotency_key=st.none() | TEXTS,
    fingerprint=st.none() | TEXTS,
    sending_since=st.none() | INSTANTS,
    answers=st.none() | TEXTS.map(MessageId),
    edited_at=st.none() | INSTANTS,
    deleted_at=st.none() | INSTANTS,
)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def saying(content: Content) -> Message:
    return Message(
        id=MessageId("msg_1"),
        tenant=TenantId("acme"),
        bot=BotId("bot_1"),
        seq=1,
        chat=ChatId("447700900123"),
        origin=Origin.CONTACT,
        content=content,
        at=AT,
        status=Status.RECEIVED,
    )


@given(message=MESSAGES)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert message_of(added_columns(message)) == message


def test_every_column_is_written_when_a_message_is_new() -> None:
    message = saying(Edit(of=Target(whatsapp_id="A"), text=""))
    fixed = {"id", "bot_id", "tenant_id", "seq", "origin", "answers", "client_ref"}
    assert set(added_columns(message)) == set(messages.c.keys())
    assert set(added_columns(message)) - set(saved_columns(message)) == {
        *fixed,
        *("idempotency_key", "fingerprint"),
    }


def test_a_message_of_another_version_is_read_with_the_fields_that_we_know() -> None:
    columns = added_columns(saying(Deletion(of=Target(whatsapp_id="A"))))
    columns["content"] = '{"type":"deletion","of":{"whatsapp_id":"A"},"later":1}'
    assert message_of(columns).content == Deletion(of=Target(whatsapp_id="A"))


@pytest.mark.parametrize(
    ("whatsapp_id", "found"),
    [
        ("A", "A"),
        ("x" * TARGET_MAX, "x" * TARGET_MAX),
        ("x" * (TARGET_MAX + 1), None),
        ("\x00", None),
    ],
    ids=["short", "longest", "too long", "with a NUL"],
)
def test_a_target_is_found_by_what_an_index_takes(whatsapp_id: str, found: str | None) -> None:
    content = Reaction(to=Target(whatsapp_id=whatsapp_id), emoji="!")
    assert saved_columns(saying(content))["target"] == found
