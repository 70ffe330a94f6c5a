"""Every command teaches what it does and what it wants."""

from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest
import typer.main

from sololine.cli import app
from tests.unit.cli.conftest import Run

ROOT = typer.main.get_command(app)


def commands(
    command: click.Command, *words: str
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, *words, name)


ALL = dict(commands(ROOT))


def test_these_are_the_commands() -> None:
    """Who adds one, adds it to the documents too."""
    assert sorted(" ".join(words) for words in ALL if not hasattr(ALL[words], "commands")) == [
        "backup",
        "bot connect",
        "bot create",
        "bot disconnect",
        "bot list",
        "clean",
        "conflicts detect",
        "conflicts resolve",
        "doctor",
        "import",
        "keys create",
        "keys list",
        "keys revoke",
        "migrate",
        "phone add",
        "phone code",
        "phone delete",
        "phone devices",
        "phone edit",
        "phone fault",
        "phone group add",
        "phone group create",
        "phone group list",
        "phone group remove",
        "phone group rename",
        "phone heal",
        "phone inbox",
        "phone list",
        "phone name",
        "phone offline",
        "phone online",
        "phone react",
        "phone read",
        "phone save",
        "phone scan",
        "phone send",
        "phone typing",
        "phone unlink",
        "restore",
        "sandbox",
        "serve",
        "stats",
        "version",
    ]


@pytest.mark.parametrize("words", ALL, ids=lambda words: " ".join(words) or "sololine")
def test_help_says_what_a_command_does_and_takes(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--help")

    command = ALL[words]
    assert result.exit_code == 0
    assert command.help is not None
    first = command.help.splitlines()[0]
    assert first.endswith(".")
    assert first.split()[0] in result.output
    for parameter in command.params:
        told = getattr(parameter, "help", None)
        assert told, f"{parameter.name} is not explained"
        assert told.endswith((".", ")", "…")), f"{parameter.name} is not explained in a sentence"


@pytest.mark.parametrize(
    "words", [(), ("bot",), ("phone",), ("phone", "group"), ("keys",), ("conflicts",)]
)
def test_without_a_word_what_to_do_the_help_is_shown(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)

    assert "Usage:" in result.output
    assert "--help" in result.output


def test_an_unknown_word_is_refused_with_the_way_to_the_help(run: Run) -> None:
    result = run("conect")

    assert result.exit_code == 2
    assert "--help" in result.output


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("version").output == f"{version('sololine')}\n"
