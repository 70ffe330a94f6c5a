"""How commands speak: answers on standard output, failures on standard error."""

from typing import NoReturn

import typer


def fail(message: str) -> NoReturn:
    """Say what went wrong and what to do, and end with exit code 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)
