"""Both engines with the hands that hold the phones they link with.

`neonize` is the real library in its workers, linked with the emulator; `scripted` is the fake that
other tests trust because it passes the same suite.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from sololine.core.chat import address_of
from sololine.core.ids import DeviceId
from sololine.core.message import Failure
from sololine.core.signals import (
    Banned,
    EngineOutdated,
    LinkUp,
    PasskeyRequired,
    QrIssued,
    ReceiptKind,
    Signal,
    TypingState,
)
from sololine.emulator import faults
from sololine.emulator.errors import Refused
from sololine.emulator.people.groups import Group
from sololine.emulator.phones import mailbox
from sololine.emulator.phones.letters import e2e
from sololine.emulator.server import Emulator
from sololine.engine.link import NeonizeLink
from sololine.engine.loopback import available, loopback_launch
from sololine.engine.neonize import NeonizeEngine
from sololine.engine.port import Engine, GroupInfo, Link, Member, Profile, SendRefused
from sololine.wire.jid import Jid
from tests.fakes.engine import Fate, ScriptedEngine, ScriptedLink, Taken

DEVICE = DeviceId("dev_one_1_1")
OTHER = DeviceId("dev_two_1_1")
NUMBER = "447441395830"
STRANGER = "5511999999999"
GROUP = "120363000000000001@g.us"
DEADLINE_S = 30.0
S = TypeVar("S", bound=Signal)


def written(text: str) -> bytes:
    """A text as WhatsApp has it."""
    raw: bytes = e2e.Message(conversation=text).SerializeToString()
    return raw


def _jid(chat: str) -> Jid:
    user, _, server = address_of(chat).partition("@")
    return Jid(user, server)


class Heard:
    """What a link has said so far; a `Deliver`."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self._news = asyncio.Event()
        self._seen = 0

    def __call__(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._news.set()

    async def next(self, kind: type[S]) -> S:
        """The next signal of that kind; earlier ones are passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                while self._seen < len(self.signals):
                    self._seen += 1
                    signal = self.signals[self._seen - 1]
                    if isinstance(signal, kind):
                        return signal
                self._news.clear()
                await self._news.wait()

    @property
    def kinds(self) -> list[type[Signal]]:
        return [type(signal) for signal in self.signals]


class World(Protocol):
    """An engine, and the hands that hold the phones it links with."""

    engine: Engine

    async def scan(self, number: str, code: str) -> None: ...
    async def enter_code(self, number: str, code: str) -> None: ...
    def devices(self, number: str) -> int: ...
    def unlink(self, device: DeviceId, number: str) -> None: ...
    def drop(self, device: DeviceId, number: str) -> None: ...
    def replace(self, device: DeviceId, number: str) -> None: ...
    def ban_next_login(self, number: str) -> None: ...
    def be_outdated(self) -> None: ...
    async def scan_but_demand_passkey(self, number: str, code: str) -> None: ...
    def crash(self, link: Any) -> None: ...

    # What people say: `who` is a number, `device` the bot's.
    async def write(self, who: str, message: bytes, *, group: str | None = None) -> str: ...
    async def write_on_own_phone(self, to: str, message: bytes) -> str: ...
    async def write_unreadably(self, who: str) -> None: ...
    async def got(self, who: str, count: int) -> list[tuple[str, str]]: ...
    async def confirm(self, who: str, kind: ReceiptKind, message: str) -> None: ...
    async def type(self, who: str, state: TypingState) -> None: ...
    async def saw(self, who: str, what: str) -> None: ...
    def stranger(self) -> str: ...
    def found_group(self, *members: str) -> str: ...
    def leave_group(self, group: str) -> None: ...
    def present(self, who: str, profile: Profile) -> None: ...
    def lose_files(self) -> None: ...
    def refuse_files(self) -> None: ...
    def refuse_next(self) -> None: ...
    def hang_next(self) -> None: ...
    @property
    def media(self) -> Path: ...


class NeonizeWorld:
    def __init__(self, engine: NeonizeEngine, emulator: Emulator, media: Path) -> None:
        self.engine: Engine = engine
        self.media = media
        self._emulator = emulator

    async def scan(self, number: str, code: str) -> None:
        await self._emulator.phones.add(number).scan(code)

    async def enter_code(self, number: str, code: str) -> None:
        await self._emulator.phones.add(number).enter_code(code)

    def devices(self, number: str) -> int:
        return len(self._emulator.phones.add(number).devices())

    def unlink(self, device: DeviceId, number: str) -> None:
        phone = self._emulator.phones[number]
        phone.unlink(phone.devices()[0].device)

    def drop(self, device: DeviceId, number: str) -> None:
        self._arm(faults.Drop(), number)

    def replace(self, device: DeviceId, number: str) -> None:
        self._arm(faults.Replaced(), number)

    def ban_next_login(self, number: str) -> None:
        self._arm(faults.LoginFailure(reason=402, code=101, expire_s=3600), number)

    def be_outdated(self) -> None:
        self._arm(faults.ClientOutdated(), None)

    async def scan_but_demand_passkey(self, number: str, code: str) -> None:
        self._arm(faults.PasskeyDemand(), None)
        with pytest.raises(Refused):
            await self.scan(number, code)

    def crash(self, link: Any) -> None:
        assert isinstance(link, NeonizeLink)
        assert link.pid is not None

        os.kill(link.pid, signal.SIGKILL)

    async def write(self, who: str, message: bytes, *, group: str | None = None) -> str:
        phone = self._emulator.phones.add(who)
        return await phone.send(_jid(group or NUMBER), message)

    async def write_on_own_phone(self, to: str, message: bytes) -> str:
        self._emulator.phones.add(to)
        return await self._emulator.phones[NUMBER].send(_jid(to), message)

    async def write_unreadably(self, who: str) -> None:
        self._arm(faults.CorruptMessage(), NUMBER)
        await self.write(who, written("never read"))

    async def got(self, who: str, count: int) -> list[tuple[str, str]]:
        letters = await self._emulator.phones.add(who).received(count)
        return [(letter.id, letter.message.conversation) for letter in letters]

    async def confirm(self, who: str, kind: ReceiptKind, message: str) -> None:
        phone = self._emulator.phones[who]
        match kind:
            case ReceiptKind.READ:
                await phone.read([message], _jid(NUMBER))
            case ReceiptKind.PLAYED:
                await phone.play([message], _jid(NUMBER))
            case _:
                pass  # a phone says by itself what came

    async def type(self, who: str, state: TypingState) -> None:
        words = {
            TypingState.TYPING: mailbox.TypingState.COMPOSING,
            TypingState.RECORDING: mailbox.TypingState.RECORDING,
            TypingState.PAUSED: mailbox.TypingState.PAUSED,
        }
        await self._emulator.phones.add(who).type_to(_jid(NUMBER), words[state])

    async def saw(self, who: str, what: str) -> None:
        phone = self._emulator.phones.add(who)
        words = {"typing": "composing"}
        await phone.until(
            lambda: (
                what in {receipt.kind.value for receipt in phone.receipts}
                or words.get(what, what) in {each.state.value for each in phone.seen_typing}
            )
        )

    def stranger(self) -> str:
        return STRANGER

    def found_group(self, *members: str) -> str:
        for member in members:
            self._emulator.phones.add(member)
        group = Group(
            id=GROUP.partition("@")[0],
            subject="The house",
            members=(*members, NUMBER),
            creator=members[0],
            created_at=datetime.now(UTC),
        )
        self._emulator.exchange.world.groups[group.id] = group
        return GROUP

    def leave_group(self, group: str) -> None:
        del self._emulator.exchange.world.groups[group.partition("@")[0]]

    def present(self, who: str, profile: Profile) -> None:
        self._emulator.phones.add(who).name = profile.name

    def lose_files(self) -> None:
        self._arm(faults.MediaGone(), None)

    def refuse_files(self) -> None:
        self._arm(faults.UploadRefused(status=413), None)

    def refuse_next(self) -> None:
        self._arm(faults.AckError(code=463), NUMBER)

    def hang_next(self) -> None:
        self._arm(faults.NoAck(), NUMBER)

    def _arm(self, fault: faults.Fault, number: str | None) -> None:
        self._emulator.exchange.arm(fault, faults.Target(number=number))


class ScriptedWorld:
    def __init__(self, engine: ScriptedEngine, media: Path) -> None:
        self.engine: Engine = engine
        self.media = media
        self._whatsapp = engine.whatsapp

    async def scan(self, number: str, code: str) -> None:
        self._whatsapp.scan(code, number)

    async def enter_code(self, number: str, code: str) -> None:
        self._whatsapp.scan(code, number)

    def devices(self, number: str) -> int:
        return len(self._whatsapp.devices(number))

    def unlink(self, device: DeviceId, number: str) -> None:
        self._whatsapp.unlink(device)

    def drop(self, device: DeviceId, number: str) -> None:
        self._whatsapp.drop(device)

    def replace(self, device: DeviceId, number: str) -> None:
        self._whatsapp.replace(device)

    def ban_next_login(self, number: str) -> None:
        self._whatsapp.refuse_next(Banned(code=101, lasts=timedelta(hours=1)))

    def be_outdated(self) -> None:
        self._whatsapp.refuse_next(EngineOutdated())

    async def scan_but_demand_passkey(self, number: str, code: str) -> None:
        device = next(link.device for link in self._whatsapp.links.values() if link.code == code)
        self._whatsapp.links[device].end(PasskeyRequired())

    def crash(self, link: Any) -> None:
        assert isinstance(link, ScriptedLink)
        self._whatsapp.crash(link.device)

    async def write(self, who: str, message: bytes, *, group: str | None = None) -> str:
        return self._whatsapp.receive(DEVICE, message, sender=address_of(who), chat=group)

    async def write_on_own_phone(self, to: str, message: bytes) -> str:
        sender = address_of(NUMBER)
        return self._whatsapp.receive(
            DEVICE, message, sender=sender, chat=address_of(to), from_me=True, name=""
        )

    async def write_unreadably(self, who: str) -> None:
        self._whatsapp.receive_unreadable(DEVICE, address_of(who))

    async def got(self, who: str, count: int) -> list[tuple[str, str]]:
        chats = {address_of(who), GROUP}
        came: list[Taken] = []
        while len(came) < count:
            came = [sent for sent in self._whatsapp.sent if sent.to in chats]
            await asyncio.sleep(0)
        return [(sent.id, e2e.Message.FromString(sent.message).conversation) for sent in came]

    async def confirm(self, who: str, kind: ReceiptKind, message: str) -> None:
        self._whatsapp.confirm(DEVICE, kind, message, sender=address_of(who))

    async def type(self, who: str, state: TypingState) -> None:
        self._whatsapp.type(DEVICE, state, address_of(who))

    async def saw(self, who: str, what: str) -> None:
        assert what in {each.what for each in self._whatsapp.shown if each.chat == address_of(who)}

    def stranger(self) -> str:
        self._whatsapp.strangers.add(STRANGER)
        return STRANGER

    def found_group(self, *members: str) -> str:
        self._whatsapp.groups[GROUP] = GroupInfo(
            jid=GROUP,
            subject="The house",
            members=tuple(
                Member(jid=address_of(member), admin=member == members[0])
                for member in (*members, NUMBER)
            ),
        )
        return GROUP

    def leave_group(self, group: str) -> None:
        del self._whatsapp.groups[group]

    def present(self, who: str, profile: Profile) -> None:
        self._whatsapp.profiles[address_of(who)] = profile

    def lose_files(self) -> None:
        self._whatsapp.files.clear()

    def refuse_files(self) -> None:
        self._whatsapp.refuses_files = True

    def refuse_next(self) -> None:
        self._whatsapp.fates.append(SendRefused(Failure.REFUSED))

    def hang_next(self) -> None:
        self._whatsapp.fates.append(Fate.HANGS_TAKEN)


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[World]:
    """The world of one of the engines, with its data below the folder."""
    media = folder / "data" / "media"
    await asyncio.to_thread(media.mkdir, parents=True)
    if kind == "scripted":
        yield ScriptedWorld(ScriptedEngine(), media)
        return
    if reason := available():
        pytest.skip(reason)
    async with Emulator(folder / "emulator") as emulator:
        launch = loopback_launch(
            port=emulator.port, ca_file=emulator.ca_file, root_public=emulator.root_public
        )
        engine = NeonizeEngine(folder / "data", launch)
        try:
            yield NeonizeWorld(engine, emulator, media)
        finally:
            await engine.close()
        assert emulator.unknown == []


async def linked_up(
    world: World, device: DeviceId = DEVICE, number: str = NUMBER
) -> tuple[Link, Heard]:
    heard = Heard()
    link = await world.engine.link(device, heard)
    await world.scan(number, (await heard.next(QrIssued)).code)
    await heard.next(LinkUp)
    return link, heard
