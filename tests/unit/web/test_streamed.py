from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from sololine.web.streamed import capped, is_form, is_streamed


def scope(method: str, path: str, kind: str = "") -> dict[str, Any]:
    headers = [(b"content-type", kind.encode("latin-1"))] if kind else []
    return {"type": "http", "method": method, "path": path, "headers": headers}


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
def test_few_requests_have_a_large_body(prefix: str) -> None:
    large = [
        ("POST", "/bots/bot_1/messages"),
        ("POST", "/bots/bot_1/media"),
        ("PUT", "/bots/ana/bot_1/training"),
    ]
    small = [
        ("PATCH", "/bots/bot_1/messages"),
        ("POST", "/bots/bot_1/media/"),
        ("POST", "/bots/ana/bot_1/media"),
        ("PUT", "/bots/bot_1/training"),
        ("POST", "/bots/ana/bot_1/training/try"),
        ("POST", "/bots/create"),
    ]

    assert all(is_streamed(scope(method, prefix + path)) for method, path in large)
    assert not any(is_streamed(scope(method, prefix + path)) for method, path in small)
    assert not is_streamed(scope("POST", "/api/bots/bot_1/messages"))


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("multipart/form-data; boundary=x", True),
        ("Multipart/Form-Data", True),
        ("multipart/form-data-like", False),
        ("application/json", False),
        ("", False),
        ("\xff", False),
    ],
)
def test_a_form_is_told_by_its_content_type(kind: str, *, form: bool) -> None:
    assert is_form(scope("POST", "/", kind)) is form


class Wire:
    def __init__(self, pieces: int, size: int = 4) -> None:
        self.taken = 0
        self._pieces = pieces
        self._size = size

    async def receive(self) -> Message:
        self.taken += 1
        if self.taken > self._pieces:
            return {"type": "http.disconnect"}
        more = self.taken < self._pieces
        return {"type": "http.request", "body": b"x" * self._size, "more_body": more}


async def test_a_body_within_its_cap_comes_through_piece_by_piece() -> None:
    wire = Wire(3)
    receive = capped(wire.receive, 12)

    pieces = [await receive() for _ in range(4)]

    assert [len(piece.get("body", b"")) for piece in pieces] == [4, 4, 4, 0]
    assert wire.taken == 4


async def test_a_body_beyond_it_is_refused_once_its_sender_has_sent_it() -> None:
    wire = Wire(100)
    receive = capped(wire.receive, 12)
    for _ in range(3):
        await receive()

    with pytest.raises(HTTPException) as raised:
        await receive()

    assert (raised.value.status_code, raised.value.headers) == (413, {"Connection": "close"})
    assert "larger than 12 bytes" in raised.value.detail
    assert wire.taken == 100


async def test_who_does_not_stop_sending_is_refused_all_the_same() -> None:
    wire = Wire(10_000, 2**20)

    with pytest.raises(HTTPException):
        await capped(wire.receive, 12)()

    assert wire.taken < 20
