"""What is true of the real engine only: its processes, its files, its trust."""

import asyncio
import contextlib
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sololine.core.ids import DeviceId
from sololine.core.signals import EngineStopped, LinkUp, QrIssued, Received, Signal
from sololine.emulator.phones.letters import text
from sololine.emulator.server import Emulator
from sololine.engine.launch import WorkerLaunch
from sololine.engine.loopback import available, loopback_launch
from sololine.engine.neonize import NeonizeEngine
from sololine.wire.jid import USER_SERVER, Jid

asyncio.set_event_loop(None)

DEVICE = DeviceId("dev_one_1_1")
NUMBER = "447441395830"
DEADLINE_S = 30.0
MOST_MEMORY_MB = 40

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))


class Heard:
    @property
    def messages(self) -> list[str]:
        return [signal.id for signal in self.signals if isinstance(signal, Received)]

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self._news = asyncio.Event()

    def __call__(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._news.set()

    async def until(self, kind: type[Signal]) -> Signal:
        async with asyncio.timeout(DEADLINE_S):
            while not any(isinstance(signal, kind) for signal in self.signals):
                self._news.clear()
                await self._news.wait()
        return next(signal for signal in self.signals if isinstance(signal, kind))


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    async with Emulator(tmp_path / "emulator") as emulator:
        yield emulator


def launch_for(emulator: Emulator) -> WorkerLaunch:
    return loopback_launch(
        port=emulator.port, ca_file=emulator.ca_file, root_public=emulator.root_public
    )


def proportional_memory_mb(pid: int | None) -> float:
    """What the process costs, with its part of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


async def test_a_linked_worker_is_small(emulator: Emulator, tmp_path: Path) -> None:
    engine = NeonizeEngine(tmp_path, launch_for(emulator))
    heard = Heard()
    link = await engine.link(DEVICE, heard)
    issued = await heard.until(QrIssued)
    assert isinstance(issued, QrIssued)
    await emulator.phones.add(NUMBER).scan(issued.code)
    await heard.until(LinkUp)
    memory = await asyncio.to_thread(proportional_memory_mb, link.pid)
    await engine.close()
    assert memory < MOST_MEMORY_MB


SERVER = """
import asyncio, sys
from pathlib import Path
from sololine.core.signals import Received
from sololine.engine.loopback import loopback_launch
from sololine.engine.neonize import NeonizeEngine

async def main(data, port, ca_file, root):
    def deliver(signal):
        print(signal.id if isinstance(signal, Received) else "-", flush=True)

    launch = loopback_launch(port=int(port), ca_file=Path(ca_file), root_public=bytes.fromhex(root))
    await NeonizeEngine(Path(data), launch).resume("dev_one_1_1", deliver)
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def server(emulator: Emulator, data: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that holds the link, prints the ids it hears, and settles nothing."""
    root = emulator.root_public.hex()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER),
        *(str(data), str(emulator.port), str(emulator.ca_file), root),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_no_message_is_lost_when_the_server_is_killed(
    emulator: Emulator, tmp_path: Path
) -> None:
    """What it had not stored is heard by the next one, and in its order."""
    engine = NeonizeEngine(tmp_path, launch_for(emulator))
    heard = Heard()
    link = await engine.link(DEVICE, heard)
    issued = await heard.until(QrIssued)
    assert isinstance(issued, QrIssued)
    await emulator.phones.add(NUMBER).scan(issued.code)
    await heard.until(LinkUp)
    await link.close()
    ana = emulator.phones.add("5511900000001")
    written: list[str] = []
    for _ in range(3):
        async with server(emulator, tmp_path) as process:
            assert process.stdout is not None
            written += [await ana.send(Jid(NUMBER, USER_SERVER), text("hi")) for _ in range(20)]
            async with asyncio.timeout(DEADLINE_S):
                while (await process.stdout.readline()).decode().strip() != written[-5]:
                    pass
            process.kill()
    again = Heard()
    link = await engine.resume(DEVICE, again)
    async with asyncio.timeout(DEADLINE_S):
        while written[-1] not in again.messages:  # noqa: ASYNC110 — others are heard as well
            await asyncio.sleep(0.01)
    await engine.close()
    # WhatsApp may bring one twice that it knows no receipt of.
    assert list(dict.fromkeys(again.messages)) == written


async def test_credentials_are_for_their_owner_only(emulator: Emulator, tmp_path: Path) -> None:
    engine = NeonizeEngine(tmp_path, launch_for(emulator))
    heard = Heard()
    await engine.link(DEVICE, heard)
    await heard.until(QrIssued)
    modes = await asyncio.to_thread(
        lambda: {
            path.suffix: stat.S_IMODE(path.stat().st_mode)
            for path in (tmp_path / "credentials", *(tmp_path / "credentials").iterdir())
        }
    )
    await engine.close()
    assert modes.pop("") == 0o700
    assert {".sqlite3", ".lock"} <= set(modes)
    assert set(modes.values()) == {0o600}


async def test_a_worker_of_the_real_service_does_not_trust_the_emulator(
    emulator: Emulator, tmp_path: Path
) -> None:
    """Only the sandbox's workers have another root key; the addresses alone win nothing."""
    environment = launch_for(emulator).environment
    engine = NeonizeEngine(tmp_path, WorkerLaunch(environment=environment))
    heard = Heard()
    await engine.link(DEVICE, heard)
    await heard.until(EngineStopped)
    assert heard.signals == [EngineStopped(detail="the server could not prove that it is whatsapp")]


async def test_without_a_way_to_whatsapp_the_engine_stops(tmp_path: Path) -> None:
    # A port that was free a moment ago.
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    launch = loopback_launch(port=port, ca_file=Path("/dev/null"), root_public=bytes(32))
    engine = NeonizeEngine(tmp_path, launch)
    heard = Heard()
    await engine.link(DEVICE, heard)
    await heard.until(EngineStopped)
    assert heard.signals == [EngineStopped(detail="the connection to whatsapp was refused")]
