"""Who knows which devices somebody has, and must hear when that changes.

A client asks for the devices of those it writes to and remembers the answer for as long as it
runs. Without the news, a companion that is linked later would never get its messages.
"""

import os
from collections.abc import Callable
from datetime import datetime

from sololine.emulator.mail.delivery import Delivery
from sololine.emulator.people.accounts import DeviceKey
from sololine.wire.jid import Jid
from sololine.wire.node import Attributes, Node


class DeviceLists:
    """Remembers, in this run, who was told which devices an account has."""

    def __init__(self, delivery: Delivery, *, now: Callable[[], datetime]) -> None:
        self._delivery = delivery
        self._now = now
        self._told: dict[str, dict[tuple[DeviceKey, Jid], None]] = {}

    def tell(self, asker: DeviceKey, number: str, asked_as: Jid) -> None:
        """A device is told the devices of that number, which it knows by this address."""
        self._told.setdefault(number, {})[asker, asked_as.bare] = None

    def change(self, number: str) -> None:
        """The number has other devices than before: who was told forgets, and will ask again."""
        for asker, asked_as in self._told.pop(number, {}):
            attrs: Attributes = {
                "from": asked_as,
                "type": "devices",
                "id": os.urandom(8).hex().upper(),
                "t": int(self._now().timestamp()),
            }
            news = Node.make("notification", attrs, Node.make("update"))
            self._delivery.deliver(asker, news)

    def forget(self, asker: DeviceKey) -> None:
        """A device is no more."""
        for told in self._told.values():
            for known in [known for known in told if known[0] == asker]:
                del told[known]
