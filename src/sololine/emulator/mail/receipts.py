"""Receipts, and the news that someone is typing, from device to device."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sololine.emulator.mail.delivery import Delivery
from sololine.emulator.mail.post import Reply
from sololine.emulator.mail.routes import NoRoute, Route, Routes
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.people.groups import Group
from sololine.emulator.phones.mailbox import ReceiptKind
from sololine.emulator.world import World
from sololine.wire.jid import Jid
from sololine.wire.node import Node

RETRY: Final = "retry"
"""The type of a receipt that asks for a message again."""

_FOR_NOBODY: Final = ("hist_sync", "peer_msg")
"""Receipts for what the phone says to its own companions; nobody else cares."""

_SELF: Final = {"read": "read-self", "played": "played-self"}
"""What the reader's other devices are told."""

_TYPING: Final = ("composing", "paused")

_KNOWN: Final = {"", RETRY, *ReceiptKind}


class Receipts:
    """Takes receipts and typing. What it does not understand it notes by name."""

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

    def take(self, reader: DeviceKey, receipt: Node, reply: Reply) -> None:
        """Acknowledge a receipt and tell those whom it is about."""
        items = receipt.child("list")
        for named in (receipt, *(items.named("item") if items else ())):
            self._delivery.waiting.has_message(reader, named.text("id"))
        reply(_acknowledged(receipt))
        kind = str(receipt.attrs.get("type", ""))
        if kind in _FOR_NOBODY:
            return
        if kind not in _KNOWN:
            self._note_unknown(receipt.summary)
            return
        try:
            route = self._routes.of(reader, receipt)
        except NoRoute as none:
            self._note_unknown(f"a receipt to {none}")
            return
        for key, told in self._told(reader, receipt, route, kind).items():
            # Which device it was, only a phone and who is to send again are told.
            with_device = kind == RETRY or not key.device
            attrs = {
                "id": receipt.text("id"),
                "type": told,
                "t": receipt.attrs.get("t", str(int(self._now().timestamp()))),
                **route.news(self._world.account(key.number), with_device=with_device),
            }
            self._delivery.deliver(key, Node.make("receipt", attrs, receipt.children))

    def take_typing(self, writer: DeviceKey, news: Node) -> None:
        """Someone begins or stops to write: tell the others in the chat who are there."""
        if not any(child.tag in _TYPING for child in news.children):
            self._note_unknown(news.summary)
            return
        try:
            route = self._routes.of(writer, news)
        except NoRoute as none:
            self._note_unknown(f"typing in {none}")
            return
        for key in self._routes.devices(route.chat):
            if key.number != writer.number:
                attrs = route.news(self._world.account(key.number))
                self._delivery.deliver(key, Node("chatstate", attrs, news.content))

    def _told(
        self, reader: DeviceKey, receipt: Node, route: Route, kind: str
    ) -> dict[DeviceKey, str]:
        """Which devices are told, and what."""
        writer = self._writer(receipt, route)
        if kind == RETRY:
            return {} if writer is None else {writer: kind}
        others = [key for key in self._routes.devices(route.writer) if key != reader]
        if kind in _SELF.values() or writer is None or writer.number == reader.number:
            return dict.fromkeys(others, kind)
        told = dict.fromkeys(self._routes.devices(self._world.account(writer.number)), kind)
        if kind in _SELF:
            told |= dict.fromkeys(others, _SELF[kind])
        return told

    def _writer(self, receipt: Node, route: Route) -> DeviceKey | None:
        """The device that wrote what a receipt is about."""
        if isinstance(route.chat, Group):
            participant = receipt.attrs.get("participant")
            return self._routes.device(participant) if isinstance(participant, Jid) else None
        to = self._routes.device(receipt.jid("to"))
        own = route.writer.number
        if "recipient" in receipt.attrs and (to is None or to.number != own):
            # A copy of what the own account wrote: the chat stands in front, the writer aside.
            return self._routes.device(receipt.jid("recipient"))
        return to


def _acknowledged(receipt: Node) -> Node:
    kept = ("id", "type", "participant", "recipient")
    attrs = {name: receipt.attrs.get(name) for name in kept}
    return Node.make("ack", {"class": "receipt", "from": receipt.jid("to"), **attrs})
