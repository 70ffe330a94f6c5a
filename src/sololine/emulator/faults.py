"""What goes wrong, on command.

A fault is armed for one device, one number or everyone, for the next `times` occasions or until
it is cleared. What strikes open connections (`Drop`, `Mute`, `StreamError`, `Replaced`,
`DeviceRemoved`) does so at once where there are any, which counts as one occasion however many
they are; each later login is an occasion of its own. The others wait for theirs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from sololine.core.sentence import Sentence
from sololine.emulator.errors import InvalidFault
from sololine.emulator.people.accounts import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The TCP connection breaks off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """The connection is half open: everything is read, nothing is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """The server ends the stream with this code; 503 means "come back"."""

    code: int = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The server says that the same device logged in elsewhere, though none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRemoved:
    """The server unlinks the device, unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailure:
    """A login is refused, for instance with 401 (logged out) or 402 (banned for a while).

    `code` and `expire_s` (seconds) go with 402: why, and for how long.
    """

    reason: int = 401
    code: int | None = None
    expire_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOutdated:
    """The client's version is refused, at login and already before linking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyDemand:
    """A phone's acceptance is not enough: the account must prove a passkey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """An answer comes `seconds` late; each answer is an occasion."""

    seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAck:
    """A message of the client is sent on, but the client is not told so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AckError:
    """A message of the client is refused with this code; nobody gets it."""

    code: int = 463


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBeforeAck:
    """A message of the client is sent on, and the connection breaks before it is told so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptMessage:
    """A message to the client comes spoilt: it cannot be decrypted. Sent again it is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateDelivery:
    """A message to the client comes twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaGone:
    """A stored file is asked for and is gone: 410. For everyone: downloads name nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRefused:
    """An upload of media is refused with this HTTP status. For everyone, as `MediaGone`."""

    status: int = 500


Fault = (
    Drop
    | Mute
    | StreamError
    | Replaced
    | DeviceRemoved
    | LoginFailure
    | ClientOutdated
    | PasskeyDemand
    | Slow
    | NoAck
    | AckError
    | DropBeforeAck
    | CorruptMessage
    | DuplicateDelivery
    | MediaGone
    | UploadRefused
)

Striking = Drop | Mute | StreamError | Replaced | DeviceRemoved
"""What strikes a connection that is open."""

KINDS: Final[Mapping[str, type[Fault]]] = {
    "drop": Drop,
    "mute": Mute,
    "stream_error": StreamError,
    "replaced": Replaced,
    "device_removed": DeviceRemoved,
    "login_failure": LoginFailure,
    "client_outdated": ClientOutdated,
    "passkey": PasskeyDemand,
    "slow": Slow,
    "no_ack": NoAck,
    "ack_error": AckError,
    "drop_before_ack": DropBeforeAck,
    "corrupt_message": CorruptMessage,
    "duplicate_delivery": DuplicateDelivery,
    "media_gone": MediaGone,
    "upload_refused": UploadRefused,
}

_NAMELESS: Final = (MediaGone, UploadRefused)
"""What happens to requests that do not say whose they are."""

_LONGEST_DELAY_S: Final = 600

_NAMES: Final = {kind: name for name, kind in KINDS.items()}

F = TypeVar("F", bound=Fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a fault is for; what is None is everyone.

    A client that is being linked has no number yet: only a fault for everyone can strike it.
    """

    number: str | None = None
    device: int | None = None

    def covers(self, key: DeviceKey | None) -> bool:
        """Whether the device is meant."""
        if self.number is None:
            return True
        if key is None or key.number != self.number:
            return False
        return self.device in (None, key.device)


@dataclass(slots=True, kw_only=True)
class Armed:
    """A fault that waits for its occasion. `left` is None for one that only ends when cleared."""

    id: int
    fault: Fault
    target: Target
    left: int | None


class Faults:
    """The faults that are armed, oldest first."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []
        self._id = 0

    def __iter__(self) -> Iterator[Armed]:
        return iter(tuple(self._armed))

    def arm(self, fault: Fault, target: Target, times: int | None = 1) -> Armed:
        """Let the fault happen `times` times, or until cleared when that is None."""
        self._id += 1
        armed = Armed(id=self._id, fault=fault, target=target, left=times)
        self._armed.append(armed)
        return armed

    def take(self, kind: type[F], key: DeviceKey | None) -> F | None:
        """The first fault of this kind for this device, used once; None if there is none."""
        for armed in self._armed:
            if isinstance(armed.fault, kind) and armed.target.covers(key):
                self.use(armed)
                return armed.fault
        return None

    def take_striking(self, key: DeviceKey | None) -> Striking | None:
        """The first fault that strikes this device's open connection, used once."""
        for armed in self._armed:
            if isinstance(armed.fault, Striking) and armed.target.covers(key):
                self.use(armed)
                return armed.fault
        return None

    def use(self, armed: Armed) -> None:
        """Count one occasion of an armed fault; the last one disarms it."""
        if armed.left is not None:
            armed.left -= 1
            if armed.left <= 0:
                self._armed.remove(armed)

    def clear(self, fault_id: int | None = None) -> None:
        """Disarm one fault, or all."""
        self._armed = [armed for armed in self._armed if fault_id not in (None, armed.id)]


def fault_from(words: Mapping[str, Any]) -> tuple[Fault, Target, int | None]:
    """Read a fault as the control interface takes it: a flat object of words.

    `kind` is one of `KINDS`; `number`, `device` and `times` (null: until cleared; 1 unless said)
    are common to all, the rest are the kind's own.

    Raises:
        InvalidFault: if it is none; the message says what is expected.
    """
    rest = dict(words)
    kind = KINDS.get(str(rest.pop("kind", "")))
    if kind is None:
        raise InvalidFault(
            Sentence("a fault needs a kind, one of: {kinds}", kinds=", ".join(KINDS))
        )
    number = rest.pop("number", None)
    device = rest.pop("device", None)
    times = rest.pop("times", 1)
    if device is not None and number is None:
        raise InvalidFault(Sentence("a fault for one device needs its number, too"))
    if number is not None and kind in _NAMELESS:
        raise InvalidFault(Sentence("{kind} can only be armed for everyone", kind=_NAMES[kind]))
    if number is not None and not isinstance(number, str):
        raise InvalidFault(Sentence("number must be a text of digits"))
    _need_counts(least=1, device=device, times=times)
    known = kind.__dataclass_fields__
    for name, value in rest.items():
        if name not in known:
            allowed = ", ".join(known) or "nothing of its own"
            raise InvalidFault(
                Sentence(
                    "{kind} has no {name}; it takes {allowed}",
                    kind=_NAMES[kind],
                    name=name,
                    allowed=allowed,
                )
            )
        if name != "seconds":
            _need_counts(least=0, **{name: value})
        elif not isinstance(value, int | float) or not 0 <= value <= _LONGEST_DELAY_S:
            raise InvalidFault(
                Sentence(
                    "seconds must be a number from 0 to {most}",
                    most=_LONGEST_DELAY_S,
                )
            )
    return kind(**rest), Target(number=number, device=device), times


def words_for(armed: Armed) -> dict[str, Any]:
    """An armed fault as the control interface shows it."""
    kind = _NAMES[type(armed.fault)]
    own = {name: value for name, value in asdict(armed.fault).items() if value is not None}
    return {"id": armed.id, "kind": kind, **asdict(armed.target), "times": armed.left, **own}


def _need_counts(*, least: int, **values: object) -> None:
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidFault(
                Sentence("{name} must be a whole number, {least} or more", name=name, least=least)
            )
