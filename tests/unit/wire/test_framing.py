import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire.errors import MalformedFrame
from sololine.wire.framing import PROLOGUE, ROUTING, FrameBuffer, pack, split_prologue


@given(st.lists(st.binary(max_size=50)), st.data())
def test_frames_are_found_however_the_stream_is_cut(
    frames: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(map(pack, frames))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    buffer = FrameBuffer()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += buffer.feed(stream[start:end])
    assert found == frames
    assert buffer.pending_bytes == 0


def test_an_unfinished_frame_waits_for_its_rest() -> None:
    buffer = FrameBuffer()
    assert buffer.feed(b"\0\0\2a") == []
    assert buffer.pending_bytes == 4
    assert buffer.feed(b"b") == [b"ab"]


def test_a_frame_longer_than_three_bytes_can_say_is_not_sent() -> None:
    assert pack(bytes(0xFFFFFF))[:3] == b"\xff\xff\xff"
    with pytest.raises(MalformedFrame, match="16777215"):
        pack(bytes(0x1000000))


def test_a_peer_cannot_make_us_hold_more_than_we_allow() -> None:
    buffer = FrameBuffer(max_frame_bytes=10)
    assert buffer.feed(pack(bytes(10))) == [bytes(10)]
    with pytest.raises(MalformedFrame, match="longer than 10 bytes"):
        buffer.feed(b"\0\0\x0b")


def test_the_prologue_is_what_clients_say_first() -> None:
    assert PROLOGUE == b"WA\x06\x03"
    assert split_prologue(b"WA\x06\x03rest") == (b"WA\x06\x03", b"rest")


def test_edge_routing_before_the_prologue_is_skipped() -> None:
    assert split_prologue(ROUTING + b"\0\0\5route" + PROLOGUE + b"x") == (PROLOGUE, b"x")
    assert split_prologue(ROUTING + b"\0\0\0" + PROLOGUE) == (PROLOGUE, b"")


@pytest.mark.parametrize(
    "first",
    [b"", b"WA\x06", b"WA\x06\x02", b"GET / HTTP/1.1", ROUTING, ROUTING + b"\0\0\x09" + PROLOGUE],
)
def test_who_does_not_speak_our_version_is_refused(first: bytes) -> None:
    with pytest.raises(MalformedFrame):
        split_prologue(first)
