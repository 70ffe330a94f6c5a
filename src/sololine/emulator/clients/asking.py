"""A question of a client, and how it is refused. The answers stand in `queries` and its likes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.world import World
from sololine.wire.jid import Jid
from sololine.wire.node import Node
from sololine.wire.signal.bundle import PrekeyBundle

Answer: TypeAlias = Iterable[Node]
"""What a result holds."""


class UnknownQuery(Exception):
    """The client asks something that is not in the table."""


class QueryRefused(Exception):
    """The answer is an error; `code` and `text` as WhatsApp gives them."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def _no_bundle(_: str) -> PrekeyBundle:
    raise QueryRefused(404, "item-not-found")


def _forget(*_: object) -> None:
    """Nobody wants to know who was told what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question of a companion that is logged in, or of a client that is not (`key` None)."""

    node: Node
    world: World
    key: DeviceKey | None
    now: datetime
    phone_bundle: Callable[[str], PrekeyBundle] = _no_bundle
    """Gives the prekey bundle of the phone of a number."""
    told_devices: Callable[[DeviceKey, str, Jid], None] = _forget
    """Is called when the asker is told the devices of a number, which it knows by that address."""

    @property
    def subject(self) -> Node:
        """The child that says what is asked."""
        return self.node.children[0]

    @property
    def device(self) -> DeviceKey:
        """The companion that asks.

        Raises:
            QueryRefused: if it is not logged in.
        """
        if self.key is None:
            raise QueryRefused(401, "not-authorized")
        return self.key
