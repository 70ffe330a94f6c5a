import asyncio
import base64
import gzip
import hashlib
import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sololine.emulator.clients import media_http
from sololine.emulator.faults import MediaGone, Target, UploadRefused
from sololine.emulator.server import Emulator
from sololine.emulator.storage.shelf import AUTH, MEDIA_HOST, PICTURE_HOST

BODY = gzip.compress(bytes(200_000)) + bytes(range(256)) * 1000


def token(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()


class Visitor:
    """An HTTP client behind the proxy; used in threads, as the emulator runs in this loop."""

    def __init__(self, emulator: Emulator, host: str = MEDIA_HOST) -> None:
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1",
            emulator.port,
            context=ssl.create_default_context(cafile=str(emulator.ca_file)),
            timeout=10,
        )
        self._connection.set_tunnel(host, 443)

    def close(self) -> None:
        self._connection.close()

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        def go() -> tuple[int, bytes, dict[str, str]]:
            chunked = body is not None and not isinstance(body, bytes)
            self._connection.request(method, path, body, headers, encode_chunked=chunked)
            answer = self._connection.getresponse()
            return answer.status, answer.read(), dict(answer.headers)

        return await asyncio.to_thread(go)

    async def upload(self, body: bytes = BODY, kind: str = "image") -> tuple[int, Any]:
        path = f"/mms/{kind}/{token(body)}?auth={AUTH}&token={token(body)}"
        status, answer, _ = await self.ask("POST", path, body)
        return status, json.loads(answer) if answer else None


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(emulator: Emulator) -> Iterator[Visit]:
    """Makes visitors, of the media host unless another is said; they leave with the test."""
    with ExitStack() as stack:

        def go(host: str = MEDIA_HOST) -> Visitor:
            visitor = Visitor(emulator, host)
            stack.callback(visitor.close)
            return visitor

        yield go


def stored(emulator: Emulator) -> list[Path]:
    return list((emulator._folder / "media").iterdir())


async def test_what_is_uploaded_can_be_downloaded_on_the_same_connection(
    emulator: Emulator,
    visit: Visit,
) -> None:
    visitor = visit()

    status, told = await visitor.upload()
    path = f"{told['direct_path']}&hash=abc&mms-type=image&__wa-mms="
    got = await visitor.ask("GET", path)

    assert status == 200
    assert told["url"] == f"https://mmg.whatsapp.net{told['direct_path']}"
    assert "?" in told["direct_path"], "clients append their own words with &"
    assert got[:2] == (200, BODY)
    assert emulator.unknown == []


async def test_a_body_may_come_in_chunks(emulator: Emulator, visit: Visit) -> None:
    visitor = visit()
    path = f"/mms/video/{token(BODY)}?auth={AUTH}"
    pieces = iter([BODY[:10], BODY[10:100_000], BODY[100_000:]])

    status, answer, _ = await visitor.ask("POST", path, pieces, **{"Transfer-Encoding": "chunked"})
    got = await visitor.ask("GET", json.loads(answer)["direct_path"])

    assert (status, got[1]) == (200, BODY)


async def test_a_head_tells_the_size_and_a_range_gives_a_part(
    emulator: Emulator, visit: Visit
) -> None:
    visitor = visit()
    _, told = await visitor.upload()
    path = told["direct_path"]

    head = await visitor.ask("HEAD", path)
    part = await visitor.ask("GET", path, Range="bytes=10-19")
    rest = await visitor.ask("GET", path, Range=f"bytes={len(BODY) - 5}-")
    after = await visitor.ask("GET", path, Range=f"bytes={len(BODY)}-")

    assert (head[1], head[2]["Content-Length"]) == (b"", str(len(BODY)))
    assert (part[0], part[1]) == (206, BODY[10:20])
    assert part[2]["Content-Range"] == f"bytes 10-19/{len(BODY)}"
    assert (rest[0], rest[1]) == (206, BODY[-5:])
    assert after[0] == 416


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (lambda body: f"/mms/image/{token(body)}", 401),
        (lambda body: f"/mms/image/{token(body)}?auth=guessed", 401),
        (lambda body: f"/mms/image/{token(b'another')}?auth={AUTH}", 400),
    ],
)
async def test_an_upload_that_is_not_what_it_says_leaves_nothing_behind(
    emulator: Emulator, visit: Visit, path: Callable[[bytes], str], status: int
) -> None:
    refused = await visit().ask("POST", path(BODY), BODY)

    assert refused[0] == status
    assert stored(emulator) == []


async def test_too_large_a_file_is_refused_before_it_is_read_and_while_it_comes(
    emulator: Emulator, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_http, "MAX_STORED", 1000)
    body = bytes(1001)
    path = f"/mms/image/{token(body)}?auth={AUTH}"

    told = await visit().ask("POST", path, body)
    untold = await visit().ask(
        "POST", path, iter([body[:999], body[999:]]), **{"Transfer-Encoding": "chunked"}
    )

    assert (told[0], untold[0]) == (413, 413)
    assert stored(emulator) == []


@pytest.mark.parametrize(
    "path",
    ["/v/t62.7118-24/" + "0" * 64 + ".enc?a=b", "/v/t62.7118-24/..%2f..%2fworld.sqlite3", "/v/"],
)
async def test_what_is_not_stored_is_not_found(emulator: Emulator, visit: Visit, path: str) -> None:
    assert (await visit().ask("GET", path))[0] == 404
    assert emulator.unknown == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/mms/image/x"), ("POST", "/mms/image/short?auth=secret"), ("DELETE", "/v/x")],
)
async def test_what_nobody_asks_a_media_host_is_reported_without_its_query(
    emulator: Emulator, visit: Visit, method: str, path: str
) -> None:
    assert (await visit().ask(method, path))[0] == 404
    assert emulator.unknown == [f"{method} https://mmg.whatsapp.net{path.partition('?')[0]}"]


async def test_a_picture_is_given_on_its_own_host_as_what_it_is(
    emulator: Emulator, visit: Visit
) -> None:
    path = emulator.shelf.put_picture(b"jpeg bytes")

    status, body, headers = await visit(PICTURE_HOST).ask("GET", path)

    assert (status, body, headers["Content-Type"]) == (200, b"jpeg bytes", "image/jpeg")
    assert (await visit().ask("GET", path))[0] == 404


async def test_media_can_be_gone_once(emulator: Emulator, visit: Visit) -> None:
    visitor = visit()
    _, told = await visitor.upload()
    emulator.exchange.arm(MediaGone(), Target())

    gone = await visitor.ask("GET", told["direct_path"])
    back = await visit().ask("GET", told["direct_path"])

    assert (gone[0], back[0]) == (410, 200)


async def test_an_upload_can_be_refused(emulator: Emulator, visit: Visit) -> None:
    emulator.exchange.arm(UploadRefused(status=507), Target())

    assert (await visit().upload())[0] == 507
    assert (await visit().upload())[0] == 200


async def test_a_client_that_stops_in_the_middle_leaves_nothing_behind(
    emulator: Emulator, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_http, "STEP_LIMIT", 0.05)
    visitor = visit()

    def stop_halfway() -> bytes:
        visitor._connection.putrequest("POST", f"/mms/image/{token(BODY)}?auth={AUTH}")
        visitor._connection.putheader("Content-Length", str(len(BODY)))
        visitor._connection.endheaders(b"only this")
        return visitor._connection.sock.recv(10)

    assert await asyncio.to_thread(stop_halfway) == b""
    assert stored(emulator) == []


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(
    emulator: Emulator, visit: Visit
) -> None:
    visitor = visit()

    def go() -> bytes:
        connection = visitor._connection
        connection.putrequest("POST", f"/mms/image/{token(b'x')}?auth={AUTH}")
        connection.putheader("Content-Length", "1")
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        asked: bytes = connection.sock.recv(100)
        connection.sock.sendall(b"x")
        return asked + connection.sock.recv(1000)

    answer = await asyncio.to_thread(go)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_what_is_no_address_is_refused(emulator: Emulator, visit: Visit) -> None:
    assert (await visit().ask("GET", "//[/v/x"))[0] == 400


@pytest.mark.parametrize("size", ["-1", "many"])
async def test_a_body_without_a_size_is_refused(
    emulator: Emulator, visit: Visit, size: str
) -> None:
    path = f"/mms/image/{token(b'')}?auth={AUTH}"

    assert (await visit().ask("POST", path, **{"Content-Length": size}))[0] == 400
