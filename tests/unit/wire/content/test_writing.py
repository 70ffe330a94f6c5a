"""What is written, field by field: these lists are what phones accept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

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
    Location,
    Poll,
    Quoted,
    Reaction,
    Target,
    Text,
    Undecryptable,
    Unsupported,
)
from sololine.core.media import MediaKind, Uploaded
from sololine.wire.content import write
from sololine.wire.content.forms import e2e
from sololine.wire.errors import MalformedPayload

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
FRIEND = "447700900123@s.whatsapp.net"
GROUP = "120363000000000001@g.us"
OTHER = "98765@lid"
UPLOADED = Uploaded(
    url="https://mmg.whatsapp.net/v/t62?oh=1",
    direct_path="/v/t62?oh=1",
    media_key=b"k" * 32,
    sha256=b"s" * 32,
    encrypted_sha256=b"e" * 32,
    size=1234,
)
STORED = {
    "URL": "https://mmg.whatsapp.net/v/t62?oh=1",
    "directPath": "/v/t62?oh=1",
    "mediaKey": b"k" * 32,
    "mediaKeyTimestamp": 1_772_600_767,
    "fileSHA256": b"s" * 32,
    "fileEncSHA256": b"e" * 32,
    "fileLength": 1234,
}


def written(
    content: Content,
    *,
    chat: str = FRIEND,
    context: Context = Context(),  # noqa: B008 — a value, frozen
    mentions: Sequence[str] = (),
    quoted_form: bytes | None = None,
) -> Any:
    """What was written, as nested dicts of the fields that are set."""
    file = UPLOADED if isinstance(content, File) else None
    data = write(
        content,
        chat=chat,
        now=NOW,
        context=context,
        mentions=mentions,
        quoted_form=quoted_form,
        file=file,
    )
    return as_dict(e2e.Message.FromString(data))


def as_dict(message: Any) -> dict[str, Any]:
    def value(found: Any) -> Any:
        if isinstance(found, (str, bytes, int, float)):
            return found
        return as_dict(found) if hasattr(found, "ListFields") else [value(one) for one in found]

    return {descriptor.name: value(found) for descriptor, found in message.ListFields()}


def file(kind: MediaKind, mime_type: str, **told: Any) -> File:
    return File(kind=kind, mime_type=mime_type, **told)


def test_text() -> None:
    assert written(Text(text="hello https://a.example")) == {
        "conversation": "hello https://a.example"
    }


def test_text_with_a_link_preview() -> None:
    said = Text(text="see https://a.example/b now", link_preview=True)
    assert written(said) == {
        "extendedTextMessage": {
            "text": "see https://a.example/b now",
            "matchedText": "https://a.example/b",
            "title": "a.example",
        }
    }


def test_text_without_a_link_has_no_preview() -> None:
    assert written(Text(text="hello", link_preview=True)) == {"conversation": "hello"}


def test_image() -> None:
    said = file(MediaKind.IMAGE, "image/png", caption="us", width=3, height=4)
    assert written(said) == {
        "imageMessage": STORED | {"mimetype": "image/png", "caption": "us", "width": 3, "height": 4}
    }


def test_video() -> None:
    said = file(MediaKind.VIDEO, "video/mp4", caption="us", seconds=9)
    assert written(said) == {
        "videoMessage": STORED | {"mimetype": "video/mp4", "caption": "us", "seconds": 9}
    }


def test_audio() -> None:
    assert written(file(MediaKind.AUDIO, "audio/mpeg", seconds=9)) == {
        "audioMessage": STORED | {"mimetype": "audio/mpeg", "seconds": 9, "PTT": False}
    }


def test_voice_is_opus_whatever_it_was_called() -> None:
    assert written(file(MediaKind.VOICE, "audio/ogg", seconds=9)) == {
        "audioMessage": STORED | {"mimetype": "audio/ogg; codecs=opus", "seconds": 9, "PTT": True}
    }


def test_document() -> None:
    said = file(MediaKind.DOCUMENT, "application/pdf", file_name="a.pdf")
    assert written(said) == {
        "documentMessage": STORED
        | {"mimetype": "application/pdf", "fileName": "a.pdf", "title": "a.pdf"}
    }


def test_document_with_a_caption_is_wrapped() -> None:
    said = file(MediaKind.DOCUMENT, "application/pdf", caption="read me")
    assert written(said) == {
        "documentWithCaptionMessage": {
            "message": {
                "documentMessage": STORED | {"mimetype": "application/pdf", "caption": "read me"}
            }
        }
    }


def test_sticker() -> None:
    said = file(MediaKind.STICKER, "image/webp", width=512, height=512)
    assert written(said) == {
        "stickerMessage": STORED | {"mimetype": "image/webp", "width": 512, "height": 512}
    }


@pytest.mark.parametrize(
    ("kind", "wrapper", "part"),
    [
        (MediaKind.IMAGE, "viewOnceMessageV2", "imageMessage"),
        (MediaKind.VIDEO, "viewOnceMessageV2", "videoMessage"),
        (MediaKind.VOICE, "viewOnceMessageV2Extension", "audioMessage"),
    ],
)
def test_what_may_be_seen_once_is_wrapped(kind: MediaKind, wrapper: str, part: str) -> None:
    inside = written(file(kind, "a/b", view_once=True))[wrapper]["message"][part]
    assert inside["viewOnce"] is True


def test_location() -> None:
    said = Location(latitude=48.2, longitude=0.0, name="Café", address="Ring 1")
    assert written(said) == {
        "locationMessage": {
            "degreesLatitude": 48.2,
            "degreesLongitude": 0.0,
            "name": "Café",
            "address": "Ring 1",
        }
    }


VCARD = (
    "BEGIN:VCARD\nVERSION:3.0\nN:;Ada\\, L.;;;\nFN:Ada\\, L.\n"
    "TEL;type=CELL;type=VOICE;waid=447700900123:+447700900123\nEND:VCARD"
)


def test_contact() -> None:
    said = Contacts(cards=(Card(name="Ada, L.", numbers=("447700900123",)),))
    assert written(said) == {"contactMessage": {"displayName": "Ada, L.", "vcard": VCARD}}


def test_contacts() -> None:
    cards = (Card(name="Ada, L.", numbers=("447700900123",)), Card(name="Bob", vcard="BEGIN:…"))
    assert written(Contacts(cards=cards)) == {
        "contactsArrayMessage": {
            "displayName": "2 contacts",
            "contacts": [
                {"displayName": "Ada, L.", "vcard": VCARD},
                {"displayName": "Bob", "vcard": "BEGIN:…"},
            ],
        }
    }


@pytest.mark.parametrize(("choices_max", "said"), [(1, 1), (0, 0), (2, 2), (9, 2)])
def test_poll(choices_max: int, said: int) -> None:
    poll = Poll(question="Tea?", options=("yes", "no"), choices_max=choices_max)
    message = written(poll)
    secret = message["messageContextInfo"].pop("messageSecret")
    assert len(secret) == 32
    assert message == {
        "pollCreationMessage": {
            "name": "Tea?",
            "options": [{"optionName": "yes"}, {"optionName": "no"}],
            "selectableOptionsCount": said,
        },
        "messageContextInfo": {},
    }
    assert written(poll)["messageContextInfo"]["messageSecret"] != secret


def test_reaction() -> None:
    said = Reaction(to=Target(whatsapp_id="3EB01", sender=FRIEND), emoji="👍")
    assert written(said) == {
        "reactionMessage": {
            "key": {"remoteJID": FRIEND, "fromMe": False, "ID": "3EB01"},
            "text": "👍",
            "senderTimestampMS": 1_772_600_767_890,
        }
    }


def test_a_reaction_in_a_group_names_the_author() -> None:
    said = Reaction(to=Target(whatsapp_id="3EB01", sender="98765:3@lid"), emoji="👍")
    assert written(said, chat=GROUP)["reactionMessage"]["key"] == {
        "remoteJID": GROUP,
        "fromMe": False,
        "ID": "3EB01",
        "participant": OTHER,
    }


def test_a_reaction_that_is_taken_back_says_so() -> None:
    said = Reaction(to=Target(whatsapp_id="3EB01", from_me=True), emoji="")
    assert written(said)["reactionMessage"]["text"] == ""


def test_edit() -> None:
    said = Edit(of=Target(whatsapp_id="3EB01", from_me=True), text="better")
    assert written(said) == {
        "editedMessage": {
            "message": {
                "protocolMessage": {
                    "key": {"remoteJID": FRIEND, "fromMe": True, "ID": "3EB01"},
                    "type": e2e.ProtocolMessage.MESSAGE_EDIT,
                    "editedMessage": {"conversation": "better"},
                    "timestampMS": 1_772_600_767_890,
                }
            }
        }
    }


def test_the_edit_of_a_caption_keeps_the_file() -> None:
    image = file(MediaKind.IMAGE, "image/png", caption="us")
    original = write(image, chat=FRIEND, now=NOW, file=UPLOADED)
    said = Edit(of=Target(whatsapp_id="3EB01", from_me=True), text="them")
    message = written(said, quoted_form=original)
    assert message["editedMessage"]["message"]["protocolMessage"]["editedMessage"] == {
        "imageMessage": STORED | {"mimetype": "image/png", "caption": "them"}
    }


@pytest.mark.parametrize("original", [b"", e2e.Message(conversation="a").SerializeToString()])
def test_the_edit_of_a_text_is_a_text(original: bytes) -> None:
    said = Edit(of=Target(whatsapp_id="3EB01", from_me=True), text="better")
    assert written(said, quoted_form=original) == written(said)


def test_an_edit_mentions_people() -> None:
    said = Edit(of=Target(whatsapp_id="3EB01", from_me=True), text="hi @447700900123")
    context = Context(mentions=(PersonId("447700900123"),))
    message = written(said, context=context, mentions=[FRIEND])
    assert message["editedMessage"]["message"]["protocolMessage"]["editedMessage"] == {
        "extendedTextMessage": {
            "text": "hi @447700900123",
            "contextInfo": {"mentionedJID": [FRIEND]},
        }
    }


def test_deletion() -> None:
    said = Deletion(of=Target(whatsapp_id="3EB01", from_me=True))
    assert written(said) == {
        "protocolMessage": {
            "key": {"remoteJID": FRIEND, "fromMe": True, "ID": "3EB01"},
            "type": e2e.ProtocolMessage.REVOKE,
        }
    }


def test_an_admins_deletion_names_the_author() -> None:
    said = Deletion(of=Target(whatsapp_id="3EB01", sender=OTHER))
    assert written(said, chat=GROUP)["protocolMessage"]["key"]["participant"] == OTHER


def quoting(**target: Any) -> Context:
    return Context(quoted=Quoted(to=Target(whatsapp_id="3EB02", **target), text="beginning"))


def test_an_answer_repeats_what_it_answers() -> None:
    info = e2e.ContextInfo(stanzaID="3EB00", participant=OTHER)
    first = e2e.ExtendedTextMessage(text="first", contextInfo=info)
    form = e2e.Message(
        ephemeralMessage=e2e.FutureProofMessage(message=e2e.Message(extendedTextMessage=first)),
        messageContextInfo=e2e.MessageContextInfo(messageSecret=bytes(32)),
    ).SerializeToString()
    context = quoting(sender="98765:3@lid")
    assert written(Text(text="yes"), chat=GROUP, context=context, quoted_form=form) == {
        "extendedTextMessage": {
            "text": "yes",
            "contextInfo": {
                "stanzaID": "3EB02",
                "participant": OTHER,
                "quotedMessage": {"extendedTextMessage": {"text": "first"}},
            },
        }
    }


@pytest.mark.parametrize("form", [None, b""])
def test_an_answer_to_what_is_not_there_repeats_its_beginning(form: bytes | None) -> None:
    message = written(Text(text="yes"), context=quoting(), quoted_form=form)
    assert message["extendedTextMessage"]["contextInfo"] == {
        "stanzaID": "3EB02",
        "participant": FRIEND,
        "quotedMessage": {"conversation": "beginning"},
    }


@pytest.mark.parametrize(("chat", "from_me"), [(FRIEND, True), (GROUP, False)])
def test_an_author_who_is_not_known_is_not_guessed(chat: str, from_me: bool) -> None:  # noqa: FBT001 — a parameter of pytest's
    message = written(Text(text="yes"), chat=chat, context=quoting(from_me=from_me))
    assert "participant" not in message["extendedTextMessage"]["contextInfo"]


def test_a_file_answers_too() -> None:
    said = file(MediaKind.DOCUMENT, "application/pdf", caption="read me")
    message = written(said, context=quoting())["documentWithCaptionMessage"]["message"]
    assert message["documentMessage"]["contextInfo"]["stanzaID"] == "3EB02"


def test_mentions_are_named_by_the_address_that_phones_look_for() -> None:
    context = Context(mentions=(PersonId("447700900123"), PersonId("5511987654321")))
    said = Text(text="@447700900123 and @+5511987654321, not @4477009001234")
    message = written(said, context=context, mentions=["98765:3@lid", "5511987654321@c.us"])
    assert message == {
        "extendedTextMessage": {
            "text": "@98765 and @5511987654321, not @4477009001234",
            "contextInfo": {"mentionedJID": [OTHER, "5511987654321@c.us"]},
        }
    }


def test_captions_mention_people_too() -> None:
    context = Context(mentions=(PersonId("447700900123"),))
    said = file(MediaKind.IMAGE, "image/png", caption="@447700900123")
    message = written(said, context=context, mentions=[OTHER])["imageMessage"]
    assert (message["caption"], message["contextInfo"]) == ("@98765", {"mentionedJID": [OTHER]})


def test_what_is_passed_on_says_so() -> None:
    message = written(Text(text="news"), context=Context(forwarded=True))
    assert message["extendedTextMessage"]["contextInfo"] == {
        "isForwarded": True,
        "forwardingScore": 1,
    }


def test_a_poll_answers_beside_its_secret() -> None:
    message = written(Poll(question="Tea?", options=("yes", "no")), context=quoting())
    assert message["pollCreationMessage"]["contextInfo"]["stanzaID"] == "3EB02"
    assert set(message["messageContextInfo"]) == {"messageSecret"}


def test_a_reaction_has_no_room_for_a_context() -> None:
    said = Reaction(to=Target(whatsapp_id="3EB01"), emoji="👍")
    assert set(written(said, context=quoting())) == {"reactionMessage"}


def test_what_has_no_utf_8_is_written_all_the_same() -> None:
    assert written(Text(text="a\ud800\0b")) == {"conversation": "a?b"}


def test_a_file_that_is_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="upload it first"):
        write(file(MediaKind.IMAGE, "image/png"), chat=FRIEND, now=NOW)


@pytest.mark.parametrize("content", [Unsupported(name="x"), Undecryptable()])
def test_what_can_only_be_read_is_refused(content: Content) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        write(content, chat=FRIEND, now=NOW)


def test_a_quote_of_nonsense_is_refused() -> None:
    with pytest.raises(MalformedPayload):
        written(Text(text="yes"), context=quoting(), quoted_form=b"\xff")
