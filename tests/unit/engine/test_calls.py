from datetime import UTC, datetime
from typing import Any

import pytest

from sololine.core.media import MediaKind
from sololine.core.message import Failure
from sololine.core.signals import TypingState
from sololine.engine import calls
from sololine.engine.port import (
    GroupInfo,
    LinkClosed,
    Member,
    NoName,
    NoSuch,
    NotSent,
    Profile,
    Registered,
    SendRefused,
    Sent,
)
from sololine.wire.protobuf import load

NEONIZE = load("Neonize_pb2")
E2E = load("waE2E.WAWebProtobufsE2E_pb2")


def answer(name: str, **fields: Any) -> bytes:
    raw: bytes = whole(getattr(NEONIZE, name)(**fields)).SerializeToString()
    return raw


def whole(message: Any) -> Any:
    """The message with all that the library always says, if only that it is empty."""
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated and field.message_type:
            for each in getattr(message, field.name):
                whole(each)
        elif field.message_type and (field.is_required or message.HasField(field.name)):
            getattr(message, field.name).SetInParent()
            whole(getattr(message, field.name))
        elif field.is_required and not message.HasField(field.name):
            setattr(message, field.name, field.default_value)
    return message


def jid(address: str) -> Any:
    return NEONIZE.JID.FromString(calls.jid(address))


def test_addresses_are_said_with_their_device() -> None:
    said = jid("98765:37@lid")
    assert (said.User, said.Device, said.Server) == ("98765", 37, "lid")
    assert [
        each.User for each in NEONIZE.JIDArray.FromString(calls.jids("1@lid", "2@lid")).JIDS
    ] == [
        "1",
        "2",
    ]


@pytest.mark.parametrize("kind", MediaKind)
def test_every_kind_of_file_has_a_number(kind: MediaKind) -> None:
    assert calls.number_of(kind) in {b"0", b"1", b"2", b"3"}


def test_typing_is_paused_or_not_and_spoken_or_not() -> None:
    assert [calls.typing(state) for state in TypingState] == [
        (b"0", b"0"),
        (b"0", b"1"),
        (b"1", b"0"),
    ]


def test_a_message_that_was_taken_has_an_id_and_a_time() -> None:
    response = NEONIZE.SendResponse(ID="3EB0", Timestamp=1_700_000_000)
    sent = calls.sent(answer("SendMessageReturnFunction", SendResponse=response))
    assert sent == Sent(id="3EB0", at=datetime.fromtimestamp(1_700_000_000, UTC))


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ("no LID found for 5511900000001@s.whatsapp.net from server", Failure.NOT_ON_WHATSAPP),
        (
            "failed to get group members: you're not participating in that group",
            Failure.NOT_IN_GROUP,
        ),
        ("failed to get group members: that group does not exist", Failure.NOT_IN_GROUP),
        ("can't send message to unknown server x", Failure.UNSENDABLE),
        ("server returned error 463", Failure.REFUSED),
        ("server returned error 400", Failure.REFUSED),
    ],
)
def test_what_whatsapp_did_not_take_is_refused(error: str, failure: Failure) -> None:
    with pytest.raises(SendRefused) as refused:
        calls.sent(answer("SendMessageReturnFunction", Error=error))
    assert refused.value.failure is failure
    assert "5511900000001" not in str(refused.value)


@pytest.mark.parametrize(
    "error",
    [
        "failed to send message node: websocket not connected",
        "failed to get device list: failed to send usync query: websocket not connected",
    ],
)
def test_what_never_left_may_be_tried_again(error: str) -> None:
    with pytest.raises(NotSent):
        calls.sent(answer("SendMessageReturnFunction", Error=error))


@pytest.mark.parametrize(
    "error",
    [
        "server returned error 500",
        "timed out waiting for message send response",
        "websocket disconnected before message send returned response",
        "websocket not connected",  # while it sent it for the second time
        "something new about 5511900000001",
    ],
)
def test_everything_else_leaves_the_outcome_open(error: str) -> None:
    with pytest.raises(LinkClosed) as closed:
        calls.sent(answer("SendMessageReturnFunction", Error=error))
    assert not isinstance(closed.value, NotSent)
    assert "5511900000001" not in str(closed.value)


def test_what_is_no_answer_is_not_taken_for_one() -> None:
    with pytest.raises(LinkClosed, match="could not be read"):
        calls.sent(b"\xff")


def test_a_file_is_refused_by_the_400s_only() -> None:
    with pytest.raises(SendRefused) as refused:
        calls.uploaded(answer("UploadReturnFunction", Error="upload failed with status code 413"))
    assert refused.value.failure is Failure.MEDIA_REFUSED
    for error in ("upload failed with status code 500", "EOF"):
        with pytest.raises(LinkClosed):
            calls.uploaded(answer("UploadReturnFunction", Error=error))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("download failed with status code 410", NoSuch),
        ("download failed with status code 404", NoSuch),
        ("hash mismatch of media ciphertext", NoSuch),
        ("mismatching media SHA256", NoSuch),
        ("file length does not match", NoSuch),
        ("download failed with status code 503", LinkClosed),
        ("failed to refresh media connections: websocket not connected", NotSent),
    ],
)
def test_a_file_is_gone_or_another_or_not_there_yet(error: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        calls.fetched(error.encode())


def test_a_file_that_came_is_no_error() -> None:
    calls.fetched(b"")


def file_of(size: int) -> bytes:
    raw: bytes = E2E.Message(imageMessage=E2E.ImageMessage(fileLength=size)).SerializeToString()
    return raw


def test_a_file_may_be_as_large_as_allowed() -> None:
    calls.check_size(file_of(10), 10)
    with pytest.raises(NoSuch, match="11 bytes"):
        calls.check_size(file_of(11), 10)


@pytest.mark.parametrize(
    "message", [b"", b"\xff", E2E.Message(conversation="x").SerializeToString()]
)
def test_a_message_without_a_file_gives_none(message: bytes) -> None:
    with pytest.raises(NoSuch):
        calls.check_size(message, 10)


def test_a_number_is_registered_under_the_address_that_whatsapp_gives() -> None:
    found = [
        NEONIZE.IsOnWhatsAppResponse(Query=f"+{number}", JID=jid(address), IsIn=is_in)
        for number, address, is_in in (
            ("5511900000001", "98765@lid", True),
            ("5511999999999", "5511999999999@s.whatsapp.net", False),
        )
    ]
    value = answer("IsOnWhatsAppReturnFunction", IsOnWhatsAppResponse=found)
    assert calls.registered(["1", "5511999999999", "5511900000001"], value) == [
        Registered(asked="1"),
        Registered(asked="5511999999999"),
        Registered(asked="5511900000001", jid="98765@lid"),
    ]


def contact(**names: str) -> bytes:
    info = NEONIZE.ContactInfo(Found=True, **names)
    return answer("ContactsGetContactReturnFunction", ContactInfo=info)


def about(text: str, devices: int) -> bytes:
    info = NEONIZE.UserInfo(Status=text, Devices=[jid("1@lid")] * devices)
    user = NEONIZE.GetUserInfoSingleReturnFunction(JID=jid("1@lid"), UserInfo=info)
    return answer("GetUserInfoReturnFunction", UsersInfo=[user])


def picture(error: str = "", url: str = "") -> bytes:
    return answer(
        "GetProfilePictureReturnFunction",
        **({"Error": error} if error else {"Picture": NEONIZE.ProfilePictureInfo(URL=url)}),
    )


def test_a_profile_prefers_the_name_in_the_address_book() -> None:
    shown = calls.profile(
        contact(FullName="Ana Lima", PushName="ana"), about("Hi", 1), picture(url="https://x")
    )
    assert shown == Profile(name="Ana Lima", about="Hi", picture_url="https://x")
    assert calls.profile(contact(PushName="ana"), about("", 1), picture()).name == "ana"


@pytest.mark.parametrize(
    "error",
    [
        "that user or group does not have a profile picture",
        "the user has hidden their profile picture from you",
    ],
)
def test_a_profile_may_have_no_picture(error: str) -> None:
    assert calls.profile(contact(), about("", 1), picture(error)) == Profile()


def test_a_number_without_devices_is_nobodys() -> None:
    with pytest.raises(NoSuch):
        calls.profile(contact(), about("", 0), picture())


def test_a_profile_that_whatsapp_does_not_tell_is_an_error() -> None:
    with pytest.raises(NotSent):
        calls.profile(contact(), about("", 1), picture("websocket not connected"))


def test_a_group_is_read_with_its_members() -> None:
    member = NEONIZE.GroupParticipant(
        JID=jid("98765@lid"),
        LID=jid("98765@lid"),
        PhoneNumber=jid("5511900000001@s.whatsapp.net"),
        IsSuperAdmin=True,
    )
    info = NEONIZE.GroupInfo()
    info.JID.CopyFrom(jid("120363000000000001@g.us"))
    info.GroupName.Name = "The house"
    info.GroupTopic.Topic = "Rules"
    info.GroupCreated = 1_700_000_000
    info.Participants.append(member)
    group = calls.group(answer("GetGroupInfoReturnFunction", GroupInfo=info))
    assert calls.groups(answer("GetJoinedGroupsReturnFunction", Group=[info])) == [group]
    assert group.created_at is not None
    assert abs(group.created_at.timestamp() - 1_700_000_000) < 128
    assert group == GroupInfo(
        jid="120363000000000001@g.us",
        subject="The house",
        description="Rules",
        created_at=group.created_at,
        members=(Member(jid="98765@lid", other="5511900000001@s.whatsapp.net", admin=True),),
    )


@pytest.mark.parametrize(
    "error", ["you're not participating in that group", "that group does not exist"]
)
def test_a_group_without_the_bot_is_none(error: str) -> None:
    with pytest.raises(NoSuch):
        calls.group(answer("GetGroupInfoReturnFunction", Error=error))


def test_what_was_shown_is_no_error() -> None:
    calls.done(b"")
    with pytest.raises(NotSent):
        calls.done(b"websocket not connected")
    with pytest.raises(NoName, match="told its name"):
        calls.done(b"can't send presence without PushName set")
    with pytest.raises(LinkClosed):
        calls.done(b"info query timed out")
