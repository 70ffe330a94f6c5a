"""Each kind of message as phones send it, made by hand, and what is read of it."""

from typing import Any

import pytest

from sololine.core.content import (
    Card,
    Contacts,
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
from sololine.core.media import MediaKind
from sololine.wire.content import Incoming, read
from sololine.wire.content.forms import common, e2e
from sololine.wire.errors import MalformedPayload

SHA256 = bytes(range(32))
FRIEND = "447700900123@s.whatsapp.net"
GROUP = "120363000000000001@g.us"


def said(**fields: Any) -> Incoming | None:
    return read(e2e.Message(**fields).SerializeToString())


def content(**fields: Any) -> Any:
    incoming = said(**fields)
    assert incoming is not None
    return incoming.content


def wrapped(wrapper: str, **fields: Any) -> Any:
    kind = e2e.DeviceSentMessage if wrapper == "deviceSentMessage" else e2e.FutureProofMessage
    return {wrapper: kind(message=e2e.Message(**fields))}


def image(**fields: Any) -> Any:
    return e2e.ImageMessage(mimetype="image/jpeg", fileLength=9, fileSHA256=SHA256, **fields)


def key(**fields: Any) -> Any:
    return common.MessageKey(**({"remoteJID": FRIEND, "ID": "3EB01"} | fields))


def test_plain_text_is_read() -> None:
    assert said(conversation="hello") == Incoming(content=Text(text="hello"))


def test_text_with_a_link_preview_is_read() -> None:
    part = e2e.ExtendedTextMessage(text="see https://a.example", matchedText="https://a.example")
    assert content(extendedTextMessage=part) == Text(
        text="see https://a.example", link_preview=True
    )


def test_an_image_is_read() -> None:
    assert content(imageMessage=image(caption="us", width=3, height=4)) == File(
        kind=MediaKind.IMAGE,
        mime_type="image/jpeg",
        size=9,
        sha256=SHA256.hex(),
        caption="us",
        width=3,
        height=4,
    )


@pytest.mark.parametrize("name", ["videoMessage", "ptvMessage"])
def test_a_video_is_read_be_it_round_or_a_gif(name: str) -> None:
    part = e2e.VideoMessage(mimetype="video/mp4", seconds=7, gifPlayback=True, caption="look")
    assert content(**{name: part}) == File(
        kind=MediaKind.VIDEO, mime_type="video/mp4", seconds=7, caption="look"
    )


@pytest.mark.parametrize(("ptt", "kind"), [(True, MediaKind.VOICE), (False, MediaKind.AUDIO)])
def test_what_was_spoken_is_a_voice_note_and_other_audio_is_not(
    ptt: bool,  # noqa: FBT001 — a parameter of pytest's
    kind: MediaKind,
) -> None:
    part = e2e.AudioMessage(mimetype="audio/ogg; codecs=opus", seconds=3, PTT=ptt)
    assert content(audioMessage=part) == File(
        kind=kind, mime_type="audio/ogg; codecs=opus", seconds=3
    )


def test_a_document_is_read_with_the_caption_around_it() -> None:
    part = e2e.DocumentMessage(mimetype="application/pdf", fileName="a.pdf", caption="read me")
    assert content(**wrapped("documentWithCaptionMessage", documentMessage=part)) == File(
        kind=MediaKind.DOCUMENT, mime_type="application/pdf", file_name="a.pdf", caption="read me"
    )


def test_a_document_without_a_file_name_is_called_by_its_title() -> None:
    part = e2e.DocumentMessage(mimetype="application/pdf", title="Offer")
    assert content(documentMessage=part).file_name == "Offer"


def test_a_sticker_is_read_also_one_that_moves() -> None:
    part = e2e.StickerMessage(mimetype="image/webp", width=512, height=512)
    sticker = File(kind=MediaKind.STICKER, mime_type="image/webp", width=512, height=512)
    assert content(stickerMessage=part) == sticker
    assert content(**wrapped("lottieStickerMessage", stickerMessage=part)) == sticker


@pytest.mark.parametrize(
    "wrapper", ["viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"]
)
def test_what_may_be_seen_once_says_so(wrapper: str) -> None:
    assert content(**wrapped(wrapper, imageMessage=image())).view_once


def test_a_file_says_itself_that_it_may_be_seen_once() -> None:
    assert content(imageMessage=image(viewOnce=True)).view_once


@pytest.mark.parametrize(
    "wrapper",
    [
        "deviceSentMessage",
        "ephemeralMessage",
        "groupMentionedMessage",
        "associatedChildMessage",
        "botInvokeMessage",
        "spoilerMessage",
    ],
)
def test_wrappers_are_taken_off(wrapper: str) -> None:
    assert content(**wrapped(wrapper, conversation="inside")) == Text(text="inside")


def test_wrappers_within_wrappers_are_taken_off() -> None:
    once = wrapped("viewOnceMessageV2", imageMessage=image())
    assert content(**wrapped("deviceSentMessage", **wrapped("ephemeralMessage", **once))).view_once


def test_a_wrapper_around_nothing_is_named() -> None:
    assert content(viewOnceMessageV2=e2e.FutureProofMessage()) == Unsupported(
        name="viewOnceMessageV2"
    )


def test_a_location_is_read() -> None:
    part = e2e.LocationMessage(
        degreesLatitude=48.2, degreesLongitude=16.4, name="Café", address="Ring 1"
    )
    assert content(locationMessage=part) == Location(
        latitude=48.2, longitude=16.4, name="Café", address="Ring 1"
    )


def test_a_live_location_is_read_as_where_it_is() -> None:
    part = e2e.LiveLocationMessage(degreesLatitude=-1.5, degreesLongitude=2.5, caption="coming")
    assert content(liveLocationMessage=part) == Location(
        latitude=-1.5, longitude=2.5, name="coming"
    )


def test_a_contact_is_read_with_its_numbers() -> None:
    vcard = "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nTEL;waid=447700900123:+44 7700 900123\nEND:VCARD"
    part = e2e.ContactMessage(displayName="Ada", vcard=vcard)
    assert content(contactMessage=part) == Contacts(
        cards=(Card(name="Ada", numbers=("447700900123",), vcard=vcard),)
    )


def test_several_contacts_are_read() -> None:
    part = e2e.ContactsArrayMessage(
        contacts=[e2e.ContactMessage(displayName="Ada"), e2e.ContactMessage(displayName="Bob")]
    )
    assert [card.name for card in content(contactsArrayMessage=part).cards] == ["Ada", "Bob"]


@pytest.mark.parametrize("version", ["", "V2", "V3", "V5", "V6"])
def test_a_poll_of_any_version_is_read(version: str) -> None:
    part = poll(selectableOptionsCount=1)
    assert content(**{f"pollCreationMessage{version}": part}) == Poll(
        question="Tea?", options=("yes", "no"), choices_max=1
    )


def test_a_poll_of_version_4_is_read_within_its_wrapper() -> None:
    assert content(**wrapped("pollCreationMessageV4", pollCreationMessage=poll())) == Poll(
        question="Tea?", options=("yes", "no"), choices_max=0
    )


def poll(**fields: Any) -> Any:
    options = [e2e.PollCreationMessage.Option(optionName=name) for name in ("yes", "no")]
    return e2e.PollCreationMessage(name="Tea?", options=options, **fields)


def test_a_poll_that_allows_more_choices_than_it_has_allows_any_number() -> None:
    part = poll(selectableOptionsCount=9)
    assert content(pollCreationMessage=part).choices_max == 0


def test_a_reaction_is_read() -> None:
    part = e2e.ReactionMessage(key=key(fromMe=True), text="👍🏽")
    assert content(reactionMessage=part) == Reaction(
        to=Target(whatsapp_id="3EB01", from_me=True), emoji="👍🏽"
    )


def test_a_reaction_taken_back_has_no_emoji() -> None:
    part = e2e.ReactionMessage(key=key(remoteJID=GROUP, participant=FRIEND), text="")
    assert content(reactionMessage=part) == Reaction(
        to=Target(whatsapp_id="3EB01", sender=FRIEND), emoji=""
    )


def test_a_deletion_is_read() -> None:
    change = e2e.ProtocolMessage(key=key(fromMe=True), type=e2e.ProtocolMessage.REVOKE)
    assert content(protocolMessage=change) == Deletion(of=Target(whatsapp_id="3EB01", from_me=True))


def edit(**fields: Any) -> Any:
    return e2e.ProtocolMessage(
        key=key(fromMe=True),
        type=e2e.ProtocolMessage.MESSAGE_EDIT,
        editedMessage=e2e.Message(**fields),
    )


def test_an_edit_is_read_with_and_without_its_wrapper() -> None:
    change = edit(conversation="better")
    edited = Edit(of=Target(whatsapp_id="3EB01", from_me=True), text="better")
    assert content(protocolMessage=change) == edited
    assert content(**wrapped("editedMessage", protocolMessage=change)) == edited


def test_the_edit_of_a_caption_is_read() -> None:
    assert content(protocolMessage=edit(imageMessage=image(caption="us"))).text == "us"


def test_an_edit_mentions_people_too() -> None:
    info = e2e.ContextInfo(mentionedJID=[FRIEND])
    part = e2e.ExtendedTextMessage(text="@447700900123", contextInfo=info)
    incoming = said(protocolMessage=edit(extendedTextMessage=part))
    assert incoming is not None
    assert incoming.mentions == (FRIEND,)


def test_an_edit_into_something_else_is_named() -> None:
    assert content(protocolMessage=edit(pollCreationMessage=poll())) == Unsupported(
        name="editedMessage"
    )


@pytest.mark.parametrize("kind", [e2e.ProtocolMessage.REVOKE, e2e.ProtocolMessage.MESSAGE_EDIT])
def test_a_change_of_no_message_says_nothing(kind: int) -> None:
    assert said(protocolMessage=e2e.ProtocolMessage(type=kind)) is None
    assert said(protocolMessage=e2e.ProtocolMessage(key=key())) is None


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (
            "buttonsResponseMessage",
            e2e.ButtonsResponseMessage(selectedDisplayText="Yes", selectedButtonID="y"),
        ),
        (
            "templateButtonReplyMessage",
            e2e.TemplateButtonReplyMessage(selectedDisplayText="Yes", selectedID="y"),
        ),
        ("listResponseMessage", e2e.ListResponseMessage(title="Yes", description="I do")),
        (
            "interactiveResponseMessage",
            e2e.InteractiveResponseMessage(body=e2e.InteractiveResponseMessage.Body(text="Yes")),
        ),
        (
            "interactiveResponseMessage",
            e2e.InteractiveResponseMessage(
                nativeFlowResponseMessage=(
                    e2e.InteractiveResponseMessage.NativeFlowResponseMessage(
                        name="quick_reply", paramsJSON='{"id": "Yes"}'
                    )
                )
            ),
        ),
    ],
)
def test_a_choice_in_a_business_message_is_read_as_text(name: str, part: Any) -> None:
    assert content(**{name: part}) == Text(text="Yes")


@pytest.mark.parametrize("told", ["", "{", "[]", '{"id": 1}', "[" * 60_000])
def test_a_choice_without_words_is_named(told: str) -> None:
    flow = e2e.InteractiveResponseMessage.NativeFlowResponseMessage(paramsJSON=told)
    part = e2e.InteractiveResponseMessage(nativeFlowResponseMessage=flow)
    assert content(interactiveResponseMessage=part) == Unsupported(
        name="interactiveResponseMessage"
    )


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("pollUpdateMessage", e2e.PollUpdateMessage()),
        ("encReactionMessage", e2e.EncReactionMessage()),
        ("secretEncryptedMessage", e2e.SecretEncryptedMessage()),
        ("eventMessage", e2e.EventMessage(name="Party")),
        ("templateMessage", e2e.TemplateMessage()),
        ("groupInviteMessage", e2e.GroupInviteMessage()),
        ("stickerPackMessage", e2e.StickerPackMessage()),
        ("contactsArrayMessage", e2e.ContactsArrayMessage()),
    ],
)
def test_what_a_phone_shows_and_we_do_not_read_is_named(name: str, part: Any) -> None:
    assert content(**{name: part}) == Unsupported(name=name)


def test_a_field_that_nobody_knows_is_still_told_of() -> None:
    incoming = read(b"\xc2\xb8\x02\x03abc")
    assert incoming == Incoming(content=Unsupported(name="unknown"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"conversation": ""},
        {"conversation": "\0"},
        {"senderKeyDistributionMessage": e2e.SenderKeyDistributionMessage(groupID=GROUP)},
        {"messageContextInfo": e2e.MessageContextInfo(messageSecret=bytes(32))},
        {
            "protocolMessage": e2e.ProtocolMessage(
                type=e2e.ProtocolMessage.HISTORY_SYNC_NOTIFICATION,
                historySyncNotification=e2e.HistorySyncNotification(),
            )
        },
        {"protocolMessage": e2e.ProtocolMessage(type=e2e.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE)},
        {"keepInChatMessage": e2e.KeepInChatMessage(key=key())},
        {"albumMessage": e2e.AlbumMessage(expectedImageCount=2)},
        {"reactionMessage": e2e.ReactionMessage(text="👍")},
    ],
)
def test_what_is_between_programs_says_nothing(fields: dict[str, Any]) -> None:
    assert said(**fields) is None


def test_text_that_comes_with_a_sender_key_is_read() -> None:
    shared = e2e.SenderKeyDistributionMessage(groupID=GROUP)
    assert content(senderKeyDistributionMessage=shared, conversation="hi") == Text(text="hi")


def test_the_second_version_of_an_image_is_not_another_message() -> None:
    association = e2e.MessageAssociation(
        associationType=e2e.MessageAssociation.HD_IMAGE_DUAL_UPLOAD, parentMessageKey=key()
    )
    aside = e2e.MessageContextInfo(messageAssociation=association)
    child = wrapped("associatedChildMessage", imageMessage=image())
    assert said(messageContextInfo=aside, **child) is None


def test_an_image_of_an_album_is_a_message() -> None:
    association = e2e.MessageAssociation(
        associationType=e2e.MessageAssociation.MEDIA_ALBUM, parentMessageKey=key()
    )
    aside = e2e.MessageContextInfo(messageAssociation=association)
    assert content(messageContextInfo=aside, imageMessage=image()).kind is MediaKind.IMAGE


def answer(quoted: Any = None, **fields: Any) -> Incoming:
    info = e2e.ContextInfo(quotedMessage=quoted, **fields)
    incoming = said(extendedTextMessage=e2e.ExtendedTextMessage(text="yes", contextInfo=info))
    assert incoming is not None
    return incoming


def test_a_quote_is_read_with_its_beginning() -> None:
    incoming = answer(e2e.Message(conversation="a" * 999), stanzaID="3EB02", participant=FRIEND)
    assert incoming.context.quoted == Quoted(
        to=Target(whatsapp_id="3EB02", sender=FRIEND), text="a" * 200
    )


@pytest.mark.parametrize(
    ("quoted", "beginning"),
    [
        ({"imageMessage": image(caption="us")}, "us"),
        ({"pollCreationMessageV3": poll()}, "Tea?"),
        ({"locationMessage": e2e.LocationMessage(name="Café")}, "Café"),
        ({"contactMessage": e2e.ContactMessage(displayName="Ada")}, "Ada"),
        ({"stickerMessage": e2e.StickerMessage()}, ""),
        ({}, ""),
    ],
)
def test_what_is_quoted_is_recognised_by_its_words(quoted: dict[str, Any], beginning: str) -> None:
    found = answer(e2e.Message(**quoted), stanzaID="3EB02").context.quoted
    assert found is not None
    assert found.text == beginning


def test_a_context_without_an_id_quotes_nothing() -> None:
    assert answer(e2e.Message(conversation="hello")).context.quoted is None


def test_mentions_are_given_once_each_and_only_of_people() -> None:
    jids = [FRIEND, "98765@lid", FRIEND, "nonsense", GROUP, "status@broadcast"]
    assert answer(mentionedJID=jids).mentions == (FRIEND, "98765@lid")


@pytest.mark.parametrize("fields", [{"isForwarded": True}, {"forwardingScore": 4}])
def test_what_was_passed_on_says_so(fields: dict[str, Any]) -> None:
    assert answer(**fields).context.forwarded


def test_the_context_of_a_wrapped_file_is_read() -> None:
    info = e2e.ContextInfo(isForwarded=True)
    incoming = said(**wrapped("ephemeralMessage", imageMessage=image(contextInfo=info)))
    assert incoming is not None
    assert incoming.context.forwarded


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(MalformedPayload):
        read(b"\x0a\xff")


def test_nothing_that_was_said_is_in_the_repr() -> None:
    incoming = answer(e2e.Message(conversation="secret"), stanzaID="3", participant=FRIEND)
    assert "secret" not in repr(incoming)
    assert "yes" not in repr(incoming)
    assert "4477" not in repr(incoming)
