"""The phone of an account, and what its user does with it."""

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from sololine.emulator.errors import (
    ExpiredQr,
    InvalidQr,
    NotInGroup,
    PhoneOffline,
    UnknownGroup,
    UnknownPhone,
    WrongCode,
)
from sololine.emulator.exchange import Exchange
from sololine.emulator.facts import UnlinkedBy
from sololine.emulator.mail.routes import Chat
from sololine.emulator.people.accounts import Companion, DeviceKey
from sololine.emulator.people.groups import Group
from sololine.emulator.phones.handset import Handset
from sololine.emulator.phones.keyring import Keyring
from sololine.emulator.phones.letters import Message, e2e
from sololine.emulator.phones.mailbox import (
    Letter,
    Mailbox,
    Receipt,
    ReceiptKind,
    Typing,
    TypingState,
)
from sololine.emulator.storage.journal import Drawer
from sololine.wire.curve import KeyPair
from sololine.wire.errors import WireError
from sololine.wire.jid import GROUP_SERVER, Jid
from sololine.wire.linking import QrPayload
from sololine.wire.node import Node
from sololine.wire.pairing_code import Primary, read_code
from sololine.wire.protobuf import parse

PATIENCE_S: Final = 10.0
"""Seconds that are waited for letters unless told otherwise."""

_ID_BYTES: Final = 9
_SETTINGS: Final = ("online", "sends_receipts", "by_number")


class Phone:
    """The phone of one number. Scanning with the wrong number is another phone's scan."""

    def __init__(self, number: str, exchange: Exchange) -> None:
        self.number = number
        self._by_number = False
        self._exchange = exchange
        self._keys = Keyring(number, exchange.journal)
        self._mailbox = Mailbox(number, exchange.journal)
        self.handset = Handset(
            exchange.world.account(number),
            exchange.world,
            self._keys,
            self._mailbox,
            say=self._say,
            now=exchange.now,
        )
        """Its side that speaks with the other devices."""

    @property
    def lid(self) -> str:
        """The account's LID."""
        return self._exchange.world.account(self.number).lid

    async def scan(self, qr: str) -> Jid:
        """Scan a QR, given as its text, and link the client that shows it; return its address.

        Raises:
            Refused: if it is not linked in the end; the error says why.
        """
        try:
            payload = QrPayload.parse(qr)
        except WireError as error:
            raise InvalidQr from error
        world = self._exchange.world
        pairing = world.waiting_for(payload.ref, self._exchange.now())
        if (payload.noise, payload.identity) != (pairing.noise, pairing.registration.identity):
            # The ref is right but the keys are another client's: a forged QR.
            raise ExpiredQr
        companion = await self._exchange.link(self.number, pairing, payload.adv_secret)
        return world.account(self.number).jid(companion.device)

    async def enter_code(self, code: str) -> Jid:
        """Type the code that a client shows for this number, and link it; return its address.

        Raises:
            Refused: if it is not linked in the end; the error says why.
        """
        account = self._exchange.world.account(self.number)
        request = self._exchange.code_request(self.number)
        try:
            primary = Primary(read_code(code), account.identity)
            # Deriving keys from a code is slow on purpose; the other clients must not wait.
            answer = await asyncio.to_thread(primary.answer, request.wrapped_ephemeral)
            bundle = await self._exchange.enter_code(request, answer, account.identity.public)
            adv_secret = primary.finish(bundle, request.pairing.registration.identity)
        except WireError as error:
            raise WrongCode from error
        companion = await self._exchange.link(self.number, request.pairing, adv_secret)
        return account.jid(companion.device)

    def devices(self) -> tuple[Companion, ...]:
        """The linked devices, oldest first."""
        return tuple(self._exchange.world.account(self.number).companions.values())

    def unlink(self, device: int) -> None:
        """Log a linked device out.

        Raises:
            UnknownDevice: if there is no such device.
        """
        self._exchange.unlink(DeviceKey(self.number, device), UnlinkedBy.PHONE)

    # What its user sees

    @property
    def inbox(self) -> Sequence[Letter]:
        """The latest thousand letters that came, oldest first; with what companions wrote."""
        return tuple(self._mailbox.inbox)

    @property
    def sent(self) -> Sequence[Letter]:
        """The latest thousand letters that were written on the phone, oldest first."""
        return tuple(self._mailbox.sent)

    @property
    def receipts(self) -> Sequence[Receipt]:
        """The latest thousand receipts for what the account wrote, oldest first."""
        return tuple(self._mailbox.receipts)

    @property
    def seen_typing(self) -> Sequence[Typing]:
        """The latest thousand times that someone began or stopped to write, oldest first."""
        return tuple(self._mailbox.typing)

    async def received(
        self, wanted: int | Callable[[Letter], bool] = 1, timeout_s: float = PATIENCE_S
    ) -> Sequence[Letter]:
        """Wait until that many letters are in the inbox, or one that fits; return all that do.

        Raises:
            TimeoutError: if they do not come in time.
        """
        return await self._mailbox.received(wanted, timeout_s)

    async def until(self, true: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Wait until something came that makes this true.

        Raises:
            TimeoutError: if it does not become true in time.
        """
        await self._mailbox.until(true, timeout_s)

    # What its user does

    async def send(self, chat: Jid, message: Message | bytes) -> str:
        """Send a message to a person or a group; return its id.

        A person may be given by number or by LID; `by_number` decides how it is addressed.

        Raises:
            UnknownPhone, UnknownGroup: if there is no such chat.
            NotInGroup: if the phone is not a member.
            PhoneOffline: if the phone is.
        """
        if not self.online:
            raise PhoneOffline
        found = self._chat(chat)
        raw = message if isinstance(message, bytes) else message.SerializeToString()
        letter = Letter(
            id=f"3A{os.urandom(_ID_BYTES).hex().upper()}",
            chat=self._address(found),
            sender=self._exchange.world.account(self.number).lid_jid(),
            at=self._exchange.now(),
            own=True,
            message=parse(e2e.Message, raw),
            raw=raw,
        )
        self._mailbox.put_out(letter)
        self.handset.send(found, letter)
        # A sender in a loop leaves the others their turn.
        await asyncio.sleep(0)
        return letter.id

    async def read(self, ids: Sequence[str], chat: Jid) -> None:
        """See these messages; who wrote them is told, and the own companions are.

        Raises:
            UnknownPhone, UnknownGroup: if there is no such chat.
            NotInGroup: if the phone is not a member.
        """
        self.handset.mark(ids, self._chat(chat), ReceiptKind.READ)

    async def play(self, ids: Sequence[str], chat: Jid) -> None:
        """Listen to these voice notes; as `read`."""
        self.handset.mark(ids, self._chat(chat), ReceiptKind.PLAYED)

    def open_whatsapp(self) -> None:
        """Look at WhatsApp: who asked to know is told that the user is there."""
        self._exchange.presences.change(self.handset.key, there=True)

    def put_away(self) -> None:
        """Look at WhatsApp no more."""
        self._exchange.presences.change(self.handset.key, there=False)

    def sees(self, chat: Jid) -> bool:
        """Whether that person is shown as online.

        Raises:
            UnknownPhone: if there is no such person.
        """
        account = self._exchange.world.find(chat)
        if account is None:
            raise UnknownPhone
        return self._exchange.presences.is_there(account.number)

    async def type_to(self, chat: Jid, state: TypingState) -> None:
        """Begin or stop to write, or to record, in a chat; as `read`."""
        self.handset.type_to(self._address(self._chat(chat)), state)

    # Settings

    @property
    def name(self) -> str:
        """The name that comes with what the account sends."""
        return self._exchange.world.profile(self.number).push_name

    @name.setter
    def name(self, name: str) -> None:
        self._exchange.profiles.rename(self.number, name)

    @property
    def online(self) -> bool:
        """Whether it is connected; while it is not, what comes for it waits."""
        return self.handset.online

    @online.setter
    def online(self, online: bool) -> None:
        self.handset.online = online
        self._keep_settings()
        if online:
            self._exchange.delivery.wake(self.number)
        else:
            self.put_away()

    @property
    def sends_receipts(self) -> bool:
        """Whether it tells writers that their messages came."""
        return self.handset.sends_receipts

    @sends_receipts.setter
    def sends_receipts(self, sends: bool) -> None:
        self.handset.sends_receipts = sends
        self._keep_settings()

    @property
    def by_number(self) -> bool:
        """Whether it addresses persons by number, as old phones do, instead of by LID."""
        return self._by_number

    @by_number.setter
    def by_number(self, by_number: bool) -> None:
        self._by_number = by_number
        self._keep_settings()

    def _keep_settings(self) -> None:
        settings = {name: int(getattr(self, name)) for name in _SETTINGS}
        kept = json.dumps(settings).encode()
        self._exchange.journal.put(Drawer.PHONES, self.number, kept)

    def restore(self, drawer: Drawer, name: str, kept: bytes) -> None:
        """Put back what was kept in an earlier run."""
        match drawer:
            case Drawer.KEYS:
                self._keys.restore(name, kept)
            case Drawer.LETTERS | Drawer.SENT:
                self._mailbox.restore(drawer, int(name), kept)
            case Drawer.PHONES:
                settings = json.loads(kept)
                self.handset.online = bool(settings["online"])
                self.handset.sends_receipts = bool(settings["sends_receipts"])
                self._by_number = bool(settings["by_number"])

    def _chat(self, chat: Jid) -> Chat:
        world = self._exchange.world
        if chat.server == GROUP_SERVER:
            group = world.groups.get(chat.user)
            if group is None:
                raise UnknownGroup
            if self.number not in group.members:
                raise NotInGroup
            return group
        account = world.find(chat)
        if account is None:
            raise UnknownPhone
        return account

    def _address(self, chat: Chat) -> Jid:
        if isinstance(chat, Group):
            return chat.jid
        return chat.jid() if self.by_number else chat.lid_jid()

    def _say(self, key: DeviceKey, stanza: Node) -> None:
        self._exchange.take(key, stanza, _unheard)


class Phones:
    """All phones there are, by number (digits in international form, without `+`)."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._phones: dict[str, Phone] = {}
        exchange.delivery.phone = lambda number: self[number].handset

    def restore(self) -> None:
        """Give the phones back what they had when the emulator ended."""
        journal = self._exchange.journal
        for drawer in (Drawer.PHONES, Drawer.KEYS, Drawer.LETTERS, Drawer.SENT):
            for name, kept in journal.read(drawer):
                number, _, rest = name.partition(" ")
                self[number].restore(drawer, rest, kept)
        self._exchange.delivery.waiting.restore()

    def add(self, number: str) -> Phone:
        """The phone of this number; a new one if there is none yet.

        Raises:
            InvalidNumber: if this is no number.
        """
        if number not in self._exchange.world.accounts:
            self._exchange.world.add_account(number, KeyPair.generate())
        return self[number]

    def create_group(self, creator: str, subject: str, members: Iterable[str]) -> Group:
        """A new group of these numbers and its creator; more is done in `exchange.groups`.

        Raises:
            UnknownPhone: if one of them has no phone.
        """
        return self._exchange.groups.create(creator, subject, members)

    def __getitem__(self, number: str) -> Phone:
        """The phone of this number.

        Raises:
            UnknownPhone: if there is none.
        """
        if number not in self._phones:
            self._phones[self._exchange.world.account(number).number] = Phone(
                number, self._exchange
            )
        return self._phones[number]

    def __iter__(self) -> Iterator[Phone]:
        return (self[number] for number in tuple(self._exchange.world.accounts))

    def __len__(self) -> int:
        return len(self._exchange.world.accounts)


def _unheard(_: Node) -> None:
    """A phone is not waiting for acknowledgements: this process does not lose what it says."""
