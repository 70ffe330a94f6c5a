"""An engine in memory, with a WhatsApp whose phones a test holds in its hands.

    whatsapp = ScriptedWhatsApp()
    engine = ScriptedEngine(whatsapp)
    link = await engine.link(device, deliver)          # QrIssued
    whatsapp.scan(whatsapp.code_of(device), number)    # Linked, LinkUp
    whatsapp.drop(device)                              # LinkDown

It passes the same contract as the real engine (`tests/contract/test_engine.py`). Signals arrive in
a later round of the event loop, in order, never inside the call that caused them. Several engines
may share one WhatsApp, as several processes share one data directory.
"""

import asyncio
import contextlib
import itertools
from datetime import timedelta

from sololine.core.ids import DeviceId
from sololine.core.signals import (
    CredentialsInUse,
    EngineStopped,
    LinkDown,
    Linked,
    LinkingTimedOut,
    LinkUp,
    LoggedOut,
    PairingCodeIssued,
    QrIssued,
    Signal,
)
from sololine.engine.port import Capabilities, Deliver, DeviceBusy, LinkClosed

UP_SOON = timedelta(seconds=10)


class ScriptedWhatsApp:
    """The phones, what they are linked with, and the credentials on disk."""

    def __init__(self) -> None:
        self.credentials: dict[DeviceId, Linked] = {}
        self.links: dict[DeviceId, ScriptedLink] = {}
        """The open links, of whichever engine."""
        self.silent = False
        """While true, a link that opens hears nothing by itself; let it hear with `say`."""
        self.confirms_logouts = True
        self._devices: dict[str, dict[int, DeviceId]] = {}
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
        self.vanish()

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

    def vanish(self) -> None:
        """From now on the link is closed and its device free."""
        self._closed = True
        self._up = False
        self.code = None
        self._up_or_over.set()
        for links in (self._of_engine, self._whatsapp.links):
            if links.get(self.device) is self:
                del links[self.device]
