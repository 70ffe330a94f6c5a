"""Joins the phones with the clients' connections: who waits, who is online, what strikes whom.

Phones call it to link and unlink, connections to register, log in and leave. It changes the
world and tells the other side; stanzas are made and read by the connections.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from sololine.core.sentence import Sentence
from sololine.emulator.clients import stanzas
from sololine.emulator.errors import LinkingBroken, PasskeyDemanded, UnknownCode
from sololine.emulator.facts import Fact, LoginDenied, PrekeysChanged, UnlinkedBy
from sololine.emulator.faults import Armed, Fault, Faults, PasskeyDemand, Striking, Target
from sololine.emulator.mail.delivery import Delivery
from sololine.emulator.mail.post import Post, Reply
from sololine.emulator.mail.receipts import Receipts
from sololine.emulator.people import group_life, profile_life
from sololine.emulator.people.accounts import Companion, DeviceKey
from sololine.emulator.people.device_lists import DeviceLists
from sololine.emulator.people.group_life import GroupLife
from sololine.emulator.people.pairing import Offer, Pairing
from sololine.emulator.people.presences import Presences
from sololine.emulator.people.profile_life import ProfileLife
from sololine.emulator.storage.journal import Drawer, Journal
from sololine.emulator.world import World
from sololine.wire.linking import seal_identity
from sololine.wire.node import Node
from sololine.wire.registration import Registration

log = logging.getLogger(__name__)

LINKING_LIMIT: Final = 20.0
"""Seconds a client may take to answer when a phone has accepted it."""

FEW_PREKEYS: Final = 5
"""One-time prekeys of a device below which it is asked for more."""

_UNKNOWN_KEPT: Final = 1000


class Client(Protocol):
    """What the exchange asks of a connection."""

    key: DeviceKey | None
    """The device it is logged in as."""

    def offer(self, sealed_identity: bytes, offer: Offer) -> None:
        """Tell the waiting client that a phone accepted it."""

    def show_code_entered(self, request: "CodeRequest", answer: bytes, identity: bytes) -> None:
        """Tell the waiting client that a phone's user typed a code."""

    def demand_passkey(self) -> None:
        """Tell the waiting client that its account must prove a passkey."""

    def deliver(self, stanza: Node) -> None:
        """Take a stanza."""

    def end(self, farewell: Node) -> None:
        """Say this last thing and close."""

    def strike(self, fault: Striking) -> None:
        """Let a fault happen to this connection."""

    def recover(self) -> None:
        """Answer again, if a fault had made the connection mute."""


@dataclass(slots=True, kw_only=True)
class CodeRequest:
    """A client that shows a code, and waits for the phone of this number to type it."""

    number: str = field(repr=False)
    ref: bytes
    wrapped_ephemeral: bytes
    """The client's half of the key exchange, readable with the code."""
    pairing: Pairing
    finish: "asyncio.Future[bytes] | None" = None
    """Awaits the client's key bundle, once a phone's user has typed a code."""


class Exchange:
    """Everything that phones and connections share.

    `now` gives aware UTC. `observe` is told each fact of the world.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        observe: Callable[[Fact], None] = lambda _: None,
    ) -> None:
        self.now = now
        self._observe = observe
        self.world = World(observe=self._note)
        self.faults = Faults()
        self.unknown: list[str] = []
        """What clients said that is not understood, oldest first; fit for a log."""
        self._clients: set[Client] = set()
        self._online: dict[DeviceKey, Client] = {}
        self._waiting: dict[int, Client] = {}
        self._outcomes: dict[int, asyncio.Future[Companion]] = {}
        self._codes: dict[str, CodeRequest] = {}
        self.journal = Journal()
        self.delivery = Delivery(connections=self._online, faults=self.faults, journal=self.journal)
        self.device_lists = DeviceLists(self.delivery, now=now)
        self.post = Post(self.world, self.delivery, now=now, note_unknown=self.note_unknown)
        self._receipts = Receipts(
            self.world, self.delivery, now=now, note_unknown=self.note_unknown
        )
        self.groups = GroupLife(
            self.world,
            tell=self._tell,
            keep=lambda group: self.journal.put(Drawer.GROUPS, group.id, group_life.dump(group)),
            now=now,
        )
        """What people do with groups."""
        self.profiles = ProfileLife(
            self.world,
            tell=self._tell,
            confide=lambda key, message: self.delivery.phone(key.number).confide(
                key.device, message
            ),
            keep=lambda number, profile: self.journal.put(
                Drawer.PROFILES, number, profile_life.dump(profile)
            ),
            now=now,
        )
        """How accounts change what people see of them."""
        self.presences = Presences(
            self.world, self.delivery, now=now, note_unknown=self.note_unknown
        )

    @property
    def connection_count(self) -> int:
        """Open connections, logged in or not."""
        return len(self._clients)

    def note_unknown(self, summary: str) -> None:
        """Record something that is not understood."""
        log.error("not understood: %s", summary)
        self.unknown.append(summary)
        del self.unknown[:-_UNKNOWN_KEPT]

    def restore(self) -> None:
        """Read from the journal what groups and profiles there were."""
        for group_id, kept in self.journal.read(Drawer.GROUPS):
            self.world.groups[group_id] = group_life.load(group_id, kept)
        for number, kept in self.journal.read(Drawer.PROFILES):
            self.world.profiles[number] = profile_life.load(kept)

    def _note(self, fact: Fact) -> None:
        self._observe(fact)
        if isinstance(fact, PrekeysChanged):
            left = self.world.companion(fact.key).prekey_count
            if left < FEW_PREKEYS:
                stanza_id = os.urandom(8).hex().upper()
                self.delivery.deliver(fact.key, stanzas.few_prekeys(stanza_id, left, self.now()))

    def _tell(self, number: str, stanza: Node) -> None:
        """Bring news to an account's companions; a phone knows them anyway."""
        for device in self.world.account(number).companions:
            self.delivery.deliver(DeviceKey(number, device), stanza)

    # Connections

    def admit(self, client: Client) -> None:
        """A client's handshake is done."""
        self._clients.add(client)

    def dismiss(self, client: Client, pairing: Pairing | None) -> None:
        """A client's connection ended."""
        self._clients.discard(client)
        if pairing is not None:
            self._waiting.pop(pairing.id, None)
            for request in [c for c in self._codes.values() if c.pairing is pairing]:
                del self._codes[request.number]
                if request.finish is not None and not request.finish.done():
                    request.finish.set_exception(
                        LinkingBroken(Sentence("it closed the connection"))
                    )
                    request.finish.exception()  # nobody awaits it when the limit had passed
            self.decline(pairing, Sentence("it closed the connection"))
        if client.key is not None and self._online.get(client.key) is client:
            del self._online[client.key]
            self.presences.leave(client.key)
            self.world.go_offline(client.key)

    def log_in(self, client: Client, key: DeviceKey, noise: bytes) -> LoginDenied | None:
        """Bind the connection to the device, or say why not. An older connection is told off."""
        denied = self.world.authenticate(key, noise)
        if denied is None:
            older = self._online.pop(key, None)
            if older is not None:
                self.presences.leave(key)
                older.end(stanzas.stream_error(conflict="replaced"))
            self._online[key] = client
            client.key = key
            self.world.come_online(key)
        return denied

    def take(self, device: DeviceKey, stanza: Node, reply: Reply) -> bool:
        """Send on what a device says to others; False if it is nothing of that kind."""
        match stanza.tag:
            case "message":
                self.post.take(device, stanza, reply)
            case "receipt":
                self._receipts.take(device, stanza, reply)
            case "chatstate":
                self._receipts.take_typing(device, stanza)
            case "presence":
                self.presences.take(device, stanza)
            case "ack":
                self.delivery.waiting.take_ack(device, stanza)
            case _:
                return False
        return True

    # Linking, the client's side

    def register(
        self, client: Client, registration: Registration, noise: bytes, refs: tuple[str, ...]
    ) -> Pairing:
        """Let a client wait for a phone."""
        pairing = self.world.open_pairing(registration, noise, refs, self.now())
        self._waiting[pairing.id] = client
        return pairing

    def request_code(
        self, pairing: Pairing, *, number: str, ref: bytes, wrapped_ephemeral: bytes
    ) -> None:
        """A waiting client shows a code for the phone of this number, instead of a QR."""
        self._codes[number] = CodeRequest(
            number=number, ref=ref, wrapped_ephemeral=wrapped_ephemeral, pairing=pairing
        )

    def finish_code(self, pairing: Pairing, *, ref: bytes, key_bundle: bytes) -> bool:
        """Pass on the client's key bundle; False if no phone waits for it."""
        for request in self._codes.values():
            if request.pairing is pairing and request.ref == ref and request.finish is not None:
                if not request.finish.done():
                    request.finish.set_result(key_bundle)
                return True
        return False

    def complete(self, pairing: Pairing, device_identity: bytes) -> None:
        """The client signed its identity, which holds."""
        companion = self.world.complete(pairing, device_identity, self.now())
        self._waiting.pop(pairing.id, None)
        outcome = self._outcomes.pop(pairing.id, None)
        if pairing.offer is not None and companion is not None:
            self.device_lists.change(pairing.offer.key.number)
            self.profiles.introduce(pairing.offer.key)
        if outcome is not None and companion is not None and not outcome.done():
            outcome.set_result(companion)

    def decline(self, pairing: Pairing, how: Sentence) -> None:
        """The client did not complete the linking; `how` ends a sentence about it."""
        self.world.close_pairing(pairing)
        outcome = self._outcomes.pop(pairing.id, None)
        if outcome is not None and not outcome.done():
            outcome.set_exception(LinkingBroken(how))
            outcome.exception()  # nobody awaits it when the limit had passed before

    # Linking, the phone's side

    async def link(self, number: str, pairing: Pairing, adv_secret: bytes) -> Companion:
        """Let the account of this number accept a waiting client; return when it has signed.

        `adv_secret` is what only the client and the phone know.

        Raises:
            Refused: if it did not come to that; the error says why.
        """
        account = self.world.account(number)
        if pairing.id not in self._waiting:
            raise LinkingBroken(Sentence("it closed the connection"))
        client = self._waiting[pairing.id]
        if self.faults.take(PasskeyDemand, DeviceKey(number, 0)):
            client.demand_passkey()
            raise PasskeyDemanded
        offer = self.world.make_offer(number, pairing)
        sealed = seal_identity(
            account.identity,
            pairing.registration.identity,
            adv_secret,
            offer.key_index,
            int(self.now().timestamp()),
        )
        outcome: asyncio.Future[Companion] = asyncio.get_running_loop().create_future()
        self._outcomes[pairing.id] = outcome
        client.offer(sealed, offer)
        try:
            async with asyncio.timeout(LINKING_LIMIT):
                return await outcome
        except TimeoutError:
            self.decline(pairing, Sentence("no answer"))
            raise LinkingBroken(Sentence("no answer")) from None

    def code_request(self, number: str) -> CodeRequest:
        """The client that waits for a code from the phone of this number.

        Raises:
            UnknownCode: if none does.
        """
        try:
            return self._codes[number]
        except KeyError:
            raise UnknownCode from None

    async def enter_code(self, request: CodeRequest, answer: bytes, identity: bytes) -> bytes:
        """Tell the waiting client that a code was typed; return its key bundle.

        `answer` is the phone's half of the key exchange, `identity` the account's public key.

        Raises:
            LinkingBroken: if the client is gone or does not answer.
        """
        client = self._waiting.get(request.pairing.id)
        if client is None:
            raise LinkingBroken(Sentence("it closed the connection"))
        # A code may be typed again after a wrong one: each time the client answers anew.
        request.finish = asyncio.get_running_loop().create_future()
        client.show_code_entered(request, answer, identity)
        try:
            async with asyncio.timeout(LINKING_LIMIT):
                return await request.finish
        except TimeoutError:
            raise LinkingBroken(Sentence("no answer")) from None

    # Unlinking

    def unlink(self, key: DeviceKey, by: UnlinkedBy) -> None:
        """End a device's link; if it is online it is told so.

        Raises:
            UnknownPhone, UnknownDevice: if there is no such device.
        """
        self.world.unlink(key, by)
        self.post.forget(key)
        self.device_lists.forget(key)
        self.device_lists.change(key.number)
        client = self._online.pop(key, None)
        self.presences.leave(key)
        if client is not None and by is not UnlinkedBy.CLIENT:
            client.end(stanzas.stream_error(code=401, conflict="device_removed"))

    # Faults

    def arm(self, fault: Fault, target: Target, times: int | None = 1) -> Armed:
        """Let a fault happen: at once to the open connections it is for, then at each occasion."""
        armed = self.faults.arm(fault, target, times)
        if isinstance(fault, Striking):
            struck = [client for client in self._clients if target.covers(client.key)]
            if struck:
                self.faults.use(armed)
            for client in struck:
                client.strike(fault)
        return armed

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Disarm one fault, or all; with all, mute connections answer again."""
        self.faults.clear(fault_id)
        if fault_id is None:
            for client in self._clients:
                client.recover()
