"""A small WhatsApp client in Python, to say to the emulator what the real engine never would."""

import asyncio
import itertools
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time

from websockets.asyncio.client import ClientConnection, connect

from sololine.emulator.server import Emulator
from sololine.wire import binary, framing
from sololine.wire.curve import KeyPair
from sololine.wire.jid import SERVER, Jid
from sololine.wire.linking import Accepted, QrPayload, accept_identity
from sololine.wire.node import Node
from sololine.wire.noise import Initiator, Transport
from sololine.wire.registration import Login, Registration, sign_prekey

DEADLINE_S = 10.0
VERSION = (2, 3000, 1)


class Keys:
    """What a client keeps between its connections."""

    def __init__(self) -> None:
        self.noise = KeyPair.generate()
        self.identity = KeyPair.generate()
        self.adv_secret = os.urandom(32)
        self.jid: Jid | None = None
        """The device it was linked as."""

    @property
    def registration(self) -> Registration:
        return Registration(
            registration_id=b"\0\0\0\7",
            identity=self.identity.public,
            signed_prekey=sign_prekey(self.identity, 1, KeyPair.generate().public),
            device_name="Test",
            platform="CHROME",
        )

    @property
    def login(self) -> Login:
        assert self.jid is not None
        return Login(number=self.jid.user, device=self.jid.device)


class Client:
    """One connection after its handshake."""

    def __init__(self, websocket: ClientConnection, transport: Transport, keys: Keys) -> None:
        self.websocket = websocket
        self.keys = keys
        self.qr = ""
        self._transport = transport
        self._buffer = framing.FrameBuffer()
        self._frames: deque[bytes] = deque()
        self._ids = itertools.count(1)

    async def receive(self) -> Node:
        """The next stanza."""
        async with asyncio.timeout(DEADLINE_S):
            while not self._frames:
                message = await self.websocket.recv(decode=False)
                self._frames += self._buffer.feed(message)
        return binary.decode(self._transport.decrypt(self._frames.popleft()))

    async def send(self, node: Node) -> None:
        """Send a stanza."""
        await self.websocket.send(framing.pack(self._transport.encrypt(binary.encode(node))))

    async def ask(self, xmlns: str, kind: str, *content: Node) -> Node:
        """Ask a question; return its answer."""
        attrs = {"id": str(next(self._ids)), "xmlns": xmlns, "type": kind, "to": SERVER}
        await self.send(Node.make("iq", attrs, content))
        answer = await self.receive()
        assert answer.text("id") == attrs["id"]
        return answer

    async def show_qr(self) -> str:
        """Take the refs; return the text of the first QR."""
        offered = await self.receive()
        refs = offered.need("pair-device").named("ref")
        await self.send(Node.make("iq", {"id": offered.text("id"), "to": SERVER, "type": "result"}))
        self.qr = QrPayload(
            ref=refs[0].data.decode(),
            noise=self.keys.noise.public,
            identity=self.keys.identity.public,
            adv_secret=self.keys.adv_secret,
            client_type="1",
        ).format()
        return self.qr

    async def accept(self) -> Accepted:
        """Accept a phone's acceptance and sign, after which the server wants a new connection."""
        success = await self.receive()
        container = success.need("pair-success", "device-identity").data
        accepted = accept_identity(container, self.keys.adv_secret, self.keys.identity)
        self.keys.jid = success.need("pair-success", "device").jid("jid")
        signed = Node.make("device-identity", {"key-index": accepted.key_index}, accepted.answer)
        await self.send(
            Node.make(
                "iq",
                {"id": success.text("id"), "to": SERVER, "type": "result"},
                Node.make("pair-device-sign", content=signed),
            )
        )
        return accepted


@asynccontextmanager
async def connected(
    emulator: Emulator, keys: Keys, payload: Registration | Login
) -> AsyncIterator[Client]:
    """A connection whose handshake is done, but nothing else said or read."""
    tls = ssl.create_default_context(cafile=str(emulator.ca_file))
    async with connect(
        "wss://web.whatsapp.com/ws/chat",
        ssl=tls,
        proxy=f"http://127.0.0.1:{emulator.port}",
        compression=None,
        close_timeout=1,
    ) as websocket:
        initiator = Initiator(
            keys.noise, framing.PROLOGUE, payload.encode(VERSION), emulator.root_public
        )
        await websocket.send(framing.PROLOGUE + framing.pack(initiator.hello()))
        [hello] = framing.FrameBuffer().feed(await websocket.recv(decode=False))
        finish, transport = initiator.receive_hello(hello, now=int(time()))
        await websocket.send(framing.pack(finish))
        yield Client(websocket, transport, keys)


@asynccontextmanager
async def waiting(emulator: Emulator) -> AsyncIterator[Client]:
    """A client that shows a QR."""
    keys = Keys()
    async with connected(emulator, keys, keys.registration) as client:
        await client.show_qr()
        yield client


async def link(emulator: Emulator, number: str) -> Keys:
    """Link a client with the phone of this number."""
    async with waiting(emulator) as client:
        scan = asyncio.create_task(emulator.phones.add(number).scan(client.qr))
        await client.accept()
        await scan
        return client.keys


@asynccontextmanager
async def logged_in(emulator: Emulator, keys: Keys) -> AsyncIterator[Client]:
    """A linked client that is online and has read what the server says first."""
    async with connected(emulator, keys, keys.login) as client:
        for _ in range(3):
            await client.receive()
        yield client
