"""A cable to a server, which a test may cut: for a client, the server was stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Cable:
    """Leads from a port of loopback to the server of a URL.

    Attributes:
        url: as the server's own, and leads through the cable.
    """

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._listening: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        login = self._there.netloc.rpartition("@")[0]
        return urlunsplit(self._there._replace(netloc=f"{login}@127.0.0.1:{self._port}"))

    async def mend(self) -> None:
        """Let clients reach the server, under the same port each time."""
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections, and refuse new ones."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._there.hostname is not None
        there = await asyncio.open_connection(self._there.hostname, self._there.port)
        mine = {writer, there[1]}
        self._writers |= mine
        try:
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        finally:
            for each in mine:
                each.close()
            self._writers -= mine


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@asynccontextmanager
async def cable(url: str) -> AsyncIterator[Cable]:
    made = Cable(url)
    await made.mend()
    try:
        yield made
    finally:
        await made.cut()
