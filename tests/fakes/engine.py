"""An engine in memory, with a WhatsApp whose phones a test holds in its hands.

    whatsapp = ScriptedWhatsApp()
    engine = ScriptedEngine(whatsapp)
    link = await engine.link(device, deliver)          # QrIssued
    whatsapp.scan(whatsapp.code_of(device), number)    # Linked, LinkUp
    whatsapp.drop(device)                              # LinkDown
    whatsapp.receive(device, message, sender=jid)      # Received, again after a crash until settled
    await link.send(jid, message)                      # in whatsapp.sent, unless fated otherwise

It passes the same contract as the real engine (`tests/contract/test_engine.py`). Signals arrive in
a later round of the event loop, in order, never inside the call that caused them. Several engines
may share one WhatsApp, as several processes share one data directory.
"""

import asyncio
import contextlib
import hashlib
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from typing import get_args

from sololine.core.chat import address_of, bare_of, is_group
from sololine.core.ids import DeviceId
from sololine.core.media import MediaKind, Uploaded
from sololine.core.message import Failure
from sololine.core.signals import (
    ChatSignal,
    CredentialsInUse,
    EngineStopped,
    LinkDown,
    Linked,
    LinkingTimedOut,
    LinkUp,
    LoggedOut,
    PairingCodeIssued,
    QrIssued,
    Receipt,
    ReceiptKind,
    Received,
    Signal,
    Typing,
    TypingState,
    Unreadable,
    Where,
)
from sololine.engine.port import (
    Capabilities,
    Deliver,
    DeviceBusy,
    GroupInfo,
    Known,
    LinkClosed,
    NoSuch,
    NotSent,
    Profile,
    Registered,
    SendRefused,
    Sent,
)
from sololine.wire.protobuf import load

UP_SOON = timedelta(seconds=10)


class Fate(Enum):
    """What becomes of a message that is being sent, if it is not simply taken."""

    HANGS = auto()
    """It never reaches WhatsApp, and nobody says so."""
    HANGS_TAKEN = auto()
    """It reaches WhatsApp; the word of it does not come back."""
    DIES = auto()
    """The engine dies before it has left."""
    DIES_TAKEN = auto()
    """The engine dies right after WhatsApp took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message that WhatsApp took."""

    device: DeviceId
    to: str
    message: bytes
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a chat was let see: typing, being online (no chat), or that messages were read."""

    device: DeviceId
    what: str
    chat: str = ""
    sender: str = ""
    ids: tuple[str, ...] = ()


class ScriptedWhatsApp:
    """The phones, what they are linked with, what was said, and the credentials on disk."""

    def __init__(self) -> None:
        self.credentials: dict[DeviceId, Linked] = {}
        self.links: dict[DeviceId, ScriptedLink] = {}
        """The open links, of whichever engine."""
        self.silent = False
        """While true, a link that opens hears nothing by itself; let it hear with `say`."""
        self.confirms_logouts = True
        self.sent: list[Taken] = []
        """Every message that was taken, oldest first."""
        self.fates: deque[Fate | Exception] = deque()
        """Of the next messages to be sent; those beyond are taken. An exception is raised."""
        self.send_takes = timedelta()
        self.gives_up_after: timedelta | None = None
        """How long links wait for an answer that does not come; None: until `give_up`."""
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        """Its clock, by which it dates what it takes."""
        self.strangers: set[str] = set()
        """Numbers that are not on WhatsApp; every other one is."""
        self.groups: dict[str, GroupInfo] = {}
        """The groups that every bot is in, by their address."""
        self.profiles: dict[str, Profile] = {}
        """By address; whoever is missing shows nothing."""
        self.files: dict[str, bytes] = {}
        """What was uploaded, by direct path. What is taken out is gone."""
        self.refuses_files = False
        self.shown: list[Shown] = []
        self.kept: defaultdict[DeviceId, deque[ChatSignal]] = defaultdict(deque)
        """What was delivered and is not settled: a link that opens hears it again."""
        self._devices: dict[str, dict[int, DeviceId]] = {}
        self._message_numbers = itertools.count(1)
        self._refusals: list[Signal] = []
        self._numbers = itertools.count(1)

    # Phones -----------------------------------------------------------------------------------

    def code_of(self, device: DeviceId) -> str:
        """The code that the device's link shows, to scan or to type."""
        code = self.links[device].code
        assert code is not None, "the link shows no code"
        return code

    def scan(self, code: str, number: str, *, up: bool = True) -> Linked:
        """Link the client that shows the code with this number's phone; without `up`, no login."""
        link = next(link for link in self.links.values() if link.code == code)
        no = next(self._numbers)
        self._devices.setdefault(number, {})[no] = link.device
        linked = Linked(
            jid=f"{number}:{no}@s.whatsapp.net", lid=f"9{number}:{no}@lid", platform="android"
        )
        self.credentials[link.device] = linked
        link.linked(linked)
        if up:
            link.rise()
        return linked

    def devices(self, number: str) -> list[DeviceId]:
        """What the phone of this number lists as linked."""
        return list(self._devices.get(number, {}).values())

    def unlink(self, device: DeviceId) -> None:
        """The phone's user removes the device; an open link hears of it."""
        self.remove(device)
        if link := self.links.get(device):
            link.end(LoggedOut(code=401))

    def remove(self, device: DeviceId) -> None:
        """The device is linked no more; nobody is told."""
        self.credentials.pop(device, None)
        for devices in self._devices.values():
            for no in [no for no, each in devices.items() if each == device]:
                del devices[no]

    # What people say --------------------------------------------------------------------------

    def receive(
        self,
        device: DeviceId,
        message: bytes,
        sender: str,
        *,
        chat: str | None = None,
        from_me: bool = False,
        name: str = "Ana",
        id: str | None = None,  # noqa: A002 — as the signal calls it
        at: datetime | None = None,
    ) -> str:
        """Someone writes: to the bot, or in a group (`chat`). Returns WhatsApp's id."""
        new = id or self.new_id()
        where = Where(chat=chat or sender, sender=sender, from_me=from_me)
        at_s = int((at or datetime.now(UTC)).timestamp())
        self.tell(
            device, Received(id=new, where=where, at_s=at_s, sender_name=name, message=message)
        )
        return new

    def receive_unreadable(self, device: DeviceId, sender: str) -> str:
        """Someone's message cannot be decrypted."""
        new = self.new_id()
        at_s = int(datetime.now(UTC).timestamp())
        self.tell(device, Unreadable(id=new, where=Where(chat=sender, sender=sender), at_s=at_s))
        return new

    def confirm(
        self,
        device: DeviceId,
        kind: ReceiptKind,
        *ids: str,
        sender: str,
        chat: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Someone has got, read or played the bot's messages."""
        where = Where(chat=chat or sender, sender=sender)
        at_s = int((at or datetime.now(UTC)).timestamp())
        self.tell(device, Receipt(kind=kind, ids=ids, where=where, at_s=at_s))

    def type(self, device: DeviceId, state: TypingState, sender: str) -> None:
        """Someone types."""
        self.tell(device, Typing(where=Where(chat=sender, sender=sender), state=state))

    def tell(self, device: DeviceId, said: ChatSignal) -> None:
        """Any chat signal, now, or when the device is next connected (all but typing)."""
        if not isinstance(said, Typing):
            self.kept[device].append(said)
        if link := self.links.get(device):
            link.say(said)

    def new_id(self) -> str:
        """An id as WhatsApp's messages have it."""
        return f"3EB0{next(self._message_numbers):018X}"

    # Misfortunes ------------------------------------------------------------------------------

    def refuse_next(self, signal: Signal) -> None:
        """The next link that opens hears this instead of a code or a login, and ends."""
        self._refusals.append(signal)

    def drop(self, device: DeviceId, *, back: bool = True) -> None:
        """The connection breaks; with `back` it is up again at once."""
        self.links[device].fall()
        if back:
            self.links[device].rise()

    def come_back(self, device: DeviceId) -> None:
        """A login succeeds: after `drop(back=False)` or `scan(up=False)`."""
        self.links[device].rise()

    def replace(self, device: DeviceId) -> None:
        """Someone else logs in with the same credentials."""
        self.links[device].end(CredentialsInUse())

    def time_out(self, device: DeviceId) -> None:
        """The worker has no more codes."""
        self.links[device].end(LinkingTimedOut())

    def crash(self, device: DeviceId, detail: str = "the worker ended unexpectedly") -> None:
        """The engine's process dies."""
        self.links[device].end(EngineStopped(detail=detail))

    def say(self, device: DeviceId, signal: Signal) -> None:
        """Any signal, with no other effect."""
        self.links[device].say(signal)

    def give_up(self, device: DeviceId) -> None:
        """The time runs out in which WhatsApp must answer what hangs."""
        self.links[device].stop_waiting()

    # For links --------------------------------------------------------------------------------

    def answer(self, link: "ScriptedLink", *, fresh: bool) -> None:
        """What a link hears when it has opened."""
        if self.silent:
            return
        if self._refusals:
            refusal = self._refusals.pop(0)
            if isinstance(refusal, LoggedOut):
                self.remove(link.device)
            link.end(refusal)
        elif fresh and link.device in self.credentials:
            link.end(EngineStopped(detail="these credentials are linked already"))
        elif fresh:
            link.show_next_code()
        elif link.device in self.credentials:
            link.rise()
        else:
            link.end(LoggedOut())

    def take(self, device: DeviceId, to: str, message: bytes) -> Sent:
        """A message reaches WhatsApp. Raises `SendRefused`."""
        if is_group(to):
            if to not in self.groups:
                raise SendRefused(Failure.NOT_IN_GROUP)
        elif to.partition("@")[0] in self.strangers:
            raise SendRefused(Failure.NOT_ON_WHATSAPP)
        taken = Taken(device=device, to=to, message=message, id=self.new_id())
        self.sent.append(taken)
        return Sent(id=taken.id, at=self.now().replace(microsecond=0))


class ScriptedEngine:
    """The engine of one process."""

    def __init__(
        self,
        whatsapp: ScriptedWhatsApp | None = None,
        *,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.whatsapp = whatsapp or ScriptedWhatsApp()
        self.capabilities = capabilities or Capabilities(pairing_code=True)
        self.opened: list[tuple[str, DeviceId]] = []
        """Every `link` and `resume` so far, oldest first."""
        self._links: dict[DeviceId, ScriptedLink] = {}

    async def link(self, device: DeviceId, deliver: Deliver) -> "ScriptedLink":
        return self._open("link", device, deliver)

    async def resume(self, device: DeviceId, deliver: Deliver) -> "ScriptedLink":
        return self._open("resume", device, deliver)

    async def linked(self, device: DeviceId) -> Linked | None:
        self._refuse_if_open(device)
        return self.whatsapp.credentials.get(device)

    async def forget(self, device: DeviceId) -> None:
        self._refuse_if_open(device)
        self.whatsapp.credentials.pop(device, None)
        self.whatsapp.kept.pop(device, None)

    async def forget_unknown(
        self, known: Known, idle_for: timedelta, *, dry_run: bool = False
    ) -> list[DeviceId]:
        idle = set(self.whatsapp.credentials) - set(self.whatsapp.links)
        unknown = sorted(idle - set(await known(sorted(idle))))
        for device in () if dry_run else unknown:
            await self.forget(device)
        return unknown

    async def close(self) -> None:
        for link in list(self._links.values()):
            await link.close()

    def die(self) -> None:
        """What a kill of the whole process looks like: every link is gone, nobody hears of it."""
        for link in list(self._links.values()):
            link.vanish()

    def _open(self, verb: str, device: DeviceId, deliver: Deliver) -> "ScriptedLink":
        self._refuse_if_open(device)
        self.opened.append((verb, device))
        link = ScriptedLink(self.whatsapp, self._links, device, deliver)
        self._links[device] = link
        if device in self.whatsapp.links:
            link.end(EngineStopped(detail="another process holds the credentials"))
        else:
            self.whatsapp.links[device] = link
            for said in tuple(self.whatsapp.kept[device]):
                link.say(said)
            self.whatsapp.answer(link, fresh=verb == "link")
        return link

    def _refuse_if_open(self, device: DeviceId) -> None:
        if device in self._links:
            raise DeviceBusy(f"a link of {device} is open; close it first")


class ScriptedLink:
    """A link; tests reach it through `ScriptedWhatsApp`."""

    def __init__(
        self,
        whatsapp: ScriptedWhatsApp,
        of_engine: "dict[DeviceId, ScriptedLink]",
        device: DeviceId,
        deliver: Deliver,
    ) -> None:
        self.device = device
        self.code: str | None = None
        """What a phone could scan or type now."""
        self._whatsapp = whatsapp
        self._of_engine = of_engine
        self._deliver = deliver
        self._codes = 0
        self._closed = False
        self._ending = False
        self._up = False
        self._may_rise = device in whatsapp.credentials
        self._up_or_over = asyncio.Event()
        self._sending = asyncio.Lock()
        self._hanging: set[asyncio.Future[None]] = set()
        self._told: deque[ChatSignal] = deque()

    async def request_pairing_code(self, digits: str) -> None:
        if self._closed or self._ending or self.code is None:
            raise LinkClosed("codes are given only while linking")
        self._codes += 1
        self.code = f"{digits[-4:].zfill(4)}-{self._codes:04}"
        self.say(PairingCodeIssued(code=self.code, valid_for=timedelta(seconds=160)))

    async def log_out(self) -> None:
        if self._may_rise and not self._up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UP_SOON.total_seconds()):
                    await self._up_or_over.wait()
        if not self._up or not self._whatsapp.confirms_logouts:
            raise LinkClosed("the link is not up, so the device cannot be logged out")
        self._whatsapp.remove(self.device)
        self._whatsapp.kept.pop(self.device, None)
        self.vanish()

    async def send(self, to: str, message: bytes) -> Sent:
        async with self._sending:
            self._refuse_unless_up()
            await asyncio.sleep(self._whatsapp.send_takes.total_seconds())
            fate = self._whatsapp.fates.popleft() if self._whatsapp.fates else None
            if isinstance(fate, Exception):
                raise fate
            taken = None
            if fate not in {Fate.HANGS, Fate.DIES}:
                taken = self._whatsapp.take(self.device, to, message)
            if fate in {Fate.DIES, Fate.DIES_TAKEN}:
                self._whatsapp.crash(self.device)
            if fate is None and taken is not None:
                return taken
            await self._hang()
            raise LinkClosed("whatsapp did not answer in time")

    async def upload(self, file: Path, kind: MediaKind) -> Uploaded:
        self._refuse_unless_up()
        content = await asyncio.to_thread(file.read_bytes)
        if self._whatsapp.refuses_files:
            raise SendRefused(Failure.MEDIA_REFUSED)
        key, digest = hashlib.sha256(content + b"key").digest(), hashlib.sha256(content).digest()
        path = f"/v/{kind.value}/{digest.hex()}.enc"
        self._whatsapp.files[path] = content
        return Uploaded(
            url=f"https://mmg.whatsapp.net{path}",
            direct_path=path,
            media_key=key,
            sha256=digest,
            encrypted_sha256=hashlib.sha256(key + content).digest(),
            size=len(content),
        )

    async def download(self, message: bytes, file: Path) -> None:
        self._refuse_unless_up()
        content = self._whatsapp.files.get(_direct_path(message))
        if content is None:
            raise NoSuch("whatsapp does not have the file any more")
        await asyncio.to_thread(file.write_bytes, content)

    async def show_typing(self, chat: str, state: TypingState) -> None:
        self._show(Shown(device=self.device, what=state.value, chat=chat))

    async def show_online(self, *, online: bool) -> None:
        self._show(Shown(device=self.device, what="online" if online else "offline"))

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str], *, played: bool) -> None:
        what = "played" if played else "read"
        self._show(Shown(device=self.device, what=what, chat=chat, sender=sender, ids=tuple(ids)))

    async def on_whatsapp(self, numbers: Sequence[str]) -> list[Registered]:
        self._refuse_unless_up()
        return [
            Registered(asked=number)
            if number in self._whatsapp.strangers
            else Registered(asked=number, jid=address_of(number), lid=f"9{number}@lid")
            for number in numbers
        ]

    async def profile(self, jid: str) -> Profile:
        self._refuse_unless_up()
        if jid.partition("@")[0] in self._whatsapp.strangers:
            raise NoSuch("whatsapp knows no such person")
        return self._whatsapp.profiles.get(bare_of(jid), Profile())

    async def groups(self) -> list[GroupInfo]:
        self._refuse_unless_up()
        return list(self._whatsapp.groups.values())

    async def group(self, jid: str) -> GroupInfo:
        self._refuse_unless_up()
        if jid not in self._whatsapp.groups:
            raise NoSuch("the bot's number is in no such group")
        return self._whatsapp.groups[jid]

    def settled(self, count: int) -> None:
        kept = self._whatsapp.kept[self.device]
        for _ in range(min(count, len(self._told))):
            said = self._told.popleft()
            if kept and kept[0] is said:  # typing is not kept
                kept.popleft()

    def _refuse_unless_up(self) -> None:
        if not self._up:
            raise NotSent("the link is not up")

    def _show(self, shown: Shown) -> None:
        self._refuse_unless_up()
        self._whatsapp.shown.append(shown)

    async def _hang(self) -> None:
        """Wait for an answer that does not come, until the link ends or gives up."""
        if self._ending or self._closed:
            return
        patience = self._whatsapp.gives_up_after
        waiting = asyncio.get_running_loop().create_future()
        self._hanging.add(waiting)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience.total_seconds() if patience else None):
                    await waiting
        finally:
            self._hanging.discard(waiting)

    def stop_waiting(self) -> None:
        for waiting in self._hanging:
            if not waiting.done():
                waiting.set_result(None)

    async def close(self) -> None:
        self.vanish()

    # What the test makes happen ---------------------------------------------------------------

    def show_next_code(self) -> None:
        self._codes += 1
        self.code = f"qr-{self.device}-{self._codes}"
        seconds = 60 if self._codes == 1 else 20
        self.say(QrIssued(code=self.code, valid_for=timedelta(seconds=seconds)))

    def linked(self, linked: Linked) -> None:
        self.code = None
        self._may_rise = True
        self.say(linked)

    def rise(self) -> None:
        self._up = True
        self._up_or_over.set()
        self.say(LinkUp())

    def fall(self) -> None:
        self._up = False
        self._up_or_over.clear()
        self.say(LinkDown())

    def say(self, signal: Signal) -> None:
        def arrive() -> None:
            if self._closed:
                return
            if isinstance(signal, get_args(ChatSignal)):
                self._told.append(signal)
            if isinstance(signal, EngineStopped):
                self.vanish()
            self._deliver(signal)

        if not self._ending:
            asyncio.get_running_loop().call_soon(arrive)

    def end(self, signal: Signal) -> None:
        """The signal, and then the last one."""
        self.say(signal)
        if not isinstance(signal, EngineStopped):
            self.say(EngineStopped(detail="nothing is left to do for the engine"))
        self._ending = True
        self._up = False
        self.code = None
        self._up_or_over.set()
        self.stop_waiting()

    def vanish(self) -> None:
        """From now on the link is closed and its device free."""
        self._closed = True
        self._up = False
        self.code = None
        self._up_or_over.set()
        self.stop_waiting()
        for links in (self._of_engine, self._whatsapp.links):
            if links.get(self.device) is self:
                del links[self.device]


def _direct_path(message: bytes) -> str:
    """Where the file lies that a `waE2E.Message` tells of; empty when it tells of none."""
    parsed = load("waE2E.WAWebProtobufsE2E_pb2").Message.FromString(message)
    for _, value in parsed.ListFields():
        if path := getattr(value, "directPath", ""):
            return str(path)
    return ""
