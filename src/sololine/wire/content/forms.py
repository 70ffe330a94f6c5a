"""The form: a `waE2E.Message`, its wrappers and the part in it that says something.

A message is a record of about a hundred fields of which one is set, the part: `imageMessage` for
an image. Some parts are wrappers around another message: what disappears, what may be seen once,
what the account's own phone sent.
"""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from google.protobuf.unknown_fields import UnknownFieldSet

from sololine.wire.protobuf import load, parse

e2e: Final[Any] = load("waE2E.WAWebProtobufsE2E_pb2")
common: Final[Any] = load("waCommon.WACommon_pb2")

Form: TypeAlias = Any
"""A `waE2E.Message`, or a message within it; the generated modules have no types that hold."""

_VIEW_ONCE: Final = frozenset(
    {"viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"}
)

_WRAPPERS: Final = (
    "deviceSentMessage",
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "editedMessage",
    "groupMentionedMessage",
    "lottieStickerMessage",
    "associatedChildMessage",
    "botInvokeMessage",
    "botForwardedMessage",
    "pollCreationMessageV4",
    "spoilerMessage",
    "limitSharingMessage",
)

_ASIDE: Final = frozenset(
    {
        "messageContextInfo",
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
    }
)
"""Fields that come beside a part and say nothing themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message without its wrappers.

    Attributes:
        message: the innermost message.
        names: its parts in the order of their numbers; almost always one.
        strange: whether it holds a field that no definition has.
        wrappers: the wrappers' names from the outside in.
    """

    message: Form = field(repr=False)
    names: tuple[str, ...]
    strange: bool
    wrappers: tuple[str, ...]

    @property
    def view_once(self) -> bool:
        """Whether a wrapper said that it may be seen once."""
        return not _VIEW_ONCE.isdisjoint(self.wrappers)


def parse_form(data: bytes) -> Form:
    """The message in `data`. Raises `MalformedPayload` if there is none."""
    return parse(e2e.Message, data)


def open_form(message: Form) -> Opened:
    """Take the message out of its wrappers. Wrappers around nothing are parts themselves."""
    wrappers = []
    while (wrapper := _wrapper(message)) is not None:
        wrappers.append(wrapper)
        message = getattr(message, wrapper).message
    return Opened(
        message=message,
        names=tuple(found.name for found, _ in message.ListFields() if found.name not in _ASIDE),
        strange=len(UnknownFieldSet(message)) > 0,
        wrappers=tuple(wrappers),
    )


def context_of(part: Form) -> Form | None:
    """The context within a part; None if the part has none, or no room for one."""
    descriptor = getattr(part, "DESCRIPTOR", None)
    if descriptor is None or "contextInfo" not in descriptor.fields_by_name:
        return None
    return part.contextInfo if part.HasField("contextInfo") else None


def _wrapper(message: Form) -> str | None:
    for name in _WRAPPERS:
        if message.HasField(name) and getattr(message, name).HasField("message"):
            return name
    return None
