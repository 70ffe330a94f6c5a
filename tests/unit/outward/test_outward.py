"""Requests to addresses that users name, against real servers."""

import asyncio
import gc
import hashlib
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from sololine.outward import (
    Answer,
    Fetched,
    ForbiddenAddress,
    InvalidUrl,
    Outward,
    OutwardError,
    TooLarge,
    UnexpectedAnswer,
    Unreachable,
)
from sololine.outward.doorkeeper import Resolver
from tests.unit.outward.servers import certified, leading_to, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LONG_S = 20.0
"""Longer than anything here takes."""


def home(**more: Any) -> Outward:
    """Outward that may go to loopback."""
    return Outward(allow_private=True, **more)


def is_empty(folder: Path) -> bool:
    """Whether nothing is in the folder."""
    return not any(folder.iterdir())


async def post(outward: Outward, url: str, timeout_s: float = LONG_S) -> Answer:
    return await outward.post(url, {"Content-Type": "text/plain"}, b"hello", timeout_s)


async def test_a_webhook_hears_what_it_is_told_and_its_answer_is_read() -> None:
    async with serving(OK) as server, home() as outward:
        answer = await post(outward, f"http://127.0.0.1:{server.port}/a%20b?c=%C3%BC&d=#e")
    assert answer == Answer(status=200, body_start=b"ok")
    lines = server.heads[0].splitlines()
    assert lines[0] == "POST /a%20b?c=%C3%BC&d= HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert "Content-Type: text/plain" in lines
    assert "Content-Length: 5" in lines
    assert server.bodies == [b"hello"]


async def test_connections_are_kept_and_their_names_not_asked_for_again() -> None:
    resolve = leading_to(["127.0.0.1"], ["127.0.0.2"])
    async with serving(OK) as server, home(resolve=resolve) as outward:
        for _ in range(3):
            await post(outward, f"http://hook.example:{server.port}/")
    assert server.connections == 1
    assert f"Host: hook.example:{server.port}" in server.heads[0].splitlines()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "2130706433",
        "0",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
    ],
)
async def test_no_spelling_of_loopback_is_let_through(host: str) -> None:
    async with serving(OK) as server, Outward() as outward:
        url = f"http://{host}:{server.port}/"
        with pytest.raises((ForbiddenAddress, Unreachable)):
            await outward.check(url)
        with pytest.raises((ForbiddenAddress, Unreachable)):
            await post(outward, url)
    assert server.connections == 0


async def test_a_name_with_one_private_address_among_public_ones_is_not_let_through() -> None:
    async with Outward(resolve=leading_to(["93.184.216.34", "10.0.0.1"])) as outward:
        with pytest.raises(ForbiddenAddress, match="allow_private_addresses"):
            await post(outward, "http://hook.example/")


async def test_a_name_that_changes_after_the_check_gains_nothing() -> None:
    resolve = leading_to(["93.184.216.34"], ["127.0.0.1"])
    async with serving(OK) as server, Outward(resolve=resolve) as outward:
        url = f"http://hook.example:{server.port}/"
        await outward.check(url)
        with pytest.raises(ForbiddenAddress):
            await post(outward, url)
    assert server.connections == 0


class Recording(httpcore2.AnyIOBackend):
    """Notes where it was sent, and goes to no place but loopback."""

    def __init__(self, port: int, dead: Iterable[str] = ()) -> None:
        self.seen: list[str] = []
        self._port = port
        self._dead = frozenset(dead)

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        self.seen.append(host)
        if host in self._dead:
            raise httpcore2.ConnectError
        return await super().connect_tcp("127.0.0.1", self._port)


async def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    resolve = leading_to(["93.184.216.34"], ["127.0.0.1"])
    async with serving(OK) as server, Outward(resolve=resolve) as outward:
        sockets = outward._doorkeeper._sockets = Recording(server.port)
        await post(outward, "http://hook.example/")
    assert sockets.seen == ["93.184.216.34"]
    assert "Host: hook.example" in server.heads[0].splitlines()


async def test_the_next_address_is_tried_when_one_is_dead() -> None:
    resolve = leading_to(["2606:4700::1", "93.184.216.34"])
    async with serving(OK) as server, Outward(resolve=resolve) as outward:
        sockets = outward._doorkeeper._sockets = Recording(server.port, dead=["2606:4700::1"])
        await post(outward, "http://hook.example/")
    assert sockets.seen == ["2606:4700::1", "93.184.216.34"]


async def test_tls_proves_the_name_at_the_pinned_address(tmp_path: Path) -> None:
    mine, trusting = certified("hook.example", tmp_path)
    names: list[str | None] = []
    mine.sni_callback = lambda _socket, name, _context: names.append(name)
    async with (
        serving(OK, tls=mine) as server,
        home(resolve=leading_to(["127.0.0.1"]), tls=trusting) as outward,
    ):
        answer = await post(outward, f"https://hook.example:{server.port}/")
        dotted = await post(outward, f"https://hook.example.:{server.port}/")
        with pytest.raises(Unreachable, match="certificate"):
            await post(outward, f"https://other.example:{server.port}/")
    assert answer == dotted == Answer(status=200, body_start=b"ok")
    assert names == ["hook.example", "hook.example", "other.example"]


async def test_a_certificate_that_nobody_vouches_for_proves_nothing(tmp_path: Path) -> None:
    mine, _ = certified("hook.example", tmp_path)
    async with (
        serving(OK, tls=mine) as server,
        home(resolve=leading_to(["127.0.0.1"])) as outward,
    ):
        with pytest.raises(Unreachable, match="certificate"):
            await post(outward, f"https://hook.example:{server.port}/")


async def test_a_server_without_tls_is_not_spoken_to_with_it() -> None:
    async def plain(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serving(plain, greeting=b"220 mail\r\n") as server, home() as outward:
        with pytest.raises(Unreachable, match="securely"):
            await post(outward, f"https://127.0.0.1:{server.port}/")


async def test_a_handshake_that_does_not_end_is_given_up() -> None:
    async with serving(OK) as server, home() as outward:
        with pytest.raises(Unreachable):
            await post(outward, f"https://127.0.0.1:{server.port}/", 0.1)
    gc.collect()  # an open socket would warn here


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(status: int, tmp_path: Path) -> None:
    async with serving(OK) as elsewhere, home() as outward:
        where = f"http://127.0.0.1:{elsewhere.port}/"
        head = f"HTTP/1.1 {status} Go\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
        async with serving(head.encode()) as server:
            url = f"http://127.0.0.1:{server.port}/"
            assert (await post(outward, url)).status == status
            with pytest.raises(UnexpectedAnswer, match="redirect") as caught:
                await outward.fetch(url, tmp_path / "new", 99, LONG_S)
    assert caught.value.status == status
    assert elsewhere.connections == 0
    assert is_empty(tmp_path)


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(OK) as proxy, serving(OK) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with home() as outward:
            await post(outward, f"http://127.0.0.1:{server.port}/")
    assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook.example",
        "//hook.example/",
        "ftp://hook.example/",
        "file:///etc/passwd",
        "gopher://hook.example/",
        "http://",
        "http:///path",
        "http://user:secret@hook.example/",
        "http://user@hook.example/",
        "http://@hook.example/",
        "http://127.0.0.1\\@hook.example/",
        "http://hook.example:0/",
        "http://hook.example:65536/",
        "http://hook.example:-1/",
        "http://hook.example:x/",
        "http://hook example/",
        "http://hook%2eexample/",
        "http://.example/",
        "http://hook.example/\r\nHost: a",
        "http://hook.example/\0",
        "http://[::1/",
        "http://[1:2]/",
        "http://[fe80::1%25eth0]/",
        "http://①②⑦.0.0.1/",
        "http://hook.example/" + "a" * 2048,
    ],
)
async def test_what_is_no_url_of_the_web_is_refused(url: str) -> None:
    async with Outward(resolve=leading_to(["93.184.216.34"])) as outward:
        with pytest.raises(InvalidUrl) as caught:
            await outward.check(url)
        with pytest.raises(InvalidUrl):
            await post(outward, url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://hook.example", "http://münchen.example:8080/?a=x@b", "HTTPS://[2606:4700::1]/"]
)
async def test_a_url_of_the_web_is_good(url: str) -> None:
    async with Outward(resolve=leading_to(["93.184.216.34"])) as outward:
        await outward.check(url)


async def test_a_name_that_leads_nowhere_is_told() -> None:
    async def fail(_host: str, _port: int) -> list[str]:
        raise socket.gaierror

    for resolve in (fail, leading_to([])):
        async with Outward(resolve=resolve) as outward:
            with pytest.raises(Unreachable, match="name"):
                await outward.check("https://hook.example/")


async def test_a_name_server_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("sololine.outward.requests._CONNECT_S", 0.05)
    async with Outward(resolve=hang) as outward:
        with pytest.raises(Unreachable, match="in time"):
            await outward.check("https://hook.example/")
        with pytest.raises(Unreachable, match="within"):
            await post(outward, "https://hook.example/", 0.05)


async def test_a_name_is_asked_for_once_however_many_want_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its name server may not answer, and the threads that ask are few."""
    asked: list[str] = []
    answering = threading.Event()

    def answer(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        if host == "slow.example.com":
            answering.wait(LONG_S)
        return [(0, 0, 0, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    resolve = Resolver()
    slow = [asyncio.ensure_future(resolve("slow.example.com", 443)) for _ in range(20)]
    await asyncio.sleep(0)  # all of them have asked
    assert await resolve("quick.example.com", 443) == ["192.0.2.1"]
    slow[0].cancel()
    answering.set()
    rest = await asyncio.gather(*slow[1:])
    assert rest == [["192.0.2.1"]] * 19
    assert asked == ["slow.example.com", "quick.example.com"]
    assert await resolve("slow.example.com", 443) == ["192.0.2.1"]
    assert asked[2:] == ["slow.example.com"]
    resolve.close()


async def test_a_port_where_nobody_listens_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with home() as outward:
            with pytest.raises(Unreachable, match="connected"):
                await post(outward, f"http://127.0.0.1:{taken.getsockname()[1]}/")


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    async def silent(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(silent) as server, home() as outward:
        with pytest.raises(Unreachable, match="within"):
            await post(outward, f"http://127.0.0.1:{server.port}/", 0.1)


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def test_a_server_that_drips_is_not_waited_for(tmp_path: Path) -> None:
    async with serving(drip) as server, home() as outward:
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(Unreachable, match="within"):
            await post(outward, url, 0.2)
        with pytest.raises(Unreachable, match="within"):
            await outward.fetch(url, tmp_path / "new", 10**9, 0.2)
    assert is_empty(tmp_path)


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def test_an_answer_without_end_is_read_at_its_start() -> None:
    async with serving(endless) as server, home() as outward:
        answer = await post(outward, f"http://127.0.0.1:{server.port}/")
    assert answer.body_start == bytes(16 * 2**10)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
async def test_an_answer_that_breaks_off_is_none(said: bytes, tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()
        await asyncio.sleep(0)

    async with serving(say) as server, home() as outward:
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(Unreachable):
            await post(outward, url)
        with pytest.raises(Unreachable):
            await outward.fetch(url, tmp_path / "new", 10**6, LONG_S)
    assert is_empty(tmp_path)


async def test_a_header_that_would_break_the_request_is_not_sent() -> None:
    async with serving(OK) as server, home() as outward:
        with pytest.raises(OutwardError):
            await outward.post(
                f"http://127.0.0.1:{server.port}/", {"X": "a\r\nHost: b"}, b"", LONG_S
            )
    assert server.heads == []


def file_of(content: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d" % len(content)
    return b"\r\n".join([b"HTTP/1.1 200 OK", length, *headers, b"", content])


async def test_a_file_is_fetched_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    content = bytes(range(256)) * 16_000
    said = file_of(content, b"Content-Type: Image/PNG; charset=x")
    async with serving(said) as server, home() as outward:
        fetched = await outward.fetch(
            f"http://127.0.0.1:{server.port}/a.png", tmp_path / "new", len(content), LONG_S
        )
    assert fetched == Fetched(
        mime_type="image/png", size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    assert (tmp_path / "new").read_bytes() == content
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert "Accept-Encoding: identity" in server.heads[0].splitlines()


async def test_an_empty_file_of_no_type_is_a_file(tmp_path: Path) -> None:
    async with serving(file_of(b"")) as server, home() as outward:
        fetched = await outward.fetch(
            f"http://127.0.0.1:{server.port}/", tmp_path / "new", 9, LONG_S
        )
    assert (fetched.mime_type, fetched.size) == ("", 0)


async def test_a_file_that_says_it_is_too_large_is_not_begun(tmp_path: Path) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    async with serving(said) as server, home() as outward:
        with pytest.raises(TooLarge, match="100 bytes"):
            await outward.fetch(f"http://127.0.0.1:{server.port}/", tmp_path / "new", 100, LONG_S)
    assert is_empty(tmp_path)


async def test_a_file_that_grows_too_large_is_dropped(tmp_path: Path) -> None:
    async with serving(endless) as server, home() as outward:
        with pytest.raises(TooLarge):
            await outward.fetch(
                f"http://127.0.0.1:{server.port}/", tmp_path / "new", 3_000_000, LONG_S
            )
    assert is_empty(tmp_path)


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate, gzip"])
async def test_packed_content_is_not_taken(encoding: bytes, tmp_path: Path) -> None:
    said = file_of(b"x", b"Content-Encoding: " + encoding)
    async with serving(said) as server, home() as outward:
        with pytest.raises(UnexpectedAnswer, match="packed"):
            await outward.fetch(f"http://127.0.0.1:{server.port}/", tmp_path / "new", 9, LONG_S)
    assert is_empty(tmp_path)


@pytest.mark.parametrize("status", [204, 206, 404, 500])
async def test_only_200_brings_a_file(status: int, tmp_path: Path) -> None:
    said = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(said) as server, home() as outward:
        with pytest.raises(UnexpectedAnswer, match=str(status)):
            await outward.fetch(f"http://127.0.0.1:{server.port}/", tmp_path / "new", 9, LONG_S)


async def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"mine")
    async with serving(file_of(b"other")) as server, home() as outward:
        with pytest.raises(FileExistsError):
            await outward.fetch(f"http://127.0.0.1:{server.port}/", there, 9, LONG_S)
    assert there.read_bytes() == b"mine"


async def test_nothing_is_left_of_a_fetch_that_is_given_up(tmp_path: Path) -> None:
    async with serving(drip) as server, home() as outward:
        url = f"http://127.0.0.1:{server.port}/"
        fetching = asyncio.create_task(outward.fetch(url, tmp_path / "new", 10**9, LONG_S))
        async with asyncio.timeout(LONG_S):
            while is_empty(tmp_path):  # noqa: ASYNC110 — files set no events
                await asyncio.sleep(0.01)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
    assert is_empty(tmp_path)


async def test_many_at_once_share_what_there_is() -> None:
    async with serving(OK) as server, home() as outward:
        url = f"http://127.0.0.1:{server.port}/"
        answers = await asyncio.gather(*(post(outward, url) for _ in range(400)))
    assert {answer.status for answer in answers} == {200}
    assert server.connections <= 300
