from collections.abc import Callable

import pytest

from sololine.wire.errors import MalformedNode
from sololine.wire.jid import SERVER, Jid
from sololine.wire.node import Node

STANZA = Node.make(
    "iq",
    {"xmlns": "md", "type": "set", "from": SERVER, "t": 5},
    [
        Node.make("pair-device", None, [Node.make("ref", None, "one"), Node.make("ref", {}, b"2")]),
        Node.make("note"),
        Node.make("note"),
    ],
)


def test_make_drops_what_is_absent_and_writes_numbers_in_decimal() -> None:
    node = Node.make("x", {"a": None, "b": "", "c": 0, "d": True, "e": False, "f": SERVER})
    assert node.attrs == {"c": "0", "d": "true", "e": "false", "f": SERVER}


def test_make_takes_content_in_every_convenient_form() -> None:
    child = Node("c")
    assert Node.make("x", None, "ä").content == "ä".encode()
    assert Node.make("x", None, b"").content == b""
    assert Node.make("x", None, child).content == (child,)
    assert Node.make("x", None, (child for _ in range(2))).content == (child, child)
    assert Node.make("x", None, []).content is None


def test_a_path_leads_to_the_first_node_of_each_tag() -> None:
    ref = STANZA.child("pair-device", "ref")
    assert ref is not None
    assert ref.data == b"one"
    assert STANZA.child("pair-device", "nothing") is None
    assert STANZA.child() is STANZA
    assert STANZA.need("pair-device").named("ref")[1].data == b"2"


def test_bytes_have_no_children() -> None:
    assert Node("x", {}, b"abc").children == ()
    assert Node("x", {}, b"abc").child("y") is None


def test_attributes_are_read_by_what_they_should_be() -> None:
    assert STANZA.text("xmlns") == "md"
    assert STANZA.text("from") == "s.whatsapp.net"
    assert STANZA.jid("from") is SERVER
    assert STANZA.number("t") == 5


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: STANZA.text("id"), "^iq has no attribute id$"),
        (lambda: STANZA.number("type"), "^attribute type of iq is no decimal number$"),
        (lambda: Node("x", {"t": "9" * 21}).number("t"), "no decimal number$"),
        (lambda: STANZA.jid("type"), "^attribute type of iq is text where a jid is needed$"),
        (lambda: STANZA.need("a", "b"), "^iq has no child a/b$"),
        (lambda: STANZA.data, "^iq does not hold bytes$"),
    ],
)
def test_what_is_missing_is_named(read: Callable[[], object], message: str) -> None:
    with pytest.raises(MalformedNode, match=message):
        read()


def test_the_summary_says_which_kind_of_stanza_it_is() -> None:
    assert STANZA.summary == "iq xmlns=md type=set / pair-device, note"
    assert Node("ack", {"class": "message", "id": "3EB0"}).summary == "ack class=message"


def test_the_text_form_shows_sizes_and_never_values() -> None:
    node = Node.make(
        "message", {"to": Jid("447441395830", "lid"), "notify": "Ann"}, b"see you at eight"
    )
    assert repr(node) == "<message to[16] notify[3] 16 bytes>"
    assert repr(STANZA) == "<iq xmlns[2] type[3] from[14] t[1] 3 children>"
    assert repr(Node("x")) == "<x>"
