"""Forwarding: the same message once more, marked as passed on."""

import secrets
from typing import Final

from sololine.core.content import Contacts, Content, File, Location, Poll, Text
from sololine.wire.content.forms import Form, context_of, e2e, open_form, parse_form
from sololine.wire.content.reading import content_of
from sololine.wire.content.writing import SECRET_SIZE

_SCORE_MAX: Final = 127
"""Beyond 4 phones say "forwarded many times"; more than that nobody counts."""

_KEPT_WRAPPERS: Final = ("documentWithCaptionMessage", "lottieStickerMessage")
"""Wrappers that belong to the content, not to how it was sent."""


class NotForwardable(Exception):
    """The message cannot be passed on: it has no content of its own, or is to be seen once."""


def forward(form: bytes) -> bytes:
    """The same message, marked as passed on, without its quote, mentions and timers.

    Raises:
        NotForwardable: for reactions, edits, deletions, what may be seen once, and whatever
            Sololine does not read.
        MalformedPayload: if the bytes are no message.
    """
    opened = open_form(parse_form(form))
    said = content_of(opened)
    if said is None:
        raise NotForwardable("there is nothing in the message")
    name, content = said
    match content:
        case File(view_once=True):
            raise NotForwardable("what may be seen once cannot be passed on")
        case Text() | File() | Location() | Contacts() | Poll():
            message = _again(name, getattr(opened.message, name), content)
        case _:
            raise NotForwardable("the message has no content of its own")
    if isinstance(content, Poll):
        # A poll that is passed on is a new one: votes for it need a secret of its own.
        message.messageContextInfo.messageSecret = secrets.token_bytes(SECRET_SIZE)
    wrapper = next((one for one in opened.wrappers if one in _KEPT_WRAPPERS), None)
    if wrapper is not None:
        message = e2e.Message(**{wrapper: e2e.FutureProofMessage(message=message)})
    return bytes(message.SerializeToString())


def _again(name: str, part: Form, content: Content) -> Form:
    message = e2e.Message()
    match content:
        case Text(text=text) if name != "extendedTextMessage":
            # Plain text, or what was chosen in a business's message: it was an answer there.
            copy = message.extendedTextMessage
            copy.text = text
        case Location(latitude=latitude, longitude=longitude) if name != "locationMessage":
            # What is passed on of a live location is where it was.
            copy = message.locationMessage
            copy.degreesLatitude, copy.degreesLongitude = latitude, longitude
        case _:
            copy = getattr(message, name)
            copy.CopyFrom(part)
            copy.ClearField("contextInfo")
    before = context_of(part)
    score = 0 if before is None else before.forwardingScore
    copy.contextInfo.isForwarded = True
    copy.contextInfo.forwardingScore = min(score + 1, _SCORE_MAX)
    return message
