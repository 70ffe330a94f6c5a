"""The HTTP side of media: clients upload what is sealed, and download by path.

    POST /mms/TYPE/TOKEN?auth=…   TOKEN: base64 of the body's SHA-256   ──▶ {url, direct_path}
    GET  DIRECT_PATH, HEAD, ranges                                      ──▶ the stored bytes

One connection may carry many requests. Bodies go to disk as they come; nothing a client says
becomes a path.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from sololine.emulator.faults import Faults, MediaGone, UploadRefused
from sololine.emulator.storage.shelf import AUTH, MAX_STORED, MEDIA_HOST, PICTURE_HOST, Shelf

IDLE_LIMIT: Final = 90.0
"""Seconds a connection may wait for its next request."""

STEP_LIMIT: Final = 20.0
"""Seconds a client may take for the next piece of a body, either way."""

LINGER_S: Final = 2.0
"""Seconds a refused client has to take the answer: closing on unread bytes would lose it."""

_PIECE: Final = 2**16
_UPLOAD: Final = re.compile(r"/mms/(?:[a-z-]+)/([A-Za-z0-9_-]{43}=?)")


class _Refused(Exception):
    """The request cannot be served; the connection ends, since its body may be unread."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @classmethod
    def parse(cls, head: bytes) -> "_Request":
        """The request of that head. Raises `_Refused`."""
        lines = head.decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        try:
            url = urlsplit(rest.partition(" ")[0])
        except ValueError:
            raise _Refused(HTTPStatus.BAD_REQUEST) from None
        named = (line.partition(":") for line in lines[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in named}
        return cls(
            method=method, path=unquote(url.path), query=parse_qs(url.query), headers=headers
        )


class MediaDoor:
    """Serves the media hosts' requests from a shelf.

    `report` is told, in words fit for a log, what a client wanted that is not served.
    """

    def __init__(self, shelf: Shelf, faults: Faults, *, report: Callable[[str], None]) -> None:
        self._shelf = shelf
        self._faults = faults
        self._report = report

    async def serve(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection's requests until it ends."""
        while True:
            try:
                async with asyncio.timeout(IDLE_LIMIT):
                    head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            try:
                request = _Request.parse(head)
                await self._answer(host, request, reader, writer)
            except _Refused as refusal:
                _say(writer, refusal.status, {"Content-Length": "0", "Connection": "close"})
                await _linger(reader)
                return
            if request.headers.get("connection", "").lower() == "close":
                return

    async def _answer(
        self,
        host: str,
        request: _Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        match request.method:
            case "POST" if upload := _UPLOAD.fullmatch(request.path):
                await self._take(request, upload[1], reader, writer)
            case "GET" | "HEAD" if request.path.startswith("/v/"):
                await self._give(host, request, writer)
            case _:
                self._report(f"{request.method} https://{host}{request.path}")
                raise _Refused(HTTPStatus.NOT_FOUND)

    async def _take(
        self,
        request: _Request,
        token: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if request.query.get("auth") != [AUTH]:
            raise _Refused(HTTPStatus.UNAUTHORIZED)
        if refused := self._faults.take(UploadRefused, None):
            raise _Refused(refused.status)
        if request.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        arrival = _Arrival(self._shelf.incoming())
        try:
            async for piece in _body(request, reader):
                arrival.write(piece)
            if token.rstrip("=") != arrival.token.rstrip("="):
                raise _Refused(HTTPStatus.BAD_REQUEST)
            direct_path = arrival.keep(self._shelf)
        finally:
            arrival.discard()
        answer = {"url": f"https://{MEDIA_HOST}{direct_path}", "direct_path": direct_path}
        content = json.dumps(answer).encode()
        _say(writer, HTTPStatus.OK, _described("application/json", len(content)))
        writer.write(content)

    async def _give(self, host: str, request: _Request, writer: asyncio.StreamWriter) -> None:
        if host != PICTURE_HOST and self._faults.take(MediaGone, None):
            raise _Refused(HTTPStatus.GONE)
        file = self._shelf.find(host, request.path)
        if file is None:
            raise _Refused(HTTPStatus.NOT_FOUND)
        size = file.stat().st_size
        start, end = _range(request.headers.get("range", ""), size)
        kind = "image/jpeg" if host == PICTURE_HOST else "application/octet-stream"
        headers = _described(kind, end - start) | {"Accept-Ranges": "bytes"}
        status = HTTPStatus.OK
        if "range" in request.headers:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        _say(writer, status, headers)
        if request.method == "GET":
            for piece in _pieces(file, start, end):
                writer.write(piece)
                async with asyncio.timeout(STEP_LIMIT):
                    await writer.drain()


class _Arrival:
    """A body on its way to disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._sha256 = hashlib.sha256()
        self._size = 0

    @property
    def token(self) -> str:
        """What a client calls these bytes in the path it uploads them to."""
        return base64.urlsafe_b64encode(self._sha256.digest()).decode()

    def write(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_STORED:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._sha256.update(piece)
        self._file.write(piece)

    def keep(self, shelf: Shelf) -> str:
        self._file.close()
        return shelf.put(self._path, self._sha256.digest())

    def discard(self) -> None:
        """Leave nothing behind of what was not kept."""
        self._file.close()
        self._path.unlink(missing_ok=True)


async def _linger(reader: asyncio.StreamReader) -> None:
    """Take what is still on its way, until the client has read the answer and leaves."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while await reader.read(_PIECE):
                pass


async def _body(request: _Request, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        while size := _number(await _line(reader), 16):
            async for piece in _exactly(reader, size):
                yield piece
            await _line(reader)
        while await _line(reader):
            pass  # trailers
    else:
        async for piece in _exactly(
            reader, _number(request.headers.get("content-length", "0"), 10)
        ):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    if size > MAX_STORED:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    while size:
        async with asyncio.timeout(STEP_LIMIT):
            piece = await reader.read(min(size, _PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


async def _line(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(STEP_LIMIT):
        return (await reader.readuntil(b"\r\n")).decode("latin-1").partition(";")[0].strip()


def _number(text: str, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        raise _Refused(HTTPStatus.BAD_REQUEST) from None
    if number < 0:
        raise _Refused(HTTPStatus.BAD_REQUEST)
    return number


def _range(asked: str, size: int) -> tuple[int, int]:
    """Where to begin and before where to end; the whole when no range is asked."""
    if not asked:
        return 0, size
    wanted = re.fullmatch(r"bytes=(\d{1,12})-(\d{0,12})", asked)
    if wanted is None or int(wanted[1]) >= size:
        raise _Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    start = int(wanted[1])
    end = min(int(wanted[2]) + 1, size) if wanted[2] else size
    if end <= start:
        raise _Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return start, end


def _pieces(file: Path, start: int, end: int) -> Iterator[bytes]:
    with file.open("rb") as source:
        source.seek(start)
        while start < end:
            piece = source.read(min(_PIECE, end - start))
            start += len(piece)
            yield piece


def _described(kind: str, size: int) -> dict[str, str]:
    return {"Content-Type": kind, "Content-Length": str(size)}


def _say(writer: asyncio.StreamWriter, status: int, headers: dict[str, str]) -> None:
    reason = "OK" if status < HTTPStatus.BAD_REQUEST else "Refused"
    lines = [f"HTTP/1.1 {int(status)} {reason}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
