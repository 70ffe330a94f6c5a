"""A node: the unit of what WhatsApp's client and server say to each other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self, TypeAlias

from sololine.wire.errors import MalformedNode
from sololine.wire.jid import Jid

Value: TypeAlias = str | Jid
"""What an attribute holds. A text that looks like an address is not a `Jid`."""

Attributes: TypeAlias = Mapping[str, Value] | Mapping[str, Value | int | None]
"""What `Node.make` takes: values, numbers, and None for what is to be left out."""

Content: TypeAlias = "tuple[Node, ...] | bytes | None"

_TELLING: Final = ("xmlns", "type", "class", "stage")
"""The attributes that say which kind of stanza it is; their values are never personal."""


@dataclass(frozen=True, slots=True, repr=False)
class Node:
    """An element of the binary XML: a tag, attributes, and either child nodes or bytes.

    `make` is the convenient way to build one. The text form never shows content or values.
    """

    tag: str
    attrs: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    content: Content = None

    @classmethod
    def make(
        cls,
        tag: str,
        attrs: Attributes | None = None,
        content: "Iterable[Node] | Node | bytes | str | None" = None,
    ) -> Self:
        """Build a node from what is at hand.

        Attributes that are None or empty are left out, numbers become decimal text, booleans
        `true` and `false`. A text as content becomes its UTF-8 bytes, one node a single child.
        No children and no content are the same.
        """
        kept = {
            name: _as_value(value)
            for name, value in (attrs or {}).items()
            if value is not None and value != ""
        }
        match content:
            case None | bytes():
                return cls(tag, kept, content)
            case str():
                return cls(tag, kept, content.encode())
            case Node():
                return cls(tag, kept, (content,))
            case _:
                return cls(tag, kept, tuple(content) or None)

    @property
    def children(self) -> "tuple[Node, ...]":
        """The child nodes; none if the content is bytes."""
        return self.content if isinstance(self.content, tuple) else ()

    def child(self, *path: str) -> "Node | None":
        """The first child of that tag, or the first node along the path; None if there is none."""
        node: Node = self
        for tag in path:
            found = next((child for child in node.children if child.tag == tag), None)
            if found is None:
                return None
            node = found
        return node

    def named(self, tag: str) -> "tuple[Node, ...]":
        """The children of that tag, in order."""
        return tuple(child for child in self.children if child.tag == tag)

    def need(self, *path: str) -> "Node":
        """The first node along the path.

        Raises:
            MalformedNode: if there is none.
        """
        node = self.child(*path)
        if node is None:
            raise MalformedNode(f"{self.tag} has no child {'/'.join(path)}")
        return node

    def text(self, attr: str) -> str:
        """The attribute as text, an address in its text form.

        Raises:
            MalformedNode: if it is missing.
        """
        return str(self._value(attr))

    def number(self, attr: str) -> int:
        """The attribute as a decimal number.

        Raises:
            MalformedNode: if it is missing, or no number.
        """
        value = self.text(attr)
        if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
            raise MalformedNode(f"attribute {attr} of {self.tag} is no decimal number")
        return int(value)

    def jid(self, attr: str) -> Jid:
        """The attribute as an address.

        Raises:
            MalformedNode: if it is missing, or is text: real peers ignore such an address too.
        """
        value = self._value(attr)
        if not isinstance(value, Jid):
            raise MalformedNode(f"attribute {attr} of {self.tag} is text where a jid is needed")
        return value

    @property
    def data(self) -> bytes:
        """The content as bytes.

        Raises:
            MalformedNode: if the node holds none.
        """
        if not isinstance(self.content, bytes):
            raise MalformedNode(f"{self.tag} does not hold bytes")
        return self.content

    @property
    def summary(self) -> str:
        """Which kind of stanza this is, safe to log: `iq xmlns=md type=set / pair-device`."""
        telling = [f"{name}={self.attrs[name]}" for name in _TELLING if name in self.attrs]
        head = " ".join([self.tag, *telling])
        tags = ", ".join(dict.fromkeys(child.tag for child in self.children))
        return f"{head} / {tags}" if tags else head

    def _value(self, attr: str) -> Value:
        value = self.attrs.get(attr)
        if value is None:
            raise MalformedNode(f"{self.tag} has no attribute {attr}")
        return value

    def __repr__(self) -> str:
        # Contents and values are messages, keys and numbers: only their sizes may be seen.
        sizes = "".join(f" {name}[{len(str(value))}]" for name, value in self.attrs.items())
        match self.content:
            case None:
                inside = ""
            case bytes():
                inside = f" {len(self.content)} bytes"
            case _:
                inside = f" {len(self.content)} children"
        return f"<{self.tag}{sizes}{inside}>"


_MAX_DIGITS: Final = 20
"""As many digits as a 64-bit number has; longer ones would only cost time."""


def _as_value(value: Value | int) -> Value:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return value
