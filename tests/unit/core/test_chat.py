from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.chat import (
    Chat,
    ChatId,
    PersonId,
    Touch,
    address_of,
    bare_of,
    chat_of,
    is_group,
    lid_of,
    masked,
    person_of,
    to_chat,
)
from sololine.core.errors import InvalidInput

ANA = ChatId("447700900123")
LID = "98765@lid"
GROUP = ChatId("120363000000000001@g.us")
BEN = PersonId("447700900124")


@pytest.mark.parametrize(
    ("text", "chat"),
    [
        ("+44 7700 900123", ANA),
        ("447700900123@c.us", ANA),
        ("447700900123@s.whatsapp.net", ANA),
        (f" {LID} ", LID),
        ("98765@LID", LID),
        (GROUP, GROUP),
        ("34600000001-1400000000@g.us", "34600000001-1400000000@g.us"),
    ],
)
def test_a_chat_is_named_by_a_number_or_an_address(text: str, chat: str) -> None:
    assert to_chat(text) == chat


def test_a_number_may_be_written_as_at_home() -> None:
    assert to_chat("07400 123456", "GB") == "447400123456"


@pytest.mark.parametrize(
    "text",
    ["", "hello", "12", "a@lid", "@g.us", "1@broadcast", "1@newsletter", f"{LID}\n{LID}", "1" * 65],
)
def test_what_names_no_chat_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        to_chat(text)
    assert len(text) < 3 or text not in refused.value.message


@pytest.mark.parametrize(
    ("jid", "alternative", "person"),
    [
        ("447700900123@s.whatsapp.net", "", ANA),
        ("447700900123:37@s.whatsapp.net", LID, ANA),
        ("98765:3@lid", "447700900123@s.whatsapp.net", ANA),
        ("98765:3@lid", "", LID),
        ("", LID, LID),
        ("5511987654321@s.whatsapp.net", "", "5511987654321"),
        ("551187654321@s.whatsapp.net", "", "5511987654321"),
        (GROUP, "", None),
        ("status@broadcast", "", None),
        ("x@lid", "", None),
        ("", "", None),
    ],
)
def test_a_person_goes_by_the_number_and_else_by_the_lid(
    jid: str, alternative: str, person: str | None
) -> None:
    assert person_of(jid, alternative) == person
    if jid != GROUP:
        assert chat_of(jid, alternative) == person


def test_a_group_goes_by_its_address() -> None:
    assert chat_of(GROUP, LID) == GROUP
    assert chat_of("odd@g.us") is None


def test_the_lid_is_found_among_the_addresses_of_a_person() -> None:
    assert lid_of("447700900123@s.whatsapp.net", "98765:3@lid") == LID
    assert lid_of("447700900123@s.whatsapp.net", "") == ""
    assert lid_of() == ""


def test_an_address_without_its_device_is_the_accounts() -> None:
    assert bare_of("98765:37@lid") == LID
    assert bare_of(LID) == LID
    assert bare_of("") == ""


def test_a_group_is_told_from_a_person() -> None:
    assert is_group(GROUP)
    assert not is_group(LID)
    assert not is_group(ANA)


def test_a_chat_has_an_address() -> None:
    assert address_of(ANA) == "447700900123@s.whatsapp.net"
    assert address_of(LID) == LID


@pytest.mark.parametrize(
    ("chat", "shown"),
    [(ANA, "+44********23"), (LID, "…765@lid"), (GROUP, "…001@g.us")],
)
def test_events_show_enough_to_recognise_a_chat(chat: str, shown: str) -> None:
    assert masked(chat) == shown


def test_a_chat_shows_nothing_of_a_person_when_it_is_logged() -> None:
    shown = repr(Chat(id=ANA, name="Ana", jid=address_of(ANA), lid=LID)) + repr(
        Touch(id=ANA, name="Ana", jid=address_of(ANA), lid=LID)
    )
    assert not [secret for secret in (ANA, "Ana", "98765") if secret in shown]


TOUCHES = st.builds(
    Touch,
    id=st.just(ANA),
    name=st.sampled_from(["", "a", "b"]),
    jid=st.sampled_from(["", "c"]),
    lid=st.sampled_from(["", "d"]),
    seq=st.integers(0, 9),
    unread=st.integers(0, 9),
    seen=st.booleans(),
    ref=st.sampled_from(["", "cht_a"]),
    typing_by=st.sampled_from(["", ANA]),
    typing_since=st.integers(0, 9),
)


def touched(chat: Chat, touch: Touch) -> Chat:
    """What a touch says, said once more."""
    return Chat(
        id=chat.id,
        name=touch.name or chat.name,
        jid=touch.jid or chat.jid,
        lid=touch.lid or chat.lid,
        last_seq=max(chat.last_seq, touch.seq),
        unread=(0 if touch.seen else chat.unread) + touch.unread,
        ref=chat.ref or touch.ref,
        typing_by=touch.typing_by if touch.typing_since else chat.typing_by,
        typing_since=touch.typing_since or chat.typing_since,
    )


@given(one=TOUCHES, two=TOUCHES, unread=st.integers(0, 9))
def test_two_touches_are_as_good_as_both_in_one(one: Touch, two: Touch, unread: int) -> None:
    chat = Chat(id=ANA, name="n", unread=unread, last_seq=3)
    assert touched(chat, one.then(two)) == touched(touched(chat, one), two)


@pytest.mark.parametrize(
    ("chat", "seq", "typist"),
    [
        (Chat(id=GROUP, typing_by=BEN, typing_since=5), 5, BEN),
        (Chat(id=GROUP, typing_by=BEN, typing_since=5), 9, BEN),
        (Chat(id=GROUP, typing_by=BEN, typing_since=5), 4, None),
        (Chat(id=GROUP, typing_since=5), 5, None),
        (Chat(id=GROUP), 5, None),
        (Chat(id=ChatId(LID), typing_by=BEN, typing_since=5), 5, BEN),
        (Chat(id=ANA, typing_by=PersonId(LID), typing_since=5), 4, ANA),
        (Chat(id=ANA), 5, ANA),
    ],
)
def test_who_typed_is_known_while_nobody_else_has(chat: Chat, seq: int, typist: str | None) -> None:
    assert chat.typist(seq) == typist


@given(typed=st.lists(st.sampled_from([ANA, BEN, ""]), min_size=1, max_size=6))
def test_nobody_is_said_to_have_typed_what_another_did(typed: list[str]) -> None:
    chat = Chat(id=GROUP)
    for seq, by in enumerate(typed, 1):
        chat = chat.typed(PersonId(by), seq)
    told = [chat.typist(seq) for seq in range(1, len(typed) + 1)]
    assert told[-1] == (typed[-1] or None)
    assert all(each in (None, by) for each, by in zip(told, typed, strict=True))


@given(jid=st.text(max_size=30), alternative=st.text(max_size=30))
def test_no_address_brings_a_line_down(jid: str, alternative: str) -> None:
    person = person_of(jid, alternative)
    assert person is None or person.isdigit() or to_chat(person) == str(person)
    chat_of(jid, alternative)
    with suppress(InvalidInput):
        to_chat(jid)
