import json
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive, Scope, Send

from sololine.web.body_cap import MAX_BODY_BYTES, BodyCap

CAP = 10
READ_AWAY = 16 * 2**20


class Wire:
    """A client that sends its body in pieces, and what it hears."""

    def __init__(self, pieces: Iterable[bytes], *, leaves: bool = False) -> None:
        self._pieces = list(pieces)
        self._leaves = leaves
        self.heard: list[Message] = []
        self.taken = 0

    async def receive(self) -> Message:
        if self.taken == len(self._pieces):
            return {"type": "http.disconnect"}
        piece = self._pieces[self.taken]
        self.taken += 1
        more = self._leaves or self.taken < len(self._pieces)
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: Message) -> None:
        self.heard.append(message)

    @property
    def status(self) -> int:
        return self.heard[0]["status"]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.heard[1:])


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body, and then with what else there is to receive."""
    message = await receive()
    assert message["more_body"] is False
    after = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"] + after["type"].encode()})


async def through(wire: Wire, cap: int = CAP, scope_type: str = "http") -> None:
    await BodyCap(echo, cap)({"type": scope_type}, wire.receive, wire.send)


@pytest.mark.parametrize("pieces", [[b""], [b"0123456789"], [b"01234", b"", b"56789"]])
async def test_a_body_that_fits_comes_through_whole_and_once(pieces: list[bytes]) -> None:
    wire = Wire(pieces)

    await through(wire)

    assert wire.status == 200
    assert wire.body == b"".join(pieces) + b"http.disconnect"


@pytest.mark.parametrize("pieces", [[b"0123456789a"], [b"01234"] * 3, [b"0"] * 11])
async def test_a_body_one_byte_too_large_is_refused_however_it_comes(pieces: list[bytes]) -> None:
    wire = Wire(pieces)

    await through(wire)

    assert wire.status == 413
    told = json.loads(wire.body)
    assert (told["success"], told["error"]) == (False, "body_too_large")
    assert "larger than 10 bytes" in told["message"]
    assert (b"connection", b"close") in wire.heard[0]["headers"]


async def test_a_sender_that_does_not_stop_is_answered_before_it_has_sent_it_all() -> None:
    megabyte = b"x" * 2**20
    wire = Wire([megabyte] * 40)

    await through(wire)

    assert wire.status == 413
    assert wire.taken == READ_AWAY // len(megabyte) + 1


async def test_nobody_answers_a_client_that_left_while_it_was_sending() -> None:
    wire = Wire([b"01234"], leaves=True)

    await through(wire)

    assert wire.heard == []


async def test_what_is_no_http_request_is_left_alone() -> None:
    heard = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(scope["type"])

    wire = Wire([])
    await BodyCap(app)({"type": "websocket"}, wire.receive, wire.send)

    assert heard == ["websocket"]
    assert wire.taken == 0


def test_the_cap_leaves_room_for_the_longest_bot() -> None:
    longest = {"name": "\x01" * 100, "description": "\x01" * 4000, "personality": "\x01" * 4000}

    assert len(json.dumps(longest)) < MAX_BODY_BYTES


async def test_a_request_that_the_application_reads_itself_is_left_alone() -> None:
    heard = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(await receive())

    wire = Wire([b"0123456789a"])
    cap = BodyCap(app, CAP, left=lambda scope: scope["path"] == "/large")
    await cap({"type": "http", "path": "/large"}, wire.receive, wire.send)

    assert [message["body"] for message in heard] == [b"0123456789a"]
