"""The language of a command line: which one is wanted, and its help in it.

Help stands in English where commands are declared, and is translated in the finished tree of
commands, before a word of the command line is read: so also `--help` is, and nobody who adds a
command has to think of it.
"""

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import typer

from sololine.languages import DOMAIN, LOCALE, Language, of_environment

OPTION: Final = "--lang"


def wanted(words: Sequence[str], environment: Mapping[str, str]) -> Language:
    """The language that `--lang` names before the command, else the one of the environment.

    A word that is no language of ours is left to the command line itself, which refuses it.
    """
    for at, word in enumerate(words):
        if not word.startswith("-"):
            break
        option, _, value = word.partition("=")
        if option == OPTION:
            named = value or "".join(words[at + 1 : at + 2])
            if named in list(Language):
                return Language(named)
            break
    return of_environment(environment) or Language.ENGLISH


def translate(command: Any, language: Language) -> None:
    """Put the help of a command, and of all below it, into a language; also Typer's own headings.

    Those are looked up by `gettext` itself, in the first catalogue of the process.
    """
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain(DOMAIN, str(LOCALE))
    gettext.textdomain(DOMAIN)
    for each in helpful(command):
        each.help = language.word(each.help)


def helpful(command: Any) -> Iterator[Any]:
    """Everything in a tree of commands that has a help text: commands, arguments and options."""
    context = typer.Context(command)
    for each in (command, *command.params, command.get_help_option(context)):
        if each.help:
            yield each
    for below in getattr(command, "commands", {}).values():
        yield from helpful(below)
