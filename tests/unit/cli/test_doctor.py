"""The doctor finds what keeps a service from running, says what to do, and changes nothing."""

import asyncio
import json
import resource
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sololine.cli.checks import State, data, machine
from sololine.clock import SystemClock
from sololine.core.ids import DeviceId
from sololine.engine.credentials import Credentials
from sololine.settings import Settings
from sololine.store.migrate import migrate
from sololine.store.store import Store
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_service import FakeService

Findings = dict[str, dict[str, str]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is loaded by one test only; the port is one that is free."""
    monkeypatch.setattr(machine, "_LOAD", "")
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("SOLOLINE_PORT", str(free.getsockname()[1]))


def found(run: Run, *words: str, code: int = 0) -> Findings:
    """What the doctor finds, by the name of the check."""
    result = run("doctor", "--json", *words)
    assert result.exit_code == code, result.output
    told = json.loads(result.stdout)
    assert told["ok"] is (code == 0)
    return {each["check"]: each for each in told["findings"]}


def states(findings: Findings) -> set[str]:
    return {each["state"] for each in findings.values()}


@pytest.fixture
def prepared(run: Run, data_dir: Path) -> Path:
    """A data folder in which a service has run."""
    assert run("migrate").exit_code == 0
    return data_dir


def test_where_nothing_is_yet_all_is_well_and_nothing_is_made(run: Run, data_dir: Path) -> None:
    findings = found(run)

    assert states(findings) == {"ok"}
    assert set(findings) == {
        *("python", "settings", "data folder", "disk", "database", "redis", "engine"),
        *("port", "open files"),
    }
    assert not data_dir.exists()


def test_where_a_service_has_run_all_is_well_and_nothing_is_changed(
    run: Run, prepared: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in prepared.rglob("*.sqlite3")}

    findings = found(run)

    assert states(findings) == {"ok"}
    assert "SQLite can be reached" in findings["database"]["says"]
    assert "this machine's clock" in findings["clock"]["says"]
    assert findings["credentials"]["says"] == "files of credentials, each of them known: 0"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (prepared / "credentials").exists()


def test_a_line_is_shown_for_each_check_with_the_remedy_below(run: Run, prepared: Path) -> None:
    prepared.chmod(0o755)

    result = run("doctor")

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("ok       python        Python 3.")
    wrong = next(index for index, line in enumerate(lines) if line.startswith("failed"))
    assert lines[wrong].startswith("failed   data folder   others on this machine may look into")
    assert lines[wrong + 1].strip().startswith(f"Run `chmod 700 {prepared}`")


def test_a_wrong_setting_is_the_only_thing_that_can_be_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_ONLY", "api")

    findings = found(run, code=1)

    assert set(findings) == {"settings"}
    assert findings["settings"]["says"].startswith("SOLOLINE_ONLY is wrong: input should be")


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_cannot_be_written_is_told(
    run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    if there:
        data_dir.mkdir(mode=0o700)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere

    assert "cannot be written" in found(run, code=1)["data folder"]["says"]


def test_a_folder_that_is_a_file_is_told(run: Run, data_dir: Path) -> None:
    data_dir.write_text("")

    assert "cannot be written" in found(run, code=1)["data folder"]["says"]


@pytest.mark.parametrize(
    ("free", "state"), [(2 * 2**30, "ok"), (2**29, "warning"), (2**20, "failed")]
)
def test_room_is_told_before_it_is_gone(
    run: Run, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    assert found(run, code=int(state == "failed"))["disk"]["state"] == state


def test_a_database_of_an_older_version_is_told_with_the_way_up(run: Run, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    (data_dir / "sololine.sqlite3").touch()

    findings = found(run, code=1)

    assert findings["database"]["state"] == "failed"
    assert "sololine migrate" in findings["database"]["remedy"]
    assert "clock" not in findings


@pytest.mark.parametrize(
    "url",
    ["postgresql://ana:hunter2@127.0.0.1:1/x", "mysql://ana:hunter2@localhost/x", "hunter2"],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SOLOLINE_DATABASE_URL", url)

    findings = found(run, code=1)

    assert findings["database"]["state"] == "failed"
    assert findings["database"]["remedy"]
    assert "hunter2" not in json.dumps(findings)


def test_a_database_that_goes_away_meanwhile_is_told_and_the_rest_is_looked_at(
    run: Run, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise ConnectionError("hunter2")

    monkeypatch.setattr("sololine.store.census.Census.devices", away)

    result = run("doctor", "--json")

    told = json.loads(result.stdout)["findings"]
    assert result.exit_code == 1
    assert "the database cannot be reached (ConnectionError)" in [each["says"] for each in told]
    assert told[-1]["check"] == "port"
    assert "hunter2" not in result.output


def test_redis_that_is_away_costs_speed_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLOLINE_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")

    findings = found(run)

    assert findings["redis"]["state"] == "warning"
    assert "hunter2" not in json.dumps(findings)


def test_an_address_of_redis_that_is_none_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_REDIS_URL", "http://localhost")

    assert found(run, code=1)["redis"]["state"] == "failed"


# ---------------------------------------------------------------------- credentials


@pytest.fixture
def linked(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the database know these devices, each with whether a bot is linked with it."""

    def know(**devices: bool) -> None:
        async def known(_: object) -> dict[str, bool]:
            return dict(devices)

        monkeypatch.setattr("sololine.store.census.Census.devices", known)

    return know


def on_disk(data_dir: Path, *devices: str) -> None:
    credentials = Credentials(data_dir)
    credentials.make_folder()
    for device in devices:
        credentials.file(DeviceId(device)).touch()


def test_files_that_belong_to_no_bot_are_counted(
    run: Run, prepared: Path, linked: Callable[..., None]
) -> None:
    linked(dev_a=True, dev_b=False)
    on_disk(prepared, "dev_a", "dev_c", "dev_d")

    finding = found(run)["credentials"]

    assert finding["state"] == "warning"
    assert finding["says"] == "files of credentials that belong to no bot: 2 of 3"


def test_a_linked_bot_without_credentials_is_a_failure(
    run: Run, prepared: Path, linked: Callable[..., None]
) -> None:
    linked(dev_a=True, dev_b=True, dev_c=False)
    on_disk(prepared, "dev_a")

    finding = found(run, code=1)["credentials"]

    assert finding["says"] == "linked bots without credentials in the data folder: 1"


def test_another_folders_credentials_are_told(run: Run, prepared: Path) -> None:
    async def bind() -> None:
        store = await Store.open(f"sqlite:///{prepared}/sololine.sqlite3", SystemClock())
        await store.run(lambda tx: tx.deployment.bind("elsewhere"))
        await store.close()

    asyncio.run(bind())
    (prepared / "credentials-id").write_text("here")

    finding = found(run, code=1)["credentials"]

    assert "belongs to the credentials in another data folder" in finding["says"]


def test_where_no_connections_run_nothing_is_looked_for_that_they_need(
    run: Run, prepared: Path, linked: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_ONLY", "web")
    linked(dev_a=True)

    findings = found(run)

    assert findings["credentials"]["state"] == "ok"
    assert "engine" not in findings
    assert "open files" not in findings


# ---------------------------------------------------------------------- the machine


def test_another_python_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 10, 0))

    assert found(run, code=1)["python"]["remedy"].startswith("Use Python 3.11")


def test_the_engine_is_loaded_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    finding = machine.engine()

    assert (finding.state, finding.says) == (State.OK, "the engine's library loads, version 0.5.2")
    assert "neonize" not in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize(
    ("load", "says"),
    [
        ("import sys; sys.exit('it is version 0.4.0')", "it is version 0.4.0"),
        ("import os; os.abort()", "the engine's library breaks its process"),
    ],
)
def test_an_engine_that_does_not_load_is_told_and_breaks_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, load: str, says: str
) -> None:
    monkeypatch.setattr(machine, "_LOAD", load)

    assert found(run, code=1)["engine"]["says"] == says


def test_a_port_that_somebody_else_has_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, service: FakeService
) -> None:
    monkeypatch.setenv("SOLOLINE_PORT", service.url.rpartition(":")[2])

    finding = found(run, code=1)["port"]

    assert "cannot be used" in finding["says"]
    assert "SOLOLINE_PORT" in finding["remedy"]


@pytest.mark.parametrize(
    ("bus", "state"), [({"status": "ok"}, "ok"), ({"status": "degraded"}, "warning")]
)
def test_a_port_that_sololine_has_is_asked_how_it_is(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    service: FakeService,
    data_dir: Path,
    *,
    bus: dict[str, Any],
    state: str,
) -> None:
    monkeypatch.setenv("SOLOLINE_PORT", service.url.rpartition(":")[2])
    parts = {"store": {"status": "ok"}, "bus": bus}
    service.answers("GET", "/health/ready", {"status": bus["status"], "parts": parts})
    data_dir.chmod(0o700)

    finding = found(run)["port"]

    assert finding["state"] == state
    assert "Sololine answers at port" in finding["says"]


@pytest.fixture
def few_files() -> Iterator[None]:
    had = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, had[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, had)


@pytest.mark.usefixtures("few_files")
def test_too_few_open_files_for_the_sessions_are_told() -> None:
    assert machine.open_files(40).state is State.OK
    finding = machine.open_files(50)

    assert finding.state is State.FAILED
    assert finding.says == "300 files may be open, and 50 sessions need about 328"
    assert "LimitNOFILE=656" in finding.remedy


async def test_whatsapp_is_reached_only_when_asked_for(run: Run) -> None:
    finding = await machine.whatsapp("127.0.0.1", 1)

    assert finding.state is State.FAILED
    assert "ConnectionRefusedError" in finding.says


# ---------------------------------------------------------------------- PostgreSQL


async def test_a_postgres_is_looked_at_with_its_clock(
    postgres_database: str, tmp_path: Path, redis_database: str
) -> None:
    await migrate(postgres_database)
    settings = Settings(data_dir=tmp_path, database_url=postgres_database, redis_url=redis_database)
    async with data.database(settings) as (finding, store):
        assert finding.says.startswith("PostgreSQL can be reached")
        assert store is not None
        same = await data.clock(settings, store)
        store.shift = timedelta(seconds=30)
        late = await data.clock(settings, store)
        store.shift = timedelta(days=-1)
        wrong = await data.clock(settings, store)

    assert [each.state for each in (same, late, wrong)] == [
        State.OK,
        State.WARNING,
        State.FAILED,
    ]
    assert late.says.startswith("the database's clock differs from ours by 30.")
    assert (await data.redis(settings)).says == "Redis can be reached"
