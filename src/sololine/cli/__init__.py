"""The `sololine` command: the top floor, where words typed by people become calls."""

import io
import os
import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from sololine.cli import (
    backup,
    bot,
    clean,
    conflicts,
    doctor,
    importing,
    keys,
    phone,
    phone_group,
    phone_letters,
    serve,
    stats,
)
from sololine.cli.language import OPTION, translate, wanted
from sololine.cli.output import show, speak
from sololine.languages import Language

app = typer.Typer(
    name="sololine",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(serve.serve)
app.command()(serve.sandbox)
app.command()(serve.migrate)
app.command()(doctor.doctor)
app.command()(clean.clean)
app.command()(stats.stats)
app.command("import")(importing.import_bots)
app.command()(backup.backup)
app.command()(backup.restore)
phone.app.add_typer(phone_letters.app)
phone.app.add_typer(phone_group.app)
app.add_typer(bot.app)
app.add_typer(phone.app)
app.add_typer(keys.app)
app.add_typer(conflicts.app)


@app.callback()
def sololine(
    _: Annotated[
        Language | None,
        typer.Option(OPTION, help="Language to speak; the terminal's, when left out."),
    ] = None,
) -> None:
    """A self-hosted WhatsApp gateway that never lets two bots answer on one number."""


@app.command()
def version() -> None:
    """Print the version of Sololine."""
    show(installed_version("sololine"))


def main() -> None:
    """Run the command line; the entry point that the package declares."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name must not end a report because a console, or a file on Windows, lacks a letter.
            stream.reconfigure(errors="backslashreplace")
    language = wanted(sys.argv[1:], os.environ)
    speak(language)
    command = typer.main.get_command(app)
    if language is not Language.ENGLISH:
        translate(command, language)
    command()
