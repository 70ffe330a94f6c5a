from dataclasses import replace

import pytest

from sololine.core.content import Card, Contacts, Location, Poll, Text
from sololine.core.draft import (
    CAPTION_MAX,
    CARDS_MAX,
    EMOJI_MAX,
    MENTIONS_MAX,
    OPTION_MAX,
    OPTIONS_MAX,
    QUESTION_MAX,
    SECONDS_MAX,
    TEXT_MAX,
    Draft,
    Inline,
    Kept,
    Linked,
    PassOn,
    React,
    Rewrite,
    SendFile,
    What,
    Withdraw,
    check,
)
from sololine.core.errors import InvalidInput
from sololine.core.ids import MediaId
from sololine.core.media import MediaKind

TO = "+34600111222"
FILE = Kept(id=MediaId("med_1"))
EVA = Card(name="Eva", numbers=("34600333444",))
NAN = float("nan")


def file(kind: MediaKind, **more: object) -> SendFile:
    return SendFile(kind=kind, source=FILE, **more)  # type: ignore[arg-type]  # the test knows them


FINE: list[What] = [
    Text(text="x" * TEXT_MAX),
    Location(latitude=-90, longitude=180),
    Location(latitude=90, longitude=-180, name="North", address="Pole"),
    Contacts(cards=(EVA,) * CARDS_MAX),
    Contacts(cards=(Card(name="Eva", vcard="BEGIN:VCARD"),)),
    Poll(question="x" * QUESTION_MAX, options=tuple(f"{no:0100}" for no in range(OPTIONS_MAX))),
    Poll(question="?", options=("a", "b"), choices_max=0),
    Poll(question="?", options=("a", "b"), choices_max=2),
    React(message="msg_1", emoji=""),
    React(message="msg_1", emoji="x" * EMOJI_MAX),
    Rewrite(message="msg_1", text="x"),
    Withdraw(message="msg_1"),
    PassOn(message="msg_1"),
    *(file(kind) for kind in MediaKind),
    file(MediaKind.IMAGE, caption="x" * CAPTION_MAX, view_once=True),
    file(MediaKind.DOCUMENT, caption="x", file_name="a.pdf"),
    file(MediaKind.VOICE, seconds=SECONDS_MAX, view_once=True),
]


@pytest.mark.parametrize("what", FINE, ids=lambda what: type(what).__name__)
def test_what_is_within_the_limits_can_be_sent(what: What) -> None:
    check(Draft(to=TO, what=what))


WRONG: list[tuple[What, str]] = [
    (Text(text=""), "text"),
    (Text(text="\n"), "text"),
    (Text(text="x" * (TEXT_MAX + 1)), "text"),
    (Rewrite(message="msg_1", text=" "), "text"),
    (React(message="msg_1", emoji="x" * (EMOJI_MAX + 1)), "emoji"),
    (Location(latitude=90.01, longitude=0), "latitude"),
    (Location(latitude=NAN, longitude=0), "latitude"),
    (Location(latitude=0, longitude=180.01), "longitude"),
    (Location(latitude=0, longitude=NAN), "longitude"),
    (Location(latitude=0, longitude=0, name="x" * 301), "name"),
    (Location(latitude=0, longitude=0, address="x" * 301), "address"),
    (Contacts(cards=()), "contacts"),
    (Contacts(cards=(EVA,) * (CARDS_MAX + 1)), "contacts"),
    (Contacts(cards=(EVA, replace(EVA, name=""))), "contacts.name"),
    (Contacts(cards=(replace(EVA, vcard="x" * 16_385),)), "contacts.vcard"),
    (Contacts(cards=(Card(name="Eva"),)), "contacts.numbers"),
    (Poll(question="", options=("a", "b")), "question"),
    (Poll(question="x" * (QUESTION_MAX + 1), options=("a", "b")), "question"),
    (Poll(question="?", options=("a",)), "options"),
    (Poll(question="?", options=tuple(map(str, range(OPTIONS_MAX + 1)))), "options"),
    (Poll(question="?", options=("a", " ")), "options"),
    (Poll(question="?", options=("a", "x" * (OPTION_MAX + 1))), "options"),
    (Poll(question="?", options=("a", "a")), "options"),
    (Poll(question="?", options=("a", "b"), choices_max=-1), "choicesMax"),
    (Poll(question="?", options=("a", "b"), choices_max=3), "choicesMax"),
    (file(MediaKind.IMAGE, caption="x" * (CAPTION_MAX + 1)), "caption"),
    (file(MediaKind.IMAGE, file_name="x" * 301), "fileName"),
    (file(MediaKind.VOICE, caption="x"), "caption"),
    (file(MediaKind.DOCUMENT, view_once=True), "viewOnce"),
    (file(MediaKind.AUDIO, seconds=-1), "seconds"),
    (file(MediaKind.AUDIO, seconds=SECONDS_MAX + 1), "seconds"),
]


@pytest.mark.parametrize(("what", "field"), WRONG)
def test_what_is_beyond_them_is_refused_with_its_field(what: What, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check(Draft(to=TO, what=what))

    assert raised.value.field == field


@pytest.mark.parametrize("to", [None, "", " "])
def test_only_what_changes_a_message_needs_no_receiver(to: str | None) -> None:
    check(Draft(to=to, what=Withdraw(message="msg_1")))
    with pytest.raises(InvalidInput, match="needs a receiver"):
        check(Draft(to=to, what=PassOn(message="msg_1")))


def test_a_draft_says_which_message_it_changes() -> None:
    changing = React(message="m", emoji=""), Rewrite(message="m", text="x"), Withdraw(message="m")

    assert [Draft(what=what).changes for what in changing] == ["m", "m", "m"]
    assert Draft(to=TO, what=PassOn(message="m")).changes is None


def test_only_what_stands_for_itself_can_be_a_reply() -> None:
    check(Draft(to=TO, what=Text(text="x"), reply_to="msg_1"))
    for what in (Withdraw(message="m"), PassOn(message="m")):
        with pytest.raises(InvalidInput) as raised:
            check(Draft(to=TO, what=what, reply_to="msg_1"))
        assert raised.value.field == "replyTo"


def test_so_many_people_can_be_mentioned_and_no_more() -> None:
    draft = Draft(to=TO, what=Text(text="x"), mentions=(TO,) * MENTIONS_MAX)

    check(draft)
    with pytest.raises(InvalidInput, match="mentions"):
        check(replace(draft, mentions=(*draft.mentions, TO)))


def test_equal_drafts_for_a_chat_have_one_fingerprint_and_no_others_have_it() -> None:
    text = Draft(to=TO, what=Text(text="x"))
    sources = [Linked(url="http://x"), Inline(bytes=b"1"), Inline(bytes=b"2"), FILE]
    files = [Draft(to=TO, what=replace(file(MediaKind.IMAGE), source=source)) for source in sources]
    every = [
        text,
        replace(text, reply_to="m"),
        replace(text, client_ref="r"),
        replace(text, mentions=(TO,)),
        replace(text, what=Text(text="y")),
        Draft(what=React(message="x", emoji="")),
        Draft(what=Withdraw(message="x")),
        Draft(what=PassOn(message="x")),
        *files,
    ]

    marks = [draft.fingerprint("34600111222") for draft in every]

    assert len(set(marks)) == len(every)
    assert replace(text, to="0034600111222").fingerprint("34600111222") == marks[0]
    assert text.fingerprint("34600111223") not in marks
    assert all(len(mark) == 64 for mark in marks)


def test_no_draft_shows_what_it_says() -> None:
    what = file(MediaKind.IMAGE, caption="secret")
    inline = Inline(bytes=b"secret", file_name="secret")
    drafts = [
        Draft(to="secret", what=what, mentions=("secret",), client_ref="secret"),
        Draft(to=TO, what=replace(what, source=inline, file_name="secret")),
        Draft(to=TO, what=replace(what, source=Linked(url="http://secret"))),
        Draft(to=TO, what=Rewrite(message="m", text="secret")),
    ]

    assert not any("secret" in repr(draft) for draft in drafts)
