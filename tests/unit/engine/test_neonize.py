"""The server's side of a link, against workers that misbehave on purpose."""

import asyncio
import gc
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection
from datetime import timedelta
from pathlib import Path

import pytest

from sololine.core.ids import DeviceId
from sololine.core.signals import (
    EngineStopped,
    KeepAliveMissed,
    KeepAliveRestored,
    LinkDown,
    Linked,
    LinkUp,
    LoggedOut,
    QrIssued,
    Signal,
)
from sololine.engine import link as link_module
from sololine.engine.credentials import Credentials
from sololine.engine.launch import WorkerLaunch
from sololine.engine.link import NeonizeLink
from sololine.engine.neonize import NeonizeEngine
from sololine.engine.port import DeviceBusy, LinkClosed
from sololine.health import OK, Verdict
from tests.fakes.puppet import puppet

asyncio.set_event_loop(None)

DEVICE = DeviceId("dev_one_1_1")
DEADLINE_S = 20.0
BRIEFLY = timedelta(seconds=0.2)

Make = Callable[[str], NeonizeEngine]


class Heard:
    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self._news = asyncio.Event()

    def __call__(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._news.set()

    async def until(self, kind: type[Signal]) -> Signal:
        async with asyncio.timeout(DEADLINE_S):
            while kind not in self.kinds:
                self._news.clear()
                await self._news.wait()
        return self.signals[self.kinds.index(kind)]

    @property
    def kinds(self) -> list[type[Signal]]:
        return [type(signal) for signal in self.signals]

    @property
    def last_word(self) -> str:
        last = self.signals[-1]
        assert isinstance(last, EngineStopped)
        return last.detail


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    engines: list[NeonizeEngine] = []

    def make(behaviour: str) -> NeonizeEngine:
        engines.append(NeonizeEngine(tmp_path, puppet(behaviour)))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()


async def opened(engine: NeonizeEngine, until: type[Signal]) -> tuple[NeonizeLink, Heard]:
    heard = Heard()
    link = await engine.link(DEVICE, heard)
    await heard.until(until)
    return link, heard


def alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("behaviour", "said", "last_word"),
    [
        ("CannotDial", [EngineStopped], "the address of whatsapp cannot be resolved"),
        ("Missing", [EngineStopped], "neonize is not installed"),
        ("Raises", [EngineStopped], "the worker ended unexpectedly, with status 70"),
        ("Aborts", [Linked, LinkUp, EngineStopped], "the worker was ended by SIGABRT"),
        (
            "Babbles",
            [EngineStopped],
            "the worker and the server do not speak the same language",
        ),
    ],
)
async def test_a_worker_that_ends_is_heard_once(
    make: Make, behaviour: str, said: list[type[Signal]], last_word: str
) -> None:
    engine = make(behaviour)
    link, heard = await opened(engine, EngineStopped)
    assert engine.lost == 1
    assert heard.kinds == said
    assert heard.last_word == last_word
    assert not alive(link.pid)


async def test_an_engine_is_well_again_once_a_worker_could_be_started(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make("dies")
    with monkeypatch.context() as patched:
        patched.setattr("sys.executable", "/no/such/python")
        await opened(engine, EngineStopped)
    assert engine.condition() != OK

    await engine.link(DEVICE, Heard())

    assert engine.condition() == OK
    assert engine.workers == 1


async def test_a_worker_that_cannot_be_started_is_heard_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-such-python"))
    engine = NeonizeEngine(tmp_path)
    link, heard = await opened(engine, EngineStopped)
    assert heard.last_word == "the system could not start a worker"
    assert engine.condition().verdict is Verdict.DEGRADED
    assert engine.workers == 0
    assert link.pid is None
    with pytest.raises(LinkClosed):
        await link.request_pairing_code("447441395830")
    await link.close()


async def test_a_worker_that_is_no_program_of_ours_is_heard_too(tmp_path: Path) -> None:
    engine = NeonizeEngine(tmp_path, WorkerLaunch(module="no_such_module"))
    _, heard = await opened(engine, EngineStopped)
    assert heard.last_word == "the worker ended unexpectedly, with status 1"


@pytest.mark.parametrize(
    ("behaviour", "patience", "said", "last_word"),
    [
        ("Silent", "_OPENING_LASTS", [], "whatsapp did not answer in time"),
        (
            "NeverLogsIn",
            "_FIRST_LOGIN_LASTS",
            [Linked],
            "the first login did not follow the link",
        ),
        (
            "StaysDown",
            "_RECONNECT_LASTS",
            [Linked, LinkUp, LinkDown],
            "the engine did not reconnect in time",
        ),
        (
            "HearsNothing",
            "_OPENING_LASTS",
            [Linked, LinkUp, KeepAliveMissed],
            "whatsapp stopped answering",
        ),
    ],
)
async def test_an_engine_that_is_stuck_is_not_waited_for(  # noqa: PLR0917 — parameters of the case
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
    patience: str,
    said: list[type[Signal]],
    last_word: str,
) -> None:
    # Long enough for a worker to start: it is counted from the start of its process.
    monkeypatch.setattr(link_module, patience, timedelta(seconds=3))
    link, heard = await opened(make(behaviour), EngineStopped)
    assert heard.kinds == [*said, EngineStopped]
    assert heard.last_word == last_word
    assert not alive(link.pid)


async def test_codes_that_stop_coming_are_not_waited_for(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "_NEXT_CODE_IS_LATE", timedelta(seconds=-60))
    _, heard = await opened(make("ShowsCode"), EngineStopped)
    assert heard.kinds == [QrIssued, EngineStopped]
    assert heard.last_word == "the engine gave no further code"


async def test_whatsapps_refusal_of_a_number_is_said_without_the_number(make: Make) -> None:
    link, _ = await opened(make("ShowsCode"), QrIssued)
    with pytest.raises(LinkClosed, match=r"^whatsapp gave no code for this number$"):
        await link.request_pairing_code("12")


async def test_a_refused_logout_leaves_the_link_as_it_was(make: Make) -> None:
    link, heard = await opened(make("RefusesLogout"), LinkUp)
    with pytest.raises(LinkClosed, match="did not confirm"):
        await link.log_out()
    assert alive(link.pid)
    assert heard.kinds == [Linked, LinkUp]


async def test_a_logout_that_was_given_up_too_early_is_told_when_it_is_done(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "_ANSWER_LASTS", BRIEFLY)
    link, heard = await opened(make("LogsOutLate"), LinkUp)
    with pytest.raises(LinkClosed, match="did not answer in time"):
        await link.log_out()
    await heard.until(EngineStopped)
    assert heard.kinds == [Linked, LinkUp, LoggedOut, EngineStopped]


async def test_a_logout_does_not_wait_for_a_link_that_ends(make: Make) -> None:
    engine = make("NeverLogsIn")
    link, heard = await opened(engine, Linked)
    logging_out = asyncio.create_task(link.log_out())
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(LinkClosed):
        await logging_out
    assert heard.kinds == [Linked]


async def test_what_was_received_before_a_close_is_still_delivered(make: Make) -> None:
    link, heard = await opened(make("HasMoreToSay"), LinkUp)
    await link.close()
    assert heard.kinds == [Linked, LinkUp, *[KeepAliveRestored] * 5]


async def test_what_was_received_before_the_connection_broke_is_still_delivered(
    make: Make,
) -> None:
    link, heard = await opened(make("HasMoreToSayWhenDown"), LinkDown)
    await link.close()
    assert heard.kinds == [Linked, LinkUp, LinkDown, *[KeepAliveRestored] * 5]


async def test_a_relative_data_folder_stays_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker changes into another folder, and deletes there what is logged out."""
    monkeypatch.chdir(tmp_path)
    link, _ = await opened(NeonizeEngine(Path("data"), puppet("Up")), LinkUp)
    folder = tmp_path / "data" / "credentials"
    assert [path.suffix for path in folder.iterdir()] == [".lock"]
    await link.log_out()
    assert list(folder.iterdir()) == []


async def test_a_close_does_not_wait_for_a_library_that_hangs(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "_CLOSE_LASTS", BRIEFLY)
    link, heard = await opened(make("HangsWhenDisconnected"), LinkUp)
    await link.close()
    assert not alive(link.pid)
    assert heard.kinds == [Linked, LinkUp]


async def test_a_cancelled_close_still_ends_the_worker(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "_CLOSE_LASTS", timedelta(seconds=1))
    link, _ = await opened(make("HangsWhenDisconnected"), LinkUp)
    closing = asyncio.create_task(link.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await link.close()
    assert not alive(link.pid)


async def test_a_link_that_is_closed_while_it_opens_leaves_no_worker(make: Make) -> None:
    engine = make("Silent")
    opening = asyncio.create_task(engine.link(DEVICE, Heard()))
    await asyncio.sleep(0)
    await engine.close()
    link = await opening
    await link.close()
    assert link.pid is None or not alive(link.pid)
    assert await engine.linked(DEVICE) is None


async def test_a_link_whose_opening_is_cancelled_leaves_its_device_free(make: Make) -> None:
    engine = make("ShowsCode")
    opening = asyncio.create_task(engine.link(DEVICE, Heard()))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    await opened(engine, QrIssued)


async def test_a_linking_that_came_to_nothing_leaves_no_file(make: Make, tmp_path: Path) -> None:
    link, _ = await opened(make("ShowsCode"), QrIssued)
    assert (tmp_path / "credentials" / f"{DEVICE}.lock").exists()
    await link.close()
    assert list((tmp_path / "credentials").iterdir()) == []


async def test_a_device_that_another_process_holds_is_waited_for_and_then_reported(
    make: Make,
) -> None:
    await opened(make("ShowsCode"), QrIssued)
    _, heard = await opened(make("ShowsCode"), EngineStopped)
    assert heard.kinds == [EngineStopped]
    assert heard.last_word == "another process holds the credentials"


async def test_a_device_that_another_process_lets_go_is_taken_over(make: Make) -> None:
    first, _ = await opened(make("ShowsCode"), QrIssued)
    second = Heard()
    await make("ShowsCode").link(DEVICE, second)
    await first.close()
    await second.until(QrIssued)


async def test_a_name_that_could_lead_elsewhere_is_refused(make: Make) -> None:
    engine = make("ShowsCode")
    with pytest.raises(ValueError, match="letters, digits"):
        await engine.link(DeviceId("../x"), Heard())
    await engine.close()


async def test_a_worker_knows_nothing_of_the_servers_secrets(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_SECRET", "hush")
    link, _ = await opened(make("ShowsCode"), QrIssued)
    environment = await asyncio.to_thread(Path(f"/proc/{link.pid}/environ").read_bytes)
    assert b"hush" not in environment
    assert b"NEONIZE_BOT_TAG=off" in environment


async def test_opening_and_closing_leaks_neither_files_nor_processes(make: Make) -> None:
    engine = make("ShowsCode")

    async def once() -> int | None:
        link, _ = await opened(engine, QrIssued)
        await link.close()
        return link.pid

    await once()  # the thread pool and the like
    before = open_files()
    pids = [await once() for _ in range(20)]
    gc.collect()
    assert open_files() == before
    assert not any(alive(pid) for pid in pids)


DAY = timedelta(days=1)
LEFT = DeviceId("dev_left_1_1")


class Rows:
    """What the database knows of, and how often it was asked."""

    def __init__(self, *known: DeviceId) -> None:
        self.known = set(known)
        self.asked = 0
        self.then: Callable[[], None] = lambda: None
        """Happens before the second answer, which is given under the device's lock."""

    async def __call__(self, devices: Collection[DeviceId]) -> Collection[DeviceId]:
        self.asked += 1
        if self.asked == 2:
            self.then()
        return self.known.intersection(devices)


@pytest.fixture
def left(tmp_path: Path) -> list[Path]:
    """The files of two devices, untouched for two days."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    files = [folder / f"{device}.sqlite3" for device in (DEVICE, LEFT)]
    then = time.time() - 2 * DAY.total_seconds()
    for file in files:
        file.touch()
        os.utime(file, (then, then))
    return files


async def test_credentials_that_nobody_knows_of_are_deleted(
    make: Make, left: list[Path], tmp_path: Path
) -> None:
    engine, rows = make("Silent"), Rows(DEVICE)
    assert await engine.forget_unknown(rows, DAY, dry_run=True) == [LEFT]
    assert [file.exists() for file in left] == [True, True]
    assert await engine.forget_unknown(rows, DAY) == [LEFT]
    assert [path.name for path in (tmp_path / "credentials").iterdir()] == [left[0].name]
    assert await engine.forget_unknown(rows, DAY) == []


async def test_young_credentials_are_left_though_nobody_knows_of_them(
    make: Make, left: list[Path]
) -> None:
    left[1].touch()
    assert await make("Silent").forget_unknown(Rows(DEVICE), DAY) == []
    assert left[1].exists()


async def test_credentials_that_somebody_holds_are_left(make: Make, left: list[Path]) -> None:
    """Whatever the database says: whoever holds the lock uses them."""
    with Credentials(left[1].parent.parent).hold(LEFT, timedelta()):
        os.utime(left[1].with_suffix(".lock"), (0, 0))
        assert await make("Silent").forget_unknown(Rows(DEVICE), DAY) == []
    assert left[1].exists()


async def test_credentials_of_an_open_link_are_left(make: Make, left: list[Path]) -> None:
    engine = make("ShowsCode")
    await opened(engine, QrIssued)
    for file in left[0].parent.glob(f"{DEVICE}*"):
        os.utime(file, (0, 0))
    assert await engine.forget_unknown(Rows(LEFT), DAY) == []


async def test_credentials_that_a_link_begins_to_use_meanwhile_are_left(
    make: Make, left: list[Path]
) -> None:
    """Its row is written before its worker starts, so it is seen under the lock."""
    rows = Rows(DEVICE)
    rows.then = lambda: rows.known.add(LEFT)
    assert await make("Silent").forget_unknown(rows, DAY) == []
    assert left[1].exists()


async def test_a_link_that_begins_later_waits_until_the_old_file_is_gone(
    make: Make, left: list[Path]
) -> None:
    rows = Rows(DEVICE)

    def another_process_begins() -> None:
        with pytest.raises(DeviceBusy), Credentials(left[1].parent.parent).hold(LEFT, timedelta()):
            pass

    rows.then = another_process_begins
    assert await make("Silent").forget_unknown(rows, DAY) == [LEFT]
    assert rows.asked == 2


async def test_a_device_is_busy_until_its_link_is_closed(make: Make) -> None:
    engine = make("ShowsCode")
    link, _ = await opened(engine, QrIssued)
    with pytest.raises(DeviceBusy, match="close it first"):
        await engine.forget(DEVICE)
    await link.close()
    await engine.forget(DEVICE)


SERVER = """
import asyncio, sys
from pathlib import Path
from sololine.core.signals import QrIssued
from sololine.engine.neonize import NeonizeEngine
from tests.fakes.puppet import puppet

async def main():
    shown = asyncio.Event()
    engine = NeonizeEngine(Path(sys.argv[1]), puppet("ShowsCode"))
    link = await engine.link("dev_one_1_1", lambda _: shown.set())
    await shown.wait()
    print(link.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_no_worker_outlives_a_killed_server(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert server.stdout is not None
    worker = int(await server.stdout.readline())
    assert alive(worker)
    server.kill()
    await server.wait()
    async with asyncio.timeout(DEADLINE_S):
        while alive(worker):  # noqa: ASYNC110 — a stranger's end can only be asked for
            await asyncio.sleep(0.01)
