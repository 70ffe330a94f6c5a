"""An account's settings as its linked devices learn them: the one that matters here, its name.

A client will not say that it is online before it knows the account's own name, and that name
comes by no other way than this: encrypted patches that the server keeps, and a key for them that
the phone sends its device.

    names so far ──▶ one patch a name, each with the hash of all that is set after it
    key         ──▶ phone to device, in a message of its own

Everything is made from the account's identity and the names, so nothing else has to be kept.
"""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from sololine.emulator.people.accounts import Account
from sololine.emulator.phones.letters import Message, e2e
from sololine.wire.curve import KeyPair
from sololine.wire.kdf import hkdf
from sololine.wire.protobuf import load

_sync: Final[Any] = load("waServerSync.WAServerSync_pb2")
_action: Final[Any] = load("waSyncAction.WAWebProtobufSyncAction_pb2")

COLLECTION: Final = "critical_block"
"""Where the account's own name is among the settings."""

_KEY_ID: Final = bytes((0, 0, 0, 0, 0, 1))
_INDEX: Final = json.dumps(["setting_pushName"]).encode()
_VERSION_OF_SETTING: Final = 1
_MAC_SIZE: Final = 32
_HASH_SIZE: Final = 128
_SET: Final = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """What the shared key is expanded to."""

    index: bytes = field(repr=False)
    value: bytes = field(repr=False)
    value_mac: bytes = field(repr=False)
    snapshot_mac: bytes = field(repr=False)
    patch_mac: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> "_Keys":
        expanded = hkdf(secret, length=160, info=b"WhatsApp Mutation Keys")
        index, value, value_mac, snapshot_mac, patch_mac = (
            expanded[at : at + 32] for at in range(0, 160, 32)
        )
        return cls(
            index=index,
            value=value,
            value_mac=value_mac,
            snapshot_mac=snapshot_mac,
            patch_mac=patch_mac,
        )


def key_share(account: Account, now: datetime) -> Message:
    """The message by which the phone gives its device the key to the settings."""
    key = e2e.AppStateSyncKey(
        keyID=e2e.AppStateSyncKeyId(keyID=_KEY_ID),
        keyData=e2e.AppStateSyncKeyData(
            keyData=_secret(account.identity),
            fingerprint=e2e.AppStateSyncKeyFingerprint(rawID=1, currentIndex=0, deviceIndexes=[0]),
            timestamp=int(now.timestamp() * 1000),
        ),
    )
    return e2e.Message(
        protocolMessage=e2e.ProtocolMessage(
            type=e2e.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE,
            appStateSyncKeyShare=e2e.AppStateSyncKeyShare(keys=[key]),
        )
    )


def patches(account: Account, names: Sequence[str]) -> list[bytes]:
    """One patch for each name the account ever had; the first makes version 1."""
    secret = _secret(account.identity)
    keys = _Keys.of(secret)
    index_mac = hmac.digest(keys.index, _INDEX, "sha256")
    state, before, made = bytes(_HASH_SIZE), b"", []
    for version, name in enumerate(names, 1):
        blob = _sealed(keys, secret, name, version)
        state = _exchanged(state, before, blob[-_MAC_SIZE:])
        before = blob[-_MAC_SIZE:]
        ends = version.to_bytes(8, "big") + COLLECTION.encode()
        snapshot_mac = hmac.digest(keys.snapshot_mac, state + ends, "sha256")
        record = _sync.SyncdRecord(
            index=_sync.SyncdIndex(blob=index_mac),
            value=_sync.SyncdValue(blob=blob),
            keyID=_sync.KeyId(ID=_KEY_ID),
        )
        patch = _sync.SyncdPatch(
            version=_sync.SyncdVersion(version=version),
            mutations=[_sync.SyncdMutation(operation=_sync.SyncdMutation.SET, record=record)],
            snapshotMAC=snapshot_mac,
            patchMAC=hmac.digest(keys.patch_mac, snapshot_mac + before + ends, "sha256"),
            keyID=_sync.KeyId(ID=_KEY_ID),
        )
        made.append(patch.SerializeToString())
    return made


def _secret(identity: KeyPair) -> bytes:
    return hmac.digest(identity.private, b"app state key", "sha256")


def _sealed(keys: _Keys, secret: bytes, name: str, version: int) -> bytes:
    """The setting, encrypted, with its MAC at the end. The same each time it is made."""
    value = _action.SyncActionValue(
        timestamp=version, pushNameSetting=_action.PushNameSetting(name=name)
    )
    setting = _action.SyncActionData(
        index=_INDEX, value=value, padding=b"", version=_VERSION_OF_SETTING
    )
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(setting.SerializeToString()) + padder.finalize()
    iv = hmac.digest(secret, f"iv {version}".encode(), "sha256")[:16]
    encryptor = Cipher(AES(keys.value), CBC(iv)).encryptor()
    sealed = iv + encryptor.update(padded) + encryptor.finalize()
    # The size of what is in front: the operation and the key's id.
    size = (len(_SET) + len(_KEY_ID)).to_bytes(8, "big")
    mac = hmac.digest(keys.value_mac, _SET + _KEY_ID + sealed + size, "sha512")
    return sealed + mac[:_MAC_SIZE]


def _exchanged(state: bytes, old: bytes, new: bytes) -> bytes:
    """The hash over all settings with one value in place of another; `old` is empty at first.

    It is a sum: each value counts as 64 numbers of 16 bits, added without carry.
    """
    removed = _numbers(_spread(old)) if old else [0] * (_HASH_SIZE // 2)
    added = _numbers(_spread(new))
    sums = (
        (number - out + into) % 2**16
        for number, out, into in zip(_numbers(state), removed, added, strict=True)
    )
    return b"".join(number.to_bytes(2, "little") for number in sums)


def _spread(value_mac: bytes) -> bytes:
    return hkdf(value_mac, length=_HASH_SIZE, info=b"WhatsApp Patch Integrity")


def _numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
