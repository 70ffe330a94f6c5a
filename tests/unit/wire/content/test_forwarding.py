from typing import Any

import pytest

from sololine.core.content import Location, Text
from sololine.wire.content import NotForwardable, forward, read
from sololine.wire.content.forms import common, e2e
from sololine.wire.errors import MalformedPayload


def forwarded(**fields: Any) -> Any:
    return e2e.Message.FromString(forward(e2e.Message(**fields).SerializeToString()))


def info(**fields: Any) -> Any:
    return e2e.ContextInfo(
        stanzaID="3EB00", participant="1@lid", mentionedJID=["2@lid"], expiration=60, **fields
    )


def test_plain_text_is_passed_on_as_the_longer_form() -> None:
    assert forwarded(conversation="news") == e2e.Message(
        extendedTextMessage=e2e.ExtendedTextMessage(
            text="news", contextInfo=e2e.ContextInfo(isForwarded=True, forwardingScore=1)
        )
    )


def test_a_preview_is_passed_on_and_the_context_is_not() -> None:
    part = e2e.ExtendedTextMessage(text="https://a.example", matchedText="https://a.example")
    before = e2e.ExtendedTextMessage()
    before.CopyFrom(part)
    before.contextInfo.CopyFrom(info(isForwarded=True, forwardingScore=4))
    part.contextInfo.CopyFrom(e2e.ContextInfo(isForwarded=True, forwardingScore=5))
    assert forwarded(extendedTextMessage=before) == e2e.Message(extendedTextMessage=part)


def test_the_score_has_an_end() -> None:
    part = e2e.ExtendedTextMessage(text="news", contextInfo=info(forwardingScore=2**32 - 1))
    assert (
        forwarded(extendedTextMessage=part).extendedTextMessage.contextInfo.forwardingScore == 127
    )


def test_a_captioned_document_stays_in_its_wrapper_and_leaves_the_others() -> None:
    document = e2e.DocumentMessage(caption="read me", contextInfo=info())
    inner = e2e.Message(documentMessage=document)
    captioned = e2e.Message(documentWithCaptionMessage=e2e.FutureProofMessage(message=inner))
    message = forwarded(ephemeralMessage=e2e.FutureProofMessage(message=captioned))
    part = message.documentWithCaptionMessage.message.documentMessage
    assert part.caption == "read me"
    assert part.contextInfo == e2e.ContextInfo(isForwarded=True, forwardingScore=1)


def test_a_poll_gets_a_secret_of_its_own() -> None:
    secret = e2e.MessageContextInfo(messageSecret=bytes(32))
    message = forwarded(
        pollCreationMessageV3=e2e.PollCreationMessage(name="Tea?"), messageContextInfo=secret
    )
    assert message.pollCreationMessageV3.name == "Tea?"
    assert len(message.messageContextInfo.messageSecret) == 32
    assert message.messageContextInfo.messageSecret != bytes(32)


def test_nothing_beside_the_part_is_passed_on() -> None:
    keys = e2e.SenderKeyDistributionMessage(groupID="1@g.us")
    message = forwarded(conversation="news", senderKeyDistributionMessage=keys)
    assert [found.name for found, _ in message.ListFields()] == ["extendedTextMessage"]


def test_a_live_location_is_passed_on_as_where_it_was() -> None:
    part = e2e.LiveLocationMessage(degreesLatitude=1.5, degreesLongitude=2.5, sequenceNumber=9)
    incoming = read(forward(e2e.Message(liveLocationMessage=part).SerializeToString()))
    assert incoming is not None
    assert incoming.content == Location(latitude=1.5, longitude=2.5)


def test_a_choice_is_passed_on_as_text() -> None:
    part = e2e.ListResponseMessage(title="Yes")
    incoming = read(forward(e2e.Message(listResponseMessage=part).SerializeToString()))
    assert incoming is not None
    assert incoming.content == Text(text="Yes")


KEY = common.MessageKey(remoteJID="1@lid", ID="3EB01")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"reactionMessage": e2e.ReactionMessage(key=KEY, text="👍")},
        {"protocolMessage": e2e.ProtocolMessage(key=KEY, type=e2e.ProtocolMessage.REVOKE)},
        {"protocolMessage": e2e.ProtocolMessage(key=KEY, type=e2e.ProtocolMessage.MESSAGE_EDIT)},
        {"imageMessage": e2e.ImageMessage(viewOnce=True)},
        {"eventMessage": e2e.EventMessage(name="Party")},
    ],
)
def test_what_has_no_content_of_its_own_is_not_passed_on(fields: dict[str, Any]) -> None:
    with pytest.raises(NotForwardable):
        forwarded(**fields)


def test_nonsense_is_not_passed_on() -> None:
    with pytest.raises(MalformedPayload):
        forward(b"\xff")
