"""What happened to accounts and their devices, one value each."""

from dataclasses import dataclass, field
from enum import StrEnum

from sololine.emulator.people.accounts import DeviceKey


class UnlinkedBy(StrEnum):
    """Who ended a link."""

    PHONE = "phone"
    CLIENT = "client"
    SERVER = "server"


class LoginDenied(StrEnum):
    """Why a login was refused."""

    UNKNOWN_DEVICE = "unknown_device"
    WRONG_KEY = "wrong_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A client became a companion."""

    key: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFailed:
    """A client that a phone had accepted did not become a companion."""

    key: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class CameOnline:
    """A companion logged in."""

    key: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class WentOffline:
    """A companion's connection ended."""

    key: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRefused:
    """Someone tried to log in as this device and may not."""

    key: DeviceKey
    reason: LoginDenied


@dataclass(frozen=True, slots=True, kw_only=True)
class PrekeysChanged:
    """A companion's prekeys were uploaded or handed out."""

    key: DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlinked:
    """A companion is no more."""

    key: DeviceKey
    by: UnlinkedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAdded:
    """There is a new phone."""

    number: str = field(repr=False)


Fact = (
    AccountAdded
    | Linked
    | LinkFailed
    | CameOnline
    | WentOffline
    | LoginRefused
    | PrekeysChanged
    | Unlinked
)
