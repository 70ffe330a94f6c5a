"""What the library is told and what it says, in the words of the port.

Pure: addresses and port values on one side, the library's protobuf messages on the other. The
worker passes them through, so that it needs neither these words nor the protobuf library.

An error of the library is a text. What it means for certain is raised as what the port names;
every other one as `LinkClosed`, without the text, which may hold numbers and addresses.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sololine.core.chat import bare_of
from sololine.core.media import MediaKind, Uploaded
from sololine.core.message import Failure
from sololine.core.signals import TypingState
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
from sololine.wire.errors import MalformedPayload
from sololine.wire.protobuf import load, parse

_WORDS: Final[Any] = load("Neonize_pb2")
_MESSAGES: Final[Any] = load("waE2E.WAWebProtobufsE2E_pb2")

# What is told ------------------------------------------------------------------------------------


def jid(address: str) -> bytes:
    """An address, `98765:37@lid` or `120363000000000001@g.us`, as the library takes it."""
    return _serialized(_jid(address))


def jids(*addresses: str) -> bytes:
    """Several addresses."""
    return _serialized(_WORDS.JIDArray(JIDS=[_jid(address) for address in addresses]))


def number_of(kind: MediaKind) -> bytes:
    """A file's kind as the library numbers it; the number chooses the key it is encrypted with."""
    return str(_MEDIA[kind]).encode()


def typing(state: TypingState) -> tuple[bytes, bytes]:
    """A state of typing: whether it is paused, and whether it is speaking."""
    return (
        b"1" if state is TypingState.PAUSED else b"0",
        b"1" if state is TypingState.RECORDING else b"0",
    )


def check_size(message: bytes, max_bytes: int) -> None:
    """Raises `NoSuch` when a `waE2E.Message` tells of a file that is too large, or of none."""
    try:
        found = parse(_MESSAGES.Message, message)
    except MalformedPayload:
        raise NoSuch("the message cannot be read") from None
    sizes = [part.fileLength for _, part in found.ListFields() if hasattr(part, "fileLength")]
    if not sizes:
        raise NoSuch("the message tells of no file")
    if max(sizes) > max_bytes:
        raise NoSuch(f"the file has {max(sizes)} bytes; {max_bytes} are allowed")


def full_picture() -> bytes:
    """The wish for a picture in its full size."""
    return _serialized(_WORDS.GetProfilePictureParams(Preview=False))


_MEDIA: Final = {
    MediaKind.IMAGE: 0,
    MediaKind.STICKER: 0,
    MediaKind.VIDEO: 1,
    MediaKind.AUDIO: 2,
    MediaKind.VOICE: 2,
    MediaKind.DOCUMENT: 3,
}


def _jid(address: str) -> Any:
    user, _, server = address.partition("@")
    name, _, device = user.partition(":")
    return _WORDS.JID(User=name, RawAgent=0, Device=int(device or 0), Integrator=0, Server=server)


def _serialized(message: Any) -> bytes:
    raw: bytes = message.SerializeToString()
    return raw


# What is said ------------------------------------------------------------------------------------


def sent(value: bytes) -> Sent:
    """What became of a message. Raises `SendRefused`, `NotSent`, `LinkClosed`."""
    answer = _parsed("SendMessageReturnFunction", value)
    if answer.Error:
        raise _why_not_sent(answer.Error)
    response = answer.SendResponse
    return Sent(id=response.ID, at=datetime.fromtimestamp(response.Timestamp, UTC))


def uploaded(value: bytes) -> Uploaded:
    """Where WhatsApp keeps a file. Raises `SendRefused`, `NotSent`, `LinkClosed`."""
    answer = _parsed("UploadReturnFunction", value)
    if "status code 4" in answer.Error:
        raise SendRefused(Failure.MEDIA_REFUSED)
    _raise_for(answer.Error)
    response = answer.UploadResponse
    return Uploaded(
        url=response.url,
        direct_path=response.DirectPath,
        media_key=response.MediaKey,
        sha256=response.FileSHA256,
        encrypted_sha256=response.FileEncSHA256,
        size=response.FileLength,
    )


def fetched(error: bytes) -> None:
    """What became of a file that was fetched. Raises `NoSuch`, `NotSent`, `LinkClosed`."""
    text = error.decode()
    if any(sign in text for sign in _FILE_IS_GONE):
        raise NoSuch("whatsapp does not have the file any more")
    if any(sign in text for sign in _FILE_IS_ANOTHER):
        raise NoSuch("the file is not what the message promised")
    _raise_for(text)


def done(error: bytes) -> None:
    """What became of something that has no answer. Raises `NoName`, `NotSent`, `LinkClosed`."""
    _raise_for(error.decode())


def registered(numbers: Sequence[str], value: bytes) -> list[Registered]:
    """Who of those that were asked for is on WhatsApp, in their order."""
    answer = _parsed("IsOnWhatsAppReturnFunction", value)
    _raise_for(answer.Error)
    found = {each.Query.lstrip("+"): each for each in answer.IsOnWhatsAppResponse if each.IsIn}
    return [_registered(number, found.get(number)) for number in numbers]


def other(value: bytes) -> str:
    """The LID of a number, or the number of a LID; empty when the library does not know it."""
    return _address(_parsed("GetJIDFromStoreReturnFunction", value).Jid)


def profile(contact: bytes, about: bytes, picture: bytes) -> Profile:
    """What WhatsApp shows of a person. Raises `NoSuch`, `NotSent`, `LinkClosed`."""
    shown = _parsed("GetUserInfoReturnFunction", about)
    _raise_for(shown.Error)
    # Of a number that nobody has it says as much as of one with nothing to show, but for devices.
    if not any(each.UserInfo.Devices for each in shown.UsersInfo):
        raise NoSuch("whatsapp knows no such person")
    image = _parsed("GetProfilePictureReturnFunction", picture)
    if not any(sign in image.Error for sign in _NO_PICTURE):
        _raise_for(image.Error)
    known = _parsed("ContactsGetContactReturnFunction", contact).ContactInfo
    names = (known.FullName, known.FirstName, known.BusinessName, known.PushName)
    return Profile(
        name=next(filter(None, names), ""),
        about=shown.UsersInfo[0].UserInfo.Status,
        picture_url=image.Picture.URL,
    )


def groups(value: bytes) -> list[GroupInfo]:
    """The groups that a number is in. Raises `NotSent`, `LinkClosed`."""
    answer = _parsed("GetJoinedGroupsReturnFunction", value)
    _raise_for(answer.Error)
    return [_group(each) for each in answer.Group]


def group(value: bytes) -> GroupInfo:
    """One group. Raises `NoSuch`, `NotSent`, `LinkClosed`."""
    answer = _parsed("GetGroupInfoReturnFunction", value)
    if any(sign in answer.Error for sign in _NOT_IN_GROUP):
        raise NoSuch("the bot's number is in no such group")
    _raise_for(answer.Error)
    return _group(answer.GroupInfo)


def _registered(number: str, found: Any) -> Registered:
    if found is None:
        return Registered(asked=number)
    address = _address(found.JID)
    return Registered(
        asked=number,
        jid=address,
        business_name=found.VerifiedName.Details.verifiedName,
    )


def _group(info: Any) -> GroupInfo:
    return GroupInfo(
        jid=_address(info.JID),
        subject=info.GroupName.Name,
        description=info.GroupTopic.Topic,
        created_at=datetime.fromtimestamp(info.GroupCreated, UTC)
        if info.GroupCreated > 0
        else None,
        members=tuple(_member(each) for each in info.Participants),
    )


def _member(participant: Any) -> Member:
    address = _address(participant.JID)
    others = (_address(participant.PhoneNumber), _address(participant.LID))
    return Member(
        jid=address,
        other=next((other for other in others if other and other != address), ""),
        admin=participant.IsAdmin or participant.IsSuperAdmin,
    )


def _address(message: Any) -> str:
    return bare_of(f"{message.User}@{message.Server}") if message.User else ""


def _parsed(name: str, value: bytes) -> Any:
    try:
        return parse(getattr(_WORDS, name), value)
    except MalformedPayload as error:
        raise LinkClosed("the engine's answer could not be read") from error


# Errors ------------------------------------------------------------------------------------------

_DOWN: Final = "websocket not connected"
_NAMELESS: Final = "without PushName"
_NOT_ON_WHATSAPP: Final = "no LID found"
_NOT_IN_GROUP: Final = ("not participating in that group", "that group does not exist")
_NO_PICTURE: Final = ("does not have a profile picture", "hidden their profile picture")
_FILE_IS_GONE: Final = ("status code 4", "no url present", "didn't find any attachments")
_FILE_IS_ANOTHER: Final = ("hash", "hmac", "length does not match", "mismatching")
_UNSENDABLE: Final = ("unknown server", "must be a user JID")
_SERVER_ERROR: Final = re.compile(r"server returned error (\d+)")


def _raise_for(error: str) -> None:
    if not error:
        return
    if _DOWN in error:
        raise NotSent("the link is down")
    if _NAMELESS in error:
        # A phone shares its name some moments after it was linked, and some have none at all.
        raise NoName("the phone has not told its name yet, without which nobody is online")
    raise LinkClosed("whatsapp did not do it")


def _why_not_sent(error: str) -> Exception:
    """What an error of sending means.

    WhatsApp refuses a message by an error in place of its acknowledgement. Those of the 400s are
    its verdict on the message or the account (463 above all: an account that writes to too many
    strangers), and the message goes nowhere. Beyond them a server failed, and what it had done by
    then nobody knows.
    """
    if _NOT_ON_WHATSAPP in error:
        return SendRefused(Failure.NOT_ON_WHATSAPP)
    if any(sign in error for sign in _NOT_IN_GROUP):
        return SendRefused(Failure.NOT_IN_GROUP)
    if any(sign in error for sign in _UNSENDABLE):
        return SendRefused(Failure.UNSENDABLE)
    refused = _SERVER_ERROR.search(error)
    if refused is not None and refused[1].startswith("4"):
        return SendRefused(Failure.REFUSED, f"whatsapp refused it with error {refused[1]}")
    if error.endswith(f": {_DOWN}"):
        return NotSent("the link is down")
    # Without saying what it failed at, the library had sent it, and could not repeat it after the
    # connection broke.
    return LinkClosed("whatsapp did not confirm the message")
