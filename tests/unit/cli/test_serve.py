"""What the commands that run the service say before they run it; the rest is in the flow tests."""

import socket
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SOLOLINE_PORT", "eighty", "SOLOLINE_PORT is wrong: input should be a valid integer"),
        ("SOLOLINE_ONLY", "api", "SOLOLINE_ONLY is wrong: input should be one of these: 'all'"),
        ("SOLOLINE_REGION", "UK", "SOLOLINE_REGION is wrong: write the country with its two"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_wrong_setting_is_told_by_its_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, command: str, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)

    result = run(command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(says)


def test_a_port_that_is_taken_is_told_with_the_way_to_another(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_ONLY", "web")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port))

    assert result.exit_code == 1
    assert f"Port {port} of 127.0.0.1 cannot be used: " in result.stderr
    assert "SOLOLINE_PORT" in result.stderr


def test_a_database_that_is_none_of_ours_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLOLINE_DATABASE_URL", "mysql://localhost/x")

    result = run("serve")

    assert result.exit_code == 1
    assert "postgresql" in result.stderr


def test_migrating_makes_the_database_and_may_be_repeated(run: Run, data_dir: Path) -> None:
    first, second = run("migrate"), run("migrate")

    assert first.exit_code == second.exit_code == 0
    assert first.output == second.output
    assert first.output.startswith("The database is at revision ")
    assert (data_dir / "sololine.sqlite3").exists()


def test_where_the_sandbox_cannot_run_it_says_why(
    run: Run, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setattr("sololine.engine.loopback.available", lambda: "it needs another machine")

    result = run("sandbox")

    assert (result.exit_code, result.stderr) == (
        1,
        "The sandbox cannot run here: it needs another machine.\n",
    )
    assert not data_dir.exists()
