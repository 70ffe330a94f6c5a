import json
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.frames import (
    MAX_BODY_BYTES,
    BadFrame,
    Close,
    Done,
    Failed,
    Frame,
    FrameBuffer,
    FrameTooLong,
    LogOut,
    Open,
    Order,
    RequestPairingCode,
    Said,
    WrongVersion,
    decode,
    encode,
)
from sololine.core.ids import DeviceId
from sololine.core.signals import Banned, Linked, LinkUp, LoggedOut, QrIssued, Signal

DEVICE = DeviceId("dev_1_1")
SIGNALS = st.one_of([st.from_type(cls) for cls in get_args(Signal)])
FRAMES = st.one_of(
    [st.from_type(cls) for cls in get_args(Frame) if cls is not Said]
    + [st.builds(Said, device=st.text(), signal=SIGNALS)]
)


def body(frame: Frame) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(encode(frame)[4:])
    return document


def raw(document: object) -> bytes:
    return json.dumps(document).encode()


@given(FRAMES)
def test_every_frame_survives_the_wire(frame: Frame) -> None:
    assert list(FrameBuffer().feed(encode(frame))) == [frame]


@given(st.lists(FRAMES, max_size=5), st.integers(min_value=1, max_value=40))
def test_frames_are_cut_alike_however_the_stream_is_chopped(frames: list[Frame], size: int) -> None:
    stream = b"".join(encode(frame) for frame in frames)
    buffer = FrameBuffer()
    read = [
        frame
        for start in range(0, len(stream), size)
        for frame in buffer.feed(stream[start : start + size])
    ]
    assert read == frames


def test_a_frame_says_its_version_its_device_and_its_name() -> None:
    assert body(Said(device=DEVICE, signal=LinkUp())) == {
        "v": 1,
        "frame": "said",
        "device": "dev_1_1",
        "signal": {"signal": "link_up"},
    }


def test_durations_are_whole_microseconds_on_the_wire() -> None:
    signal = Banned(code=101, lasts=timedelta(hours=1))
    assert body(Said(device=DEVICE, signal=signal))["signal"] == {
        "signal": "banned",
        "code": 101,
        "lasts": 3_600_000_000,
    }


def test_an_unknown_ban_stays_unknown() -> None:
    frame = Said(device=DEVICE, signal=Banned())
    assert decode(encode(frame)[4:]) == frame


@pytest.mark.parametrize(
    "frame",
    [
        RequestPairingCode(device=DEVICE, order=1, digits="447441395830"),
        Said(device=DEVICE, signal=QrIssued(code="447441395830", valid_for=timedelta(seconds=60))),
        Said(device=DEVICE, signal=Linked(jid="447441395830:3@s.whatsapp.net", lid="")),
    ],
)
def test_no_repr_shows_a_number_or_a_code(frame: Frame) -> None:
    assert "447441395830" not in repr(frame)


def test_another_version_is_refused() -> None:
    with pytest.raises(WrongVersion, match=r"^the other end speaks version 2, this one 1$"):
        decode(raw({**body(Done(device=DEVICE, order=1)), "v": 2}))


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "not a JSON object"),
        ({"v": 1}, "unknown frame"),
        ({"v": 1, "frame": "sing"}, "unknown frame"),
        ({"v": 1, "frame": ["done"]}, "unknown frame"),
        ({"v": 1, "frame": "done", "device": "d"}, "other fields"),
        ({"v": 1, "frame": "done", "device": "d", "order": 1, "why": ""}, "other fields"),
        ({"v": 1, "frame": "done", "device": "d", "order": "1"}, "not a int"),
        ({"v": 1, "frame": "done", "device": "d", "order": True}, "not a int"),
        ({"v": 1, "frame": "done", "device": 7, "order": 1}, "not a str"),
        ({"v": 1, "frame": "said", "device": "d", "signal": "link_up"}, "not a dict"),
        ({"v": 1, "frame": "said", "device": "d", "signal": {"signal": "x"}}, "unknown signal"),
        (
            {
                "v": 1,
                "frame": "said",
                "device": "d",
                "signal": {"signal": "banned", "code": None, "lasts": 10**30},
            },
            "out of range",
        ),
    ],
)
def test_what_is_not_a_frame_is_refused(document: object, complaint: str) -> None:
    with pytest.raises(BadFrame, match=complaint):
        decode(raw(document))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused_without_being_shown(text: bytes) -> None:
    with pytest.raises(BadFrame) as caught:
        decode(text)
    assert str(caught.value) == "a frame's body is not JSON"
    assert caught.value.__suppress_context__


def test_a_length_beyond_the_bound_is_refused_before_its_body_arrives() -> None:
    with pytest.raises(FrameTooLong):
        list(FrameBuffer().feed((MAX_BODY_BYTES + 1).to_bytes(4, "big")))


def test_a_frame_beyond_the_bound_is_not_written() -> None:
    with pytest.raises(FrameTooLong):
        encode(Failed(device=DEVICE, order=1, detail="x" * MAX_BODY_BYTES))


@pytest.mark.parametrize(
    "order",
    [
        Open(device=DEVICE, order=1, fresh=True, shown_as="Sololine"),
        LogOut(device=DEVICE, order=2),
        Close(device=DEVICE, order=3),
    ],
)
def test_orders_carry_their_number(order: Order) -> None:
    assert body(order)["order"] == order.order


def test_a_logout_keeps_its_reason() -> None:
    frame = Said(device=DEVICE, signal=LoggedOut(code=401))
    assert decode(encode(frame)[4:]) == frame
