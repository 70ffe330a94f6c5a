"""The `sololine` command: the top floor, where words typed by people become calls."""

from importlib.metadata import version as installed_version

import typer

from sololine.cli import backup, bot, keys, phone, phone_group, phone_letters, serve

app = typer.Typer(
    name="sololine",
    help="A self-hosted WhatsApp gateway that never lets two bots answer on one number.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(serve.serve)
app.command()(serve.sandbox)
app.command()(serve.migrate)
app.command()(backup.backup)
app.command()(backup.restore)
phone.app.add_typer(phone_letters.app)
phone.app.add_typer(phone_group.app)
app.add_typer(bot.app)
app.add_typer(phone.app)
app.add_typer(keys.app)


@app.command()
def version() -> None:
    """Print the version of Sololine."""
    typer.echo(installed_version("sololine"))


def main() -> None:
    """Run the command line; the entry point that the package declares."""
    app()
