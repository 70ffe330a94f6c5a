"""What stands on the outside of an encrypted message, as its sender writes it there."""

from dataclasses import dataclass
from typing import Any, Final

from sololine.emulator.phones.letters import Message, e2e
from sololine.emulator.phones.readings import opened

EDITED: Final = "1"
DELETED: Final = "7"
"""By who wrote it; also a reaction that is taken back."""
DELETED_BY_ADMIN: Final = "8"

_MEDIA: Final = {
    "imageMessage": "image",
    "stickerMessage": "sticker",
    "documentMessage": "document",
    "locationMessage": "location",
    "liveLocationMessage": "livelocation",
    "contactMessage": "vcard",
    "contactsArrayMessage": "contact_array",
    "ptvMessage": "ptv",
}
_POLLS: Final = ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The attributes that depend on what is inside.

    `type` and `edit` are the message's, `media_type` and `hidden` (who cannot read it need not
    know of it) those of each encrypted part, `poll_type` that of its `meta` child.
    """

    type: str
    edit: str = ""
    media_type: str = ""
    poll_type: str = ""

    @property
    def hidden(self) -> bool:
        """Whether a device that cannot read it should not show that there was something."""
        return bool(self.edit) or self.type == "reaction"


def envelope_for(message: Message) -> Envelope:
    """What a phone writes on the outside of this message."""
    seen = opened(message)
    part = getattr(seen.message, seen.part) if seen.part else None
    edit = _edit(seen.part, part)
    if seen.part == "reactionMessage":
        return Envelope(type="reaction", edit=edit)
    if seen.part in _POLLS:
        return Envelope(type="poll", poll_type="creation")
    if seen.part == "pollUpdateMessage":
        return Envelope(type="poll", poll_type="vote")
    media_type = _media_type(seen.part, part)
    return Envelope(type="media" if media_type else "text", edit=edit, media_type=media_type)


def _edit(name: str, part: Any) -> str:
    if name == "reactionMessage":
        return "" if part.text else DELETED
    if name != "protocolMessage" or not part.HasField("key"):
        return ""
    if part.type == e2e.ProtocolMessage.REVOKE:
        return DELETED if part.key.fromMe else DELETED_BY_ADMIN
    return EDITED if part.type == e2e.ProtocolMessage.MESSAGE_EDIT else ""


def _media_type(name: str, part: Any) -> str:
    match name:
        case "audioMessage":
            return "ptt" if part.PTT else "audio"
        case "videoMessage":
            return "gif" if part.gifPlayback else "video"
        case "extendedTextMessage":
            return "url" if part.title else ""
        case _:
            return _MEDIA.get(name, "")
