"""A client of the event WebSocket, which may break off anywhere and go on from what it saw last."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.flow.house import KEY, PATIENCE_S, Server

Event = dict[str, Any]


def address(server: Server, after: int | None = None, **query: Any) -> str:
    """The WebSocket's URL; a list in the query repeats its name."""
    assert server.api is not None
    pairs = [("after", after)] if after is not None else []
    for name, value in query.items():
        pairs += [(name, each) for each in (value if isinstance(value, list) else [value])]
    base = str(server.api.base_url).rstrip("/").replace("http", "ws", 1)
    return f"{base}/v1/events?" + "&".join(f"{name}={value}" for name, value in pairs)


@asynccontextmanager
async def listening(
    server: Server, after: int | None = None, *, key: str = KEY, **query: Any
) -> AsyncIterator["Listener"]:
    """Follow a server's events; the opening frame has been read."""
    url = address(server, after, **query)
    async with connect(url, additional_headers={"x-api-key": key}, max_queue=1) as socket:
        opened = json.loads(await socket.recv())
        assert opened["type"] == "stream.opened"
        yield Listener(socket, opened)


class Listener:
    """One connection to the event WebSocket."""

    def __init__(self, socket: ClientConnection, opened: dict[str, Any]) -> None:
        self.socket = socket
        self.opened = opened

    async def next(self) -> Event:
        """The next event; waits for it."""
        async with asyncio.timeout(PATIENCE_S):
            return json.loads(await self.socket.recv())

    async def until(self, type_: str) -> list[Event]:
        """The events up to the first of this type."""
        seen = [await self.next()]
        while seen[-1]["type"] != type_:
            seen.append(await self.next())
        return seen

    def break_off(self) -> None:
        """End the connection as a power cut would: without a word."""
        self.socket.transport.abort()
