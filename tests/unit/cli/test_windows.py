"""The commands that only need the store run where the engine cannot, as on Windows.

We have no Windows here, so a process of its own is kept from what is not there.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dev

WITHOUT_POSIX = """
import importlib.abc, os, sys

class Missing(importlib.abc.MetaPathFinder):
    names = {"fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names | {"uvloop"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
for name in ("O_CLOEXEC", "O_NOFOLLOW", "fchmod", "fork", "getuid", "geteuid", "killpg", "setsid"):
    delattr(os, name)

import sololine.cli.clean
from sololine.cli import main

class Os:
    name = "nt"

sololine.cli.clean.os = Os
main()
"""


def run(data_dir: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX, *words],
        cwd=dev.ROOT,
        env={**os.environ, "SOLOLINE_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_kept_away_is_missed(data_dir: Path) -> None:
    """Or the others would prove nothing: the service itself needs it."""
    done = run(data_dir, "keys", "create")
    assert done.returncode != 0
    assert "fcntl" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("conflicts", "resolve"),
        ("clean",),
        ("stats", "--json"),
    ],
    ids=" ".join,
)
def test_a_command_that_needs_the_store_alone_runs(data_dir: Path, words: tuple[str, ...]) -> None:
    done = run(data_dir, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_letter_that_the_console_lacks_does_not_end_a_report(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    file = tmp_path / "bots.csv"
    file.write_text("userId,phoneNumber\nŁucja,34600111222\nben,34600111222\n", encoding="utf-8")
    done = run(data_dir, "import", str(file), "--dry-run")
    assert done.returncode == 0
    assert "User: \\u0141ucja\n" in done.stdout


def test_an_import_runs_too(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "bots.csv"
    file.write_text("userId,phoneNumber\neva,34600111222\nben,34600111222\n")
    done = run(data_dir, "import", str(file), "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(data_dir, "conflicts", "detect").returncode == 1
