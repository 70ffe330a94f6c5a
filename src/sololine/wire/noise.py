"""The Noise handshake of pattern XX, and the encrypted transport it ends in.

    initiator (client)                              responder (server)
    hello()            -- ephemeral -->             receive_hello(...)
    receive_hello(...) <-- ephemeral, static, certificate --
                       -- static, payload -->       receive_finish(...)
    Transport          <========================>   Transport

Neither side touches a socket: what goes in and out are frames without their length. An object
that has raised is used up; its connection must be closed.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sololine.wire.certificate import verify_chain
from sololine.wire.curve import KEY_BYTES, KeyPair
from sololine.wire.errors import DecryptionFailed, HandshakeFailed, MalformedPayload
from sololine.wire.kdf import hkdf
from sololine.wire.protobuf import parse, wa6

_NAME: Final = b"Noise_XX_25519_AESGCM_SHA256".ljust(32, b"\0")


class Transport:
    """Encrypts and decrypts frames after the handshake; each direction counts its own."""

    def __init__(self, *, sending: bytes, receiving: bytes) -> None:
        self._sending = _Cipher(sending)
        self._receiving = _Cipher(receiving)

    def encrypt(self, plain: bytes) -> bytes:
        """The next frame to send. Frames must be sent in the order they were made."""
        return self._sending.seal(plain, b"")

    def decrypt(self, frame: bytes) -> bytes:
        """What the next received frame holds.

        Raises:
            DecryptionFailed: if it is not the next frame the other side made.
        """
        return self._receiving.open(frame, b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A completed handshake, as the server sees it.

    `client_static` is the client's Noise key, by which a linked device is known again;
    `payload` says what it wants (see `registration`).
    """

    client_static: bytes
    payload: bytes
    transport: Transport


class Responder:
    """The server's side of one handshake: `receive_hello`, then `receive_finish`."""

    def __init__(self, static: KeyPair, certificate: bytes, prologue: bytes) -> None:
        self._static = static
        self._certificate = certificate
        self._state = _Handshake(prologue)
        self._ephemeral: KeyPair | None = None

    def receive_hello(self, frame: bytes) -> bytes:
        """Take the client's first frame; return the answer to it.

        Raises:
            HandshakeFailed: if it is none, or begins another pattern than XX.
        """
        hello = _message(frame, "clientHello")
        if hello.static or hello.payload:
            raise HandshakeFailed("the client begins pattern IK; only XX is spoken here")
        ephemeral = self._ephemeral = KeyPair.generate()
        self._state.authenticate(_key(hello.ephemeral))
        self._state.authenticate(ephemeral.public)
        self._state.mix(ephemeral, hello.ephemeral)
        static = self._state.seal(self._static.public)
        self._state.mix(self._static, hello.ephemeral)
        payload = self._state.seal(self._certificate)
        return _frame(
            serverHello=wa6.HandshakeMessage.ServerHello(
                ephemeral=ephemeral.public, static=static, payload=payload
            )
        )

    def receive_finish(self, frame: bytes) -> Finished:
        """Take the client's second frame, which ends the handshake.

        Raises:
            HandshakeFailed: if it does not fit to what was said before.
        """
        if self._ephemeral is None:
            raise HandshakeFailed("the client finishes before its hello")
        finish = _message(frame, "clientFinish")
        client_static = _key(self._state.open(finish.static))
        self._state.mix(self._ephemeral, client_static)
        payload = self._state.open(finish.payload)
        to_server, to_client = self._state.split()
        transport = Transport(sending=to_client, receiving=to_server)
        return Finished(client_static=client_static, payload=payload, transport=transport)


class Initiator:
    """The client's side of one handshake: `hello`, then `receive_hello`.

    `payload` is what the server gets to know last (see `registration`), `root` the public key
    that its certificate must lead to.
    """

    def __init__(self, static: KeyPair, prologue: bytes, payload: bytes, root: bytes) -> None:
        self._static = static
        self._payload = payload
        self._root = root
        self._state = _Handshake(prologue)
        self._ephemeral = KeyPair.generate()

    def hello(self) -> bytes:
        """The client's first frame; made once."""
        self._state.authenticate(self._ephemeral.public)
        return _frame(
            clientHello=wa6.HandshakeMessage.ClientHello(ephemeral=self._ephemeral.public)
        )

    def receive_hello(self, frame: bytes, *, now: int) -> tuple[bytes, Transport]:
        """Take the server's answer; return the frame that ends the handshake, and the transport.

        `now` is in Unix seconds.

        Raises:
            BadCertificate: if the server does not prove its key at that time.
            HandshakeFailed: if the frame does not fit to our hello.
        """
        hello = _message(frame, "serverHello")
        server_ephemeral = _key(hello.ephemeral)
        self._state.authenticate(server_ephemeral)
        self._state.mix(self._ephemeral, server_ephemeral)
        server_static = _key(self._state.open(hello.static))
        self._state.mix(self._ephemeral, server_static)
        verify_chain(self._state.open(hello.payload), self._root, server_static, now)
        static = self._state.seal(self._static.public)
        self._state.mix(self._static, server_ephemeral)
        payload = self._state.seal(self._payload)
        finish = _frame(
            clientFinish=wa6.HandshakeMessage.ClientFinish(static=static, payload=payload)
        )
        to_server, to_client = self._state.split()
        return finish, Transport(sending=to_server, receiving=to_client)


class _Cipher:
    """AES-256-GCM under one key, whose nonce counts the uses."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._uses = 0

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        return self._aead.encrypt(self._nonce(), plain, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(), sealed, associated)
        except InvalidTag as error:
            raise DecryptionFailed("a frame does not open under our key") from error

    def _nonce(self) -> bytes:
        nonce = self._uses.to_bytes(12, "big")
        self._uses += 1
        return nonce


class _Handshake:
    """Noise's symmetric state: a hash of all that was said, and keys that depend on it."""

    def __init__(self, prologue: bytes) -> None:
        self._hash = self._chain = _NAME
        self._cipher = _Cipher(_NAME)
        self.authenticate(prologue)

    def authenticate(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix(self, own: KeyPair, public: bytes) -> None:
        try:
            secret = own.agree(public)
        except MalformedPayload as error:
            raise HandshakeFailed("the other side sent a key that shares no secret") from error
        self._chain, key = self._derive(secret)
        self._cipher = _Cipher(key)

    def seal(self, plain: bytes) -> bytes:
        sealed = self._cipher.seal(plain, self._hash)
        self.authenticate(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        try:
            plain = self._cipher.open(sealed, self._hash)
        except DecryptionFailed as error:
            raise HandshakeFailed("the other side does not share our handshake") from error
        self.authenticate(sealed)
        return plain

    def split(self) -> tuple[bytes, bytes]:
        """The keys of the transport: client to server, server to client."""
        return self._derive(b"")

    def _derive(self, secret: bytes) -> tuple[bytes, bytes]:
        both = hkdf(secret, salt=self._chain, length=64)
        return both[:32], both[32:]


def _message(frame: bytes, name: str) -> Any:
    try:
        message = parse(wa6.HandshakeMessage, frame)
    except MalformedPayload as error:
        raise HandshakeFailed("not a handshake message") from error
    if not message.HasField(name):
        raise HandshakeFailed(f"a handshake message without {name}")
    return getattr(message, name)


def _frame(**parts: Any) -> bytes:
    return bytes(wa6.HandshakeMessage(**parts).SerializeToString())


def _key(data: bytes) -> bytes:
    if len(data) != KEY_BYTES:
        raise HandshakeFailed(f"a key of {len(data)} bytes; {KEY_BYTES} are needed")
    return data
