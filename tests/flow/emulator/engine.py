"""The real engine in a process of its own, for tests to drive and watch."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from sololine.emulator.phones.letters import Message
from sololine.emulator.server import Emulator
from sololine.wire import protobuf
from sololine.wire.jid import Jid

messages = protobuf.load("Neonize_pb2")
DRIVER = Path(__file__).with_name("engine_driver.py")
DEADLINE_S = 30.0

Report = dict[str, Any]
"""What the driver reported: its kind, and what belongs to that."""


class EngineError(Exception):
    """The engine could not do what it was asked; the message is its own."""


def engine_jid(jid: Jid) -> bytes:
    """An address as the engine takes it."""
    return bytes(
        messages.JID(
            User=jid.user,
            Device=jid.device,
            Server=jid.server,
            RawAgent=0,
            Integrator=0,
            IsEmpty=not jid.user,
        ).SerializeToString()
    )


def text_in(report: Report) -> str | None:
    """The text of a message that the engine reports; None if it is no text."""
    if report.get("name") != "Message":
        return None
    message = report["words"].get("Message", {})
    said = message.get("conversation") or message.get("extendedTextMessage", {}).get("text")
    return None if said is None else str(said)


async def until(true: Callable[[], bool]) -> None:
    """Return once this is true; it is asked again and again, since nobody tells."""
    async with asyncio.timeout(DEADLINE_S):
        while not true():  # noqa: ASYNC110 — it is another process that we wait for
            await asyncio.sleep(0.02)


class Engine:
    """One process of the real engine; an async context manager that ends it."""

    def __init__(self, emulator: Emulator, database: Path) -> None:
        self.emulator = emulator
        self.database = database
        self.reports: list[Report] = []
        self.log = database.with_suffix(".log")
        self._news = asyncio.Event()
        self._calls = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *, device: str = "", trusting: bool = True) -> Self:
        """Link afresh, or log in as `device` ("number:device")."""
        reading, writing = os.pipe()
        args = [sys.executable, str(DRIVER), str(writing), str(self.database)]
        if trusting:
            args += ["--root", self.emulator.root_public.hex()]
        if device:
            args += ["--device", device]
        environment = dict(
            os.environ,
            HTTPS_PROXY=f"http://127.0.0.1:{self.emulator.port}",
            SSL_CERT_FILE=str(self.emulator.ca_file),
            NEONIZE_BOT_TAG="off",
        )
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *args,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=[writing],
            )
        os.close(writing)
        stream = asyncio.StreamReader(limit=2**24)
        loop = asyncio.get_running_loop()
        self._pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb")
        )
        self._listening = asyncio.create_task(self._listen(stream))
        return self

    async def freeze(self) -> None:
        """Let the process do nothing any more, while its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._process.pid}/task")

        def frozen() -> bool:
            return all(
                "T (stopped)" in (thread / "status").read_text() for thread in threads.iterdir()
            )

        await until(frozen)

    async def stop(self) -> None:
        """End the process as a crash would."""
        if self._process and self._process.returncode is None:
            self._process.kill()
        if self._process:
            await self._process.wait()
            self._process = None
            await self._listening
            self._pipe.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def call(self, name: str, *args: bytes | int) -> bytes:
        """What a function of the engine answers; it wants a size behind each message given."""
        self._calls += 1
        call = str(self._calls)
        given = [arg.hex() if isinstance(arg, bytes) else arg for arg in args]
        self.order("call", name=name, args=given, id=call)
        report = await self.until(lambda report: report.get("id") == call)
        return bytes.fromhex(report["hex"])

    async def send(self, to: Jid, message: Message) -> str:
        """Send a message; return its id."""
        address, raw = engine_jid(to), message.SerializeToString()
        said = await self.call("SendMessage", address, len(address), raw, len(raw))
        answer = messages.SendMessageReturnFunction.FromString(said)
        if answer.Error:
            raise EngineError(answer.Error)
        return str(answer.SendResponse.ID)

    async def read(self, ids: Sequence[str], chat: Jid, sender: Jid, kind: str = "read") -> None:
        """Tell who wrote these messages that they were read, or played."""
        to, by = engine_jid(chat), engine_jid(sender)
        named, now = " ".join(ids).encode(), int(time.time())
        await self.call("MarkRead", named, now, to, len(to), by, len(by), kind.encode())

    async def typing(self, chat: Jid, *, composing: bool) -> None:
        """Tell who is in a chat that the engine's user begins, or stops, to write."""
        to = engine_jid(chat)
        await self.call("SendChatPresence", to, len(to), 0 if composing else 1, 0)

    async def message(self, said: str, *, after: int = 0) -> Report:
        """The message of this text, as the engine reports it."""
        return await self.until(lambda report: text_in(report) == said, after=after)

    def texts(self, *, after: int = 0) -> list[str]:
        """The texts of the messages so far, in order."""
        return [said for report in self.reports[after:] if (said := text_in(report)) is not None]

    def order(self, order: str, **words: Any) -> None:
        """Ask the engine for something."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": order, **words}).encode() + b"\n")

    async def until(self, wanted: Callable[[Report], bool], *, after: int = 0) -> Report:
        """The first report that fits, counting from report number `after`."""
        async with asyncio.timeout(DEADLINE_S):
            seen = after
            while True:
                while seen < len(self.reports):
                    seen += 1
                    if wanted(self.reports[seen - 1]):
                        return self.reports[seen - 1]
                self._news.clear()
                await self._news.wait()

    async def event(self, name: str, *, after: int = 0) -> Report:
        """The engine's event of that name."""
        return await self.until(lambda report: report.get("name") == name, after=after)

    async def kind(self, kind: str, *, after: int = 0) -> Report:
        """The first report of that kind."""
        return await self.until(lambda report: report["kind"] == kind, after=after)

    async def qr(self) -> str:
        """The text of the first QR."""
        return str((await self.kind("qr"))["text"])

    async def link(self, number: str) -> int:
        """Link with a phone by QR; return the device number."""
        await self.start()
        jid = await self.emulator.phones.add(number).scan(await self.qr())
        await self.event("Connected")
        return jid.device

    def names(self, *, after: int = 0) -> list[str]:
        """The events so far, in order."""
        return [report["name"] for report in self.reports[after:] if report["kind"] == "event"]

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.reports.append(json.loads(line))
            self._news.set()


NewEngine = Callable[[], Engine]
"""Makes an engine with a database of its own; it ends with the test."""
