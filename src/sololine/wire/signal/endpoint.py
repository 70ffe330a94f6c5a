"""One device as the others meet it: it encrypts for them, decrypts what they send, and remembers.

    phone = Endpoint(identity, registration_id, signed_prekey_id, signed_prekey, MemoryStore())
    kind, data = phone.encrypt(address, message, bundle)      the first time
    kind, data = phone.encrypt(address, message)              from then on
    message = phone.decrypt(address, kind, data)

Addresses are those of single devices, always in the same form: a session with a phone number and
one with the LID of the same phone are two. State goes back to the store before anything is
returned, and only when all went well.
"""

import os
from typing import Final, Protocol

from sololine.wire.curve import KeyPair, prefixed
from sololine.wire.errors import MalformedPayload
from sololine.wire.jid import Jid
from sololine.wire.signal.bundle import PrekeyBundle
from sololine.wire.signal.correspondence import Correspondence
from sololine.wire.signal.errors import BadMac, MalformedMessage, UnknownPrekey
from sololine.wire.signal.messages import PrekeyMessage
from sololine.wire.signal.padding import pad, unpad
from sololine.wire.signal.sender_key import ReceiverKey, SenderKey
from sololine.wire.signal.session import Kind, Session

PREKEY_ID_BYTES: Final = 3
"""The ids of prekeys have three bytes on the wire."""


class EndpointStore(Protocol):
    """Where an endpoint keeps its state, all of it secret bytes. It is asked in one thread."""

    def session(self, address: Jid) -> bytes | None:
        """What was kept last of the sessions with that device."""

    def keep_session(self, address: Jid, session: bytes) -> None:
        """Keep the sessions with that device."""

    def prekey(self, prekey_id: int) -> bytes | None:
        """The private key of a one-time prekey that was kept and not dropped."""

    def keep_prekey(self, prekey_id: int, private: bytes) -> None:
        """Keep a one-time prekey."""

    def drop_prekey(self, prekey_id: int) -> None:
        """Forget a one-time prekey that was used."""

    def sender_key(self, group: Jid, sender: Jid) -> bytes | None:
        """What was kept last of that member's key for the group."""

    def keep_sender_key(self, group: Jid, sender: Jid, key: bytes) -> None:
        """Keep a member's key for the group: our own, or another's."""


class MemoryStore:
    """An `EndpointStore` that forgets with the process."""

    def __init__(self) -> None:
        self._sessions: dict[Jid, bytes] = {}
        self._prekeys: dict[int, bytes] = {}
        self._sender_keys: dict[tuple[Jid, Jid], bytes] = {}

    def session(self, address: Jid) -> bytes | None:
        """See `EndpointStore`."""
        return self._sessions.get(address)

    def keep_session(self, address: Jid, session: bytes) -> None:
        """See `EndpointStore`."""
        self._sessions[address] = session

    def prekey(self, prekey_id: int) -> bytes | None:
        """See `EndpointStore`."""
        return self._prekeys.get(prekey_id)

    def keep_prekey(self, prekey_id: int, private: bytes) -> None:
        """See `EndpointStore`."""
        self._prekeys[prekey_id] = private

    def drop_prekey(self, prekey_id: int) -> None:
        """See `EndpointStore`."""
        self._prekeys.pop(prekey_id, None)

    def sender_key(self, group: Jid, sender: Jid) -> bytes | None:
        """See `EndpointStore`."""
        return self._sender_keys.get((group, sender))

    def keep_sender_key(self, group: Jid, sender: Jid, key: bytes) -> None:
        """See `EndpointStore`."""
        self._sender_keys[group, sender] = key


class Endpoint:
    """One device: its identity, its signed prekey, and the sessions in its store."""

    def __init__(
        self,
        identity: KeyPair,
        registration_id: int,
        signed_prekey_id: int,
        signed_prekey: KeyPair,
        store: EndpointStore,
    ) -> None:
        self._identity = identity
        self._registration_id = registration_id
        self._signed_prekey_id = signed_prekey_id
        self._signed_prekey = signed_prekey
        self._store = store
        self._signature: bytes | None = None

    def bundle(self) -> PrekeyBundle:
        """What another device needs to begin a session, with a fresh one-time prekey.

        Each is for one device only, and its prekey is kept until that device has written.
        """
        if self._signature is None:
            self._signature = self._identity.sign(prefixed(self._signed_prekey.public))
        prekey_id = self._free_prekey_id()
        prekey = KeyPair.generate()
        self._store.keep_prekey(prekey_id, prekey.private)
        return PrekeyBundle(
            registration_id=self._registration_id,
            identity=self._identity.public,
            signed_prekey_id=self._signed_prekey_id,
            signed_prekey=self._signed_prekey.public,
            signature=self._signature,
            prekey_id=prekey_id,
            prekey=prekey.public,
        )

    def has_session(self, address: Jid) -> bool:
        """Whether a message to that device can be encrypted without its bundle."""
        return self._store.session(address) is not None

    def encrypt(
        self, address: Jid, message: bytes, bundle: PrekeyBundle | None = None
    ) -> tuple[Kind, bytes]:
        """The message for that device, padded; with a bundle, as the first of a new session.

        Raises:
            NoSession: if there is neither a session nor a bundle.
            BadSignature: if the bundle's signed prekey is not signed by its identity.
            MalformedPayload: if one of the bundle's keys shares no secret.
        """
        sessions = self._sessions(address)
        if bundle is not None:
            sessions.keep(Session.initiate(self._identity, self._registration_id, bundle))
        encrypted = sessions.encrypt(pad(message))
        self._store.keep_session(address, sessions.dump())
        return encrypted

    def decrypt(self, address: Jid, kind: Kind, data: bytes) -> bytes:
        """The message from that device, without its padding; a prekey message begins a session.

        Raises:
            UndecryptableMessage: in one of its forms; then nothing has changed.
            ValueError: if the message is one for a group.
        """
        if kind == Kind.SKMSG:
            raise ValueError("messages for a group are decrypted by decrypt_for_group")
        sessions = self._sessions(address)
        if kind == Kind.PKMSG:
            return self._decrypt_opening(address, sessions, PrekeyMessage.read(data))
        message = unpad(sessions.decrypt(data))
        self._store.keep_session(address, sessions.dump())
        return message

    def distribution(self, group: Jid, own: Jid) -> bytes:
        """What a member of the group needs to read our next messages; made if there is none.

        It goes into a 1:1 message to that member, as `axolotlSenderKeyDistributionMessage`. `own`
        is the address that the members see us under.
        """
        key = self._sender_key(group, own)
        self._store.keep_sender_key(group, own, key.dump())
        return key.distribution()

    def renew_distribution(self, group: Jid, own: Jid) -> bytes:
        """As `distribution`, of a new key: after a member left, who must not read on."""
        key = SenderKey.create()
        self._store.keep_sender_key(group, own, key.dump())
        return key.distribution()

    def encrypt_for_group(self, group: Jid, own: Jid, message: bytes) -> bytes:
        """The message for all members, padded. Who has no distribution yet must get it before."""
        key = self._sender_key(group, own)
        encrypted = key.encrypt(pad(message))
        self._store.keep_sender_key(group, own, key.dump())
        return encrypted

    def take_distribution(self, group: Jid, sender: Jid, data: bytes) -> None:
        """Learn the key of another member from what came in a 1:1 message.

        Raises:
            MalformedMessage: if it is no distribution.
        """
        key = self._receiver_key(group, sender)
        key.take(data)
        self._store.keep_sender_key(group, sender, key.dump())

    def decrypt_for_group(self, group: Jid, sender: Jid, data: bytes) -> bytes:
        """The message of another member, without its padding.

        Raises:
            UndecryptableMessage: in one of its forms; then nothing has changed.
        """
        key = self._receiver_key(group, sender)
        message = unpad(key.decrypt(data))
        self._store.keep_sender_key(group, sender, key.dump())
        return message

    def __repr__(self) -> str:
        return "Endpoint(...)"

    def _decrypt_opening(
        self, address: Jid, sessions: Correspondence, opening: PrekeyMessage
    ) -> bytes:
        session = sessions.begun_from(opening.base)
        begins = session is None
        if session is None:
            session = self._respond(opening)
        elif session.their_identity != opening.identity:
            raise BadMac("a prekey message of another identity than its session")
        message = unpad(session.decrypt(opening.message))
        sessions.keep(session)
        self._store.keep_session(address, sessions.dump())
        if begins and opening.prekey_id is not None:
            self._store.drop_prekey(opening.prekey_id)
        return message

    def _respond(self, opening: PrekeyMessage) -> Session:
        if opening.signed_prekey_id != self._signed_prekey_id:
            raise UnknownPrekey("a message on a signed prekey that is not ours")
        prekey = None
        if opening.prekey_id is not None:
            private = self._store.prekey(opening.prekey_id)
            if private is None:
                raise UnknownPrekey("a message on a one-time prekey that was used, or is not ours")
            prekey = KeyPair.from_private(private)
        try:
            return Session.respond(
                self._identity,
                signed_prekey=self._signed_prekey,
                prekey=prekey,
                their_identity=opening.identity,
                base=opening.base,
            )
        except MalformedPayload as error:
            raise MalformedMessage("a prekey message whose keys share no secret") from error

    def _free_prekey_id(self) -> int:
        # By chance, so that nothing needs to be counted over restarts; never 0.
        while True:
            prekey_id = int.from_bytes(os.urandom(PREKEY_ID_BYTES), "big")
            if prekey_id and self._store.prekey(prekey_id) is None:
                return prekey_id

    def _sessions(self, address: Jid) -> Correspondence:
        kept = self._store.session(address)
        return Correspondence() if kept is None else Correspondence.load(kept)

    def _sender_key(self, group: Jid, own: Jid) -> SenderKey:
        kept = self._store.sender_key(group, own)
        return SenderKey.create() if kept is None else SenderKey.load(kept)

    def _receiver_key(self, group: Jid, sender: Jid) -> ReceiverKey:
        kept = self._store.sender_key(group, sender)
        return ReceiverKey() if kept is None else ReceiverKey.load(kept)
