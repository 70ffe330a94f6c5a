from datetime import UTC, datetime

import pytest

from sololine.emulator.mail.envelope import Envelope, envelope_for
from sololine.emulator.phones import letters
from sololine.emulator.phones.letters import Message, Target, e2e
from sololine.wire.jid import Jid

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LID = Jid("123456789012345", "lid")
OWN = Target(id="3A", chat=LID, author=LID, own=True)
OTHERS = Target(id="3A", chat=Jid("1203", "g.us"), author=LID, own=False)


@pytest.mark.parametrize(
    ("message", "envelope"),
    [
        (letters.text("hi"), Envelope(type="text")),
        (
            e2e.Message(imageMessage=e2e.ImageMessage(caption="hi")),
            Envelope(type="media", media_type="image"),
        ),
        (
            e2e.Message(audioMessage=e2e.AudioMessage(PTT=True)),
            Envelope(type="media", media_type="ptt"),
        ),
        (
            e2e.Message(audioMessage=e2e.AudioMessage()),
            Envelope(type="media", media_type="audio"),
        ),
        (
            e2e.Message(videoMessage=e2e.VideoMessage(gifPlayback=True)),
            Envelope(type="media", media_type="gif"),
        ),
        (
            letters.ephemeral(letters.text("hi"), lasts_s=60),
            Envelope(type="text"),
        ),
        (
            e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="x", title="A page")),
            Envelope(type="media", media_type="url"),
        ),
        (
            letters.poll("Tea?", ["yes", "no"]),
            Envelope(type="poll", poll_type="creation"),
        ),
        (letters.reaction(OWN, "👍", now=NOW), Envelope(type="reaction")),
        (letters.reaction(OWN, "", now=NOW), Envelope(type="reaction", edit="7")),
        (letters.edit(OWN, letters.text("new"), now=NOW), Envelope(type="text", edit="1")),
        (letters.delete(OWN), Envelope(type="text", edit="7")),
        (letters.delete(OTHERS), Envelope(type="text", edit="8")),
        (letters.unknown(), Envelope(type="text")),
    ],
)
def test_what_is_inside_shows_outside_as_a_phone_writes_it(
    message: Message, envelope: Envelope
) -> None:
    assert envelope_for(message) == envelope


def test_who_cannot_read_a_change_or_a_reaction_need_not_know_of_it() -> None:
    assert envelope_for(letters.delete(OWN)).hidden
    assert envelope_for(letters.reaction(OWN, "👍", now=NOW)).hidden
    assert not envelope_for(letters.text("hi")).hidden
