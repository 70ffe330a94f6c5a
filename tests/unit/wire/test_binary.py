import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire import binary, tokens
from sololine.wire.errors import MalformedNode
from sololine.wire.jid import SERVER, Jid
from sololine.wire.node import Node

PLAIN = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40)
TEXTS = (
    PLAIN
    | st.sampled_from(sorted(tokens.BYTES_OF))
    | st.text("0123456789-.", min_size=1, max_size=130)
    | st.text("0123456789ABCDEF", min_size=1, max_size=130)
)
USERS = TEXTS.filter(lambda text: not set(text) & set("@:"))
DIGITS = st.text("0123456789", min_size=1, max_size=15)
JIDS = (
    st.just(SERVER)
    | st.builds(Jid, USERS, st.sampled_from(["s.whatsapp.net", "lid", "g.us", "new.server"]))
    | st.builds(
        Jid,
        USERS,
        st.sampled_from(["s.whatsapp.net", "lid", "hosted", "hosted.lid"]),
        st.integers(0, 255),
    )
    | st.builds(Jid, USERS, st.just("msgr"), st.integers(0, 65535))
    | st.builds(
        lambda integrator, user, device: Jid(f"{integrator}-{user}", "interop", device),
        st.integers(0, 65535),
        DIGITS,
        st.integers(0, 65535),
    )
)
ATTRS = st.dictionaries(TEXTS, TEXTS | JIDS, max_size=5)
NODES = st.recursive(
    st.builds(Node, TEXTS, ATTRS, st.none() | st.binary(max_size=300)),
    lambda nodes: st.builds(Node, TEXTS, ATTRS, st.lists(nodes, min_size=1, max_size=4).map(tuple)),
    max_leaves=8,
)


@given(NODES)
def test_every_node_is_read_back_as_it_was_written(node: Node) -> None:
    assert binary.decode(binary.encode(node)) == node


@given(st.binary(max_size=60))
def test_any_bytes_are_a_node_or_a_refusal(data: bytes) -> None:
    try:
        binary.decode(b"\0" + data)
    except MalformedNode:
        return


@given(NODES, st.data())
def test_no_beginning_of_a_message_is_a_message(node: Node, data: st.DataObject) -> None:
    whole = binary.encode(node)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(MalformedNode):
        binary.decode(whole[:cut])


@pytest.mark.parametrize(
    ("node", "written"),
    [
        (Node("iq"), "00 f801 19"),
        (Node("iq", {"type": "result"}), "00 f803 19 04 14"),
        (Node("iq", {"from": SERVER}), "00 f803 19 06 fa 00 03"),
        (Node("iq", {"from": Jid("1234", "lid")}), "00 f803 19 06 fa ff02 1234 76"),
        (Node("iq", {"from": Jid("123", "lid", 7)}), "00 f803 19 06 f7 01 07 ff82 123f"),
        (Node("iq", {}, b"\x05"), "00 f802 19 fc01 05"),
        (Node("iq", {}, (Node("id"),)), "00 f802 19 f801 f801 08"),
        (Node("iq", {"id": "12-3.4"}), "00 f803 19 08 ff03 12a3b4"),
        (Node("iq", {"id": "3EB0F"}), "00 f803 19 08 fb83 3eb0ff"),
        (Node("iq", {"id": "3eb0"}), "00 f803 19 08 fc04 33656230"),
        (Node("iq", {"id": ""}), "00 f801 19"),
        (Node("iq", {}, ()), "00 f801 19"),
    ],
)
def test_the_forms_on_the_wire_are_those_of_the_protocol(node: Node, written: str) -> None:
    """Written down by hand from the protocol's description."""
    assert tokens.SINGLE[0x19] == "iq"
    assert binary.encode(node) == bytes.fromhex(written)


def test_a_message_written_by_another_library_is_read() -> None:
    """The bytes are what the npm package `baileys` 6.7.21 makes of this node."""
    written = bytes.fromhex(
        "00f80a1311f70125ff0644744139583008fb833eb0ff1aff05170000000018fc02c384"
        "f802f8061d51450453fc03616263f8046bec5ffc05323a61626300"
    )
    attrs = {"to": Jid("447441395830", "lid", 37), "id": "3EB0F", "t": 1700000000, "notify": "Ä"}
    enc = Node.make("enc", {"v": 2, "type": "pkmsg"}, b"abc")
    participants = Node.make("participants", {"phash": "2:abc"})
    assert binary.decode(written) == Node.make("message", attrs, [enc, participants])


@pytest.mark.parametrize("size", [0, 255, 256, 0xFFFFF, 0x100000])
def test_bytes_of_every_size_class_survive(size: int) -> None:
    node = Node("x", {}, bytes(size))
    assert binary.decode(binary.encode(node)) == node


@pytest.mark.parametrize("count", [1, 255, 256, 65535])
def test_lists_of_every_size_class_survive(count: int) -> None:
    node = Node("list", {}, (Node("key"),) * count)
    assert binary.decode(binary.encode(node)) == node


def test_a_compressed_message_is_read() -> None:
    plain = binary.encode(Node("iq", {"id": "1"}))
    assert binary.decode(b"\x02" + zlib.compress(plain[1:])) == Node("iq", {"id": "1"})


def test_a_text_as_content_is_read_as_its_bytes_whatever_its_form() -> None:
    def content(written: str) -> bytes:
        return binary.decode(bytes.fromhex("00 f802 19" + written)).data

    assert content("04") == b"type"
    assert content("ff02 1234") == b"1234"
    assert content("fa ff02 1234 03") == b"1234@s.whatsapp.net"
    assert content("fd 000001 41") == b"A"
    assert content("fe 00000001 41") == b"A"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "without a byte"),
        ("01 f801 19", "unknown message flags 1"),
        ("04 f801 19", "unknown message flags 4"),
        ("00 f801 19 00", "1 bytes behind the end"),
        ("00 00", "a node without a tag"),
        ("00 19", "byte 25 begins no list"),
        ("00 f801 f0", "byte 240 begins no text"),
        ("00 f801 fa 00 03", "byte 250 begins no text"),
        ("00 f803 19 00 04", "no name"),
        ("00 f805 19 08 04 08 04", "the same as another"),
        ("00 f803 19 08 ff01 cc", "stand for nothing"),
        ("00 f803 19 08 ff80", "without their padding"),
        ("00 f803 19 08 ff81 11", "without their padding"),
        ("00 f803 19 08 fc02 c328", "not UTF-8"),
        ("00 f803 19 08 f7 07 01 ff01 12", "unknown domain 7"),
        ("00 f803 19 08 f7 00 01 00", "no address"),
        ("00 f803 19 08 fa ff01 12 00", "no address"),
        ("00 f802 19 fe ffffffff", "4294967295 bytes too early"),
        ("02 ff00", "does not inflate"),
    ],
)
def test_what_breaks_the_protocol_is_refused(written: str, message: str) -> None:
    with pytest.raises(MalformedNode, match=message):
        binary.decode(bytes.fromhex(written))


def test_compressed_data_may_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "MAX_BYTES", 1000)
    bomb = zlib.compress(bytes(1001))
    with pytest.raises(MalformedNode, match="exceeds 1000 bytes"):
        binary.decode(b"\x02" + bomb)


def test_compressed_data_must_end_where_the_message_ends() -> None:
    squeezed = zlib.compress(binary.encode(Node("iq"))[1:])
    for broken in (squeezed[:-1], squeezed + b"\0"):
        with pytest.raises(MalformedNode, match="does not end"):
            binary.decode(b"\x02" + broken)


def test_nodes_may_not_lie_too_deep() -> None:
    node = Node("x")
    for _ in range(binary.MAX_DEPTH - 1):
        node = Node("x", {}, (node,))
    assert binary.decode(binary.encode(node)) == node
    with pytest.raises(MalformedNode, match="deeper"):
        binary.decode(binary.encode(Node("x", {}, (node,))))


@pytest.mark.parametrize(
    "node",
    [
        Node(""),
        Node("iq", {"": "x"}),
        Node("iq", {"to": Jid("1", "g.us", 1)}),
        Node("iq", {"to": Jid("1", "lid", 256)}),
        Node("iq", {"to": Jid("12", "interop", 1)}),
        Node("iq", {"to": Jid("65536-12", "interop")}),
        Node("list", {}, (Node("key"),) * 65536),
    ],
)
def test_what_has_no_binary_form_is_not_written(node: Node) -> None:
    with pytest.raises(MalformedNode):
        binary.encode(node)
