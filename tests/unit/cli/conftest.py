import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from sololine.cli import app
from sololine.cli.sandbox import Sandbox
from tests.unit.cli.fake_service import FakeService

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder that every command is about; nothing is in it."""
    folder = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOLOLINE_DATA_DIR", str(folder))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)  # what is asked is on loopback
    return folder


@pytest.fixture(autouse=True)
def _unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command does to the log of its process is no matter of the next test."""
    for module, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))
    monkeypatch.setattr("logging.captureWarnings", lambda capture: None)
    yield
    structlog.reset_defaults()


@pytest.fixture
def run() -> Run:
    """Run the command with these words."""
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def service(data_dir: Path) -> Iterator[FakeService]:
    """A sandbox with scripted answers, which the commands find."""
    with FakeService() as service:
        data_dir.mkdir()
        Sandbox(api=f"{service.url}/api", key="the-key", control=f"{service.url}/whatsapp").save(
            data_dir
        )
        yield service
