"""What is written is read as it was."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

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
)
from sololine.core.media import MediaKind, Uploaded
from sololine.wire.content import NotForwardable, forward, read, write
from sololine.wire.content.files import VOICE_TYPE

NOW = datetime(2026, 3, 4, tzinfo=UTC)
GROUP = "120363000000000001@g.us"

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
names = words.map(str.strip).filter(bool).filter(lambda name: name not in "\u2028\u2029")
counts = st.integers(0, 2**31 - 1)
digests = st.binary(min_size=32, max_size=32)
digits = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True)
jids = st.builds("{}@{}".format, digits, st.sampled_from(["lid", "s.whatsapp.net"]))
ids = st.from_regex(r"[0-9A-F]{8,32}", fullmatch=True)
targets = st.builds(Target, whatsapp_id=ids, from_me=st.just(True)) | st.builds(
    Target, whatsapp_id=ids, sender=jids
)


@st.composite
def files(draw: st.DrawFn) -> File:
    kind = draw(st.sampled_from(MediaKind))
    captioned = kind in {MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT}
    timed = kind in {MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.VOICE}
    wide = kind in {MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.STICKER}
    once = kind in {MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.VOICE}
    return File(
        kind=kind,
        mime_type=VOICE_TYPE if kind is MediaKind.VOICE else "application/x-any",
        size=draw(st.integers(0, 1 << 40)),
        sha256=draw(digests).hex(),
        caption=draw(st.just("") | words) if captioned else "",
        file_name=draw(st.sampled_from(["", "a.pdf", "b c"])) if kind is MediaKind.DOCUMENT else "",
        seconds=draw(counts) if timed else 0,
        width=draw(counts) if wide else 0,
        height=draw(counts) if wide else 0,
        view_once=draw(st.booleans()) if once else False,
    )


contents: st.SearchStrategy[Content] = st.one_of(
    st.builds(Text, text=words),
    files(),
    st.builds(
        Location,
        latitude=st.floats(-90, 90),
        longitude=st.floats(-180, 180),
        name=st.just("") | names,
        address=st.just("") | names,
    ),
    st.builds(
        Poll,
        question=words,
        options=st.lists(names, min_size=2, max_size=12).map(tuple),
        choices_max=st.integers(0, 2),
    ),
    st.builds(Reaction, to=targets, emoji=st.sampled_from(["", "👍", "❤️"])),
    st.builds(Edit, of=targets, text=words),
    st.builds(Deletion, of=targets),
)


def uploaded(content: Content) -> Uploaded | None:
    if not isinstance(content, File):
        return None
    return Uploaded(
        url="https://mmg.whatsapp.net/a",
        direct_path="/a",
        media_key=bytes(32),
        sha256=bytes.fromhex(content.sha256),
        encrypted_sha256=bytes(32),
        size=content.size,
    )


@given(contents)
def test_content_is_read_as_it_was_written(content: Content) -> None:
    incoming = read(write(content, chat=GROUP, now=NOW, file=uploaded(content)))
    assert incoming is not None
    assert incoming.content == content
    assert incoming.context == Context()


@given(names, st.lists(digits, max_size=4, unique=True))
def test_cards_are_read_as_they_were_written(name: str, numbers: list[str]) -> None:
    card = Card(name=name, numbers=tuple(numbers))
    incoming = read(write(Contacts(cards=(card, card)), chat=GROUP, now=NOW))
    assert incoming is not None
    assert isinstance(incoming.content, Contacts)
    for read_card in incoming.content.cards:
        assert (read_card.name, read_card.numbers) == (card.name, card.numbers)


@given(
    contents.filter(lambda content: isinstance(content, Text | File | Location | Poll)),
    contents,
    st.lists(jids, max_size=3, unique=True),
    st.booleans(),
)
def test_context_is_read_as_it_was_written(
    content: Content,
    quoted: Content,
    mentions: list[str],
    forwarded: bool,  # noqa: FBT001 — hypothesis fills parameters by place
) -> None:
    form = write(quoted, chat=GROUP, now=NOW, file=uploaded(quoted))
    to = Target(whatsapp_id="3EB0", sender="98765@lid")
    incoming = read(
        write(
            content,
            chat=GROUP,
            now=NOW,
            context=Context(quoted=Quoted(to=to), forwarded=forwarded),
            mentions=mentions,
            quoted_form=form,
            file=uploaded(content),
        )
    )
    assert incoming is not None
    assert incoming.content == content
    assert incoming.context.quoted is not None
    assert incoming.context.quoted.to == to
    assert incoming.context.forwarded == forwarded
    assert incoming.mentions == tuple(mentions)


@given(contents)
def test_what_is_forwarded_says_the_same(content: Content) -> None:
    form = write(content, chat=GROUP, now=NOW, mentions=["98765@lid"], file=uploaded(content))
    try:
        incoming = read(forward(form))
    except NotForwardable:
        assert isinstance(content, Reaction | Edit | Deletion) or content.view_once  # type: ignore[union-attr]
        return
    assert incoming is not None
    assert incoming.content == content
    assert incoming.context == Context(forwarded=True)
    assert incoming.mentions == ()
