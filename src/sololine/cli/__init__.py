"""The `sololine` command: the top floor, where words typed by people become calls."""

from importlib.metadata import version as installed_version

import typer

app = typer.Typer(
    name="sololine",
    help="A self-hosted WhatsApp gateway that never lets two bots answer on one number.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _root() -> None:
    # Without a callback, typer turns an app of one command into that command itself.
    pass


@app.command()
def version() -> None:
    """Print the version of Sololine."""
    typer.echo(installed_version("sololine"))


def main() -> None:
    """Run the command line; the entry point that the package declares."""
    app()
