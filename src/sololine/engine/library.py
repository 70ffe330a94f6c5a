"""The engine's library, called directly.

The neonize package wraps a library written in Go. Importing the package would load media tools
and HTTP clients, take the memory of a second worker, configure logging, and fetch a binary from
the net when its own is missing. So the package is never imported: its binary is found, checked
and called through the few functions a link needs. A process that has loaded it must not fork.

The library keeps its sessions in maps without locks, and follows pointers it did not find; both
abort the process. Hence two rules for callers: one session per process, and no call for a session
but between its first callback and the return of `run`. Calls between the two only read those maps,
and may run beside each other.
"""

import ctypes
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final, Protocol, cast

from sololine.core.frames import Function
from sololine.core.sentence import Sentence
from sololine.engine.signals import SUBSCRIBED
from sololine.wire.fields import read

VERSION: Final = "0.5.2"
"""The one version whose functions these are; the package is pinned to it."""

# Always said: when it is not, the library logs every stanza, and copies each line to Python.
_LOG_LEVEL: Final = b"WARN"

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_EXIT_BROKEN_CALLBACK: Final = 70


class LibraryMissing(Exception):
    """The library is not there, or is not the version this code was written for.

    Attributes:
        sentence: why, and what the operator can do.
    """

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Listener(Protocol):
    """Takes what the library reports, on threads of the library. May block it, may not raise."""

    def on_qr(self, code: str) -> None:
        """A code to show."""

    def on_login(self, status: str) -> None:
        """A login status; only while linking."""

    def on_event(self, code: int, message: bytes) -> None:
        """A subscribed event; never before the library has an account."""


class Library(Protocol):
    """The functions of the library that a link needs. Each blocks until the library answers."""

    def run(
        self, session: str, listener: Listener, *, store: str, jid: bytes | None, props: bytes
    ) -> str:
        """Connect and serve the session until it ends; the error's text, or "".

        Args:
            session: a name of the caller's choice, for the other functions.
            listener: is told everything, for as long as this runs.
            store: path of the SQLite file, perhaps with `?` and options of its driver.
            jid: the account in the store, as a JID message. It must exist: a missing one aborts
                the process. None links a new one.
            props: what the phone shall list, as a DeviceProps message.
        """

    def disconnect(self, session: str) -> None:
        """Close the session's socket; what was received is still reported.

        The library's own way to end a session is no use: it blocks while dialling, does nothing
        while codes are shown, and drops received events. Ending the process does all of it.
        """

    def log_out(self, session: str) -> str:
        """Have WhatsApp remove the device and delete its row; the error's text, or ""."""

    def pair_phone(self, session: str, params: bytes) -> bytes:
        """Ask for a code by a PairPhoneParams message; a PairPhoneReturnFunction message."""

    def call(self, function: Function, session: str, *arguments: bytes) -> bytes:
        """Any function but a download, with what it takes; what it gives. `_CALLS` tells of both.

        A message that WhatsApp does not confirm holds it for 75 s.
        """

    def download(self, session: str, message: bytes, take: Callable[[memoryview], object]) -> str:
        """Have `take` take the file that a `waE2E.Message` tells of; the error's text, or ""."""


def library_file() -> Path:
    """Where the library for this machine lies. Raises `LibraryMissing`."""
    # Asking for the place does not run the package.
    spec = PathFinder.find_spec("neonize")
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise LibraryMissing(
            Sentence("neonize is not installed; install sololine with its dependencies")
        )
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    suffix = "dylib" if sys.platform == "darwin" else "so"
    file = Path(places[0]) / f"neonize-{sys.platform}-{machine}.{suffix}"
    if not file.is_file():
        raise LibraryMissing(
            Sentence(
                "{file} is not part of the installed neonize; this platform is not supported",
                file=file.name,
            )
        )
    return file


def load(file: Path) -> "GoLibrary":
    """Load the library into this process, for good. Raises `LibraryMissing`."""
    try:
        library = ctypes.CDLL(str(file))
        library.GetVersion.restype = ctypes.c_char_p
        version = library.GetVersion()
    except (OSError, AttributeError) as error:
        raise LibraryMissing(Sentence("{file} cannot be loaded", file=file.name)) from error
    if version != VERSION.encode():
        raise LibraryMissing(
            Sentence(
                "{file} is version {found}, not {needed}; install the neonize that sololine was "
                "made for",
                file=file.name,
                found=version.decode(errors="replace"),
                needed=VERSION,
            )
        )
    return GoLibrary(library)


_OnText: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_OnEvent: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int
)
_OnLog: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)


class _Bytes(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Takes(Enum):
    DATA = auto()
    """Bytes and how many they are."""
    TEXT = auto()
    NUMBER = auto()
    """In decimal digits."""


class _Gives(Enum):
    MESSAGE = auto()
    ERROR = auto()
    """A text; none if all went well."""


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    takes: tuple[_Takes, ...]
    gives: _Gives = _Gives.MESSAGE


_CALLS: Final[Mapping[Function, _Call]] = {
    # to whom (JID), what (waE2E.Message) -> SendMessageReturnFunction
    Function.SEND: _Call("SendMessage", (_Takes.DATA, _Takes.DATA)),
    # the file, its kind's number -> UploadReturnFunction
    Function.UPLOAD: _Call("Upload", (_Takes.DATA, _Takes.NUMBER)),
    # chat (JID); 0 composing, 1 paused; 0 text, 1 audio
    Function.SHOW_TYPING: _Call(
        "SendChatPresence", (_Takes.DATA, _Takes.NUMBER, _Takes.NUMBER), _Gives.ERROR
    ),
    # `available` or `unavailable`
    Function.SHOW_ONLINE: _Call("SendPresence", (_Takes.TEXT,), _Gives.ERROR),
    # ids with spaces between, when (seconds since 1970), chat, sender (JIDs), `read` or `played`
    Function.MARK_READ: _Call(
        "MarkRead",
        (_Takes.TEXT, _Takes.NUMBER, _Takes.DATA, _Takes.DATA, _Takes.TEXT),
        _Gives.ERROR,
    ),
    # numbers with spaces between -> IsOnWhatsAppReturnFunction
    Function.ON_WHATSAPP: _Call("IsOnWhatsApp", (_Takes.DATA,)),
    # JID -> GetJIDFromStoreReturnFunction, both
    Function.LID_OF: _Call("GetLIDFromPN", (_Takes.DATA,)),
    Function.NUMBER_OF: _Call("GetPNFromLID", (_Takes.DATA,)),
    # JID -> ContactsGetContactReturnFunction
    Function.CONTACT: _Call("GetContact", (_Takes.DATA,)),
    # JIDArray -> GetUserInfoReturnFunction
    Function.ABOUT: _Call("GetUserInfo", (_Takes.DATA,)),
    # JID, GetProfilePictureParams -> GetProfilePictureReturnFunction
    Function.PICTURE: _Call("GetProfilePicture", (_Takes.DATA, _Takes.DATA)),
    # -> GetJoinedGroupsReturnFunction
    Function.GROUPS: _Call("GetJoinedGroups", ()),
    # JID -> GetGroupInfoReturnFunction
    Function.GROUP: _Call("GetGroupInfo", (_Takes.DATA,)),
}


class GoLibrary:
    """The real `Library`."""

    def __init__(self, library: Any) -> None:
        text, size = ctypes.c_char_p, ctypes.c_int
        # Text comes back as a bare pointer, so that its memory can be given back.
        pointer, structure = ctypes.c_void_p, ctypes.POINTER(_Bytes)
        _declare(
            library.Neonize,
            pointer,
            *(text, text, text, size, size, text),
            *(_OnText, _OnText, _OnEvent, _OnLog),
            *(text, size, text, size, text, size, ctypes.c_void_p),
        )
        _declare(library.Disconnect, None, text)
        _declare(library.Logout, pointer, text)
        _declare(library.PairPhone, structure, text, text, size)
        _declare(library.DownloadAny, structure, text, text, size)
        kinds = {_Takes.DATA: (text, size), _Takes.TEXT: (text,), _Takes.NUMBER: (size,)}
        for call in _CALLS.values():
            result = structure if call.gives is _Gives.MESSAGE else pointer
            takes = (each for taken in call.takes for each in kinds[taken])
            _declare(getattr(library, call.name), result, text, *takes)
        _declare(library.FreeString, None, pointer)
        _declare(library.FreeBytesStruct, None, structure)
        self._library = library

    def run(
        self, session: str, listener: Listener, *, store: str, jid: bytes | None, props: bytes
    ) -> str:
        """See `Library.run`."""

        def on_event(_session: bytes, data: int, size: int, code: int) -> None:
            listener.on_event(code, ctypes.string_at(data, size))

        account = jid or b""
        # Locals, since the library calls them for as long as it runs, which is this call.
        callbacks = (
            _OnText(_guarded(lambda _, text: listener.on_qr(_text(text)))),
            _OnText(_guarded(lambda _, text: listener.on_login(_text(text)))),
            _OnEvent(_guarded(on_event)),
            _OnLog(_drop),
        )
        error = self._library.Neonize(
            store.encode(),
            session.encode(),
            account,
            len(account),
            0 if jid else 1,
            _LOG_LEVEL,
            *callbacks,
            SUBSCRIBED,
            len(SUBSCRIBED),
            props,
            len(props),
            b"",
            0,
            None,
        )
        return self._take_text(error)

    def disconnect(self, session: str) -> None:
        """See `Library.disconnect`."""
        self._library.Disconnect(session.encode())

    def log_out(self, session: str) -> str:
        """See `Library.log_out`."""
        return self._take_text(self._library.Logout(session.encode()))

    def pair_phone(self, session: str, params: bytes) -> bytes:
        """See `Library.pair_phone`."""
        return self._take_bytes(self._library.PairPhone(session.encode(), params, len(params)))

    def call(self, function: Function, session: str, *arguments: bytes) -> bytes:
        """See `Library.call`."""
        call = _CALLS[function]
        given: list[bytes | int] = [session.encode()]
        for kind, argument in zip(call.takes, arguments, strict=True):
            given.append(int(argument) if kind is _Takes.NUMBER else argument)
            if kind is _Takes.DATA:
                given.append(len(argument))
        answer = getattr(self._library, call.name)(*given)
        if call.gives is _Gives.MESSAGE:
            return self._take_bytes(answer)
        return self._take_text(answer).encode()

    def download(self, session: str, message: bytes, take: Callable[[memoryview], object]) -> str:
        """See `Library.download`."""
        answer = self._library.DownloadAny(session.encode(), message, len(message))
        if not answer:
            return "no answer"
        try:
            held = answer.contents
            # Looked at where it lies: a copy of a large file would double what this process holds.
            content = memoryview((ctypes.c_char * held.size).from_address(held.data)).cast("B")
            fields = read(cast("bytes", content))
            if error := bytes(cast("bytes", fields.get(2, b""))):
                return error.decode(errors="replace")
            take(memoryview(cast("bytes", fields.get(1, b""))))
            return ""
        finally:
            self._library.FreeBytesStruct(answer)

    def _take_bytes(self, answer: Any) -> bytes:
        if not answer:
            return b""
        try:
            held = answer.contents
            return ctypes.string_at(held.data, held.size) if held.data else b""
        finally:
            self._library.FreeBytesStruct(answer)

    def _take_text(self, pointer: int | None) -> str:
        if not pointer:
            return ""
        try:
            return _text(pointer)
        finally:
            self._library.FreeString(pointer)


def _declare(function: Any, result: Any, *arguments: Any) -> None:
    function.restype = result
    function.argtypes = arguments


def _text(pointer: int) -> str:
    return ctypes.string_at(pointer).decode(errors="replace")


def _drop(_data: int, _size: int) -> None:
    """Take a log line: the library's lines may hold numbers and texts, so none is kept."""


def _guarded(callback: Callable[..., None]) -> Callable[..., None]:
    """End the process when a callback fails: Python would drop the error, and with it a signal."""

    def call(*arguments: Any) -> None:
        try:
            callback(*arguments)
        except BaseException:  # noqa: BLE001 — nothing may reach the library's own frames
            os._exit(_EXIT_BROKEN_CALLBACK)

    return call
