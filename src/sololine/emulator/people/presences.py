"""Who is there: who has WhatsApp open, on the phone or on a companion, and who wants to know."""

from collections.abc import Callable
from datetime import datetime

from sololine.emulator.mail.delivery import Delivery
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.world import World
from sololine.wire.jid import Jid
from sololine.wire.node import Node


class Presences:
    """Takes what devices say about being there, and tells those who asked.

    A person is there while one of its devices is. Like a real server's, this memory does not
    outlive the connections it is about.
    """

    def __init__(
        self,
        world: World,
        delivery: Delivery,
        *,
        now: Callable[[], datetime],
        note_unknown: Callable[[str], None],
    ) -> None:
        self._world = world
        self._delivery = delivery
        self._now = now
        self._note_unknown = note_unknown
        self._there: set[DeviceKey] = set()
        self._last_seen: dict[str, datetime] = {}
        self._watchers: dict[str, dict[DeviceKey, Jid]] = {}
        """By number: who wants to know, and how it calls that person."""

    def take(self, device: DeviceKey, presence: Node) -> None:
        """A device says that it is there or not, or wants to know it of somebody."""
        match presence.attrs.get("type", "available"):
            case "available" if "to" not in presence.attrs:
                self.change(device, there=True)
            case "unavailable" if "to" not in presence.attrs:
                self.change(device, there=False)
            case "subscribe":
                self._watch(device, presence.jid("to"))
            case "unsubscribe":
                self._unwatch(device, presence.jid("to"))
            case _:
                self._note_unknown(presence.summary)

    def change(self, device: DeviceKey, *, there: bool) -> None:
        """A device's user opens WhatsApp, or puts it away."""
        before = self.is_there(device.number)
        if there:
            self._there.add(device)
        else:
            self._there.discard(device)
        if self.is_there(device.number) != before:
            self._last_seen[device.number] = self._now()
            for watcher, called in self._watchers.get(device.number, {}).items():
                self._tell(watcher, device.number, called)

    def leave(self, device: DeviceKey) -> None:
        """A device's connection ended."""
        self.change(device, there=False)
        for watchers in self._watchers.values():
            watchers.pop(device, None)

    def is_there(self, number: str) -> bool:
        """Whether somebody of this number has WhatsApp open."""
        return any(device.number == number for device in self._there)

    def _watch(self, device: DeviceKey, called: Jid) -> None:
        account = self._world.find(called)
        if account is not None:
            self._watchers.setdefault(account.number, {})[device] = called.bare
            self._tell(device, account.number, called.bare)

    def _unwatch(self, device: DeviceKey, called: Jid) -> None:
        account = self._world.find(called)
        if account is not None:
            self._watchers.get(account.number, {}).pop(device, None)

    def _tell(self, watcher: DeviceKey, number: str, called: Jid) -> None:
        if self.is_there(number):
            news = Node.make("presence", {"from": called})
        else:
            seen = self._last_seen.get(number)
            last = None if seen is None else int(seen.timestamp())
            news = Node.make("presence", {"from": called, "type": "unavailable", "last": last})
        self._delivery.deliver(watcher, news)
