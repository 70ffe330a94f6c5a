from datetime import UTC, datetime

import pytest

from sololine.emulator.phones import letters
from sololine.emulator.phones.letters import Contact, Place, Target, e2e
from sololine.emulator.phones.media import Attachment, Kind
from sololine.emulator.phones.readings import attachment, describe, is_empty
from sololine.wire.jid import Jid

NOW = datetime(2026, 11, 21, 12, 0, 0, 500_000, tzinfo=UTC)
BOT = Jid("200000000000001", "lid")
AUTHOR = Jid("100000000000001", "lid", 3)
GROUP = Jid("120363000000000001", "g.us")
THEIRS = Target(id="3EB0A", chat=BOT, author=BOT, own=False)
MINE = Target(id="3EB0B", chat=BOT, author=AUTHOR, own=True)
IN_GROUP = Target(id="3EB0C", chat=GROUP, author=AUTHOR, own=False)


def filed(kind: Kind) -> Attachment:
    return Attachment(
        kind=kind,
        direct_path="/v/t62.7118-24/aa.enc?ccb=11-4",
        key=b"k" * 32,
        size=7,
        sha256=b"\x01" * 32,
        enc_sha256=b"\x02" * 32,
    )


def sent(message: object) -> letters.Message:
    """The message as the other side reads it: through its bytes."""
    return e2e.Message.FromString(message.SerializeToString())  # type: ignore[attr-defined]


def field(number: int, value: bytes | int) -> bytes:
    """One protobuf field, by hand; numbers and sizes below 128."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    tag = number << 3 | 2
    head = bytes([tag]) if tag < 128 else bytes([tag & 0x7F | 0x80, tag >> 7])
    return head + bytes([len(value)]) + value


def test_plain_text_is_a_conversation() -> None:
    message = letters.text("hola")

    assert message.SerializeToString() == field(1, b"hola")
    assert describe(sent(message)) == {"type": "text", "text": "hola"}


def test_a_reply_is_longer_text_that_carries_what_it_answers() -> None:
    quoted = letters.replying(letters.text("first"), THEIRS, letters.text("before"))
    message = letters.replying(letters.text("second"), IN_GROUP, quoted)

    context = message.extendedTextMessage.contextInfo
    assert (context.stanzaID, context.participant) == ("3EB0C", "100000000000001@lid")
    assert not context.quotedMessage.extendedTextMessage.HasField("contextInfo")
    assert describe(sent(message)) == {
        "type": "text",
        "text": "second",
        "quoted": {
            "id": "3EB0C",
            "author": "100000000000001@lid",
            "message": {"type": "text", "text": "first"},
        },
    }


def test_mentions_and_a_quote_stand_in_one_context() -> None:
    reply = letters.replying(letters.text("@1 look"), THEIRS, letters.text("x"))

    reading = describe(sent(letters.mentioning(reply, [AUTHOR])))

    assert reading["mentions"] == ["100000000000001@lid"]
    assert reading["quoted"]["id"] == "3EB0A"


@pytest.mark.parametrize(
    ("kind", "said", "reading"),
    [
        (
            Kind.IMAGE,
            {"caption": "sun"},
            {"type": "image", "caption": "sun", "media": {"mimeType": "image/jpeg"}},
        ),
        (
            Kind.VIDEO,
            {"seconds": 4, "caption": "sea"},
            {"type": "video", "caption": "sea", "media": {"mimeType": "video/mp4", "seconds": 4}},
        ),
        (
            Kind.AUDIO,
            {"seconds": 2},
            {"type": "audio", "media": {"mimeType": "audio/mp4", "seconds": 2}},
        ),
        (
            Kind.AUDIO,
            {"voice": True, "seconds": 3},
            {"type": "voice", "media": {"mimeType": "audio/ogg; codecs=opus", "seconds": 3}},
        ),
        (
            Kind.DOCUMENT,
            {"file_name": "a.pdf", "mime_type": "application/pdf"},
            {"type": "document", "media": {"mimeType": "application/pdf", "fileName": "a.pdf"}},
        ),
        (
            Kind.DOCUMENT,
            {"file_name": "a.bin", "caption": "look"},
            {
                "type": "document",
                "caption": "look",
                "media": {"mimeType": "application/octet-stream", "fileName": "a.bin"},
            },
        ),
        (Kind.STICKER, {}, {"type": "sticker", "media": {"mimeType": "image/webp"}}),
    ],
)
def test_media_says_what_it_is_and_where_it_is_stored(
    kind: Kind, said: dict[str, object], reading: dict[str, object]
) -> None:
    message = sent(letters.media(filed(kind), now=NOW, **said))  # type: ignore[arg-type]

    told = reading.pop("media")
    assert isinstance(told, dict)
    told |= {"size": 7, "sha256": "01" * 32}
    assert describe(message) == {**reading, "media": told}
    assert attachment(message) == filed(kind)


def test_a_captioned_document_comes_in_a_wrapper_and_a_bare_one_does_not() -> None:
    bare = letters.media(filed(Kind.DOCUMENT), file_name="a", now=NOW)
    captioned = letters.media(filed(Kind.DOCUMENT), file_name="a", caption="c", now=NOW)

    assert bare.HasField("documentMessage")
    assert captioned.documentWithCaptionMessage.message.HasField("documentMessage")


def test_media_can_be_reached_by_url_too() -> None:
    image = letters.media(filed(Kind.IMAGE), now=NOW).imageMessage

    assert image.URL == "https://mmg.whatsapp.net/v/t62.7118-24/aa.enc?ccb=11-4&mms3=true"
    assert image.mediaKeyTimestamp == int(NOW.timestamp())


def test_a_place_has_degrees_and_where_known_a_name() -> None:
    place = Place(latitude=41.38, longitude=2.17, name="Plaça", address="Barcelona")

    assert describe(sent(letters.location(place))) == {
        "type": "location",
        "location": {
            "latitude": 41.38,
            "longitude": 2.17,
            "name": "Plaça",
            "address": "Barcelona",
        },
    }


def test_one_contact_is_a_card_and_several_are_an_array_of_cards() -> None:
    ana, bo = Contact(name="Ana; B", number="34600111222"), Contact(name="Bo", number="4930")

    one = describe(sent(letters.contacts([ana])))
    two = describe(sent(letters.contacts([ana, bo])))

    assert one == {
        "type": "contact",
        "contact": {
            "name": "Ana; B",
            "vcard": "BEGIN:VCARD\nVERSION:3.0\nN:;Ana\\; B;;;\nFN:Ana\\; B\n"
            "TEL;type=CELL;waid=34600111222:+34600111222\nEND:VCARD",
        },
    }
    assert [person["name"] for person in two["contacts"]] == ["Ana; B", "Bo"]


def test_a_reaction_names_its_message_as_the_reactor_sees_it() -> None:
    message = letters.reaction(THEIRS, "👍", now=NOW)

    key = field(1, b"200000000000001@lid") + field(2, 0) + field(3, b"3EB0A")
    expected = field(1, key) + field(2, "👍".encode())
    assert message.reactionMessage.SerializeToString().startswith(expected)
    assert message.reactionMessage.senderTimestampMS == 1795262400500
    assert describe(sent(message)) == {
        "type": "reaction",
        "reaction": {"id": "3EB0A", "emoji": "👍"},
        "target": {"id": "3EB0A", "chat": "200000000000001@lid", "own": False},
    }


def test_a_reaction_is_taken_back_by_an_empty_one() -> None:
    message = sent(letters.reaction(THEIRS, "", now=NOW))

    assert message.reactionMessage.HasField("text")
    assert describe(message)["reaction"] == {"id": "3EB0A", "emoji": ""}


def test_only_another_authors_message_in_a_group_is_named_with_its_author() -> None:
    theirs = letters.reaction(IN_GROUP, "👍", now=NOW).reactionMessage.key
    mine = Target(id="3EB0C", chat=GROUP, author=AUTHOR, own=True)

    assert theirs.participant == "100000000000001@lid"
    assert not letters.reaction(mine, "👍", now=NOW).reactionMessage.key.HasField("participant")


def test_a_poll_with_one_choice_is_of_version_three_and_has_a_secret() -> None:
    message = sent(letters.poll("Tea?", ["yes", "no"], secret=b"s" * 32))

    assert message.pollCreationMessageV3.selectableOptionsCount == 1
    assert message.messageContextInfo.messageSecret == b"s" * 32
    assert describe(message) == {
        "type": "poll",
        "poll": {"question": "Tea?", "options": ["yes", "no"], "selectable": 1},
    }


def test_a_poll_with_many_choices_is_of_version_one_and_draws_its_secret() -> None:
    first, second = (letters.poll("Tea?", ["a", "b"], selectable=0) for _ in range(2))

    assert first.HasField("pollCreationMessage")
    assert len(first.messageContextInfo.messageSecret) == letters.SECRET_SIZE
    assert first.messageContextInfo != second.messageContextInfo


def test_an_edit_is_wrapped_and_carries_the_new_words() -> None:
    message = sent(letters.edit(MINE, letters.text("new"), now=NOW))

    change = message.editedMessage.message.protocolMessage
    assert change.type == 14
    assert (change.key.ID, change.key.fromMe) == ("3EB0B", True)
    assert describe(message) == {
        "type": "edit",
        "target": {"id": "3EB0B", "chat": "200000000000001@lid", "own": True},
        "new": {"type": "text", "text": "new"},
    }


def test_a_deletion_says_so_although_its_number_is_zero() -> None:
    message = letters.delete(MINE)

    assert message.protocolMessage.HasField("type")
    assert describe(sent(message)) == {
        "type": "delete",
        "target": {"id": "3EB0B", "chat": "200000000000001@lid", "own": True},
    }


def test_a_forwarded_message_leaves_its_quote_and_wrapper_behind() -> None:
    reply = letters.replying(letters.text("words"), THEIRS, letters.text("x"))
    message = letters.forwarded(letters.ephemeral(reply, lasts_s=60), score=3)

    assert message.extendedTextMessage.contextInfo.forwardingScore == 3
    assert describe(sent(message)) == {"type": "text", "text": "words", "forwarded": True}


def test_a_forwarded_captioned_document_stays_wrapped() -> None:
    document = letters.media(filed(Kind.DOCUMENT), caption="c", now=NOW)

    reading = describe(sent(letters.forwarded(document)))

    assert (reading["type"], reading["forwarded"], reading["caption"]) == ("document", True, "c")


def test_a_message_that_disappears_says_when_and_is_wrapped() -> None:
    message = sent(letters.ephemeral(letters.text("psst"), lasts_s=86400))

    inner = message.ephemeralMessage.message.extendedTextMessage
    assert inner.contextInfo.expiration == 86400
    assert describe(message) == {"type": "text", "text": "psst", "ephemeral": True}


def test_a_polls_secret_stays_outside_of_a_wrapper() -> None:
    message = letters.ephemeral(letters.poll("Tea?", ["a"], secret=b"s" * 32), lasts_s=60)

    assert message.messageContextInfo.messageSecret == b"s" * 32
    assert not message.ephemeralMessage.message.HasField("messageContextInfo")
    assert describe(message)["type"] == "poll"


@pytest.mark.parametrize(
    ("kind", "wrapper"),
    [(Kind.IMAGE, "viewOnceMessageV2"), (Kind.AUDIO, "viewOnceMessageV2Extension")],
)
def test_what_may_be_seen_once_is_wrapped_and_marked(kind: Kind, wrapper: str) -> None:
    message = sent(letters.view_once(letters.media(filed(kind), voice=True, now=NOW)))

    assert message.HasField(wrapper)
    assert describe(message)["viewOnce"] is True
    assert attachment(message) == filed(kind)


def test_only_pictures_and_sound_can_be_seen_once() -> None:
    with pytest.raises(ValueError, match="can be seen once"):
        letters.view_once(letters.text("psst"))


def test_a_reaction_cannot_be_a_reply() -> None:
    with pytest.raises(ValueError, match="cannot be a reply"):
        letters.mentioning(letters.reaction(THEIRS, "👍", now=NOW), [BOT])


def test_a_message_of_an_unheard_type_is_not_empty_but_unknown() -> None:
    message = sent(letters.unknown())

    assert message.SerializeToString() == b"\xc2\xb2\x04\x03\x0a\x01?"
    assert describe(message) == {"type": "unknown", "field": ""}
    assert not is_empty(message)


@pytest.mark.parametrize(
    ("message", "reading"),
    [
        (e2e.Message(groupInviteMessage={"groupName": "x"}), "groupInviteMessage"),
        (e2e.Message(protocolMessage={"type": 3}), "protocolMessage EPHEMERAL_SETTING"),
        (e2e.Message(protocolMessage={}), "protocolMessage REVOKE"),
    ],
)
def test_what_is_not_shown_is_named_by_its_field(message: letters.Message, reading: str) -> None:
    assert describe(message) == {"type": "unknown", "field": reading}


def test_a_message_that_only_carries_keys_is_empty() -> None:
    message = e2e.Message()
    message.senderKeyDistributionMessage.groupID = "120363@g.us"

    assert is_empty(message)
    assert attachment(message) is None


def test_a_vote_names_its_poll() -> None:
    message = e2e.Message()
    message.pollUpdateMessage.pollCreationMessageKey.ID = "3EB0P"

    assert describe(message) == {
        "type": "vote",
        "target": {"id": "3EB0P", "chat": "", "own": False},
    }


def test_a_live_place_is_a_place_that_moves() -> None:
    message = e2e.Message(liveLocationMessage={"degreesLatitude": 1.5, "degreesLongitude": 2.5})

    place = {"latitude": 1.5, "longitude": 2.5, "live": True}
    assert describe(message) == {"type": "location", "location": place}
