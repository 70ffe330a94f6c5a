"""The phone of an account, and what its user does with it."""

import asyncio
from collections.abc import Iterator

from sololine.emulator.accounts import Companion, DeviceKey
from sololine.emulator.errors import ExpiredQr, InvalidQr, WrongCode
from sololine.emulator.exchange import Exchange
from sololine.emulator.facts import UnlinkedBy
from sololine.wire.curve import KeyPair
from sololine.wire.errors import WireError
from sololine.wire.jid import Jid
from sololine.wire.linking import QrPayload
from sololine.wire.pairing_code import Primary, read_code


class Phone:
    """The phone of one number. Scanning with the wrong number is another phone's scan."""

    def __init__(self, number: str, exchange: Exchange) -> None:
        self.number = number
        self._exchange = exchange

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


class Phones:
    """All phones there are, by number (digits in international form, without `+`)."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def add(self, number: str) -> Phone:
        """The phone of this number; a new one if there is none yet.

        Raises:
            InvalidNumber: if this is no number.
        """
        if number not in self._exchange.world.accounts:
            self._exchange.world.add_account(number, KeyPair.generate())
        return Phone(number, self._exchange)

    def __getitem__(self, number: str) -> Phone:
        """The phone of this number.

        Raises:
            UnknownPhone: if there is none.
        """
        return Phone(self._exchange.world.account(number).number, self._exchange)

    def __iter__(self) -> Iterator[Phone]:
        return (Phone(number, self._exchange) for number in self._exchange.world.accounts)

    def __len__(self) -> int:
        return len(self._exchange.world.accounts)
