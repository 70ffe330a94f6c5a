"""`python -m tests.fakes.puppet BEHAVIOUR …`: a worker whose library does what the test says.

The worker is the real one; only the library is played, so that what the real library does once in
a thousand runs can be had every time.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sololine.core.frames import MAX_BODY_BYTES, Function
from sololine.core.sentence import Sentence
from sololine.engine import worker
from sololine.engine.launch import WorkerLaunch
from sololine.engine.library import Library, LibraryMissing, Listener
from sololine.wire.fields import write

CONNECTED, RESTORED, DISCONNECTED, MISSED, MESSAGE = 3, 5, 12, 4, 17


def puppet(behaviour: str) -> WorkerLaunch:
    """Workers of this behaviour: the name of a class below."""
    root = Path(__file__).parents[2]
    return WorkerLaunch(
        module="tests.fakes.puppet",
        arguments=(behaviour,),
        environment={"PYTHONPATH": os.pathsep.join((str(root), str(root / "src")))},
    )


class Silent:
    """Says nothing, for ever."""

    def run(
        self, session: str, listener: Listener, *, store: str, jid: bytes | None, props: bytes
    ) -> str:
        self.listener = listener
        self.speak()
        while True:
            time.sleep(60)

    def speak(self) -> None:
        """What it says at once."""

    def disconnect(self, session: str) -> None:
        """Goes well."""

    def log_out(self, session: str) -> str:
        return ""

    def pair_phone(self, session: str, params: bytes) -> bytes:
        return write({1: "ABCD-1234"})

    def call(self, function: Function, session: str, *arguments: bytes) -> bytes:
        return b""

    def download(self, session: str, message: bytes, take: Callable[[memoryview], object]) -> str:
        return "no such file"


class ShowsCode(Silent):
    """Shows a code; gives none to type."""

    def speak(self) -> None:
        self.listener.on_qr("a-code")

    def pair_phone(self, session: str, params: bytes) -> bytes:
        return write({2: "phone number too short"})


def says(number: int) -> bytes:
    """The event of a message whose id is the number."""
    ana = write({1: "5511900000001", 2: 0, 3: 0, 4: 0, 5: "s.whatsapp.net"})
    source = write({1: ana, 2: ana, 3: 0, 4: 0})
    info = write({1: source, 2: str(number), 5: "Ana", 6: 1_700_000_000_000, 7: ""})
    return write({1: info, 2: write({1: f"message {number}"})})


class Up(Silent):
    """Is linked and up at once."""

    def speak(self) -> None:
        jid = write({1: "447441395830", 2: 0, 3: 7, 4: 0, 5: "s.whatsapp.net"})
        self.listener.on_event(0, write({1: jid, 3: "android"}))
        self.listener.on_event(CONNECTED, b"")


class Hears(Up):
    """Is up, and hears a message a hundred times faster than anyone can store it."""

    messages = 5000

    def speak(self) -> None:
        super().speak()
        for number in range(self.messages):
            self.listener.on_event(MESSAGE, says(number))


class HearsThree(Hears):
    """Is up, and hears three messages."""

    messages = 3


class HearsNoMore(Up):
    """Is up, and nobody writes."""


class HangsOverMessages(Up):
    """WhatsApp confirms no message, but answers everything else."""

    def call(self, function: Function, session: str, *arguments: bytes) -> bytes:
        if function is Function.SEND:
            time.sleep(60)
        return b""


class AnswersAtLength(Up):
    """Has more to say than a frame can hold."""

    def call(self, function: Function, session: str, *arguments: bytes) -> bytes:
        return bytes(MAX_BODY_BYTES)


class Fetches(Up):
    """Gives the file of every message, except of those that tell of a liar."""

    def download(self, session: str, message: bytes, take: Callable[[memoryview], object]) -> str:
        if b"liar" in message:
            take(memoryview(b"half of"))
            return "hash mismatch"
        take(memoryview(b"the file"))
        return ""


class LogsOutLate(Up):
    """Takes a while to log out."""

    def log_out(self, session: str) -> str:
        time.sleep(0.5)
        return ""


class RefusesLogout(Up):
    """WhatsApp does not confirm."""

    def log_out(self, session: str) -> str:
        return "info query timed out"


class HasMoreToSay(Up):
    """Reports what it has received when it is disconnected."""

    def disconnect(self, session: str) -> None:
        def report() -> None:
            for _ in range(5):
                time.sleep(0.05)
                self.listener.on_event(RESTORED, b"")

        threading.Thread(target=report).start()


class HasMoreToSayWhenDown(HasMoreToSay):
    """Likewise, after its connection broke."""

    def speak(self) -> None:
        super().speak()
        self.listener.on_event(DISCONNECTED, b"")


class HangsWhenDisconnected(Up):
    """Never comes back."""

    def disconnect(self, session: str) -> None:
        time.sleep(60)


class StaysDown(Up):
    """Loses its connection and does not find back."""

    def speak(self) -> None:
        super().speak()
        self.listener.on_event(DISCONNECTED, b"")


class HearsNothing(Up):
    """The connection looks open, but two pings were not answered."""

    def speak(self) -> None:
        super().speak()
        self.listener.on_event(MISSED, write({1: 2}))


class NeverLogsIn(Silent):
    """Is linked, and its first login gets lost."""

    def speak(self) -> None:
        self.listener.on_event(0, write({1: write({1: "447441395830", 3: 7, 5: "x"})}))


class Aborts(Up):
    """Dies as the library does when it follows a wrong pointer."""

    def speak(self) -> None:
        super().speak()
        os.abort()


class Raises(Silent):
    """A mistake in our own code."""

    def speak(self) -> None:
        raise RuntimeError("447441395830")


class CannotDial(Silent):
    """There is no way to WhatsApp."""

    def run(
        self, session: str, listener: Listener, *, store: str, jid: bytes | None, props: bytes
    ) -> str:
        return "failed to dial whatsapp web websocket: lookup web.whatsapp.com: no such host"


def library(behaviour: str) -> Library:
    if behaviour == "Missing":
        raise LibraryMissing(Sentence("neonize is not installed"))
    made: Library = globals()[behaviour]()
    return made


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    if name == "Babbles":
        os.write(int(rest[1]), b"\0\0\0\2{}")
        time.sleep(60)
    worker.main(rest, lambda: library(name))
