"""One double ratchet between two devices: every message has a key of its own, soon forgotten.

    initiator                                     responder
    initiate(bundle)                              (published the bundle)
    encrypt ── pkmsg: base key, message ───────▶  respond(...), decrypt
    encrypt ── pkmsg, until an answer came ────▶  decrypt
    decrypt ◀──────────── msg, new ratchet key ── encrypt
    encrypt ── msg, new ratchet key ───────────▶  decrypt

The first secret comes from the keys of both (X3DH). From then on each side makes a new ratchet key
whenever it reads one of the other side's; both keys together give the next root, and each of
them a `Chain` of message keys in one direction.
"""

import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from sololine.wire import fields
from sololine.wire.curve import KeyPair, prefixed
from sololine.wire.errors import MalformedPayload
from sololine.wire.kdf import hkdf
from sololine.wire.signal.bundle import PrekeyBundle
from sololine.wire.signal.cbc import seal, unseal
from sololine.wire.signal.chain import Chain
from sololine.wire.signal.errors import BadMac, MalformedMessage
from sololine.wire.signal.messages import MAC_BYTES, PrekeyMessage, RatchetMessage

MAX_RECEIVING: Final = 5
"""How many of the other side's ratchet keys a session remembers."""

_BEGIN: Final = b"\xff" * 32
_BEGIN_INFO: Final = b"WhisperText"
_TURN_INFO: Final = b"WhisperRatchet"
_MESSAGE_INFO: Final = b"WhisperMessageKeys"
_FIRST_CHAIN: Final = 32
"""Fields below this number hold one value each; from here on stand the receiving chains."""


class Kind(StrEnum):
    """What an encrypted message is, as the `type` of WhatsApp's `enc` node says it."""

    PKMSG = "pkmsg"
    MSG = "msg"
    SKMSG = "skmsg"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Opening:
    """What the other side needs in order to begin this session too."""

    registration_id: int
    signed_prekey_id: int
    prekey_id: int | None

    def dump(self) -> bytes:
        return fields.write({1: self.registration_id, 2: self.signed_prekey_id, 3: self.prekey_id})

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        found = fields.read(dumped)
        return cls(
            registration_id=fields.number(found, 1),
            signed_prekey_id=fields.number(found, 2),
            prekey_id=fields.optional_number(found, 3),
        )


@dataclass(slots=True, kw_only=True, repr=False, eq=False)
class Session:
    """One double ratchet; made by `initiate`, `respond` or `load`.

    `own_identity` and `their_identity` are public keys; `base` is the initiator's first key, by
    which both sides know the session again.
    """

    own_identity: bytes
    their_identity: bytes
    base: bytes
    _root: bytes
    _ratchet: bytes
    """Our private ratchet key; as bytes, since most messages do not turn the ratchet."""
    _ratchet_public: bytes
    _sending: Chain
    _previous: int = 0
    _receiving: dict[bytes, Chain] = field(default_factory=dict)
    """By the other side's ratchet key, the oldest first."""
    _opening: _Opening | None = None

    @classmethod
    def initiate(cls, own: KeyPair, own_registration_id: int, bundle: PrekeyBundle) -> Self:
        """Begin a session with the device that published the bundle.

        Raises:
            BadSignature: if the bundle's signed prekey is not signed by its identity.
            MalformedPayload: if one of its keys shares no secret.
        """
        bundle.check()
        base = KeyPair.generate()
        secrets = [
            own.agree(bundle.signed_prekey),
            base.agree(bundle.identity),
            base.agree(bundle.signed_prekey),
        ]
        if bundle.prekey is not None:
            secrets.append(base.agree(bundle.prekey))
        root, receiving = _begin(secrets)
        ratchet = KeyPair.generate()
        root, sending = _turn(root, ratchet, bundle.signed_prekey)
        return cls(
            own_identity=own.public,
            their_identity=bundle.identity,
            base=base.public,
            _root=root,
            _ratchet=ratchet.private,
            _ratchet_public=ratchet.public,
            _sending=sending,
            _receiving={bundle.signed_prekey: receiving},
            _opening=_Opening(
                registration_id=own_registration_id,
                signed_prekey_id=bundle.signed_prekey_id,
                prekey_id=bundle.prekey_id,
            ),
        )

    @classmethod
    def respond(
        cls,
        own: KeyPair,
        *,
        signed_prekey: KeyPair,
        prekey: KeyPair | None,
        their_identity: bytes,
        base: bytes,
    ) -> Self:
        """Begin the session that a prekey message asks for; then decrypt what it holds.

        Raises:
            MalformedPayload: if one of its keys shares no secret.
        """
        secrets = [
            signed_prekey.agree(their_identity),
            own.agree(base),
            signed_prekey.agree(base),
        ]
        if prekey is not None:
            secrets.append(prekey.agree(base))
        root, sending = _begin(secrets)
        return cls(
            own_identity=own.public,
            their_identity=their_identity,
            base=base,
            _root=root,
            _ratchet=signed_prekey.private,
            _ratchet_public=signed_prekey.public,
            _sending=sending,
        )

    def encrypt(self, plaintext: bytes) -> tuple[Kind, bytes]:
        """The next message: a prekey message as long as we began and heard no answer."""
        counter = self._sending.counter
        seed, self._sending = self._sending.take(counter)
        key, mac_key, iv = _message_keys(seed)
        body = RatchetMessage.write_body(
            ratchet_key=self._ratchet_public,
            counter=counter,
            previous=self._previous,
            ciphertext=seal(key, iv, plaintext),
        )
        message = body + _mac(mac_key, self.own_identity, self.their_identity, body)
        if self._opening is None:
            return Kind.MSG, message
        opening = PrekeyMessage(
            registration_id=self._opening.registration_id,
            prekey_id=self._opening.prekey_id,
            signed_prekey_id=self._opening.signed_prekey_id,
            base=self.base,
            identity=self.own_identity,
            message=message,
        )
        return Kind.PKMSG, opening.write()

    def decrypt(self, message: bytes) -> bytes:
        """What the other side encrypted; of a prekey message, give what it holds.

        Raises:
            DuplicateMessage: if its key was used before, or given up.
            BadMac: if it was changed, or is of another session.
            TooFarAhead: if too many messages before it are missing.
            MalformedMessage: if it is no message of a session.
        """
        read = RatchetMessage.read(message)
        chain = self._receiving.get(read.ratchet_key)
        turned = None
        if chain is None:
            own = KeyPair.from_private(self._ratchet)
            try:
                turned, chain = _turn(self._root, own, read.ratchet_key)
            except MalformedPayload as error:
                raise MalformedMessage("a message whose ratchet key shares no secret") from error
        seed, chain = chain.take(read.counter)
        key, mac_key, iv = _message_keys(seed)
        mac = _mac(mac_key, self.their_identity, self.own_identity, read.body)
        if not hmac.compare_digest(mac, read.mac):
            raise BadMac("the MAC of a message does not hold")
        plaintext = unseal(key, iv, read.ciphertext)
        # Nothing can fail from here on: a message that is refused has changed nothing.
        if turned is not None:
            self._answer_turn(turned, read.ratchet_key)
        self._receiving[read.ratchet_key] = chain
        if len(self._receiving) > MAX_RECEIVING:
            del self._receiving[next(iter(self._receiving))]
        self._opening = None
        return plaintext

    def _answer_turn(self, root: bytes, their_ratchet: bytes) -> None:
        """Make a new ratchet key of our own, for what we send from now on."""
        ratchet = KeyPair.generate()
        # One less than were sent, and never below zero: so all others count it.
        self._previous = max(0, self._sending.counter - 1)
        self._root, self._sending = _turn(root, ratchet, their_ratchet)
        self._ratchet, self._ratchet_public = ratchet.private, ratchet.public

    def dump(self) -> bytes:
        """The session as bytes, to be kept. They are secret."""
        dumped: dict[int, int | bytes | None] = {
            1: self.own_identity,
            2: self.their_identity,
            3: self.base,
            4: self._root,
            5: self._ratchet,
            6: self._ratchet_public,
            7: self._sending.dump(),
            8: self._previous,
            9: None if self._opening is None else self._opening.dump(),
        }
        for at, (key, chain) in enumerate(self._receiving.items(), _FIRST_CHAIN):
            dumped[at] = key + chain.dump()
        return fields.write(dumped)

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """The session that was dumped.

        Raises:
            MalformedPayload: if it is none.
        """
        found = fields.read(dumped)
        opening = fields.data(found, 9, absent=b"")
        chains = [fields.data(found, at) for at in found if at >= _FIRST_CHAIN]
        return cls(
            own_identity=fields.data(found, 1),
            their_identity=fields.data(found, 2),
            base=fields.data(found, 3),
            _root=fields.data(found, 4),
            _ratchet=fields.data(found, 5),
            _ratchet_public=fields.data(found, 6),
            _sending=Chain.load(fields.data(found, 7)),
            _previous=fields.number(found, 8),
            _receiving={chain[:32]: Chain.load(chain[32:]) for chain in chains},
            _opening=_Opening.load(opening) if opening else None,
        )

    def __repr__(self) -> str:
        return "Session(...)"


def _begin(secrets: list[bytes]) -> tuple[bytes, Chain]:
    """The first root, and the chain of the signed prekey as a ratchet key (X3DH)."""
    both = hkdf(_BEGIN + b"".join(secrets), length=64, info=_BEGIN_INFO)
    return both[:32], Chain(both[32:])


def _turn(root: bytes, own: KeyPair, theirs: bytes) -> tuple[bytes, Chain]:
    """The next root, and the chain that these two ratchet keys make."""
    both = hkdf(own.agree(theirs), length=64, salt=root, info=_TURN_INFO)
    return both[:32], Chain(both[32:])


def _message_keys(seed: bytes) -> tuple[bytes, bytes, bytes]:
    """The AES key, the MAC key and the IV of one message."""
    keys = hkdf(seed, length=80, info=_MESSAGE_INFO)
    return keys[:32], keys[32:64], keys[64:]


def _mac(key: bytes, sender: bytes, receiver: bytes, body: bytes) -> bytes:
    return hmac.digest(key, prefixed(sender) + prefixed(receiver) + body, "sha256")[:MAC_BYTES]
