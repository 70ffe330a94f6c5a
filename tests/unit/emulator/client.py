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

from sololine.emulator.mail.bundles import read_bundle
from sololine.emulator.phones.letters import Message, e2e
from sololine.emulator.server import Emulator
from sololine.wire import binary, framing
from sololine.wire.curve import KeyPair
from sololine.wire.jid import SERVER, Jid
from sololine.wire.linking import Accepted, QrPayload, accept_identity
from sololine.wire.node import Node
from sololine.wire.noise import Initiator, Transport
from sololine.wire.registration import Login, Registration, sign_prekey
from sololine.wire.signal.bundle import PrekeyBundle
from sololine.wire.signal.endpoint import Endpoint, MemoryStore
from sololine.wire.signal.session import Kind

DEADLINE_S = 10.0
VERSION = (2, 3000, 1)


class Keys:
    """What a client keeps between its connections."""

    def __init__(self) -> None:
        self.noise = KeyPair.generate()
        self.identity = KeyPair.generate()
        self.signed_prekey = KeyPair.generate()
        self.signal = Endpoint(self.identity, 7, 1, self.signed_prekey, MemoryStore())
        self.adv_secret = os.urandom(32)
        self.jid: Jid | None = None
        """The device it was linked as."""

    @property
    def registration(self) -> Registration:
        return Registration(
            registration_id=b"\0\0\0\7",
            identity=self.identity.public,
            signed_prekey=sign_prekey(self.identity, 1, self.signed_prekey.public),
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
        self.bundles = dict[Jid, PrekeyBundle]()
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

    async def next(self, tag: str) -> Node:
        """The next stanza of that tag; others are passed over."""
        while True:
            node = await self.receive()
            if node.tag == tag:
                return node

    async def fetch(self, *devices: Jid) -> None:
        """Begin sessions with these devices, from their bundles."""
        asked = [Node.make("user", {"jid": jid}) for jid in devices]
        answer = await self.ask("encrypt", "get", Node.make("key", content=asked))
        for user in answer.need("list").named("user"):
            self.bundles[user.jid("jid")] = read_bundle(user.need("registration"), user)

    def enc(self, to: Jid, message: Message, **attrs: str) -> Node:
        """The message, encrypted for that device."""
        bundle = self.bundles.pop(to, None)
        kind, data = self.keys.signal.encrypt(to, message.SerializeToString(), bundle)
        return Node.make("enc", {"v": 2, "type": kind, **attrs}, data)

    async def write(self, to: Jid, message: Message, *devices: Jid, message_id: str = "") -> str:
        """Send a message to the devices of a person; return its id."""
        message_id = message_id or f"3EB0{next(self._ids):018}"
        parts = [Node.make("to", {"jid": jid}, self.enc(jid, message)) for jid in devices]
        attrs = {"id": message_id, "to": to, "type": "text"}
        listed = Node.make("participants", content=parts)
        await self.send(Node.make("message", attrs, listed))
        return message_id

    def read(self, stanza: Node) -> Message:
        """What a message says that came from a phone."""
        sender = stanza.jid("participant" if "participant" in stanza.attrs else "from")
        said = None
        for enc in stanza.named("enc"):
            kind = Kind(enc.text("type"))
            if kind is Kind.SKMSG:
                plain = self.keys.signal.decrypt_for_group(stanza.jid("from"), sender, enc.data)
            else:
                plain = self.keys.signal.decrypt(sender, kind, enc.data)
            said = e2e.Message.FromString(plain)
            if said.HasField("senderKeyDistributionMessage"):
                shared = said.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage
                self.keys.signal.take_distribution(stanza.jid("from"), sender, shared)
        return said

    async def confirm(self, stanza: Node, kind: str = "", **attrs: str) -> None:
        """Send a receipt for a message."""
        kept = {name: stanza.attrs.get(name) for name in ("participant", "recipient")}
        own = {"id": stanza.text("id"), "to": stanza.jid("from"), "type": kind}
        await self.send(Node.make("receipt", {**own, **kept, **attrs}))

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
        while (await client.receive()).child("offline") is None:
            pass
        yield client
