"""Keys for groups: each member encrypts once for all, with a key that it gave to each before.

    SenderKey (one member's)                       ReceiverKey (at every other member)
    distribution() ─── within a 1:1 message ───▶   take(...)
    encrypt ────────── skmsg, to the group ────▶   decrypt

The chain goes forward only, so who gets the key now cannot read what was said before. When a
member leaves, everyone else makes a new key. A signature tells members that it was not another
member who wrote.
"""

import os
from dataclasses import dataclass
from itertools import islice
from typing import Final, Self

from sololine.wire import fields
from sololine.wire.curve import KeyPair, verify
from sololine.wire.kdf import hkdf
from sololine.wire.signal.cbc import seal, unseal
from sololine.wire.signal.chain import Chain
from sololine.wire.signal.errors import BadMac, NoSession
from sololine.wire.signal.messages import Distribution, SenderKeyMessage

MAX_KEYS: Final = 5
"""How many keys of one sender in one group are remembered: the newest."""

_INFO: Final = b"WhisperGroup"


@dataclass(slots=True, repr=False, eq=False)
class SenderKey:
    """What we encrypt with for one group; made by `create` or `load`."""

    _key_id: int
    _chain: Chain
    _signer: KeyPair

    @classmethod
    def create(cls) -> Self:
        """A new key, which no one has yet."""
        key_id = int.from_bytes(os.urandom(4), "big") >> 1
        return cls(key_id, Chain(os.urandom(32)), KeyPair.generate())

    def distribution(self) -> bytes:
        """What lets a member read from the next message on.

        It is secret, and goes into 1:1 messages only (`axolotlSenderKeyDistributionMessage`).
        """
        return Distribution(
            key_id=self._key_id,
            iteration=self._chain.counter,
            chain_key=self._chain.key,
            signer=self._signer.public,
        ).write()

    def encrypt(self, plaintext: bytes) -> bytes:
        """The next message for the group."""
        iteration = self._chain.counter
        seed, self._chain = self._chain.take(iteration)
        iv, key = _message_keys(seed)
        body = SenderKeyMessage.write_body(
            key_id=self._key_id, iteration=iteration, ciphertext=seal(key, iv, plaintext)
        )
        return body + self._signer.sign(body)

    def dump(self) -> bytes:
        """The key as bytes, to be kept. They are secret."""
        return fields.write({1: self._key_id, 2: self._chain.dump(), 3: self._signer.private})

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """The key that was dumped.

        Raises:
            MalformedPayload: if it is none.
        """
        found = fields.read(dumped)
        return cls(
            fields.number(found, 1),
            Chain.load(fields.data(found, 2)),
            KeyPair.from_private(fields.data(found, 3)),
        )

    def __repr__(self) -> str:
        return "SenderKey(...)"


@dataclass(frozen=True, slots=True, repr=False)
class _Received:
    """One key of the sender, as far as we are."""

    signer: bytes
    chain: Chain


class ReceiverKey:
    """What one other member encrypts with for one group: its newest keys; none at first."""

    def __init__(self) -> None:
        # By the key's id, the newest first.
        self._keys: dict[int, _Received] = {}

    def take(self, distribution: bytes) -> None:
        """Learn a key. One that we know already stays as it is: it may come with many messages.

        Raises:
            MalformedMessage: if it is no distribution.
        """
        read = Distribution.read(distribution)
        known = self._keys.get(read.key_id)
        if known is not None and known.signer == read.signer:
            return
        older = ((key_id, key) for key_id, key in self._keys.items() if key_id != read.key_id)
        key = _Received(read.signer, Chain(read.chain_key, read.iteration))
        self._keys = {read.key_id: key} | dict(islice(older, MAX_KEYS - 1))

    def decrypt(self, message: bytes) -> bytes:
        """What the sender encrypted for the group.

        Raises:
            NoSession: if it did not give us the key.
            BadMac: if the signature does not hold.
            DuplicateMessage: if the message's key was used before, or given up, or is of a time
                before the sender gave us its chain.
            TooFarAhead: if too many messages before it are missing.
            MalformedMessage: if it is no message for a group.
        """
        read = SenderKeyMessage.read(message)
        key = self._keys.get(read.key_id)
        if key is None:
            raise NoSession("the sender has not shared this key of the group")
        if not verify(key.signer, read.body, read.signature):
            raise BadMac("the signature of a message for a group does not hold")
        seed, chain = key.chain.take(read.iteration)
        iv, cipher_key = _message_keys(seed)
        plaintext = unseal(cipher_key, iv, read.ciphertext)
        self._keys[read.key_id] = _Received(key.signer, chain)
        return plaintext

    def dump(self) -> bytes:
        """The keys as bytes, to be kept. They are secret."""
        return fields.write(
            {
                at: fields.write({1: key_id, 2: key.signer, 3: key.chain.dump()})
                for at, (key_id, key) in enumerate(self._keys.items(), 1)
            }
        )

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """The keys that were dumped.

        Raises:
            MalformedPayload: if they are none.
        """
        found = fields.read(dumped)
        loaded = cls()
        for at in sorted(found):
            key = fields.read(fields.data(found, at))
            chain = Chain.load(fields.data(key, 3))
            loaded._keys[fields.number(key, 1)] = _Received(fields.data(key, 2), chain)
        return loaded

    def __repr__(self) -> str:
        return f"ReceiverKey(<{len(self._keys)} keys>)"


def _message_keys(seed: bytes) -> tuple[bytes, bytes]:
    """The IV and the AES key of one message."""
    keys = hkdf(seed, length=48, info=_INFO)
    return keys[:16], keys[16:]
