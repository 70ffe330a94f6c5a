"""A client's encrypted channel: nodes in and out, over its WebSocket."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Self

from sololine.emulator.clients.transport import STEP_LIMIT, WebSocket
from sololine.wire import binary, framing
from sololine.wire.curve import KeyPair
from sololine.wire.node import Node
from sololine.wire.noise import Finished, Responder


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIdentity:
    """What the server proves itself with in the Noise handshake."""

    static: KeyPair
    certificate: bytes


class Channel:
    """Nodes to and from one client whose handshake is done.

    `client_static` is the client's Noise key, `payload` what it wants (see `wire.registration`).
    One task receives; sending and closing may be done from anywhere in the event loop.
    """

    def __init__(self, websocket: WebSocket, frames: "_Frames", finished: Finished) -> None:
        self.client_static = finished.client_static
        self.payload = finished.payload
        self._websocket = websocket
        self._frames = frames
        self._transport = finished.transport

    @classmethod
    async def open(cls, websocket: WebSocket, identity: ServerIdentity, *, delay_s: float) -> Self:
        """Do the handshake; `delay_s` seconds pass before the server's part of it.

        Raises:
            ConnectionEnded: if the client goes away.
            TimeoutError: if the client does not go on.
            WireError: if what it says is no handshake.
        """
        async with asyncio.timeout(STEP_LIMIT + delay_s):
            prologue, rest = framing.split_prologue(await websocket.receive())
            frames = _Frames(websocket)
            frames.feed(rest)
            responder = Responder(identity.static, identity.certificate, prologue)
            hello = responder.receive_hello(await frames.next())
            await asyncio.sleep(delay_s)
            websocket.send(framing.pack(hello))
            return cls(websocket, frames, responder.receive_finish(await frames.next()))

    async def receive(self) -> Node:
        """The next node.

        Raises:
            ConnectionEnded: when there will be none.
            WireError: if what the client sends cannot be read; nothing after it can either.
        """
        return binary.decode(self._transport.decrypt(await self._frames.next()))

    def send(self, node: Node) -> None:
        """Send a node; silently nothing when the channel is closing."""
        self._websocket.send(framing.pack(self._transport.encrypt(binary.encode(node))))

    def close(self) -> None:
        """Begin to close; what was sent before still arrives."""
        self._websocket.close()

    def abort(self) -> None:
        """Break off, as a network does."""
        self._websocket.abort()


class _Frames:
    """The frames in a WebSocket's messages, however they are divided among them."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._buffer = framing.FrameBuffer()
        self._whole: deque[bytes] = deque()

    def feed(self, data: bytes) -> None:
        self._whole.extend(self._buffer.feed(data))

    async def next(self) -> bytes:
        while not self._whole:
            self.feed(await self._websocket.receive())
        return self._whole.popleft()
