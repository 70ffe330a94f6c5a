"""How commands speak: answers on standard output, failures on standard error, in one language."""

from typing import NewType, NoReturn

import typer

from sololine.core.sentence import Sentence
from sololine.languages import Language

Told = NewType("Told", str)
"""What a service said, which was asked to say it in our language."""

_spoken = Language.ENGLISH


def speak(language: Language) -> None:
    """Say everything in this language from now on; a command line has one reader."""
    global _spoken  # noqa: PLW0603 — the process has one language, as it has one standard output
    _spoken = language


def spoken() -> Language:
    """The language that we speak."""
    return _spoken


def words(sentence: Sentence | Told) -> str:
    """The sentence in the language that we speak."""
    return _spoken.say(sentence) if isinstance(sentence, Sentence) else sentence


def said_by(error: Exception) -> Sentence | Told:
    """Why something failed: the sentence that the error was made with, else its own words."""
    return next((each for each in error.args if isinstance(each, Sentence)), Told(str(error)))


def say(sentence: Sentence, *, err: bool = False) -> None:
    """Tell the person who gave the command; with `err` what is wrong, and more is said."""
    typer.echo(words(sentence), err=err)


def show(line: str) -> None:
    """Put out what is the same in every language: ids, JSON, a line of a list."""
    typer.echo(line)


def consent(question: Sentence) -> None:
    """Ask whether to go on, and end the command when the answer is no."""
    typer.confirm(words(question), abort=True)


def ask_secret(question: Sentence, again: Sentence | None = None) -> str:
    """Ask for what nobody may read on the screen; with `again` twice, until both are the same."""
    typed: str = typer.prompt(
        words(question), hide_input=True, confirmation_prompt=words(again) if again else False
    )
    return typed


def fail(message: Sentence | Told) -> NoReturn:
    """Say what went wrong and what to do, and end with exit code 1."""
    typer.echo(words(message), err=True)
    raise typer.Exit(1)


def refused(objection: Sentence) -> typer.BadParameter:
    """What to raise for a wrong word on the command line."""
    return typer.BadParameter(words(objection))
