"""We and the emulator's phones understand each other.

Its letters were written from the facts alone, so that a mistake would have to be made twice.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

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
    Unsupported,
)
from sololine.core.media import MediaKind, Uploaded
from sololine.emulator.phones import letters
from sololine.emulator.phones.media import Attachment
from sololine.emulator.phones.media import Kind as Sealed
from sololine.emulator.phones.readings import attachment, describe
from sololine.wire.content import Incoming, forward, read, write
from sololine.wire.content.forms import e2e
from sololine.wire.jid import Jid

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FRIEND = Jid.parse("22222@lid")
GROUP = Jid.parse("120363000000000001@g.us")
SHA256 = b"s" * 32


def heard(letter: Any) -> Incoming:
    incoming = read(letter.SerializeToString())
    assert incoming is not None
    return incoming


def sealed(kind: Sealed) -> Attachment:
    return Attachment(
        kind=kind,
        direct_path="/v/t62?oh=1",
        key=b"k" * 32,
        size=1234,
        sha256=SHA256,
        enc_sha256=b"e" * 32,
    )


def earlier(*, own: bool) -> letters.Target:
    return letters.Target(id="3EB01", chat=GROUP, author=FRIEND, own=own)


PEOPLE = [letters.Contact(name="Ada", number="447700900123")]


@pytest.mark.parametrize(
    ("letter", "content"),
    [
        (letters.text("hello"), Text(text="hello")),
        (
            letters.location(letters.Place(latitude=1.5, longitude=2.5, name="Café")),
            Location(latitude=1.5, longitude=2.5, name="Café"),
        ),
        (
            letters.poll("Tea?", ["yes", "no"]),
            Poll(question="Tea?", options=("yes", "no"), choices_max=1),
        ),
        (
            letters.poll("Tea?", ["yes", "no"], selectable=0),
            Poll(question="Tea?", options=("yes", "no"), choices_max=0),
        ),
        (
            letters.reaction(earlier(own=False), "👍", now=NOW),
            Reaction(to=Target(whatsapp_id="3EB01", sender="22222@lid"), emoji="👍"),
        ),
        (
            letters.reaction(earlier(own=True), "", now=NOW),
            Reaction(to=Target(whatsapp_id="3EB01", from_me=True), emoji=""),
        ),
        (
            letters.edit(earlier(own=True), letters.text("better"), now=NOW),
            Edit(of=Target(whatsapp_id="3EB01", from_me=True), text="better"),
        ),
        (
            letters.delete(earlier(own=True)),
            Deletion(of=Target(whatsapp_id="3EB01", from_me=True)),
        ),
        (letters.unknown(), Unsupported(name="unknown")),
        (letters.ephemeral(letters.text("soon gone"), lasts_s=60), Text(text="soon gone")),
    ],
)
def test_what_phones_say_is_read(letter: Any, content: Content) -> None:
    assert heard(letter).content == content


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [
        (Sealed.IMAGE, "image/jpeg"),
        (Sealed.VIDEO, "video/mp4"),
        (Sealed.DOCUMENT, "application/octet-stream"),
    ],
)
def test_the_files_of_phones_are_read(kind: Sealed, mime_type: str) -> None:
    letter = letters.media(sealed(kind), caption="us", now=NOW)
    assert heard(letter).content == File(
        kind=MediaKind(kind.value),
        mime_type=mime_type,
        size=1234,
        sha256=SHA256.hex(),
        caption="us",
    )


def test_what_phones_record_is_a_voice_note() -> None:
    content = heard(letters.media(sealed(Sealed.AUDIO), seconds=3, voice=True, now=NOW)).content
    assert isinstance(content, File)
    assert (content.kind, content.seconds) == (MediaKind.VOICE, 3)


def test_the_cards_of_phones_are_read() -> None:
    content = heard(letters.contacts(PEOPLE * 2)).content
    assert isinstance(content, Contacts)
    assert [(card.name, card.numbers) for card in content.cards] == [("Ada", ("447700900123",))] * 2


@pytest.mark.parametrize("kind", [Sealed.IMAGE, Sealed.VIDEO, Sealed.AUDIO])
def test_what_phones_show_once_says_so(kind: Sealed) -> None:
    content = heard(letters.view_once(letters.media(sealed(kind), now=NOW))).content
    assert isinstance(content, File)
    assert content.view_once


def test_the_contexts_of_phones_are_read() -> None:
    letter = letters.replying(letters.text("@22222 yes"), earlier(own=False), letters.text("Tea?"))
    incoming = heard(letters.mentioning(letter, [FRIEND]))
    quoted = Quoted(to=Target(whatsapp_id="3EB01", sender="22222@lid"), text="Tea?")
    assert incoming.context == Context(quoted=quoted)
    assert incoming.mentions == ("22222@lid",)
    assert heard(letters.forwarded(letters.text("news"))).context.forwarded


def shown(content: Content, context: Context = Context(), **more: Any) -> dict[str, Any]:  # noqa: B008 — a value, frozen
    """What a phone shows of what we write."""
    file = None
    if isinstance(content, File):
        file = Uploaded(
            url="https://mmg.whatsapp.net/v/t62?oh=1",
            direct_path="/v/t62?oh=1",
            media_key=b"k" * 32,
            sha256=SHA256,
            encrypted_sha256=b"e" * 32,
            size=1234,
        )
    data = write(content, chat=str(GROUP), now=NOW, context=context, file=file, **more)
    letter = e2e.Message.FromString(data)
    if isinstance(content, File):
        found = attachment(letter)
        assert found is not None
        assert found.kind == ("audio" if content.kind is MediaKind.VOICE else content.kind.value)
        assert found == sealed(found.kind)
    return describe(letter)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (Text(text="hello"), {"type": "text", "text": "hello"}),
        (
            Location(latitude=1.5, longitude=2.5, name="Café"),
            {
                "type": "location",
                "location": {"latitude": 1.5, "longitude": 2.5, "name": "Café"},
            },
        ),
        (
            Poll(question="Tea?", options=("yes", "no"), choices_max=1),
            {
                "type": "poll",
                "poll": {"question": "Tea?", "options": ["yes", "no"], "selectable": 1},
            },
        ),
        (
            Reaction(to=Target(whatsapp_id="3EB01", sender="22222@lid"), emoji="👍"),
            {
                "type": "reaction",
                "reaction": {"id": "3EB01", "emoji": "👍"},
                "target": {
                    "id": "3EB01",
                    "chat": str(GROUP),
                    "own": False,
                    "author": "22222@lid",
                },
            },
        ),
        (
            Edit(of=Target(whatsapp_id="3EB01", from_me=True), text="better"),
            {
                "type": "edit",
                "target": {"id": "3EB01", "chat": str(GROUP), "own": True},
                "new": {"type": "text", "text": "better"},
            },
        ),
        (
            Deletion(of=Target(whatsapp_id="3EB01", from_me=True)),
            {"type": "delete", "target": {"id": "3EB01", "chat": str(GROUP), "own": True}},
        ),
    ],
)
def test_phones_show_what_we_write(content: Content, told: dict[str, Any]) -> None:
    assert {name: value for name, value in shown(content).items() if name in told} == told


@pytest.mark.parametrize("kind", MediaKind)
def test_phones_show_our_files_and_find_them(kind: MediaKind) -> None:
    told = shown(File(kind=kind, mime_type="a/b", caption="", seconds=0))
    assert told["type"] == kind.value
    assert (told["media"]["size"], told["media"]["sha256"]) == (1234, SHA256.hex())


def test_phones_show_our_cards() -> None:
    told = shown(Contacts(cards=(Card(name="Ada", numbers=("447700900123",)),)))
    assert told["contact"]["name"] == "Ada"
    assert "waid=447700900123" in told["contact"]["vcard"]


def test_phones_show_our_contexts() -> None:
    to = Target(whatsapp_id="3EB01", sender="22222@lid")
    form = letters.text("Tea?").SerializeToString()
    told = shown(
        Text(text="@22222 yes"),
        Context(quoted=Quoted(to=to)),
        mentions=["22222@lid"],
        quoted_form=form,
    )
    assert told["quoted"]["id"] == "3EB01"
    assert told["quoted"]["author"] == "22222@lid"
    assert told["quoted"]["message"]["text"] == "Tea?"
    assert told["mentions"] == ["22222@lid"]


@pytest.mark.parametrize("once", [True, False])
def test_phones_show_what_may_be_seen_once(once: bool) -> None:  # noqa: FBT001 — a parameter of pytest's
    told = shown(File(kind=MediaKind.IMAGE, mime_type="image/jpeg", view_once=once))
    assert told.get("viewOnce", False) is once


def test_phones_show_what_we_pass_on() -> None:
    letter = letters.replying(letters.text("news"), earlier(own=False), letters.text("Tea?"))
    told = describe(e2e.Message.FromString(forward(letter.SerializeToString())))
    assert told["text"] == "news"
    assert told["forwarded"] is True
    assert "quoted" not in told
