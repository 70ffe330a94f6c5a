"""The binary XML: nodes as bytes.

    message   flags, node                    flag bit 1: the rest is zlib-compressed
    node      list size, tag, attributes, [content]
    list size = 1 + 2 x attributes + (1 if there is content)

Every value begins with a byte that says how it goes on: a place in the dictionary, a list, an
address, packed digits, or plain bytes. We write the shortest form we have and read all of them.
"""

import re
import zlib
from typing import Final

from sololine.wire import tokens
from sololine.wire.errors import MalformedJid, MalformedNode
from sololine.wire.jid import (
    HOSTED_LID_SERVER,
    HOSTED_SERVER,
    INTEROP_SERVER,
    LID_SERVER,
    MESSENGER_SERVER,
    USER_SERVER,
    Jid,
)
from sololine.wire.node import Content, Node, Value

MAX_BYTES: Final = 16 * 1024 * 1024
"""How much a compressed message may grow: as much as a plain one can hold."""

MAX_DEPTH: Final = 32
"""How deep nodes may lie in each other; real stanzas stay below ten."""

_COMPRESSED: Final = 2

_EMPTY: Final = 0
_INTEROP_JID: Final = 245
_MESSENGER_JID: Final = 246
_DEVICE_JID: Final = 247
_LIST_8: Final = 248
_LIST_16: Final = 249
_PLAIN_JID: Final = 250
_HEX: Final = 251
_BYTES_8: Final = 252
_BYTES_20: Final = 253
_BYTES_32: Final = 254
_NIBBLES: Final = 255

_PAGES: Final = range(tokens.FIRST_PAGE, tokens.FIRST_PAGE + len(tokens.DOUBLE))
_LIST_WIDTH: Final = {_EMPTY: 0, _LIST_8: 1, _LIST_16: 2}
_BYTES_WIDTH: Final = {_BYTES_8: 1, _BYTES_20: 3, _BYTES_32: 4}
_JIDS: Final = (_INTEROP_JID, _MESSENGER_JID, _DEVICE_JID, _PLAIN_JID)

_DOMAINS: Final = {USER_SERVER: 0, LID_SERVER: 1, HOSTED_SERVER: 128, HOSTED_LID_SERVER: 129}
_SERVERS: Final = {domain: server for server, domain in _DOMAINS.items()}
_ALWAYS_WITH_DEVICE: Final = (HOSTED_SERVER, HOSTED_LID_SERVER)

_ALPHABETS: Final = {_NIBBLES: "0123456789-.", _HEX: "0123456789ABCDEF"}
_AS_HEX: Final = str.maketrans("-.", "ab")
_PACKABLE: Final = re.compile(r"([0-9.-]{1,127})|[0-9A-F]{1,127}")
"""What can be written as packed digits; the first group if as nibbles."""
_PAD: Final = 15
_ODD: Final = 0x80

_MAX_8: Final = 0xFF
_MAX_16: Final = 0xFFFF
_MAX_16_DIGITS: Final = 5
_MAX_20: Final = 0xFFFFF


def encode(node: Node) -> bytes:
    """The node as one message, uncompressed.

    Raises:
        MalformedNode: if the node has no binary form: a list too long, a device on a server
            that knows none, an attribute without a name.
    """
    out = bytearray((0,))
    _write_node(out, node)
    return bytes(out)


def decode(data: bytes) -> Node:
    """The node that the message holds.

    Raises:
        MalformedNode: if the bytes are not exactly one node, or ask for more than `MAX_BYTES`
            or `MAX_DEPTH`.
    """
    if not data:
        raise MalformedNode("a message without a byte")
    if data[0] & ~_COMPRESSED:
        raise MalformedNode(f"unknown message flags {data[0]}")
    reader = _Reader(_inflate(data[1:]) if data[0] & _COMPRESSED else data[1:])
    node = reader.node(depth=1)
    if reader.left:
        raise MalformedNode(f"{reader.left} bytes behind the end of the node")
    return node


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise MalformedNode("compressed data that does not inflate") from error
    if not stream.eof or stream.unused_data:
        raise MalformedNode(f"compressed data that does not end, or exceeds {MAX_BYTES} bytes")
    return plain


def _write_node(out: bytearray, node: Node) -> None:
    attrs = {name: value for name, value in node.attrs.items() if value != ""}
    content = None if node.content == () else node.content
    if not node.tag or "" in attrs:
        raise MalformedNode("a node needs a tag, and every attribute a name")
    _write_list_size(out, 1 + 2 * len(attrs) + (content is not None))
    _write_text(out, node.tag)
    for name, value in attrs.items():
        _write_text(out, name)
        if isinstance(value, Jid):
            _write_jid(out, value)
        else:
            _write_text(out, value)
    if isinstance(content, bytes):
        _write_bytes(out, content)
    elif content is not None:
        _write_list_size(out, len(content))
        for child in content:
            _write_node(out, child)


def _write_list_size(out: bytearray, size: int) -> None:
    if size <= _MAX_8:
        out += bytes((_LIST_8, size))
    elif size <= _MAX_16:
        out.append(_LIST_16)
        out += size.to_bytes(2, "big")
    else:
        raise MalformedNode(f"a list of {size} entries; {_MAX_16} are the most")


def _write_text(out: bytearray, text: str) -> None:
    if token := tokens.BYTES_OF.get(text):
        out += token
        return
    if packable := _PACKABLE.fullmatch(text):
        # Both alphabets are hexadecimal digits, but for the last two of the one.
        kind = _NIBBLES if packable[1] is not None else _HEX
        odd = len(text) % 2
        digits = text.translate(_AS_HEX) + ("f" if odd else "")
        out += bytes((kind, len(digits) // 2 | (_ODD if odd else 0)))
        out += bytes.fromhex(digits)
        return
    _write_bytes(out, text.encode())


def _write_bytes(out: bytearray, data: bytes) -> None:
    size = len(data)
    if size <= _MAX_8:
        out += bytes((_BYTES_8, size))
    elif size <= _MAX_20:
        out.append(_BYTES_20)
        out += size.to_bytes(3, "big")
    else:
        out.append(_BYTES_32)
        out += size.to_bytes(4, "big")
    out += data


def _write_jid(out: bytearray, jid: Jid) -> None:
    if jid.server == MESSENGER_SERVER:
        out.append(_MESSENGER_JID)
        _write_text(out, jid.user)
        out += jid.device.to_bytes(2, "big")
        _write_text(out, jid.server)
    elif jid.server == INTEROP_SERVER:
        _write_interop_jid(out, jid)
    elif jid.device or jid.server in _ALWAYS_WITH_DEVICE:
        domain = _DOMAINS.get(jid.server)
        if domain is None or jid.device > _MAX_8:
            raise MalformedNode(f"device {jid.device} cannot be written on server {jid.server}")
        out += bytes((_DEVICE_JID, domain, jid.device))
        _write_text(out, jid.user)
    else:
        out.append(_PLAIN_JID)
        if jid.user:
            _write_text(out, jid.user)
        else:
            out.append(_EMPTY)
        _write_text(out, jid.server)


def _write_interop_jid(out: bytearray, jid: Jid) -> None:
    integrator, _, user = jid.user.partition("-")
    numeric = integrator.isascii() and integrator.isdigit() and len(integrator) <= _MAX_16_DIGITS
    if not user or not numeric or int(integrator) > _MAX_16:
        raise MalformedNode("an interop jid needs its integrator's number before its user")
    out.append(_INTEROP_JID)
    _write_text(out, user)
    out += jid.device.to_bytes(2, "big")
    out += int(integrator).to_bytes(2, "big")
    _write_text(out, jid.server)


class _Reader:
    """Reads values from the front of `data`; whatever is not there raises MalformedNode."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def node(self, *, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise MalformedNode(f"nodes deeper than {MAX_DEPTH}")
        size = self._list_size(self._number(1))
        if not size:
            raise MalformedNode("a node without a tag")
        tag = self._text()
        attrs: dict[str, Value] = {}
        for _ in range((size - 1) // 2):
            name = self._text()
            if not name or name in attrs:
                raise MalformedNode(f"an attribute of {tag} has no name, or the same as another")
            attrs[name] = self._value()
        return Node(tag, attrs, None if size % 2 else self._content(depth))

    def _content(self, depth: int) -> Content:
        kind = self._number(1)
        if kind in _LIST_WIDTH:
            size = self._list_size(kind)
            return tuple(self.node(depth=depth + 1) for _ in range(size)) or None
        if (plain := self._plain(kind)) is not None:
            return plain
        # Clients write texts as content in whatever form is shortest: to us all are bytes.
        return str(self._jid(kind) if kind in _JIDS else self._symbol(kind)).encode()

    def _value(self) -> Value:
        kind = self._number(1)
        return self._jid(kind) if kind in _JIDS else self._as_text(kind)

    def _text(self) -> str:
        return self._as_text(self._number(1))

    def _as_text(self, kind: int) -> str:
        if kind == _EMPTY:
            return ""
        if (plain := self._plain(kind)) is not None:
            try:
                return plain.decode()
            except UnicodeDecodeError as error:
                raise MalformedNode("a text that is not UTF-8") from error
        return self._symbol(kind)

    def _plain(self, kind: int) -> bytes | None:
        width = _BYTES_WIDTH.get(kind)
        return None if width is None else self._take(self._number(width))

    def _symbol(self, kind: int) -> str:
        """A text from the dictionary, or packed digits."""
        if kind in _PAGES:
            return tokens.DOUBLE[kind - tokens.FIRST_PAGE][self._number(1)]
        if kind in _ALPHABETS:
            return self._packed(_ALPHABETS[kind])
        if 0 < kind < len(tokens.SINGLE):
            return tokens.SINGLE[kind]
        raise MalformedNode(f"byte {kind} begins no text")

    def _packed(self, alphabet: str) -> str:
        head = self._number(1)
        digits = [digit for pair in self._take(head & ~_ODD) for digit in divmod(pair, 16)]
        if head & _ODD and (not digits or digits.pop() != _PAD):
            raise MalformedNode("packed digits of odd number without their padding")
        if any(digit >= len(alphabet) for digit in digits):
            raise MalformedNode("packed digits that stand for nothing")
        return "".join(alphabet[digit] for digit in digits)

    def _jid(self, kind: int) -> Jid:
        try:
            if kind == _PLAIN_JID:
                return Jid(self._text(), self._text())
            if kind == _DEVICE_JID:
                domain, device = self._take(2)
                if domain not in _SERVERS:
                    raise MalformedNode(f"a jid in the unknown domain {domain}")
                return Jid(self._text(), _SERVERS[domain], device)
            user, device = self._text(), self._number(2)
            if kind == _INTEROP_JID:
                user = f"{self._number(2)}-{user}"
            return Jid(user, self._text(), device)
        except MalformedJid as error:
            raise MalformedNode("a jid that is no address") from error

    def _list_size(self, kind: int) -> int:
        width = _LIST_WIDTH.get(kind)
        if width is None:
            raise MalformedNode(f"byte {kind} begins no list")
        return self._number(width)

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise MalformedNode(f"the message ends {size - self.left} bytes too early")
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken
