from typing import get_args

import pytest

from sololine.core.chat import PersonId
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
    with_text,
)
from sololine.core.media import MediaKind

SECRET = "447700900123"
TARGET = Target(whatsapp_id="3EB0AA", sender=f"{SECRET}@s.whatsapp.net")
FILE = File(kind=MediaKind.IMAGE, mime_type="image/png", size=3, caption=SECRET, file_name=SECRET)
CARD = Card(name=SECRET, numbers=(SECRET,), vcard=SECRET)
CONTENTS: dict[Kind, Content] = {
    Kind.TEXT: Text(text=SECRET),
    **{
        Kind(kind.value): File(kind=kind, mime_type="a/b", caption=SECRET, file_name=SECRET)
        for kind in MediaKind
    },
    Kind.LOCATION: Location(latitude=4477.00900123, longitude=0, name=SECRET, address=SECRET),
    Kind.CONTACT: Contacts(cards=(CARD,)),
    Kind.POLL: Poll(question=SECRET, options=(SECRET,)),
    Kind.REACTION: Reaction(to=TARGET, emoji=SECRET),
    Kind.EDIT: Edit(of=TARGET, text=SECRET),
    Kind.DELETE: Deletion(of=TARGET),
    Kind.UNSUPPORTED: Unsupported(name="eventMessage"),
    Kind.UNDECRYPTABLE: Undecryptable(),
}


def test_every_kind_has_a_content_and_every_content_a_kind() -> None:
    assert set(CONTENTS) == set(Kind)
    assert {type(content) for content in CONTENTS.values()} == set(get_args(Content))
    assert {kind_of(content): content for content in CONTENTS.values()} == CONTENTS


@pytest.mark.parametrize("kind", Kind)
def test_a_content_shows_nothing_of_what_it_says_when_it_is_logged(kind: Kind) -> None:
    assert SECRET not in repr(CONTENTS[kind])
    assert "4477" not in repr(CONTENTS[kind])


def test_a_context_shows_nobody_when_it_is_logged() -> None:
    quoted = Quoted(to=TARGET, text=SECRET)
    assert SECRET not in repr(Context(quoted=quoted, mentions=(PersonId(SECRET),)))


@pytest.mark.parametrize("kind", Kind)
def test_some_contents_change_an_earlier_message(kind: Kind) -> None:
    changes = kind in {Kind.REACTION, Kind.EDIT, Kind.DELETE}
    assert target_of(CONTENTS[kind]) == (TARGET if changes else None)


@pytest.mark.parametrize("kind", Kind)
def test_words_are_found_where_people_write_them(kind: Kind) -> None:
    has_words = kind in {Kind.TEXT, Kind.EDIT} | {Kind(each.value) for each in MediaKind}
    assert text_of(CONTENTS[kind]) == (SECRET if has_words else "")


@pytest.mark.parametrize("content", [Text(text="old", link_preview=True), FILE])
def test_other_words_change_nothing_else(content: Text | File) -> None:
    changed = with_text(content, "new")
    assert text_of(changed) == "new"
    assert with_text(changed, text_of(content)) == content


@pytest.mark.parametrize("kind", Kind)
def test_what_is_emptied_keeps_its_kind_and_says_nothing(kind: Kind) -> None:
    empty = emptied(CONTENTS[kind])
    assert kind_of(empty) is kind
    assert target_of(empty) == target_of(CONTENTS[kind])
    assert text_of(empty) == ""
    assert emptied(empty) == empty
    match empty:
        case File(media=media, sha256=sha256, file_name=name):
            assert (media, sha256, name) == (None, "", "")
        case Location(latitude=latitude, name=name):
            assert (latitude, name) == (0, "")
        case Contacts(cards=cards):
            assert cards == ()
        case Poll(question=question, options=options):
            assert (question, options) == ("", ())
        case Reaction(emoji=emoji):
            assert emoji == ""
