"""Stanzas that a device has not answered: while it is away, and until it says that it has them.

A client answers a message with a receipt (or, if it cannot use it, with an ack), everything else
with an ack. Only then is it gone from here; what is still here at the next login is sent again, in
the same order. So neither a client that dies nor this server's own end loses anything.
"""

from functools import partial
from typing import NamedTuple

from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.storage.journal import Drawer, Journal
from sololine.wire import binary
from sololine.wire.jid import Jid
from sololine.wire.node import Node


class _Name(NamedTuple):
    """What an answer refers to. The same message may be the subject of several receipts."""

    tag: str
    id: str
    type: str = ""
    participant: Jid | str = ""


class Waiting:
    """What each device has not answered, oldest first."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._stanzas: dict[DeviceKey, dict[_Name, tuple[int, Node]]] = {}
        self._last = 0

    def restore(self) -> None:
        """Read what was waiting when the emulator ended."""
        for record, kept in self._journal.read(Drawer.WAITING):
            place, _, device = record.partition(" ")
            number, _, which = device.partition(":")
            stanza = binary.decode(kept)
            self._last = int(place)
            self._of(DeviceKey(number, int(which)))[_name(stanza)] = (self._last, stanza)

    def add(self, key: DeviceKey, stanza: Node) -> None:
        """A stanza is on its way to the device. One of the same name takes its place."""
        self.answered(key, stanza)
        self._last += 1
        self._of(key)[_name(stanza)] = (self._last, stanza)
        self._journal.put(Drawer.WAITING, _record(self._last, key), partial(binary.encode, stanza))

    def answered(self, key: DeviceKey, stanza: Node) -> None:
        """The device has a stanza of this one's name."""
        self._forget(key, _name(stanza))

    def has_message(self, key: DeviceKey, message_id: str) -> None:
        """The device has the message of this id."""
        self._forget(key, _Name("message", message_id))

    def take_ack(self, key: DeviceKey, ack: Node) -> None:
        """The device acknowledged a stanza."""
        tag, stanza_id = ack.text("class"), ack.text("id")
        if tag == "message":
            self.has_message(key, stanza_id)
        else:
            kind, participant = str(ack.attrs.get("type", "")), ack.attrs.get("participant", "")
            self._forget(key, _Name(tag, stanza_id, kind, participant))

    def stanzas(self, key: DeviceKey) -> tuple[Node, ...]:
        """What the device has not answered, oldest first."""
        return tuple(stanza for _, stanza in self._stanzas.get(key, {}).values())

    def clear(self, key: DeviceKey) -> None:
        """The device is no more, or has taken everything."""
        for place, _ in self._stanzas.pop(key, {}).values():
            self._journal.drop(Drawer.WAITING, _record(place, key))

    def _of(self, key: DeviceKey) -> dict[_Name, tuple[int, Node]]:
        return self._stanzas.setdefault(key, {})

    def _forget(self, key: DeviceKey, name: _Name) -> None:
        found = self._stanzas.get(key, {}).pop(name, None)
        if found is not None:
            self._journal.drop(Drawer.WAITING, _record(found[0], key))


def _name(stanza: Node) -> _Name:
    if stanza.tag == "message":
        return _Name("message", stanza.text("id"))
    return _Name(
        stanza.tag,
        stanza.text("id"),
        str(stanza.attrs.get("type", "")),
        stanza.attrs.get("participant", ""),
    )


def _record(place: int, key: DeviceKey) -> str:
    return f"{place:016} {key.number}:{key.device}"
