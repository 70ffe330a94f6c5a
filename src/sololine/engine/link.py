"""A link of the neonize engine, and the worker that holds it.

The library recovers from most drops by itself. Where it is known not to (a lost reconnect after
linking, delays without an upper bound, an upgrade that is never answered), the link runs out of
patience and ends its worker: `EngineStopped`, and the line decides whether to resume.
"""

import asyncio
import contextlib
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, get_args

from sololine.core.chat import address_of
from sololine.core.frames import (
    Answer,
    Call,
    Close,
    Done,
    Failed,
    Frame,
    FrameTooLong,
    Function,
    LogOut,
    Open,
    Order,
    RequestPairingCode,
    Returned,
    Said,
    Settled,
)
from sololine.core.ids import DeviceId
from sololine.core.media import MediaKind, Uploaded
from sololine.core.message import Failure
from sololine.core.signals import (
    ChatSignal,
    EngineStopped,
    KeepAliveMissed,
    LinkDown,
    Linked,
    LinkUp,
    LoggedOut,
    QrIssued,
    Signal,
    Typing,
    TypingState,
)
from sololine.engine import calls
from sololine.engine.launch import WorkerLaunch
from sololine.engine.media_folder import MediaFolder
from sololine.engine.orders import Orders
from sololine.engine.port import (
    Deliver,
    GroupInfo,
    LinkClosed,
    NotSent,
    Profile,
    Registered,
    SendRefused,
    Sent,
)
from sololine.engine.process import WorkerProcess, start_worker

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
_CHAT_SIGNALS: Final = get_args(ChatSignal)


class NeonizeLink:
    """A link, and the worker that holds it.

    Args:
        device: whose credentials it has.
        deliver: takes the signals.
        media: where the files are that are sent and fetched.
        tidy_up: frees the device, once the worker is gone.
        fresh: whether the credentials are to be made.
    """

    def __init__(
        self,
        device: DeviceId,
        deliver: Deliver,
        media: MediaFolder,
        tidy_up: Callable[["NeonizeLink"], Awaitable[None]],
        *,
        fresh: bool,
    ) -> None:
        self._media = media
        self._tidy_up = tidy_up
        self.device = device
        self.linked = not fresh
        """Whether there are credentials to keep."""
        self._deliver = deliver
        self._worker: WorkerProcess | None = None
        self._orders = Orders(device, self._give, self._on_stuck)
        self._told: deque[bool] = deque()
        """Of each chat signal that is not settled, whether the worker keeps it."""
        self._up = False
        self._was_up = False
        self._up_or_over = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._ended_on_order = False
        self._closing: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, for operators and tests; None when it never started."""
        return self._worker.pid if self._worker is not None else None

    @property
    def ended_on_order(self) -> bool:
        """Whether somebody asked the link to end, or its device to be logged out."""
        return self._ended_on_order

    @property
    def alive(self) -> bool:
        """Whether the worker runs, as far as is known."""
        return self._worker is not None and self._ending is None

    async def start(self, launch: WorkerLaunch, data_dir: Path, order: Open) -> bool:
        """Start the worker; called once, by the engine.

        False when the system could not; the line is told by a signal, as of any failure.
        """
        try:
            worker = await start_worker(
                launch, data_dir, on_frame=self._on_frame, on_end=self._on_end
            )
        except OSError:
            self._end("the system could not start a worker")
            return False
        except asyncio.CancelledError:
            self._ended_on_order = True
            raise
        if self._ending is not None:  # closed meanwhile
            await worker.end()
            return True
        self._worker = worker
        self._wait_at_most(_OPENING_LASTS, "whatsapp did not answer in time")
        worker.send(order)
        return True

    async def request_pairing_code(self, digits: str) -> None:
        """See `Link.request_pairing_code`."""
        order = RequestPairingCode(device=self.device, order=self._orders.number(), digits=digits)
        await self._orders.carry_out(order, within=_ANSWER_LASTS)

    async def log_out(self) -> None:
        """See `Link.log_out`."""
        if self.linked and not self._up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UP_SOON.total_seconds()):
                    await self._up_or_over.wait()
        if not self._up:
            raise LinkClosed("the link is not up, so the device cannot be logged out")
        order = LogOut(device=self.device, order=self._orders.number())
        await self._orders.carry_out(order, within=_ANSWER_LASTS)
        await self.close()

    async def close(self) -> None:
        """See `Link.close`."""
        self._ended_on_order = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        # Shielded: one who gives up waiting must not leave a worker behind.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._was_up:
            # It may have received what it has not told yet.
            order = Close(device=self.device, order=self._orders.number())
            with contextlib.suppress(LinkClosed):
                await self._orders.carry_out(order, within=_CLOSE_LASTS)
        await self._end()

    # Chats ------------------------------------------------------------------------------------

    async def send(self, to: str, message: bytes) -> Sent:
        """See `Link.send`."""
        try:
            return calls.sent(await self._call(Function.SEND, calls.jid(to), message))
        except FrameTooLong:
            raise SendRefused(Failure.UNSENDABLE, "the message is too long") from None

    async def upload(self, file: Path, kind: MediaKind) -> Uploaded:
        """See `Link.upload`."""
        name = self._media.name_of(file)
        size = (await asyncio.to_thread(file.stat)).st_size
        if size > self._media.max_bytes:
            raise SendRefused(Failure.MEDIA_REFUSED, f"the file has {size} bytes")
        value = await self._call(Function.UPLOAD, name.encode(), calls.number_of(kind))
        return calls.uploaded(value)

    async def download(self, message: bytes, file: Path) -> None:
        """See `Link.download`."""
        calls.check_size(message, self._media.max_bytes)
        name = self._media.name_of(file)
        calls.fetched(await self._call(Function.DOWNLOAD, message, name.encode()))

    async def show_typing(self, chat: str, state: TypingState) -> None:
        """See `Link.show_typing`."""
        arguments = (calls.jid(chat), *calls.typing(state))
        calls.done(await self._call(Function.SHOW_TYPING, *arguments))

    async def show_online(self, *, online: bool) -> None:
        """See `Link.show_online`."""
        word = b"available" if online else b"unavailable"
        calls.done(await self._call(Function.SHOW_ONLINE, word))

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str], *, played: bool) -> None:
        """See `Link.mark_read`."""
        now = str(int(time.time())).encode()
        addresses = calls.jid(chat), calls.jid(sender)
        word = b"played" if played else b"read"
        value = await self._call(Function.MARK_READ, " ".join(ids).encode(), now, *addresses, word)
        calls.done(value)

    async def on_whatsapp(self, numbers: Sequence[str]) -> list[Registered]:
        """See `Link.on_whatsapp`."""
        if not numbers:
            return []
        asked = " ".join(f"+{number}" for number in numbers).encode()
        found = calls.registered(numbers, await self._call(Function.ON_WHATSAPP, asked))
        return await asyncio.gather(*map(self._with_other, found))

    async def _with_other(self, found: Registered) -> Registered:
        """Both addresses of a person of whom WhatsApp gave one; the library remembers the other."""
        if found.jid is None:
            return found
        if found.jid.endswith("@lid"):
            known = calls.other(await self._call(Function.NUMBER_OF, calls.jid(found.jid)))
            return replace(found, jid=known or address_of(found.asked), lid=found.jid)
        known = calls.other(await self._call(Function.LID_OF, calls.jid(found.jid)))
        return replace(found, lid=known)

    async def profile(self, jid: str) -> Profile:
        """See `Link.profile`."""
        contact, about, picture = await asyncio.gather(
            self._call(Function.CONTACT, calls.jid(jid)),
            self._call(Function.ABOUT, calls.jids(jid)),
            self._call(Function.PICTURE, calls.jid(jid), calls.full_picture()),
        )
        return calls.profile(contact, about, picture)

    async def groups(self) -> list[GroupInfo]:
        """See `Link.groups`."""
        return calls.groups(await self._call(Function.GROUPS))

    async def group(self, jid: str) -> GroupInfo:
        """See `Link.group`."""
        return calls.group(await self._call(Function.GROUP, calls.jid(jid)))

    def settled(self, count: int) -> None:
        """See `Link.settled`."""
        kept = sum(self._told.popleft() for _ in range(min(count, len(self._told))))
        if kept and self._worker is not None and self._ending is None:
            self._worker.send(Settled(device=self.device, count=kept))

    async def _call(self, function: Function, *arguments: bytes) -> bytes:
        if not self._up:
            raise NotSent("the link is not up")
        return await self._orders.call(function, *arguments)

    # What the worker says ---------------------------------------------------------------------

    def _on_frame(self, frame: Frame) -> None:
        match frame:
            case Said(signal=EngineStopped() as parting):
                self._end(parting.detail)
            case Said(signal=said) if self._ending is None:
                if isinstance(said, _CHAT_SIGNALS):
                    self._told.append(not isinstance(said, Typing))
                else:
                    self._notice(said)
                self._deliver(said)
            case Done() | Returned() | Failed():
                self._answer(frame)
            case _:
                pass  # a signal after the last; orders do not come from workers

    def _on_end(self, wrong: str) -> None:
        self._end(wrong)

    def _answer(self, answer: Answer) -> None:
        asked = self._orders.answered(answer)
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
        self._orders.end()
        await self._tidy_up(self)
        if not self._ended_on_order:
            self._deliver(EngineStopped(detail=detail))

    # Orders -----------------------------------------------------------------------------------

    def _give(self, order: Order) -> None:
        if self._worker is None or self._ending is not None:
            raise NotSent("the link has ended")
        if isinstance(order, Call) and not self._up:
            raise NotSent("the link is not up")
        self._worker.send(order)

    def _on_stuck(self) -> None:
        self._end("the engine does not answer any more")


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"the worker ended unexpectedly, with status {status}"
    # A fault of the library shows as SIGABRT or SIGSEGV; want of memory as SIGKILL.
    return f"the worker was ended by {signal.Signals(-status).name}"
