"""The Windows wrappers, by the names of the documents, call commands that are there."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

import dev
from sololine.cli import app

SCRIPTS = dev.ROOT / "scripts"
CALLED = re.compile(rb'^"%SOLOLINE%" (.+) %\*\r$', re.MULTILINE)


def test_these_are_the_wrappers() -> None:
    assert sorted(path.name for path in SCRIPTS.iterdir()) == [
        "detectar-conflictos.bat",
        "estadisticas.bat",
        "limpiar-todo.bat",
        "resolver-conflictos.bat",
    ]


@pytest.mark.parametrize("script", sorted(SCRIPTS.iterdir()), ids=lambda path: path.stem)
def test_a_wrapper_calls_a_command_and_hands_on_its_words_and_its_exit_code(script: Path) -> None:
    text = script.read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n"), "cmd.exe wants both"
    (words,) = CALLED.findall(text)
    command = typer.main.get_command(app)
    for word in shlex.split(words.decode()):
        command = command.commands[word]
    assert not hasattr(command, "commands")
    assert text.endswith(b"exit /b %errorlevel%\r\n")
    assert text.isascii(), "consoles differ in everything else"
