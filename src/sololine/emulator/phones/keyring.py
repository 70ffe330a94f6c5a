"""The Signal keys of a phone: its endpoint, and where that keeps its state."""

import hashlib
import hmac
from typing import Final

from sololine.emulator.people.accounts import Account
from sololine.emulator.storage.journal import Drawer, Journal
from sololine.wire.curve import KeyPair
from sololine.wire.jid import Jid
from sololine.wire.signal.endpoint import Endpoint

_SIGNED_PREKEY_ID: Final = 1
_SESSION: Final = "session"
_PREKEY: Final = "prekey"
_GROUP: Final = "group"


class Keyring:
    """The sessions, prekeys and group keys of one phone, kept in a journal.

    An `EndpointStore`. What was kept in an earlier run is put back by `restore`.
    """

    def __init__(self, number: str, journal: Journal) -> None:
        self._number = number
        self._journal = journal
        self._kept: dict[str, bytes] = {}

    def restore(self, name: str, value: bytes) -> None:
        """Put back what was kept under this name."""
        self._kept[name] = value

    def session(self, address: Jid) -> bytes | None:
        """See `EndpointStore`."""
        return self._kept.get(f"{_SESSION} {address}")

    def keep_session(self, address: Jid, session: bytes) -> None:
        """See `EndpointStore`."""
        self._keep(f"{_SESSION} {address}", session)

    def prekey(self, prekey_id: int) -> bytes | None:
        """See `EndpointStore`."""
        return self._kept.get(f"{_PREKEY} {prekey_id}")

    def keep_prekey(self, prekey_id: int, private: bytes) -> None:
        """See `EndpointStore`."""
        self._keep(f"{_PREKEY} {prekey_id}", private)

    def drop_prekey(self, prekey_id: int) -> None:
        """See `EndpointStore`."""
        name = f"{_PREKEY} {prekey_id}"
        if self._kept.pop(name, None) is not None:
            self._journal.drop(Drawer.KEYS, f"{self._number} {name}")

    def sender_key(self, group: Jid, sender: Jid) -> bytes | None:
        """See `EndpointStore`."""
        return self._kept.get(f"{_GROUP} {group} {sender}")

    def keep_sender_key(self, group: Jid, sender: Jid, key: bytes) -> None:
        """See `EndpointStore`."""
        self._keep(f"{_GROUP} {group} {sender}", key)

    def _keep(self, name: str, value: bytes) -> None:
        self._kept[name] = value
        self._journal.put(Drawer.KEYS, f"{self._number} {name}", value)


def endpoint(account: Account, keyring: Keyring) -> Endpoint:
    """The phone of this account as the others meet it; each time the same."""
    # Made from the identity, so that there is nothing else to be kept.
    signed_prekey = KeyPair.from_private(_derive(account, b"signed prekey"))
    registration_id = int.from_bytes(_derive(account, b"registration id")[:2], "big") & 0x3FFF
    return Endpoint(account.identity, registration_id, _SIGNED_PREKEY_ID, signed_prekey, keyring)


def _derive(account: Account, purpose: bytes) -> bytes:
    return hmac.digest(account.identity.private, purpose, hashlib.sha256)
