"""The post: takes the messages of devices and sends them on to those they are for.

    companion ──▶ Connection ─┐                                  ┌─▶ Connection ──▶ companion
                              ├─▶ Post, Receipts ──▶ Delivery ───┤
    phone ──────▶ Handset ────┘                                  └─▶ Handset ─────▶ phone

A phone is device 0 of its account and says the same stanzas as a companion, only that between two
phones nothing is encrypted (`OPEN`).
"""

import base64
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from sololine.emulator.mail.delivery import Delivery
from sololine.emulator.mail.routes import NoRoute, Route, Routes
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.people.groups import Group
from sololine.emulator.world import World
from sololine.wire.jid import Jid
from sololine.wire.node import Attributes, Node, Value

OPEN: Final = "open"
"""The type of an `enc` that is not encrypted at all: from phone to phone, never to a client."""

_REMEMBERED: Final = 1000
"""Messages of a device whose repetition is noticed."""

_SENT_ON: Final = ("id", "type", "edit", "category")
_PHASH_BYTES: Final = 6

Reply = Callable[[Node], None]
"""Says something back to the device that speaks."""


class Post:
    """Takes messages. What it does not understand it notes by name."""

    def __init__(
        self,
        world: World,
        delivery: Delivery,
        *,
        now: Callable[[], datetime],
        note_unknown: Callable[[str], None],
    ) -> None:
        self._world = world
        self._routes = Routes(world)
        self._delivery = delivery
        self._now = now
        self._note_unknown = note_unknown
        self._heard: dict[DeviceKey, dict[str, None]] = {}

    def take(self, sender: DeviceKey, message: Node, reply: Reply) -> None:
        """Acknowledge a message and send it on; once only, however often it is said."""
        try:
            route = self._routes.of(sender, message)
        except NoRoute as none:
            self._note_unknown(f"a message to {none}")
            reply(self.acknowledge(message, error=none.code))
            return
        reply(self.acknowledge(message, phash=self._missed(message, route)))
        if self._is_repeated(sender, message):
            return
        head: dict[str, Value] = {
            name: message.attrs[name] for name in _SENT_ON if name in message.attrs
        }
        head["t"] = str(int(self._now().timestamp()))
        head["notify"] = self._world.profile(sender.number).push_name
        aside = message.named("meta")
        for key, parts in self._parts(sender, message, route).items():
            attrs = head | route.message(self._world.account(key.number))
            self._delivery.deliver(key, Node("message", attrs, (*parts, *aside)))

    def acknowledge(
        self, message: Node, *, error: int | None = None, phash: str | None = None
    ) -> Node:
        """The answer to a message; with an error, it was not sent on."""
        attrs: Attributes = {
            "class": "message",
            "id": message.text("id"),
            "from": message.jid("to"),
            "t": int(self._now().timestamp()),
            "error": error,
            "phash": phash,
        }
        return Node.make("ack", attrs)

    def forget(self, key: DeviceKey) -> None:
        """A device is no more."""
        self._heard.pop(key, None)
        self._delivery.waiting.clear(key)

    def _parts(self, sender: DeviceKey, message: Node, route: Route) -> dict[DeviceKey, list[Node]]:
        """What each device gets of a message, in the order in which it must be read."""
        parts: dict[DeviceKey, list[Node]] = {}

        def add(address: Jid, encs: Iterable[Node]) -> None:
            key = self._routes.device(address)
            if key is not None:  # else it was unlinked a moment ago
                parts.setdefault(key, []).extend(encs)

        listed = message.child("participants")
        for to in listed.named("to") if listed else ():
            add(to.jid("jid"), to.named("enc"))
        in_group = isinstance(route.chat, Group)
        for enc in message.named("enc"):
            if enc.text("type") != "skmsg":
                # For one device alone: it asked for it again, or it is its own account's phone.
                add(message.jid("participant" if in_group else "to"), (enc,))
                continue
            for key in self._routes.devices(route.chat):
                if key.device or sender.device:  # phones do not encrypt for phones
                    parts.setdefault(key, []).append(enc)
        parts.pop(sender, None)
        identity = message.child("device-identity")
        for key, encs in parts.items():
            if identity and key.device and any(enc.text("type") == "pkmsg" for enc in encs):
                encs.append(identity)
        return parts

    def _is_repeated(self, sender: DeviceKey, message: Node) -> bool:
        """Whether the device said this before; clients repeat what was not acknowledged."""
        if any("count" in enc.attrs for enc in message.named("enc")):
            return False  # it was asked for again
        heard = self._heard.setdefault(sender, {})
        message_id = message.text("id")
        if message_id in heard:
            return True
        heard[message_id] = None
        if len(heard) > _REMEMBERED:
            del heard[next(iter(heard))]
        return False

    def _missed(self, message: Node, route: Route) -> str | None:
        """The hash over a group's devices, if the writer thinks of other devices."""
        if not isinstance(route.chat, Group) or "phash" not in message.attrs:
            return None
        addresses = [
            self._world.account(key.number).lid_jid(key.device)
            for key in self._routes.devices(route.chat)
        ]
        phash = participant_hash(addresses)
        if message.text("phash") == phash:
            return None
        self._note_unknown("a message to a group with the phash of other devices than it has")
        return phash


def participant_hash(devices: Iterable[Jid]) -> str:
    """The short hash by which client and server see whether they mean the same devices."""
    names = sorted(f"{jid.user}.0:{jid.device}@{jid.server}" for jid in devices)
    digest = hashlib.sha256("".join(names).encode()).digest()[:_PHASH_BYTES]
    return f"2:{base64.b64encode(digest).decode().rstrip('=')}"
