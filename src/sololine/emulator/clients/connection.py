"""One client's life: it is linked, or logs in, asks its questions, and ends.

handshake ── Registration ──▶ refs ─▶ (phone accepts) ─▶ signs ─▶ 515, redials
          └─ Login ──▶ success, what waited ─▶ stanzas …
"""

import asyncio
import base64
import itertools
import logging
import os
from typing import Final, assert_never

from sololine.core.sentence import Sentence
from sololine.emulator.clients import queries, stanzas
from sololine.emulator.clients.channel import Channel
from sololine.emulator.clients.transport import ConnectionEnded
from sololine.emulator.exchange import CodeRequest, Exchange
from sololine.emulator.facts import UnlinkedBy
from sololine.emulator.faults import (
    AckError,
    ClientOutdated,
    DeviceRemoved,
    Drop,
    DropBeforeAck,
    LoginFailure,
    Mute,
    NoAck,
    Replaced,
    Slow,
    StreamError,
    Striking,
)
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.people.pairing import Offer, Pairing
from sololine.wire import linking, registration
from sololine.wire.errors import WireError
from sololine.wire.node import Node

log = logging.getLogger(__name__)

IDLE_LIMIT: Final = 180.0
"""Seconds a client may be silent; real ones send a keep-alive every 20 to 30 s."""

FAREWELL_S: Final = 0.3
"""Seconds between a last word and closing: a client drops what it has not read by then."""

REFS: Final = 6
"""As many as a real server sends: a client shows them for 160 s in all."""

_RESTART: Final = 515
_OUTDATED: Final = 405
_LOGGED_OUT: Final = 401
_NOT_IMPLEMENTED: Final = 501


class Connection:
    """A client whose handshake is done, until it ends. `run` it once."""

    def __init__(self, channel: Channel, exchange: Exchange) -> None:
        self.key: DeviceKey | None = None
        self._channel = channel
        self._exchange = exchange
        self._pairing: Pairing | None = None
        self._ids = itertools.count(1)
        self._offered_in: str | None = None
        self._code_ref = b""
        self._muted = False
        self._ending = False

    async def run(self) -> None:
        """Speak with the client until the connection ends, whoever ends it."""
        self._exchange.admit(self)
        try:
            # Bound before anything else is read: a client that reconnects may send the stanza
            # it had under way right behind the handshake.
            self._begin()
            while True:
                async with asyncio.timeout(IDLE_LIMIT):
                    node = await self._channel.receive()
                if not self._muted and not self._ending:
                    self._take(node)
        except ConnectionEnded:
            pass
        except TimeoutError:
            log.info("a client said nothing for %.0f s; closing", IDLE_LIMIT)
        except WireError as error:
            self._exchange.note_unknown(f"{type(error).__name__}: {error}")
        finally:
            self._exchange.dismiss(self, self._pairing)
            self._channel.close()

    # What the exchange asks

    def offer(self, sealed_identity: bytes, offer: Offer) -> None:
        """Tell the waiting client that a phone accepted it."""
        self._offered_in = self._next_id()
        self._send(
            stanzas.pair_success(
                self._offered_in,
                sealed_identity=sealed_identity,
                jid=offer.jid,
                lid=offer.lid,
                now=self._exchange.now(),
            )
        )

    def show_code_entered(self, request: CodeRequest, answer: bytes, identity: bytes) -> None:
        """Tell the waiting client that a phone's user typed a code."""
        self._send(
            stanzas.code_entered(
                self._next_id(),
                ref=request.ref,
                wrapped_ephemeral=answer,
                identity=identity,
                now=self._exchange.now(),
            )
        )

    def demand_passkey(self) -> None:
        """Tell the waiting client that its account must prove a passkey."""
        self._send(stanzas.passkey_demand(self._next_id(), self._exchange.now()))

    def deliver(self, stanza: Node) -> None:
        """Say to the client what came for it."""
        self._send(stanza)

    def end(self, farewell: Node) -> None:
        """Say this last thing and close."""
        if not self._ending:
            self._send(farewell)
            self._ending = True
            asyncio.get_running_loop().call_later(FAREWELL_S, self._channel.close)

    def strike(self, fault: Striking) -> None:
        """Let a fault happen to this connection."""
        match fault:
            case Drop():
                self._channel.abort()
            case Mute():
                self._muted = True
            case StreamError(code=code):
                self.end(stanzas.stream_error(code=code))
            case Replaced():
                self.end(stanzas.stream_error(conflict="replaced"))
            case DeviceRemoved():
                if self.key is not None:
                    self._exchange.unlink(self.key, UnlinkedBy.SERVER)
            case _:
                assert_never(fault)

    def recover(self) -> None:
        """Answer again, if a fault had made the connection mute."""
        self._muted = False

    # The beginning

    def _begin(self) -> None:
        match registration.parse(self._channel.payload):
            case registration.Registration() as wish:
                self._begin_linking(wish)
            case registration.Login() as login:
                self._begin_session(DeviceKey(login.number, login.device))
        if self._ending:
            return
        fault = self._exchange.faults.take_striking(self.key)
        if fault is not None:
            self.strike(fault)

    def _begin_linking(self, wish: registration.Registration) -> None:
        if self._exchange.faults.take(ClientOutdated, None):
            self.end(stanzas.failure(_OUTDATED))
            return
        refs = tuple(base64.b64encode(os.urandom(24)).decode() for _ in range(REFS))
        self._pairing = self._exchange.register(self, wish, self._channel.client_static, refs)
        self._send(stanzas.pair_device(self._next_id(), refs))

    def _begin_session(self, key: DeviceKey) -> None:
        faults = self._exchange.faults
        if faults.take(ClientOutdated, key):
            self.end(stanzas.failure(_OUTDATED))
        elif failure := faults.take(LoginFailure, key):
            self.end(stanzas.failure(failure.reason, code=failure.code, expire_s=failure.expire_s))
        elif self._exchange.log_in(self, key, self._channel.client_static):
            self.end(stanzas.failure(_LOGGED_OUT))
        else:
            account = self._exchange.world.account(key.number)
            self._send(stanzas.success(lid=account.lid_jid(key.device), now=self._exchange.now()))
            waiting = self._exchange.delivery.waiting.stanzas(key)
            self._send(stanzas.offline_preview(waiting))
            self._exchange.delivery.deliver_waiting(key, self)
            self._send(stanzas.offline_done(len(waiting)))

    # Stanzas

    def _take(self, node: Node) -> None:
        match node.tag, node.attrs.get("type"):
            case "iq", "get" | "set":
                self._take_query(node)
            case "iq", "result" | "error" if self._is_answer(node):
                self._take_offer_answer(node)
            case "iq", "result" if node.child("pair-device") is None and not node.children:
                pass  # the client took its refs
            case "ib", _ if node.child("unified_session") is not None:
                pass  # a client's word on how long its user has been active
            case "message", _ if self.key is not None:
                self._take_message(node, self.key)
            case _ if self.key is not None and self._exchange.take(self.key, node, self._send):
                pass
            case "ack", _ if self.key is None and node.attrs.get("class") == "notification":
                pass  # a client that is being linked was told something
            case "xmlstreamend", _:
                self._channel.close()
            case _:
                self._exchange.note_unknown(node.summary)

    def _take_message(self, node: Node, key: DeviceKey) -> None:
        faults, take = self._exchange.faults, self._exchange.take
        if refusal := faults.take(AckError, key):
            self._send(self._exchange.post.acknowledge(node, error=refusal.code))
        elif faults.take(DropBeforeAck, key):
            take(key, node, _unheard)
            self._channel.abort()
        elif faults.take(NoAck, key):
            take(key, node, _unheard)
        else:
            take(key, node, self._send)

    def _is_answer(self, node: Node) -> bool:
        return self._offered_in is not None and node.attrs.get("id") == self._offered_in

    def _take_query(self, node: Node) -> None:
        if node.child("remove-companion-device") is not None and self.key is not None:
            self._log_out(node, self.key)
            return
        code = node.child("link_code_companion_reg")
        try:
            if code is not None and self._pairing is not None:
                answer = self._link_by_code(node, code, self._pairing)
            else:
                query = queries.Query(
                    node=node,
                    world=self._exchange.world,
                    key=self.key,
                    now=self._exchange.now(),
                    phone_bundle=self._exchange.delivery.bundle,
                    told_devices=self._exchange.device_lists.tell,
                )
                answer = queries.answer(query)
        except queries.UnknownQuery as unknown:
            self._exchange.note_unknown(str(unknown))
            answer = queries.error(node, _NOT_IMPLEMENTED, f"not understood: {unknown}")
        self._answer(answer)

    def _answer(self, answer: Node) -> None:
        slow = self._exchange.faults.take(Slow, self.key)
        if slow is None:
            self._send(answer)
        else:
            asyncio.get_running_loop().call_later(slow.seconds, self._send, answer)

    def _log_out(self, node: Node, key: DeviceKey) -> None:
        if node.need("remove-companion-device").jid("jid").device != key.device:
            self._answer(queries.error(node, 403, "forbidden"))
            return
        self._exchange.unlink(key, UnlinkedBy.CLIENT)
        self.end(queries.result(node))

    # Linking

    def _take_offer_answer(self, node: Node) -> None:
        pairing, self._offered_in = self._pairing, None
        if pairing is None or pairing.offer is None:
            return
        if node.text("type") == "error":
            self._exchange.decline(pairing, Sentence("it refused the account's signature"))
            return
        account = self._exchange.world.account(pairing.offer.key.number)
        signed = node.need("pair-device-sign", "device-identity").data
        device_identity = linking.check_companion(
            account.identity.public, pairing.registration.identity, signed
        )
        self._exchange.complete(pairing, device_identity)
        self.end(stanzas.stream_error(code=_RESTART))

    def _link_by_code(self, node: Node, code: Node, pairing: Pairing) -> Node:
        match code.text("stage"):
            case "companion_hello":
                self._code_ref = base64.b64encode(os.urandom(24))
                self._exchange.request_code(
                    pairing,
                    number=code.jid("jid").user,
                    ref=self._code_ref,
                    wrapped_ephemeral=code.need(
                        "link_code_pairing_wrapped_companion_ephemeral_pub"
                    ).data,
                )
                ref = Node.make("link_code_pairing_ref", content=self._code_ref)
                return queries.result(node, [Node.make("link_code_companion_reg", content=ref)])
            case "companion_finish":
                expected = self._exchange.finish_code(
                    pairing,
                    ref=code.need("link_code_pairing_ref").data,
                    key_bundle=code.need("link_code_pairing_wrapped_key_bundle").data,
                )
                if not expected:
                    return queries.error(node, 404, "item-not-found")
                return queries.result(node)
            case _:
                raise queries.UnknownQuery(node.summary)

    def _next_id(self) -> str:
        return f"{os.urandom(3).hex()}-{next(self._ids)}"

    def _send(self, node: Node) -> None:
        if not self._muted and not self._ending:
            self._channel.send(node)


def _unheard(_: Node) -> None:
    """Where an answer goes that the client never gets."""
