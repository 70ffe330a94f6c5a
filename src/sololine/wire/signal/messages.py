"""The four formats on the wire: a version byte, then protobuf, then perhaps a MAC or signature."""

from dataclasses import dataclass
from typing import Final, Self

from sololine.wire import fields
from sololine.wire.curve import SIGNATURE_BYTES, prefixed, unprefixed
from sololine.wire.errors import MalformedPayload
from sololine.wire.signal.errors import MalformedMessage

VERSION: Final = b"\x33"
"""Version 3, from one who speaks no other."""

MAC_BYTES: Final = 8

_CHAIN_KEY_BYTES: Final = 32
_PREKEY_ID: Final = 1
_MAX_NUMBER: Final = 0xFFFF_FFFF
_HIGH_BIT: Final = 0x80


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RatchetMessage:
    """A message within a session ("msg"). `body` is what its MAC is made over."""

    body: bytes
    ratchet_key: bytes
    counter: int
    ciphertext: bytes
    mac: bytes

    @staticmethod
    def write_body(*, ratchet_key: bytes, counter: int, previous: int, ciphertext: bytes) -> bytes:
        """The message without its MAC."""
        return VERSION + fields.write(
            {1: prefixed(ratchet_key), 2: counter, 3: previous, 4: ciphertext}
        )

    @classmethod
    def read(cls, message: bytes) -> Self:
        """The message in these bytes. `previous` is left aside: chains are kept without it.

        Raises:
            MalformedMessage: if there is none.
        """
        body, mac = message[:-MAC_BYTES], message[-MAC_BYTES:]
        try:
            found = _fields(body)
            return cls(
                body=body,
                ratchet_key=_key(found, 1),
                counter=_number(found, 2),
                ciphertext=fields.data(found, 4),
                mac=mac,
            )
        except MalformedPayload as error:
            raise MalformedMessage("not a message of a session") from error


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrekeyMessage:
    """A message that may begin a session ("pkmsg"): one of the session, and how to begin it.

    What stands around `message` has no MAC of its own. Whoever changes the keys gets another
    secret, so that the inner MAC does not hold; the registration id is covered by nothing.
    """

    registration_id: int
    prekey_id: int | None
    signed_prekey_id: int
    base: bytes
    identity: bytes
    message: bytes

    def write(self) -> bytes:
        """The message as bytes."""
        return VERSION + fields.write(
            {
                _PREKEY_ID: self.prekey_id,
                2: prefixed(self.base),
                3: prefixed(self.identity),
                4: self.message,
                5: self.registration_id,
                6: self.signed_prekey_id,
            }
        )

    @classmethod
    def read(cls, message: bytes) -> Self:
        """The message in these bytes.

        Raises:
            MalformedMessage: if there is none.
        """
        try:
            found = _fields(message)
            return cls(
                registration_id=_number(found, 5),
                prekey_id=_number(found, _PREKEY_ID) if _PREKEY_ID in found else None,
                signed_prekey_id=_number(found, 6),
                base=_key(found, 2),
                identity=_key(found, 3),
                message=fields.data(found, 4),
            )
        except MalformedPayload as error:
            raise MalformedMessage("not a message that begins a session") from error


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Distribution:
    """How a member of a group shares its sender key: the chain as it is now, and who signs."""

    key_id: int
    iteration: int
    chain_key: bytes
    signer: bytes

    def write(self) -> bytes:
        """The distribution as bytes. They are secret: they go into messages of sessions only."""
        return VERSION + fields.write(
            {1: self.key_id, 2: self.iteration, 3: self.chain_key, 4: prefixed(self.signer)}
        )

    @classmethod
    def read(cls, message: bytes) -> Self:
        """The distribution in these bytes.

        Raises:
            MalformedMessage: if there is none.
        """
        try:
            found = _fields(message)
            return cls(
                key_id=_number(found, 1),
                iteration=_number(found, 2),
                chain_key=_chain_key(found, 3),
                signer=_key(found, 4),
            )
        except MalformedPayload as error:
            raise MalformedMessage("not a distribution of a sender key") from error


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SenderKeyMessage:
    """A message for a whole group ("skmsg"). `body` is what its signature is made over."""

    body: bytes
    key_id: int
    iteration: int
    ciphertext: bytes
    signature: bytes

    @staticmethod
    def write_body(*, key_id: int, iteration: int, ciphertext: bytes) -> bytes:
        """The message without its signature."""
        return VERSION + fields.write({1: key_id, 2: iteration, 3: ciphertext})

    @classmethod
    def read(cls, message: bytes) -> Self:
        """The message in these bytes.

        Raises:
            MalformedMessage: if there is none.
        """
        body, signature = message[:-SIGNATURE_BYTES], message[-SIGNATURE_BYTES:]
        try:
            found = _fields(body)
            return cls(
                body=body,
                key_id=_number(found, 1),
                iteration=_number(found, 2),
                ciphertext=fields.data(found, 3),
                signature=signature,
            )
        except MalformedPayload as error:
            raise MalformedMessage("not a message for a group") from error


def _fields(message: bytes) -> fields.Fields:
    if not message.startswith(VERSION):
        raise MalformedPayload("only version 3 is spoken here")
    return fields.read(message[len(VERSION) :])


def _number(found: fields.Fields, at: int) -> int:
    number = fields.number(found, at, absent=0)
    if number > _MAX_NUMBER:
        raise MalformedPayload("ids and counters have 32 bits")
    return number


def _key(found: fields.Fields, at: int) -> bytes:
    key = unprefixed(fields.data(found, at))
    # Key agreement leaves the top bit aside, so that two spellings of one key would both do.
    if key[-1] & _HIGH_BIT:
        raise MalformedPayload("a public key that is not in its one form")
    return key


def _chain_key(found: fields.Fields, at: int) -> bytes:
    key = fields.data(found, at)
    if len(key) != _CHAIN_KEY_BYTES:
        raise MalformedPayload(f"a chain key has {_CHAIN_KEY_BYTES} bytes")
    return key
