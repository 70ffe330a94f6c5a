"""A storm: everything that people ask for, and everything that breaks.

Each happening is a method of `Storm` that makes it happen and says in a few words what it was, or
None when it could not happen now. `HAPPENINGS` says how often each does.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from sololine.actions import bots, sending, sessions
from sololine.core.access import Caller
from sololine.core.claim import Policy
from sololine.core.content import Text
from sololine.core.draft import Draft
from sololine.core.ids import BotId
from sololine.core.linking import Method
from sololine.core.signals import (
    Banned,
    ConnectRefused,
    EngineOutdated,
    EngineStopped,
    KeepAliveMissed,
    KeepAliveRestored,
    LoggedOut,
    PasskeyRequired,
    Signal,
)
from sololine.wire.content import write
from tests.fakes.engine import Fate, ScriptedLink
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

PROCESSES: Final = ("north", "south")
PHONES: Final = (
    "34600000001",
    "447700900001",
    "5511987654321",
    "551187654322",  # as WhatsApp spells it; people declare it with a 9
    "5215512345678",
    "12025550123",
)
CLOCK_JUMPS_S: Final = 120


class Storm:
    """Makes things happen in a world, by its chance."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._rng = world.rng
        self._loop = world.loop
        self._whatsapp = world.whatsapp
        self._texts = 0
        self._mailed = 0

    def wave(self) -> None:
        """One thing happens, or a few at once."""
        for _ in range(self._rng.choice((1, 1, 1, 2, 3))):
            (happens,) = self._rng.choices(list(HAPPENINGS), list(HAPPENINGS.values()))
            words = happens(self)
            if words is not None:
                self._world.note(words)

    # ------------------------------------------------------------------ people ask

    def _any_bot(self) -> tuple[int, Caller, BotId]:
        index = self._rng.randrange(len(self._world.bots))
        caller, bot = self._world.bots[index]
        return index, caller, bot

    def connect(self) -> str | None:
        if not self._world.bots:
            return None
        index, caller, bot = self._any_bot()
        method = self._rng.choice((Method.QR, Method.QR, Method.CODE))
        phone = self._rng.choice(PHONES)
        declares = method is Method.CODE or self._rng.random() < 0.4
        use_existing = self._rng.choice((None, None, True, False))
        policy = self._rng.choice((None, Policy.REFUSE, Policy.REPLACE))
        restarts = self._rng.random() < 0.3

        async def connect(process: Process) -> None:
            connecting = await sessions.connect(
                process.gateway,
                caller,
                bot,
                user=None,
                number=f"+{phone}" if declares else None,
                method=method,
                use_existing=use_existing,
                policy=policy,
                auto_restart=restarts,
            )
            if connecting.window is not None and self._rng.random() < 0.85:
                who = phone if self._rng.random() < 0.8 else self._rng.choice(PHONES)
                self._world.soon(lambda: self._look(bot, who), 1, 330)

        self._world.ask(connect, "connect")
        how = f"{method.value} for {phone}" if declares else method.value
        again = ", begins anew" if restarts else ""
        return f"B{index}: connect, {how}, existing {use_existing}, {policy}{again}"

    def switch(self) -> str | None:
        """Somebody wants a code instead of the QR, or the other way round."""
        if not self._world.bots:
            return None
        index, caller, bot = self._any_bot()
        method, phone = self._rng.choice((Method.QR, Method.CODE)), self._rng.choice(PHONES)

        async def switch(process: Process) -> None:
            await sessions.switch(
                process.gateway, caller, bot, user=None, method=method, number=f"+{phone}"
            )

        self._world.ask(switch, "switch")
        return f"B{index}: switch to {method.value} for {phone}"

    def _look(self, bot: BotId, phone: str) -> str | None:
        """Somebody takes the phone and looks at the code; it is accepted a little later."""
        for link in list(self._whatsapp.links.values()):
            if link.code and link.device.startswith(f"dev_{bot.removeprefix('bot_')}_"):
                late = self._rng.choice((0.0, 0.0, 2.0, 30.0))
                self._world.soon(partial(self._scan, bot, link.code, phone), late, late)
                return None
        return f"{self._world.name(bot)}: {phone} finds no code"

    def _scan(self, bot: BotId, code: str, phone: str) -> str:
        if all(link.code != code for link in self._whatsapp.links.values()):
            return f"{self._world.name(bot)}: {phone} scans too late"
        self._whatsapp.scan(code, phone, up=self._rng.random() < 0.9)
        return f"{self._world.name(bot)}: {phone} scans"

    def scan_at_once(self) -> str | None:
        """One phone links with two bots that show their codes at this moment."""
        links = [link for link in self._whatsapp.links.values() if link.code]
        if len(links) < 2:
            return None
        phone = self._rng.choice(PHONES)
        for link in self._rng.sample(links, 2):
            assert link.code is not None
            self._whatsapp.scan(link.code, phone)
        return f"{phone} scans two codes at once"

    def connect_two(self) -> str | None:
        """Two bots are to be linked at the same time, with the same phone."""
        first, second = self.connect(), self.connect()
        self._world.soon(self.scan_at_once, 1, 60)
        return first and f"{first}; {second}"

    def disconnect(self) -> str | None:
        if not self._world.bots:
            return None
        index, caller, bot = self._any_bot()
        unlink = self._rng.random() < 0.4

        async def disconnect(process: Process) -> None:
            await sessions.disconnect(process.gateway, caller, bot, user=None, unlink=unlink)

        self._world.ask(disconnect, "disconnect")
        return f"B{index}: disconnect, unlink {unlink}"

    def delete(self) -> str | None:
        if not self._world.bots:
            return None
        index, caller, bot = self._any_bot()

        async def delete(process: Process) -> None:
            await sessions.disconnect(process.gateway, caller, bot, user=None)
            await bots.delete(process.gateway, caller, bot, user=None)
            await self._world.new_bot(caller, index)(process)

        self._world.ask(delete, "delete")
        return f"B{index}: delete"

    def write(self) -> str | None:
        """A bot is to send a message or some."""
        linked = [row["bot_id"] for row in self._world.inspector.rows if row["number"]]
        found = [each for each in self._world.bots if each[1] in linked]
        if not found:
            return None
        caller, bot = self._rng.choice(found)
        texts = []
        for _ in range(self._rng.choice((1, 1, 2, 5))):
            self._texts += 1
            texts.append(f"text {self._texts}")

        async def send(text: str, process: Process) -> None:
            to = f"+4477009001{self._rng.randrange(10, 99)}"
            draft = Draft(to=to, what=Text(text=text))
            await sending.send(process.gateway, caller, bot, draft, user=None)
            self._world.told.accepted[text] = bot

        for text in texts:
            self._world.ask(partial(send, text), "send")
        return f"{self._world.name(bot)}: send {len(texts)}"

    # ------------------------------------------------------------------ on the phones

    def log_out(self) -> str | None:
        listed = [(phone, device) for phone in PHONES for device in self._whatsapp.devices(phone)]
        if not listed:
            return None
        phone, device = self._rng.choice(listed)
        self._whatsapp.unlink(device)
        return f"{phone} removes {self._world.owner(device)}"

    def say(self) -> str | None:
        """Somebody writes to a bot, whether it is connected or not; some things come twice."""
        found = [row for row in self._world.inspector.rows if row["device_id"]]
        if not found:
            return None
        row = self._rng.choice(found)
        sender = f"4477009002{self._rng.randrange(10, 99)}@s.whatsapp.net"
        for _ in range(self._rng.choice((1, 1, 3))):
            self._mailed += 1
            message = write(Text(text=f"said {self._mailed}"), chat=sender, now=self._world.now())
            id_ = self._whatsapp.new_id()
            self._world.told.said[id_] = (row["bot_id"], row["device_id"])
            for _ in range(self._rng.choice((1, 1, 2))):
                self._whatsapp.receive(
                    row["device_id"], message, sender, id=id_, at=self._world.now()
                )
        return f"{self._world.name(row['bot_id'])}: somebody writes"

    # ------------------------------------------------------------------ links break

    def _link(self, *, up: bool | None = None) -> ScriptedLink | None:
        links = [
            link
            for link in self._whatsapp.links.values()
            if not link._ending and (up is None or link._up is up)
        ]
        return self._rng.choice(links) if links else None

    def lose(self) -> str | None:
        """The connection breaks, and comes back at once, later or never."""
        link = self._link(up=True)
        if link is None:
            return None
        after = self._rng.choice((0.0, 5.0, 100.0, 200.0, None))
        self._whatsapp.drop(link.device, back=after == 0)
        if after:

            def back() -> None:
                if not link._closed and not link._ending:
                    link.rise()

            self._loop.call_later(after, back)
        return f"{self._world.owner(link.device)}: the link is lost, back after {after}"

    def deafen(self) -> str | None:
        """The connection stays open, and WhatsApp answers nothing on it."""
        link = self._link(up=True)
        if link is None:
            return None
        missed = self._rng.randrange(1, 5)

        def miss(errors: int) -> None:
            if link._closed or link._ending:
                return
            if errors > missed:
                link.say(KeepAliveRestored())
                return
            link.say(KeepAliveMissed(errors=errors))
            self._loop.call_later(self._rng.uniform(20, 30), miss, errors + 1)

        miss(1)
        return f"{self._world.owner(link.device)}: half open, {missed} pings missed"

    def refuse_link(self) -> str | None:
        """WhatsApp ends an open link."""
        link = self._link()
        if link is None:
            return None
        signal = self._refusal()
        if isinstance(signal, LoggedOut):
            self._whatsapp.remove(link.device)
        link.end(signal)
        return f"{self._world.owner(link.device)}: {signal}"

    def refuse_next(self) -> str:
        """WhatsApp will refuse the next link that opens."""
        signal = self._refusal()
        self._whatsapp.refuse_next(signal)
        return f"the next link will be refused: {signal}"

    def _refusal(self) -> Signal:
        lasts = timedelta(minutes=self._rng.randrange(1, 180))
        return self._rng.choice(
            (
                Banned(code=101, lasts=lasts),
                Banned(code=101, lasts=lasts),
                Banned(code=102),
                LoggedOut(code=401),
                LoggedOut(code=403),
                EngineOutdated(),
                ConnectRefused(code=503),
                ConnectRefused(code=500),
                EngineStopped(detail="the worker ended unexpectedly"),
                EngineStopped(detail="the worker ended unexpectedly"),
            )
        )

    def replace_stream(self) -> str | None:
        """Someone else logs in with the same credentials."""
        link = self._link(up=True)
        if link is None:
            return None
        self._whatsapp.replace(link.device)
        return f"{self._world.owner(link.device)}: someone else uses its credentials"

    def demand_passkey(self) -> str | None:
        links = [link for link in self._whatsapp.links.values() if link.code]
        if not links:
            return None
        link = self._rng.choice(links)
        link.end(PasskeyRequired())
        return f"{self._world.owner(link.device)}: a passkey is demanded"

    def crash_worker(self) -> str | None:
        link = self._link()
        if link is None:
            return None
        self._whatsapp.crash(link.device)
        return f"{self._world.owner(link.device)}: the engine stops"

    def hold_messages(self) -> str | None:
        """Messages to be sent get lost, or the word of them; a process may die meanwhile."""
        writes = self.write()
        if writes is None:
            return None
        fates = [self._rng.choice(list(Fate)) for _ in range(self._rng.choice((1, 2)))]
        self._whatsapp.fates.extend(fates)
        if self._rng.random() < 0.5:
            self._world.soon(self._kill_sender, 0, 60)
        return f"{writes}; fates {', '.join(fate.name for fate in fates)}"

    def fall_silent(self) -> str:
        """WhatsApp does not answer those who connect."""
        lasts = self._rng.uniform(10, 600)
        self._whatsapp.silent = True

        def speak() -> None:
            self._whatsapp.silent = False

        self._loop.call_later(lasts, speak)
        return f"WhatsApp is silent for {lasts:.0f} s"

    def keep_devices(self) -> str:
        """WhatsApp confirms no logout."""
        lasts = self._rng.uniform(10, 900)
        self._whatsapp.confirms_logouts = False

        def confirm() -> None:
            self._whatsapp.confirms_logouts = True

        self._loop.call_later(lasts, confirm)
        return f"no logout is confirmed for {lasts:.0f} s"

    # ------------------------------------------------------------------ the installation breaks

    def kill_process(self) -> str | None:
        name = self._rng.choice(PROCESSES)
        process = self._world.processes[name]
        if process.dead:
            return None
        process.kill()
        return self._start_again(name, "dies")

    def _kill_sender(self) -> str | None:
        """A process dies that waits for the outcome of a message."""
        for name, process in self._world.processes.items():
            if any(link._hanging for link in process.engine._links.values()):
                process.kill()
                return self._start_again(name, "dies while it sends")
        return None

    def restart_process(self) -> str | None:
        """A process ends in order, as for an upgrade."""
        name = self._rng.choice(PROCESSES)
        process = self._world.processes[name]
        if process.dead or not process.running:
            return None
        self._loop.create_task(process.stop(), name=f"stop {name}")
        return self._start_again(name, "is stopped")

    def _start_again(self, name: str, how: str) -> str:
        after = self._rng.choice((1.0, 20.0, 40.0, 400.0))

        def start() -> str | None:
            old = self._world.processes[name]
            if not old.dead:
                return None
            self._world.start(name)
            return f"{name} starts"

        self._world.soon(start, after, after * 1.5)
        return f"{name} {how}, comes back after {after:.0f} s"

    def lose_store(self) -> str:
        """The database is away, for one process or for all."""
        names = self._rng.choice((PROCESSES, PROCESSES[:1], PROCESSES[1:]))
        lasts = self._rng.choice((1.0, 15.0, 40.0, 90.0))
        self._world.misfortune.away.update(names)

        def back() -> str:
            self._world.misfortune.away.difference_update(names)
            self._world.store_is_back()
            return f"the database is back for {' and '.join(names)}"

        self._world.soon(back, lasts, lasts * 1.5)
        return f"the database is away from {' and '.join(names)}"

    def lose_bus(self) -> str:
        self._world.misfortune.mute = True

        def back() -> str:
            self._world.misfortune.mute = False
            return "notices get through again"

        self._world.soon(back, 10, 600)
        return "no notice gets through"

    def jump_clock(self) -> str:
        jump = self._rng.randrange(-CLOCK_JUMPS_S, CLOCK_JUMPS_S)
        self._world.drift += timedelta(seconds=jump)
        if jump < 0:
            self._world.inspector.reservations_hold = False
        self._world.inspector.forgive()
        return f"the clock jumps by {jump} s"


HAPPENINGS: Final[dict[Callable[[Storm], str | None], int]] = {
    Storm.connect: 30,
    Storm.connect_two: 4,
    Storm.switch: 4,
    Storm.scan_at_once: 3,
    Storm.disconnect: 8,
    Storm.delete: 2,
    Storm.write: 10,
    Storm.say: 12,
    Storm.log_out: 3,
    Storm.lose: 8,
    Storm.deafen: 3,
    Storm.refuse_link: 4,
    Storm.refuse_next: 3,
    Storm.replace_stream: 2,
    Storm.demand_passkey: 1,
    Storm.crash_worker: 4,
    Storm.hold_messages: 6,
    Storm.fall_silent: 2,
    Storm.keep_devices: 2,
    Storm.kill_process: 4,
    Storm.restart_process: 2,
    Storm.lose_store: 3,
    Storm.lose_bus: 2,
    Storm.jump_clock: 2,
}
