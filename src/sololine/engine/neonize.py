"""The neonize engine: a worker process for every link, watched from the server.

    NeonizeEngine ── NeonizeLink ── WorkerProcess ══ socket ══ worker ── library ── WhatsApp

The library recovers from most drops by itself. Where it is known not to (a lost reconnect after
linking, delays without an upper bound, an upgrade that is never answered), the link runs out of
patience and ends its worker: `EngineStopped`, and the line decides whether to resume.
"""

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sololine.core.frames import (
    Answer,
    Close,
    Done,
    Failed,
    Frame,
    LogOut,
    Open,
    Order,
    RequestPairingCode,
    Said,
)
from sololine.core.ids import DeviceId
from sololine.core.signals import (
    EngineStopped,
    KeepAliveMissed,
    LinkDown,
    Linked,
    LinkUp,
    LoggedOut,
    QrIssued,
    Signal,
)
from sololine.engine.credentials import Credentials
from sololine.engine.launch import WorkerLaunch
from sololine.engine.port import Capabilities, Deliver, DeviceBusy, LinkClosed
from sololine.engine.process import WorkerProcess, start_worker
from sololine.engine.worker import LOCK_PATIENCE

_OPENING_LASTS: Final = timedelta(seconds=90)
"""The slowest start that still succeeds: the lock, a silent proxy (60 s), the handshake (20 s)."""
_FIRST_LOGIN_LASTS: Final = timedelta(seconds=30)
_RECONNECT_LASTS: Final = timedelta(seconds=120)
_NEXT_CODE_IS_LATE: Final = timedelta(seconds=30)
_MISSED_PINGS: Final = 2
"""At two the silence has lasted about 70 s; the library itself would wait for 210 s."""

_UP_SOON: Final = timedelta(seconds=10)
_ANSWER_LASTS: Final = timedelta(seconds=15)
_CLOSE_LASTS: Final = timedelta(seconds=4)


class NeonizeEngine:
    """The engine that links through neonize. Belongs to one event loop."""

    capabilities = Capabilities(pairing_code=True)

    def __init__(
        self, data_dir: Path, launch: WorkerLaunch | None = None, *, shown_as: str = "Sololine"
    ) -> None:
        """Keep credentials below `data_dir`; `shown_as` is what phones list as linked device."""
        # Workers go to another folder, where a relative path would lead elsewhere.
        self._data_dir = data_dir.absolute()
        self._launch = launch or WorkerLaunch()
        self._shown_as = shown_as
        self._credentials = Credentials(self._data_dir)
        self._links: dict[DeviceId, NeonizeLink] = {}

    async def link(self, device: DeviceId, deliver: Deliver) -> "NeonizeLink":
        """See `Engine.link`."""
        return await self._open(device, deliver, fresh=True)

    async def resume(self, device: DeviceId, deliver: Deliver) -> "NeonizeLink":
        """See `Engine.resume`."""
        return await self._open(device, deliver, fresh=False)

    async def linked(self, device: DeviceId) -> Linked | None:
        """See `Engine.linked`. Raises `UnreadableCredentials` too."""
        self._refuse_if_open(device)
        return await asyncio.to_thread(self._read, device)

    async def forget(self, device: DeviceId) -> None:
        """See `Engine.forget`."""
        self._refuse_if_open(device)
        await asyncio.to_thread(self._erase, device)

    async def devices(self) -> list[DeviceId]:
        """The devices with credentials on disk, for those who clean up."""
        return await asyncio.to_thread(self._credentials.devices)

    async def close(self) -> None:
        """See `Engine.close`."""
        await asyncio.gather(*(link.close() for link in tuple(self._links.values())))

    async def _open(self, device: DeviceId, deliver: Deliver, *, fresh: bool) -> "NeonizeLink":
        self._refuse_if_open(device)
        self._credentials.file(device)  # a bad name is refused before it reaches a worker
        link = NeonizeLink(self, device, deliver, fresh=fresh)
        self._links[device] = link
        order = Open(device=device, order=0, fresh=fresh, shown_as=self._shown_as)
        try:
            await link.start(self._launch, self._data_dir, order)
        except BaseException:  # cancelled: nobody holds the link who could close it
            self._release(link)
            raise
        return link

    def _refuse_if_open(self, device: DeviceId) -> None:
        if device in self._links:
            raise DeviceBusy(f"a link of {device} is open; close it first")

    async def tidy_up(self, link: "NeonizeLink") -> None:
        """A link's worker is gone: free its device. Called by the link only."""
        if not link.linked:
            # A linking that came to nothing leaves an empty store behind.
            with contextlib.suppress(Exception):  # it is litter, not harm
                await asyncio.to_thread(self._erase_if_empty, link.device)
        self._release(link)

    def _release(self, link: "NeonizeLink") -> None:
        # A link whose opening was cancelled may end when its device has long been opened again.
        if self._links.get(link.device) is link:
            del self._links[link.device]

    def _read(self, device: DeviceId) -> Linked | None:
        if not self._credentials.file(device).exists():
            return None
        with self._credentials.hold(device, LOCK_PATIENCE):
            return self._credentials.stored(device)

    def _erase(self, device: DeviceId) -> None:
        with self._credentials.hold(device, LOCK_PATIENCE):
            self._credentials.erase(device)

    def _erase_if_empty(self, device: DeviceId) -> None:
        # Held elsewhere, it is not ours to tidy; our own worker's lock went with it.
        with self._credentials.hold(device, timedelta()):
            if self._credentials.stored(device) is None:
                self._credentials.erase(device)


@dataclass(slots=True)
class _Asked:
    """An order on its way; its answer is awaited until the one who asked gives up."""

    order: Order
    answer: asyncio.Future[Answer]


class NeonizeLink:
    """A link, and the worker that holds it."""

    def __init__(
        self, engine: NeonizeEngine, device: DeviceId, deliver: Deliver, *, fresh: bool
    ) -> None:
        self._engine = engine
        self.device = device
        self.linked = not fresh
        """Whether there are credentials to keep."""
        self._deliver = deliver
        self._worker: WorkerProcess | None = None
        self._asked: dict[int, _Asked] = {}
        self._order_no = 0
        self._up = False
        self._was_up = False
        self._up_or_over = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._ended_on_order = False
        self._ending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, for operators and tests; None when it never started."""
        return self._worker.pid if self._worker is not None else None

    async def start(self, launch: WorkerLaunch, data_dir: Path, order: Open) -> None:
        """Start the worker; called once, by the engine. A failure is told as a signal."""
        try:
            worker = await start_worker(
                launch, data_dir, on_frame=self._on_frame, on_end=self._on_end
            )
        except OSError:
            self._end("the system could not start a worker")
            return
        except asyncio.CancelledError:
            self._ended_on_order = True
            raise
        if self._ending is not None:  # closed meanwhile
            await worker.end()
            return
        self._worker = worker
        self._wait_at_most(_OPENING_LASTS, "whatsapp did not answer in time")
        worker.send(order)

    async def request_pairing_code(self, digits: str) -> None:
        """See `Link.request_pairing_code`."""
        order = RequestPairingCode(device=self.device, order=self._next_order(), digits=digits)
        await self._carry_out(order, within=_ANSWER_LASTS)

    async def log_out(self) -> None:
        """See `Link.log_out`."""
        if self.linked and not self._up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UP_SOON.total_seconds()):
                    await self._up_or_over.wait()
        if not self._up:
            raise LinkClosed("the link is not up, so the device cannot be logged out")
        order = LogOut(device=self.device, order=self._next_order())
        await self._carry_out(order, within=_ANSWER_LASTS)
        await self.close()

    async def close(self) -> None:
        """See `Link.close`."""
        self._ended_on_order = True
        if self._was_up:
            # It may have received what it has not told yet.
            order = Close(device=self.device, order=self._next_order())
            with contextlib.suppress(LinkClosed):
                await self._carry_out(order, within=_CLOSE_LASTS)
        # Shielded: one who gives up waiting must not leave a worker behind.
        await asyncio.shield(self._end())

    # What the worker says ---------------------------------------------------------------------

    def _on_frame(self, frame: Frame) -> None:
        match frame:
            case Said(signal=EngineStopped() as parting):
                self._end(parting.detail)
            case Said(signal=said) if self._ending is None:
                self._notice(said)
                self._deliver(said)
            case Done() | Failed():
                self._answer(frame)
            case _:
                pass  # a signal after the last; orders do not come from workers

    def _on_end(self, wrong: str) -> None:
        self._end(wrong)

    def _answer(self, answer: Answer) -> None:
        asked = self._asked.pop(answer.order, None)
        if asked is None:
            return
        if isinstance(answer, Done) and isinstance(asked.order, LogOut | Close):
            if asked.answer.done() and isinstance(asked.order, LogOut):
                # Given up too early; now it is news like any other.
                self._deliver(LoggedOut())
            else:
                self._ended_on_order = True
        if not asked.answer.done():
            asked.answer.set_result(answer)

    def _notice(self, said: Signal) -> None:
        """Keep in mind what the signal means for the link, and how long it may stay so."""
        match said:
            case QrIssued():
                patience = said.valid_for + _NEXT_CODE_IS_LATE
                self._wait_at_most(patience, "the engine gave no further code")
            case Linked():
                self.linked = True
                self._wait_at_most(_FIRST_LOGIN_LASTS, "the first login did not follow the link")
            case LinkUp():
                self._up = self._was_up = True
                self._up_or_over.set()
                self._wait_at_most(None)
            case LinkDown():
                self._up = False
                self._up_or_over.clear()
                self._wait_at_most(_RECONNECT_LASTS, "the engine did not reconnect in time")
            case KeepAliveMissed() if said.errors >= _MISSED_PINGS:
                self._wait_at_most(timedelta(), "whatsapp stopped answering")
            case _:
                pass

    def _wait_at_most(self, patience: timedelta | None, detail: str = "") -> None:
        """End the link with `detail` unless this is called again in time; None waits for ever."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if patience is not None:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(patience.total_seconds(), self._end, detail)

    # The end ----------------------------------------------------------------------------------

    def _end(self, detail: str = "") -> asyncio.Task[None]:
        """The link is over. The first reason given is the one told."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._finish(detail))
        return self._ending

    async def _finish(self, detail: str) -> None:
        """Kill and collect the worker, free the device, say the last word. Runs once.

        Without a `detail` the worker's own end is the reason, and its exit status tells of it.
        """
        self._wait_at_most(None)
        self._up = False
        self._up_or_over.set()
        if self._worker is not None:
            status = await self._worker.end()
            detail = detail or _how_it_ended(status)
        for asked in self._asked.values():
            asked.answer.cancel()
        await self._engine.tidy_up(self)
        if not self._ended_on_order:
            self._deliver(EngineStopped(detail=detail))

    # Orders -----------------------------------------------------------------------------------

    def _next_order(self) -> int:
        self._order_no += 1
        return self._order_no

    async def _carry_out(self, order: Order, within: timedelta) -> None:
        """Give the order and await its answer. Raises `LinkClosed`."""
        if self._worker is None or self._ending is not None:
            raise LinkClosed("the link has ended")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[order.order] = _Asked(order, answer)
        self._worker.send(order)
        # Not `wait_for`: the link's end cancels the answer, which must not look like our own
        # cancellation.
        await asyncio.wait((answer,), timeout=within.total_seconds())
        if not answer.done():
            answer.cancel()
            raise LinkClosed("whatsapp did not answer in time")
        if answer.cancelled():
            raise LinkClosed("the link ended meanwhile")
        match answer.result():
            case Failed() as failed:
                raise LinkClosed(failed.detail)
            case Done():
                pass


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"the worker ended unexpectedly, with status {status}"
    # A fault of the library shows as SIGABRT or SIGSEGV; want of memory as SIGKILL.
    return f"the worker was ended by {signal.Signals(-status).name}"
