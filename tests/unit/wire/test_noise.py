import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sololine.wire.certificate import issue_chain
from sololine.wire.curve import KeyPair
from sololine.wire.errors import BadCertificate, DecryptionFailed, HandshakeFailed
from sololine.wire.framing import PROLOGUE
from sololine.wire.noise import Finished, Initiator, Responder, Transport
from sololine.wire.protobuf import wa6

ROOT = KeyPair.generate()
SERVER = KeyPair.generate()
CLIENT = KeyPair.generate()
CHAIN = issue_chain(ROOT, SERVER.public, not_before=100, not_after=200)
NOW = 150


def ends(prologue: bytes = PROLOGUE) -> tuple[Initiator, Responder]:
    return Initiator(CLIENT, PROLOGUE, b"payload", ROOT.public), Responder(SERVER, CHAIN, prologue)


def connected() -> tuple[Transport, Finished]:
    client, server = ends()
    finish, transport = client.receive_hello(server.receive_hello(client.hello()), now=NOW)
    return transport, server.receive_finish(finish)


def test_both_sides_know_each_other_after_the_handshake() -> None:
    transport, finished = connected()
    assert finished.client_static == CLIENT.public
    assert finished.payload == b"payload"
    for text in (b"one", b"two", b""):
        assert finished.transport.decrypt(transport.encrypt(text)) == text
        assert transport.decrypt(finished.transport.encrypt(text)) == text


def test_a_client_written_straight_from_the_description_is_understood() -> None:
    """A second implementation, step by step, that shares no code with the first but X25519."""

    def derive(chain: bytes, secret: bytes) -> tuple[bytes, bytes]:
        extracted = hmac.digest(chain, secret, "sha256")
        first = hmac.digest(extracted, b"\1", "sha256")
        return first, hmac.digest(extracted, first + b"\2", "sha256")

    def absorb(state: bytes, data: bytes) -> bytes:
        return hashlib.sha256(state + data).digest()

    responder = Responder(SERVER, CHAIN, PROLOGUE)
    ephemeral = KeyPair.generate()
    chain = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
    state = absorb(absorb(chain, PROLOGUE), ephemeral.public)
    first = wa6.HandshakeMessage(clientHello={"ephemeral": ephemeral.public})
    answer = wa6.HandshakeMessage.FromString(responder.receive_hello(first.SerializeToString()))
    hello = answer.serverHello

    state = absorb(state, hello.ephemeral)
    chain, key = derive(chain, ephemeral.agree(hello.ephemeral))
    assert AESGCM(key).decrypt(bytes(12), hello.static, state) == SERVER.public
    state = absorb(state, hello.static)
    chain, key = derive(chain, ephemeral.agree(SERVER.public))
    assert AESGCM(key).decrypt(bytes(12), hello.payload, state) == CHAIN
    state = absorb(state, hello.payload)

    # The client's static key is the second thing sealed under this key: the counter is 1.
    static = AESGCM(key).encrypt(bytes(11) + b"\1", CLIENT.public, state)
    state = absorb(state, static)
    chain, key = derive(chain, CLIENT.agree(hello.ephemeral))
    payload = AESGCM(key).encrypt(bytes(12), b"hello", state)
    last = wa6.HandshakeMessage(clientFinish={"static": static, "payload": payload})
    finished = responder.receive_finish(last.SerializeToString())
    assert (finished.client_static, finished.payload) == (CLIENT.public, b"hello")

    to_server, to_client = derive(chain, b"")
    for count in range(3):
        nonce = bytes(8) + count.to_bytes(4, "big")
        frame = AESGCM(to_server).encrypt(nonce, b"up", b"")
        assert finished.transport.decrypt(frame) == b"up"
        sealed = finished.transport.encrypt(b"down")
        assert AESGCM(to_client).decrypt(nonce, sealed, b"") == b"down"


def test_a_frame_opens_once_and_in_order() -> None:
    transport, finished = connected()
    first, second = transport.encrypt(b"1"), transport.encrypt(b"2")
    assert finished.transport.decrypt(first) == b"1"
    with pytest.raises(DecryptionFailed):
        finished.transport.decrypt(first)
    transport, finished = connected()
    transport.encrypt(b"1")
    with pytest.raises(DecryptionFailed):
        finished.transport.decrypt(transport.encrypt(b"2"))
    assert second


@pytest.mark.parametrize("cut", [0, 1, 15, 16])
def test_a_truncated_frame_does_not_open(cut: int) -> None:
    transport, finished = connected()
    frame = transport.encrypt(b"some text")
    with pytest.raises(DecryptionFailed):
        finished.transport.decrypt(frame[:cut])


def test_a_client_refuses_a_server_that_another_root_vouches_for() -> None:
    client = Initiator(CLIENT, PROLOGUE, b"", KeyPair.generate().public)
    with pytest.raises(BadCertificate):
        client.receive_hello(
            Responder(SERVER, CHAIN, PROLOGUE).receive_hello(client.hello()), now=NOW
        )


def test_a_client_refuses_an_expired_certificate() -> None:
    client, server = ends()
    with pytest.raises(BadCertificate, match="expired"):
        client.receive_hello(server.receive_hello(client.hello()), now=201)


def test_a_client_refuses_the_certificate_of_another_server() -> None:
    client = Initiator(CLIENT, PROLOGUE, b"", ROOT.public)
    impostor = Responder(KeyPair.generate(), CHAIN, PROLOGUE)
    with pytest.raises(BadCertificate, match="another key"):
        client.receive_hello(impostor.receive_hello(client.hello()), now=NOW)


def test_a_changed_prologue_is_noticed() -> None:
    client, server = ends(b"WA\x06\x02")
    with pytest.raises(HandshakeFailed):
        client.receive_hello(server.receive_hello(client.hello()), now=NOW)


@pytest.mark.parametrize("field", ["ephemeral", "static", "payload"])
def test_a_tampered_server_hello_is_noticed(field: str) -> None:
    client, server = ends()
    message = wa6.HandshakeMessage.FromString(server.receive_hello(client.hello()))
    data = bytearray(getattr(message.serverHello, field))
    data[3] ^= 1
    setattr(message.serverHello, field, bytes(data))
    with pytest.raises(HandshakeFailed):
        client.receive_hello(message.SerializeToString(), now=NOW)


@pytest.mark.parametrize("field", ["static", "payload"])
def test_a_tampered_client_finish_is_noticed(field: str) -> None:
    client, server = ends()
    finish, _ = client.receive_hello(server.receive_hello(client.hello()), now=NOW)
    message = wa6.HandshakeMessage.FromString(finish)
    data = bytearray(getattr(message.clientFinish, field))
    data[3] ^= 1
    setattr(message.clientFinish, field, bytes(data))
    with pytest.raises(HandshakeFailed):
        server.receive_finish(message.SerializeToString())


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (b"\xff", "not a handshake message"),
        (b"", "without clientHello"),
        (wa6.HandshakeMessage(clientHello={}).SerializeToString(), "a key of 0 bytes"),
        (
            wa6.HandshakeMessage(clientHello={"ephemeral": bytes(31)}).SerializeToString(),
            "a key of 31 bytes",
        ),
        (
            wa6.HandshakeMessage(clientHello={"ephemeral": bytes(32)}).SerializeToString(),
            "shares no secret",
        ),
        (
            wa6.HandshakeMessage(
                clientHello={"ephemeral": CLIENT.public, "static": b"x", "payload": b"y"}
            ).SerializeToString(),
            "pattern IK",
        ),
    ],
)
def test_what_is_no_hello_is_refused(frame: bytes, message: str) -> None:
    with pytest.raises(HandshakeFailed, match=message):
        Responder(SERVER, CHAIN, PROLOGUE).receive_hello(frame)


def test_a_finish_before_the_hello_is_refused() -> None:
    with pytest.raises(HandshakeFailed, match="before its hello"):
        Responder(SERVER, CHAIN, PROLOGUE).receive_finish(b"")


def test_a_truncated_handshake_frame_is_refused() -> None:
    client, server = ends()
    answer = server.receive_hello(client.hello())
    with pytest.raises(HandshakeFailed):
        client.receive_hello(answer[:-1], now=NOW)
