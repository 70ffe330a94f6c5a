"""Brings stanzas to devices, wherever these are: online, away, or phones in this process."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from sololine.emulator.faults import CorruptMessage, DuplicateDelivery, Faults
from sololine.emulator.mail.waiting import Waiting
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.phones.letters import Message
from sololine.emulator.storage.journal import Journal
from sololine.wire.node import Node
from sololine.wire.signal.bundle import PrekeyBundle

_ANSWERED: Final = ("message", "receipt", "notification")
"""What a device answers when it has it; the rest is for those who are there."""

_SPOILT_AT: Final = -9
"""The byte that is changed in a corrupt message: the last one before the MAC of a 1:1 message."""


class Device(Protocol):
    """A companion's connection, as far as it takes stanzas."""

    def deliver(self, stanza: Node) -> None:
        """Take a stanza."""


class PhoneDevice(Device, Protocol):
    """A phone, as the others meet it."""

    @property
    def online(self) -> bool:
        """Whether it takes stanzas now; if not, they wait."""

    def bundle(self) -> PrekeyBundle:
        """What another device needs to write to it first."""

    def confide(self, device: int, message: Message) -> None:
        """Tell an own companion something that is not for its user."""


class Delivery:
    """Knows the way to every device.

    `connections` are the companions that are online.
    """

    def __init__(
        self, *, connections: Mapping[DeviceKey, Device], faults: Faults, journal: Journal
    ) -> None:
        self.waiting = Waiting(journal)
        self.phone: Callable[[str], PhoneDevice]
        """Finds the phone of a number; to be set before anything is delivered."""
        self._connections = connections
        self._faults = faults

    def deliver(self, key: DeviceKey, stanza: Node) -> None:
        """Bring a stanza to a device; if it is one that is answered, it waits until then."""
        if not key.device:
            phone = self.phone(key.number)
            if phone.online:
                phone.deliver(stanza)
            elif stanza.tag in _ANSWERED:
                self.waiting.add(key, stanza)
            return
        if stanza.tag in _ANSWERED:
            self.waiting.add(key, stanza)
        connection = self._connections.get(key)
        if connection is not None:
            self._hand_over(key, stanza, connection)

    def bundle(self, number: str) -> PrekeyBundle:
        """What another device needs to write to the phone of this number first."""
        return self.phone(number).bundle()

    def deliver_waiting(self, key: DeviceKey, connection: Device) -> None:
        """Bring a companion that has just come online what it did not answer before."""
        for stanza in self.waiting.stanzas(key):
            late = Node(stanza.tag, {**stanza.attrs, "offline": "1"}, stanza.content)
            self._hand_over(key, late, connection)

    def wake(self, number: str) -> None:
        """Bring a phone that has just come online what came meanwhile."""
        key = DeviceKey(number, 0)
        stanzas, phone = self.waiting.stanzas(key), self.phone(number)
        self.waiting.clear(key)
        for stanza in stanzas:
            phone.deliver(stanza)

    def _hand_over(self, key: DeviceKey, stanza: Node, connection: Device) -> None:
        if stanza.tag == "message":
            if self._faults.take(CorruptMessage, key):
                stanza = _spoilt(stanza)
            if self._faults.take(DuplicateDelivery, key):
                connection.deliver(stanza)
        connection.deliver(stanza)


def _spoilt(stanza: Node) -> Node:
    parts = []
    for part in stanza.children:
        content = part.content
        if part.tag == "enc" and isinstance(content, bytes):
            changed = bytearray(content)
            changed[_SPOILT_AT] ^= 1
            content = bytes(changed)
        parts.append(Node(part.tag, part.attrs, content))
    return Node(stanza.tag, stanza.attrs, tuple(parts))
