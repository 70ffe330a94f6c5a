"""A world by seed: bots, phones, two processes, and 24 hours in which everything happens to them.

    world = World(seed, file)      # one random.Random(seed) decides everything
    world.run(hours=24)            # raises Failed, with the last steps, when something is wrong

Every four hours there is a storm: for half an hour somebody asks for something or something breaks
every few minutes, often several things at once. Then comes a calm: all faults end (but notices
still get lost), and when it has lasted for `CALM_S`, the inspector looks whether everything is
where it belongs. In the hours until the next storm bans run out, and nothing else may happen.
"""

import asyncio
import gc
import random
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from unittest import mock

import structlog

from sololine import new_ids
from sololine.actions import bots
from sololine.bus.audience import Audience
from sololine.core.access import Caller
from sololine.core.errors import SololineError
from sololine.core.ids import BotId, DeviceId, TenantId, UserId
from sololine.core.lease import TRUST
from sololine.lines.switchboard import REMINDED_EVERY_S
from sololine.store.columns import millis
from sololine.store.errors import DatabaseError
from tests.fakes.engine import Taken
from tests.fakes.sqlite_in_loop import open_in_loop
from tests.simulation.fast_loop import FastLoop, Poll
from tests.simulation.inspector import Broken, Inspector, Told, seen
from tests.simulation.process import RUNS, Away, Misfortune, Process
from tests.simulation.storm import PROCESSES, Storm
from tests.simulation.whatsapp import LivelyWhatsApp

START: Final = datetime(2026, 5, 1, tzinfo=UTC)
TENANTS: Final = {"default": 4, "red": 3, "blue": 3}
"""How many bots each has in the beginning."""
STORMS_EVERY_S: Final = 4 * 3600.0
STORM_S: Final = 30 * 60.0
PAUSE_S: Final = 240.0
"""Between two waves of a storm, on average."""
CALM_S: Final = 15 * 60.0
STEPS_SHOWN: Final = 50


class Failed(AssertionError):
    """A seed found something; its text says what, what had happened, and how to see it again."""


class World:
    """Everything there is.

    Args:
        file, folder: a migrated SQLite database, and where its copy goes.
        passing_over: whether polls that would find nothing are passed over; without, a day takes
            minutes, and the same happens.
    """

    def __init__(self, seed: int, file: Path, folder: Path, *, passing_over: bool = True) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.loop = FastLoop()
        self.loop.poll = self._poll
        self.loop.idle = self._idle
        self.whatsapp = LivelyWhatsApp(self._taken)
        self.whatsapp.now = self.now
        self.misfortune = Misfortune()
        self.told = Told()
        self.storm = Storm(self)
        self.steps: deque[str] = deque(maxlen=STEPS_SHOWN)
        self._digest = sha256()
        self._passing_over = passing_over
        self.drift = timedelta()
        self._audience = Audience()
        self.processes: dict[str, Process] = {}
        self.bots: list[tuple[Caller, BotId]] = []
        self._fault: BaseException | None = None
        self._no_passing_until = 0.0
        self._shown: dict[str, str] = {}
        path = Path(tempfile.mkdtemp(dir=folder)) / "store.db"
        shutil.copy(file, path)
        self._database = open_in_loop(str(path), self)
        self.inspector = Inspector(
            str(path),
            loop=self.loop,
            whatsapp=self.whatsapp,
            processes=lambda: [each for each in self.processes.values() if each.running],
            now_ms=lambda at: millis(START + timedelta(seconds=at) + self.drift),
            told=self.told,
        )

    def now(self) -> datetime:
        """The clock of the machine, and so of the database."""
        return START + timedelta(seconds=self.loop.time()) + self.drift

    # ------------------------------------------------------------------ running

    def run(self, hours: float = 24) -> str:
        """Let so many hours go by; returns a digest of all that happened."""
        collects = gc.get_threshold()
        gc.set_threshold(50_000)  # what is left behind is collected when the world has ended
        try:
            with self._by_seed():
                self.loop.run_until_complete(self._live(hours * 3600))
        except Exception as error:
            raise Failed(self._report(error)) from error
        finally:
            self.inspector.close()
            self._end()
            gc.set_threshold(*collects)
        return self._digest.hexdigest()

    def _end(self) -> None:
        """Leave nothing behind that another world could trip over."""
        self.loop.idle = lambda: None
        for process in self.processes.values():
            process.kill()
        with self._by_seed():
            while left := asyncio.all_tasks(self.loop):
                for task in left:
                    task.cancel()
                self.loop.run_until_complete(asyncio.wait(left, timeout=1))
            for connections in (self._database.reader, self._database.writer):
                self.loop.run_until_complete(connections.close())
        self.loop.close()

    @contextmanager
    def _by_seed(self) -> Iterator[None]:
        """Let nothing come from elsewhere: ids, pauses of the store, what is logged."""
        processors = structlog.get_config()["processors"]
        before, state = processors.copy(), random.getstate()
        random.seed(self.seed)
        processors[:] = [self._logged]
        try:
            with mock.patch.object(new_ids, "secrets", self):
                yield
        finally:
            processors[:] = before
            random.setstate(state)

    def token_hex(self, nbytes: int) -> str:
        """In the place of `secrets`."""
        return self.rng.randbytes(nbytes).hex()

    def _logged(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Nobody reads the log; but no part may fail for another reason than those we make."""
        process = RUNS.get(None)
        alive = process is not None and not process.dead
        error = sys.exception() if event.get("exc_info") else None
        if alive and error is not None and not _is_of_the_database(error):
            self._fault = self._fault or error
        if event["event"] == "gave up on logging a device out":
            self.told.given_up.add(event["device"])
        if method in {"warning", "error"} and alive:
            self.note(f"{process and process.name} logs: {event['event']}", quietly=True)
        raise structlog.DropEvent

    def _report(self, error: BaseException) -> str:
        """What is wrong, and how it came to that."""
        rows = [f"{self.name(row['bot_id'])}: {seen(row)}" for row in self.inspector.rows]
        words = str(error)
        for index, (_, bot) in enumerate(self.bots):
            words = words.replace(bot, f"B{index}")
        return "\n".join(
            [
                f"seed {self.seed}, at {self._at()}: {type(error).__name__}: {words}",
                f"the last {len(self.steps)} steps:",
                *self.steps,
                "the sessions:",
                *rows,
                f"to see it again: python3 dev.py test tests/simulation --seed {self.seed}",
            ]
        )

    def _at(self) -> str:
        return (
            f"{timedelta(seconds=int(self.loop.time()))}.{int(self.loop.time() * 1000) % 1000:03}"
        )

    def note(self, words: str, *, quietly: bool = False) -> None:
        """Something happened."""
        step = f"{self._at()}  {words}"
        self.steps.append(step)
        if not quietly:
            self._digest.update(step.encode())

    def name(self, bot: str) -> str:
        for index, (_, each) in enumerate(self.bots):
            if each == bot:
                return f"B{index}"
        return bot

    # ------------------------------------------------------------------ between two moments

    def _poll(self) -> Poll | None:
        process = RUNS.get(None)
        task = asyncio.current_task(self.loop)
        if process is None or process.dead or task is None:
            return None
        return process.poll(task.get_name())

    def _committed(self, sessions_or_claims: bool) -> None:  # noqa: FBT001 — called by place
        try:
            self.inspector.committed(law=sessions_or_claims)
        except Broken as broken:
            self._fault = self._fault or broken
        if not sessions_or_claims:
            return
        for row in self.inspector.rows:
            state = f"{row['state']} {row['end_reason'] or ''} {row['number'] or ''}"
            if self._shown.get(row["bot_id"]) != state:
                self._shown[row["bot_id"]] = state
                self.note(f"{self.name(row['bot_id'])} is {state}")

    def _taken(self, taken: Taken, text: str) -> None:
        try:
            self.inspector.takes(taken.device, text)
        except Broken as broken:
            self._fault = self._fault or broken

    def _idle(self) -> None:
        """Nobody has anything to do before the next timer."""
        if self._fault is not None:
            raise self._fault
        now = self.loop.time()
        if self.misfortune.away or now < self._no_passing_until:
            return
        at, why = self.inspector.matters_at()
        self.inspector.polled(at, why)
        if at <= now:
            return
        self.inspector.quiet()
        if self._passing_over:
            self._pass_over(at)

    def _pass_over(self, until: float) -> None:
        """Leave out the polls up to then, but for what they would have changed."""
        living = [each for each in self.processes.values() if not each.dead]
        polls = [poll for each in living for poll in (each.sweep, each.renew)]
        until = min(until, self.loop.next_timer(polls))
        for process in living:
            switchboard, at = process.switchboard, process.sweep.at
            for turn in range(self.loop.pass_over(process.sweep, until)):
                assert at is not None
                swept_at = at + turn * process.sweep.period
                if swept_at >= switchboard._remind_at:
                    switchboard._remind_at = swept_at + REMINDED_EVERY_S
            at = process.renew.at
            missed = self.loop.pass_over(process.renew, until)
            if missed and switchboard._lines:
                assert at is not None
                last = at + (missed - 1) * process.renew.period
                switchboard._trusted_until = last + TRUST.total_seconds()
                self.inspector.renewed(process, last)

    # ------------------------------------------------------------------ a day

    async def _live(self, seconds: float) -> None:
        for tenant in TENANTS:
            await self._database_ready(tenant)
        for name in PROCESSES:
            self.start(name)
        for tenant, count in TENANTS.items():
            for _ in range(count):
                self.ask(self.new_bot(Caller(tenant=TenantId(tenant))), "create")
        while self.loop.time() < seconds:
            began = self.loop.time()
            while self.loop.time() < began + STORM_S:
                await asyncio.sleep(self.rng.expovariate(1 / PAUSE_S))
                self.storm.wave()
            await self._calm()
            await asyncio.sleep(began + STORMS_EVERY_S - self.loop.time())
        self.inspector.calm()
        for process in list(self.processes.values()):
            await process.stop()

    async def _database_ready(self, tenant: str) -> None:
        begun = await self._database.writer.begin()
        await begun.change(
            "INSERT INTO tenants (id, name, seq, created_at) VALUES (?, ?, 0, 0)"
            " ON CONFLICT DO NOTHING",
            (tenant, tenant),
        )
        await begun.end(commit=True)

    async def _calm(self) -> None:
        """All faults end; after a while everything must be where it belongs."""
        self.note("a calm")
        if self.misfortune.away:
            self.store_is_back()
        self.misfortune.away.clear()
        self.misfortune.mute = False
        self.whatsapp.silent = False
        self.whatsapp.confirms_logouts = True
        self.whatsapp._refusals.clear()
        self.whatsapp.fates.clear()
        for name in PROCESSES:
            self.start(name)
        self.inspector.forgive()
        await asyncio.sleep(CALM_S)
        self.inspector.calm()

    # ------------------------------------------------------------------ for storms

    def soon(self, act: Callable[[], str | None], least_s: float, most_s: float) -> None:
        """Have something happen after a while; it says what it was."""

        def do() -> None:
            words = act()
            if words is not None:
                self.note(words)

        self.loop.call_later(self.rng.uniform(least_s, most_s), do)

    def ask(self, asking: Callable[[Process], Coroutine[Any, Any, None]], what: str) -> None:
        """Ask something of the API of a process that lives, if one does."""
        living = [each for each in self.processes.values() if each.running]
        process = self.rng.choice(living or list(self.processes.values()))
        process.ask(self._asked(asking, process), what)

    async def _asked(
        self, asking: Callable[[Process], Coroutine[Any, Any, None]], process: Process
    ) -> None:
        try:
            await asking(process)
        except SololineError as refusal:
            self.note(f"  refused: {refusal.code}")
        except DatabaseError:
            self.note("  no answer")
        except Exception as error:  # noqa: BLE001 — the loop ends with it
            self._fault = self._fault or error

    def new_bot(self, caller: Caller, place: int | None = None) -> Callable[..., Any]:
        """Asks for a new bot, which takes the place of a deleted one."""

        async def create(process: Process) -> None:
            created = await bots.create(process.gateway, caller, user=UserId("ana"), name="Ada")
            if place is None:
                self.bots.append((caller, created.bot.id))
            else:
                self.bots[place] = (caller, created.bot.id)

        return create

    def start(self, name: str) -> None:
        """Start a process, unless it runs."""
        old = self.processes.get(name)
        if old is not None and not old.dead:
            return
        self._no_passing_until = max(self._no_passing_until, self.loop.time() + 1)
        self.processes[name] = Process(
            name,
            database=self._database,
            committed=self._committed,
            audience=self._audience,
            whatsapp=self.whatsapp,
            misfortune=self.misfortune,
            loop=self.loop,
            part=1 + 2 * PROCESSES.index(name),
            rng=self.rng,
            seed=self.seed,
        )

    def store_is_back(self) -> None:
        """Who has just failed pauses a little, for once, before it polls again."""
        self._no_passing_until = self.loop.time() + 5
        self.inspector.forgive()

    def owner(self, device: DeviceId) -> str:
        """A device in a few words: whose it is, of which order and round."""
        for index, (_, bot) in enumerate(self.bots):
            if device.startswith(f"dev_{bot.removeprefix('bot_')}_"):
                return f"B{index}'s {device.partition('_')[2].partition('_')[2]}"
        return device


def _is_of_the_database(error: BaseException) -> bool:
    """Whether this comes of a database that was away: also a renewal that took too long."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_of_the_database, error.exceptions))
    return isinstance(error, Away | TimeoutError)
