"""A worker's link: the library's call, what it reports, and the orders that it carries out.

    library ── on_event ──▶ signal ──▶ journal ──▶ frame to the server
    server ── order ──▶ a thread ──▶ library ──▶ answer to the server

The end of the link is the end of the process, which frees all that the library holds.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Final, NoReturn

from sololine.core.frames import (
    Call,
    Close,
    Done,
    Failed,
    Frame,
    FrameTooLong,
    Function,
    LogOut,
    Open,
    RequestPairingCode,
    Returned,
    Said,
    Settled,
    encode,
)
from sololine.core.signals import (
    ChatSignal,
    EngineStopped,
    LinkUp,
    LoggedOut,
    PairingCodeIssued,
    Receipt,
    Received,
    Signal,
    Typing,
    Unreadable,
)
from sololine.engine import signals
from sololine.engine.chat_events import jid, with_numbers
from sololine.engine.credentials import LOCK_PATIENCE, Credentials
from sololine.engine.errors import DeviceBusy, UnreadableCredentials
from sololine.engine.fields import data, text
from sololine.engine.journal import Journal
from sololine.engine.library import Library, LibraryMissing
from sololine.engine.media_folder import MediaFolder
from sololine.wire.errors import MalformedPayload
from sololine.wire.fields import read, write

_QUIET_S: Final = 0.1
_QUIET_AT_MOST_S: Final = 2.0
_CHROME: Final = 1


class WorkerLink:
    """The link of the device that `Open` named; also the library's listener.

    `run` has a thread, as has every order. `write` is called with encoded frames, on any of them.
    """

    def __init__(
        self,
        opened: Open,
        credentials: Credentials,
        media: MediaFolder,
        write: Callable[[bytes], None],
    ) -> None:
        self._write = write
        self._device = opened.device
        self._fresh = opened.fresh
        self._shown_as = opened.shown_as
        self._credentials = credentials
        self._media = media
        self._journal = Journal(credentials.journal(opened.device))
        self._library: Library | None = None
        self._codes = 0
        self._first_code_at = 0.0
        self._up = False
        self._heard_at = 0.0

    # The library's thread ---------------------------------------------------------------------

    def run(self, get_library: Callable[[], Library]) -> None:
        """Hold the device's lock and run the link to its end, which is the process's end."""
        with ExitStack() as held:
            try:
                held.enter_context(self._credentials.hold(self._device, LOCK_PATIENCE))
                account = self._account()
                library = get_library()
            except DeviceBusy:
                self._end(EngineStopped(detail="another process holds the credentials"))
            except UnreadableCredentials:
                self._end(EngineStopped(detail="the credentials are unreadable"))
            except (LibraryMissing, OSError) as error:
                self._end(EngineStopped(detail=str(error)))
            for frame in self._journal.restore():
                self._write(frame)
            # The library takes its store by a URI: within the folder the path needs no care.
            os.chdir(self._credentials.folder)
            self._library = library
            outcome = library.run(
                self._device,
                self,
                store=self._store(),
                jid=account,
                props=write({1: self._shown_as, 3: _CHROME}),
            )
            self._end(signals.ended(outcome))

    def _store(self) -> str:
        """The device's file with options for SQLite, as the library's driver spells them.

        After linking the library stores 812 keys in a transaction each; waiting for the disk every
        time took ten seconds on a busy one. So the worker that links leaves that to the system,
        which is as safe against every end of a process; only a power cut can take the last words.
        A resumed device waits for the disk, since a ratchet that falls back reuses message keys.
        """
        name = self._credentials.file(self._device).name
        waiting = "NORMAL" if self._fresh else "FULL"
        # The library appends options of its own after a second `?`; the last one takes it in.
        return (
            f"{name}?_journal_mode=WAL&_synchronous={waiting}"
            "&_busy_timeout=5000&_foreign_keys=on&appended="
        )

    def _account(self) -> bytes | None:
        """The account to resume as the library wants it, or None to link a new one."""
        stored = self._credentials.stored(self._device)
        if self._fresh:
            if stored is not None:
                self._end(EngineStopped(detail="these credentials are linked already"))
            return None
        if stored is None:
            # With an account that is not in its store the library would abort.
            self._end(LoggedOut())
        user, _, server = stored.jid.partition("@")
        name, _, device = user.partition(":")
        return write({1: name, 2: 0, 3: int(device or 0), 4: 0, 5: server})

    def on_qr(self, code: str) -> None:
        """See `Listener.on_qr`."""
        if self._codes == 0:
            self._first_code_at = time.monotonic()
        self._codes += 1
        self._say(signals.qr(code, self._codes))

    def on_login(self, status: str) -> None:
        """See `Listener.on_login`."""
        self._hear(signals.login(status))

    def on_event(self, code: int, message: bytes) -> None:
        """See `Listener.on_event`."""
        self._heard_at = time.monotonic()
        self._hear(signals.event(code, message, fresh=self._fresh))

    def _hear(self, said: Signal | None) -> None:
        if said is None:
            return
        if signals.is_final(said):
            self._end(said)
        match said:
            case LinkUp():
                self._up = True
                self._say(said)
            case Received() | Unreadable() | Receipt() | Typing():
                self._tell(said)
            case _:
                self._say(said)

    def _tell(self, said: ChatSignal) -> None:
        """Say what happened in a chat; all but typing is kept until it is settled."""
        said = with_numbers(said, self._number_of)
        if isinstance(said, Typing):
            self._say(said)
            return
        try:
            frame = encode(Said(device=self._device, signal=said))
        except FrameTooLong:
            if not isinstance(said, Received):
                raise
            unreadable = Unreadable(id=said.id, where=said.where, at_s=said.at_s)
            frame = encode(Said(device=self._device, signal=unreadable))
        self._journal.append(frame)
        self._write(frame)

    def _number_of(self, lid: str) -> str:
        if self._library is None:
            return ""
        user, _, server = lid.partition("@")
        asked = write({1: user, 2: 0, 3: 0, 4: 0, 5: server})
        try:
            answer = self._library.call(Function.NUMBER_OF, self._device, asked)
            return jid(data(read(answer), 2))
        except MalformedPayload:
            return ""

    # Orders -----------------------------------------------------------------------------------

    def request_pairing_code(self, order: RequestPairingCode) -> None:
        """Ask for a code to type; it shares the clock of the codes to scan."""
        if self._library is None or self._codes == 0 or self._up:
            self._fail(order, "codes are given only while linking")
            return
        params = write({1: order.digits, 2: 1, 3: _CHROME, 4: "Chrome (Linux)"})
        answer = self._library.pair_phone(self._device, params)
        try:
            fields = read(answer)
            code = text(fields, 1)
        except MalformedPayload:
            code = ""
        if not code:
            self._fail(order, "whatsapp gave no code for this number")
            return
        left = signals.LINKING_LASTS - timedelta(seconds=time.monotonic() - self._first_code_at)
        self._say(PairingCodeIssued(code=code, valid_for=max(left, timedelta())))
        self._post(Done(device=self._device, order=order.order))

    def log_out(self, order: LogOut) -> None:
        """Have the phone forget the device; without that nothing is deleted."""
        if self._library is None or not self._up:
            self._fail(order, "the link is not up")
            return
        error = self._library.log_out(self._device)
        if error:
            self._fail(order, "whatsapp did not confirm the logout")
            return
        self._credentials.erase(self._device)
        self._finish(order)

    def close(self, order: Close) -> None:
        """End the link so that what was received is reported first."""
        self.drain()
        # The library's stop would gain nothing over the end of the process.
        self._finish(order)

    def drain(self) -> None:
        """Have the library receive nothing more, and report what it has received."""
        if self._library is None or not self._up:
            return
        # What the server has no room for waits in the journal.
        self._journal.lift()
        # Stop alone would drop up to a hundred events whose receipts are out already.
        self._library.disconnect(self._device)
        self._await_quiet()

    def call(self, order: Call) -> None:
        """Have the library ask or tell WhatsApp something, and return what it says."""
        if self._library is None or not self._up:
            self._fail(order, "the link is not up")
            return
        try:
            value = self._called(self._library, order)
            self._post(Returned(device=self._device, order=order.order, value=value))
        except FrameTooLong:
            self._fail(order, "the answer is too long")
        except (OSError, ValueError):
            # Only files are read and written here, and the path would tell of them.
            self._fail(order, "the file cannot be read or written")

    def _called(self, library: Library, order: Call) -> bytes:
        match order.function:
            case Function.UPLOAD:
                name, kind = order.arguments
                content = self._media.read(name.decode())
                return library.call(order.function, self._device, content, kind)
            case Function.DOWNLOAD:
                message, name = order.arguments
                error = ""

                def fetch(take: Callable[[memoryview], object]) -> bool:
                    nonlocal error
                    error = library.download(self._device, message, take)
                    return not error

                self._media.make(name.decode(), fetch)
                return error.encode()
            case _:
                return library.call(order.function, self._device, *order.arguments)

    def settled(self, settled: Settled) -> None:
        """What was said of chats is stored: the journal may forget it."""
        self._journal.settle(settled.count)

    def _await_quiet(self) -> None:
        until = time.monotonic() + _QUIET_AT_MOST_S
        self._heard_at = time.monotonic()
        while (now := time.monotonic()) < min(until, self._heard_at + _QUIET_S):
            time.sleep(min(until, self._heard_at + _QUIET_S) - now)

    # Words to the server ----------------------------------------------------------------------

    def _post(self, frame: Frame) -> None:
        """Write a frame. Raises `FrameTooLong`."""
        self._write(encode(frame))

    def _say(self, said: Signal) -> None:
        self._post(Said(device=self._device, signal=said))

    def _fail(self, order: RequestPairingCode | LogOut | Call, detail: str) -> None:
        self._post(Failed(device=self._device, order=order.order, detail=detail))

    def _finish(self, order: LogOut | Close) -> NoReturn:
        self._post(Done(device=self._device, order=order.order))
        os._exit(0)

    def _end(self, said: Signal) -> NoReturn:
        """Say what ended the link, and end the process with it."""
        if isinstance(said, LoggedOut):
            # The library deletes the account as well, but after it has told us.
            self._credentials.erase(self._device)
        self._say(said)
        if not isinstance(said, EngineStopped):
            self._say(EngineStopped(detail="nothing is left to do for the engine"))
        os._exit(0)
