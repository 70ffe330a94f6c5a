"""What is true in the emulator: accounts, the companions linked to them, and who is linking.

    client registers ──▶ Pairing ──phone accepts──▶ offer ──client signs──▶ Companion ──▶ online
                            │                         │                        │
                            └──── client goes away ───┴────────────▶ nothing   └─unlink─▶ nothing

Pure: no sockets, no clock, no chance. Instants and keys are given. Every change that matters is
a fact in `World.facts`, for those who keep, show or check it.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sololine.emulator.errors import (
    ExpiredQr,
    InvalidNumber,
    TooManyDevices,
    UnknownDevice,
    UnknownPhone,
)
from sololine.emulator.facts import (
    AccountAdded,
    CameOnline,
    Fact,
    Linked,
    LinkFailed,
    LoginDenied,
    LoginRefused,
    PrekeysChanged,
    Unlinked,
    UnlinkedBy,
    WentOffline,
)
from sololine.emulator.people.accounts import PREKEY_SIZE, Account, Companion, DeviceKey
from sololine.emulator.people.groups import Group
from sololine.emulator.people.pairing import Offer, Pairing, dated_refs
from sololine.emulator.people.profiles import Profile
from sololine.wire.curve import KeyPair
from sololine.wire.jid import LID_SERVER, USER_SERVER, Jid
from sololine.wire.registration import Registration

MAX_COMPANIONS: Final = 4
"""Linked devices a phone may have; it refuses a fifth."""

_FACTS_KEPT: Final = 10_000
_NO_PROFILE: Final = Profile()


class World:
    """All accounts, and the clients that are about to join one.

    `observe` is called with each fact, after it has become true.
    """

    def __init__(self, *, observe: Callable[[Fact], None] = lambda _: None) -> None:
        self.accounts: dict[str, Account] = {}
        self.groups = dict[str, Group]()
        """All groups, by id."""
        self.profiles = dict[str, Profile]()
        """What people see of an account, by number; of most there is nothing."""
        self.pairings: dict[int, Pairing] = {}
        self.facts: list[Fact] = []
        """The latest ten thousand, oldest first."""
        self._observe = observe
        self._by_lid: dict[str, Account] = {}
        self._pairing_id = 0

    # Accounts

    def add_account(self, number: str, identity: KeyPair) -> Account:
        """The account of this number; made with `identity` if there is none yet.

        Raises:
            InvalidNumber: if the number is not digits in international form.
        """
        if number in self.accounts:
            return self.accounts[number]
        if not re.fullmatch(r"[1-9][0-9]{6,14}", number):
            raise InvalidNumber
        account = Account(number=number, lid=self._free_lid(number), identity=identity)
        self.restore(account)
        self._note(AccountAdded(number=number))
        return account

    def restore(self, account: Account) -> None:
        """Put back an account that was kept from an earlier run; no fact follows."""
        self.accounts[account.number] = account
        self._by_lid[account.lid] = account

    def account(self, number: str) -> Account:
        """The account of this number.

        Raises:
            UnknownPhone: if there is none.
        """
        try:
            return self.accounts[number]
        except KeyError:
            raise UnknownPhone from None

    def profile(self, number: str) -> Profile:
        """What people see of the account of this number."""
        return self.profiles.get(number, _NO_PROFILE)

    def find(self, user: Jid) -> Account | None:
        """The account that an address, by number or by LID, belongs to."""
        if user.server == USER_SERVER:
            return self.accounts.get(user.user)
        if user.server == LID_SERVER:
            return self._by_lid.get(user.user)
        return None

    def companion(self, key: DeviceKey) -> Companion:
        """A linked device.

        Raises:
            UnknownPhone: if the number is no account's.
            UnknownDevice: if the account has no such device.
        """
        try:
            return self.account(key.number).companions[key.device]
        except KeyError:
            raise UnknownDevice from None

    # Linking

    def open_pairing(
        self, registration: Registration, noise: bytes, refs: tuple[str, ...], now: datetime
    ) -> Pairing:
        """Let a client wait for a phone; it shows the refs one after the other."""
        self._pairing_id += 1
        pairing = Pairing(
            id=self._pairing_id,
            noise=noise,
            registration=registration,
            refs=dated_refs(refs, now),
        )
        self.pairings[pairing.id] = pairing
        return pairing

    def waiting_for(self, ref: str, now: datetime) -> Pairing:
        """The client that shows this ref.

        Raises:
            ExpiredQr: if none does, or the ref is too old, or a phone has accepted it already.
        """
        for pairing in self.pairings.values():
            if pairing.offer is None and pairing.shows(ref, now):
                return pairing
        raise ExpiredQr

    def make_offer(self, number: str, pairing: Pairing) -> Offer:
        """Hold a place on the account for the client.

        Raises:
            UnknownPhone: if there is no such account.
            TooManyDevices: if the account's places are all taken or held.
            ExpiredQr: if the client is gone, or has an offer already.
        """
        account = self.account(number)
        if pairing.id not in self.pairings or pairing.offer is not None:
            raise ExpiredQr
        held = sum(
            other.offer is not None and other.offer.key.number == number
            for other in self.pairings.values()
        )
        if len(account.companions) + held >= MAX_COMPANIONS:
            raise TooManyDevices(limit=MAX_COMPANIONS)
        device = account.next_device
        # Device numbers are never given twice: a client with old credentials must stay refused.
        account.next_device += 1
        pairing.offer = Offer(
            key=DeviceKey(number, device),
            key_index=device,
            jid=account.jid(device),
            lid=account.lid_jid(device),
        )
        return pairing.offer

    def complete(self, pairing: Pairing, device_identity: bytes, now: datetime) -> Companion | None:
        """The client signed its identity: it is a companion now. None if it had no offer."""
        if self.pairings.pop(pairing.id, None) is None or pairing.offer is None:
            return None
        key = pairing.offer.key
        companion = Companion(
            device=key.device,
            key_index=pairing.offer.key_index,
            noise=pairing.noise,
            registration=pairing.registration,
            device_identity=device_identity,
            linked_at=now,
        )
        self.accounts[key.number].companions[key.device] = companion
        self._note(Linked(key=key))
        return companion

    def close_pairing(self, pairing: Pairing) -> None:
        """The client gave up or went away; a place held for it is free again."""
        if self.pairings.pop(pairing.id, None) is not None and pairing.offer is not None:
            self._note(LinkFailed(key=pairing.offer.key))

    # Linked devices

    def authenticate(self, key: DeviceKey, noise: bytes) -> LoginDenied | None:
        """Whether a client with this Noise key may log in as the device; None means it may."""
        account = self.accounts.get(key.number)
        companion = account.companions.get(key.device) if account else None
        if companion is None:
            denied = LoginDenied.UNKNOWN_DEVICE
        elif companion.noise != noise:
            denied = LoginDenied.WRONG_KEY
        else:
            return None
        self._note(LoginRefused(key=key, reason=denied))
        return denied

    def come_online(self, key: DeviceKey) -> None:
        """The device logged in."""
        self._change(key, online=True)
        self._note(CameOnline(key=key))

    def go_offline(self, key: DeviceKey) -> None:
        """The device's connection ended; nothing if it was unlinked meanwhile."""
        account = self.accounts.get(key.number)
        if account and key.device in account.companions:
            self._change(key, online=False)
            self._note(WentOffline(key=key))

    def keep_prekeys(self, key: DeviceKey, prekeys: bytes, signed_prekey: bytes) -> None:
        """Add one-time prekeys to a device's, and renew its signed prekey."""
        companion = self.companion(key)
        self._change(
            key,
            prekeys=companion.prekeys + prekeys,
            registration=replace(companion.registration, signed_prekey=signed_prekey),
        )
        self._note(PrekeysChanged(key=key))

    def take_prekey(self, key: DeviceKey) -> bytes | None:
        """Hand out a one-time prekey of the device; each once only. None when there is none."""
        prekeys = self.companion(key).prekeys
        if not prekeys:
            return None
        self._change(key, prekeys=prekeys[PREKEY_SIZE:])
        self._note(PrekeysChanged(key=key))
        return prekeys[:PREKEY_SIZE]

    def unlink(self, key: DeviceKey, by: UnlinkedBy) -> None:
        """End a device's link.

        Raises:
            UnknownPhone, UnknownDevice: if there is no such device.
        """
        self.companion(key)
        del self.accounts[key.number].companions[key.device]
        self._note(Unlinked(key=key, by=by))

    def _change(self, key: DeviceKey, **changes: object) -> None:
        companions = self.accounts[key.number].companions
        companions[key.device] = replace(companions[key.device], **changes)  # type: ignore[arg-type]  # the callers above name fields and types

    def _note(self, fact: Fact) -> None:
        self.facts.append(fact)
        del self.facts[:-_FACTS_KEPT]
        self._observe(fact)

    def _free_lid(self, number: str) -> str:
        """A LID that looks like a real one, the same for a number in every sandbox."""
        seed = number
        while True:
            digest = hashlib.sha256(seed.encode()).digest()
            lid = str(10**14 + int.from_bytes(digest[:8]) % (9 * 10**14))
            if lid not in self._by_lid:
                return lid
            seed = digest.hex()
