"""The janitor: clears away what nobody needs, every five minutes and on demand.

    rows     linking windows that are over, and connections that nobody keeps, where no line runs
             reservations that expired, chores that nobody waits for, old connection attempts
    files    credentials and media that no row knows, uploads that no message used

All of it may be done by several processes at once, and by a command beside them: what one of them
cleared, the others do not find any more. What a line should have written, the janitor writes with
the line's lease, which it takes, uses and gives back within the transaction.

Files are left alone unless the database is bound to the data folder that they are in. Whoever
starts us with another database by mistake would lose them all otherwise.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from sololine.bus import EVENTS, SESSIONS, Bus, Notice
from sololine.core.advance import LineSignal, Looked
from sololine.core.ids import BotId, DeviceId, MediaId, ProcessId, TenantId
from sololine.core.session import Session, State
from sololine.core.signals import LinkDown
from sololine.engine.port import Engine
from sololine.lines.step import Committed, commit
from sololine.media_files import MediaFiles
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()

EVERY_S: Final = 300.0
IDLE_FOR: Final = timedelta(days=1)
"""How long nobody must have written to a file before it can be taken for left behind.

What is being uploaded, fetched or linked is minutes old at most; the rest of the day is for an
operator who has started us with the wrong backup.
"""
UNUSED_FOR: Final = timedelta(days=7)
"""How long an upload waits for the message that carries it."""
GRACE: Final = timedelta(minutes=1)
"""How long a line may take to end a window that is over."""
AT_ONCE: Final = 500
"""Media that one transaction forgets."""
EVERY_ONE: Final = 2**31 - 1

_SELF: Final = ProcessId("janitor")
"""Its name in leases. They are given back before anybody can see them, so one name is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many of each were cleared away.

    Attributes:
        windows: linking windows that were over and that no line ended.
        states: sessions that were shown as connected though no process kept them so.
        attempts: connection attempts older than they are kept.
        credentials: devices whose files no row knew.
        media: files that no row knew, and uploads that no message used.
    """

    windows: int = 0
    states: int = 0
    reservations: int = 0
    chores: int = 0
    attempts: int = 0
    credentials: int = 0
    media: int = 0


class _DryRun(Exception):
    """Undoes a transaction that was only to be counted."""


class Janitor:
    """Clears away.

    Args:
        attempts_kept: how long connection attempts are kept.
        folder: names the data folder, as the database is bound to it; None leaves files alone.
        engine: keeps the credentials; None leaves them alone.
        media: the files; None leaves them alone.
        sleep: waits between two rounds.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        attempts_kept: timedelta,
        folder: str | None = None,
        engine: Engine | None = None,
        media: MediaFiles | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._bus = bus
        self._attempts_kept = attempts_kept
        self._folder = folder
        self._engine = engine
        self._media = media
        self._sleep = sleep

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep every five minutes while the context lasts; first when as much has passed."""
        sweeping = asyncio.create_task(self._sweep_again_and_again(), name="janitor")
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    async def _sweep_again_and_again(self) -> None:
        while True:
            await self._sleep(EVERY_S)
            try:
                await self.sweep()
            except Exception:
                # The store may be away; the next round does what this one could not.
                log.exception("janitor fault")

    async def sweep(self, *, dry_run: bool = False) -> Swept:
        """Do one round, and log what it found; with `dry_run`, only count."""
        windows, states = await self._abandoned(dry_run=dry_run)
        files = await self.files_are_ours()
        swept = Swept(
            windows=windows,
            states=states,
            reservations=await self._count(lambda tx: tx.claims.clean(), dry_run=dry_run),
            chores=await self._count(lambda tx: tx.chores.clean(tx.now), dry_run=dry_run),
            attempts=await self._attempts(dry_run=dry_run),
            credentials=await self._credentials(dry_run=dry_run) if files else 0,
            media=await self._uploads(dry_run=dry_run)
            + (await self._media_files(dry_run=dry_run) if files else 0),
        )
        if not dry_run and swept != Swept():
            log.info("swept", **asdict(swept))
        return swept

    # ------------------------------------------------------------------ rows

    async def _abandoned(self, *, dry_run: bool) -> tuple[int, int]:
        """Write down what lines would have, where none runs: windows ended, connections lost."""
        async with self._store.read() as tx:
            abandoned = await tx.leases.abandoned(tx.now - GRACE)
        connected = [bot for bot, state in abandoned if state is State.CONNECTED]
        if dry_run:
            return len(abandoned) - len(connected), len(connected)
        done = {bot: await self._write_down(bot) for bot, _ in abandoned}
        states = sum(done[bot] for bot in connected)
        return sum(done.values()) - states, states

    async def _write_down(self, bot: BotId) -> bool:
        """Do the step that the bot's line would do; False when somebody was faster."""

        async def work(tx: Transaction) -> Committed | None:
            session = await tx.sessions.lock(bot)
            if session is None or (signal := _unsaid(session, tx.now)) is None:
                return None
            lease = await tx.leases.take(bot, _SELF)
            if lease is None:
                return None
            committed = await commit(tx, bot, lease, signal)
            await tx.leases.release(bot, lease)
            return committed

        committed = await self._store.run(work)
        if committed is None or committed.before == committed.after:
            return False
        await self._bus.publish(Notice(topic=SESSIONS, key=bot))
        await self._bus.publish(Notice(topic=EVENTS, key=committed.after.tenant))
        return True

    async def _attempts(self, *, dry_run: bool) -> int:
        async with self._store.read() as tx:
            tenants = await tx.tenants.all()
        counts = []
        for tenant in tenants:

            async def work(tx: Transaction, tenant: TenantId = tenant) -> int:
                return await tx.attempts.clean(tenant, tx.now - self._attempts_kept)

            counts.append(await self._count(work, dry_run=dry_run))
        return sum(counts)

    async def _uploads(self, *, dry_run: bool) -> int:
        """Forget uploads that no message used; their files go as soon as nobody knows them."""
        count = 0
        while True:
            dropped: list[MediaId] = []

            async def work(tx: Transaction) -> int:
                nonlocal dropped
                limit = EVERY_ONE if dry_run else AT_ONCE
                dropped = await tx.media.drop_unused(tx.now - UNUSED_FOR, limit)
                return len(dropped)

            count += await self._count(work, dry_run=dry_run)
            if self._media is not None and not dry_run:
                await asyncio.to_thread(_delete, self._media, dropped, ())
            if dry_run or len(dropped) < AT_ONCE:
                return count

    async def _count(self, work: Callable[[Transaction], Awaitable[int]], *, dry_run: bool) -> int:
        """What `work` returns; with `dry_run`, what it did is undone."""
        counted = 0

        async def counting(tx: Transaction) -> None:
            nonlocal counted
            counted = await work(tx)
            if dry_run:
                raise _DryRun

        with suppress(_DryRun):
            await self._store.run(counting)
        return counted

    # ------------------------------------------------------------------ files

    async def files_are_ours(self) -> bool:
        """Whether the database is the one that knows this folder's files."""
        if self._folder is None:
            return False
        async with self._store.read() as tx:
            return await tx.deployment.bound() == self._folder

    async def _credentials(self, *, dry_run: bool) -> int:
        if self._engine is None:
            return 0

        async def known(devices: Collection[DeviceId]) -> Collection[DeviceId]:
            async with self._store.read() as tx:
                return await tx.devices.known(devices)

        return len(await self._engine.forget_unknown(known, IDLE_FOR, dry_run=dry_run))

    async def _media_files(self, *, dry_run: bool) -> int:
        """Delete files and drafts that were left behind.

        A file gets its row within the request that wrote it, or had it before it was fetched. So
        one that is a day old and has no row will never have one.
        """
        if self._media is None:
            return 0
        files, drafts = await asyncio.to_thread(self._media.idle, IDLE_FOR)
        async with self._store.read() as tx:
            known = await tx.media.known(files)
        unknown = [file for file in files if file not in known]
        if not dry_run:
            await asyncio.to_thread(_delete, self._media, unknown, drafts)
        return len(unknown) + len(drafts)


def _unsaid(session: Session, now: datetime) -> LineSignal | None:
    """What the session's line would have written down long ago, if there were one."""
    if session.state is State.CONNECTED:
        return LinkDown()
    window = session.taken_up or session.intent.window
    waits = session.obeyed < session.intent.no or session.linking is not None
    return Looked() if window and waits and window.ends_at <= now - GRACE else None


def _delete(media: MediaFiles, files: Collection[MediaId], drafts: Collection[Path]) -> None:
    for path in (*map(media.path, files), *drafts):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            log.warning("file not deleted", file=path.name)
