"""`sololine import`: what another system says of its bots."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sololine.cli import report
from sololine.cli.configured import settings_of
from sololine.cli.output import fail
from sololine.cli.stored import DryRun, at_gateway, tenant_named
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.actions.importing import Examined

_CLASH: Final = {
    False: "{count} NUMBERS WOULD BE IN CONFLICT:",
    True: "1 NUMBER WOULD BE IN CONFLICT:",
}


def import_bots(
    file: Annotated[Path, typer.Argument(help="CSV with a header, or a JSON list.")],
    tenant: Annotated[
        str, typer.Option(help="Whose bots they will be; a tenant that is new is made.")
    ] = DEFAULT_TENANT,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is done.")] = False,
) -> None:
    """List what another system says of its bots and their numbers, and make bots that are new."""
    from sololine.actions import importing  # noqa: PLC0415 — loads the database's parts
    from sololine.core.listing_file import read  # noqa: PLC0415 — see above

    whose = tenant_named(tenant)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        fail(Sentence("The file {file} cannot be read: {why}.", file=str(file), why=why))
    said = read(text, settings_of().region)
    if said.mistakes:
        for mistake in said.mistakes:
            place = f"Line {mistake.line}: " if mistake.line else ""
            typer.echo(f"{place}{mistake.sentence}", err=True)
        fail(Sentence("Nothing was imported. Mend the file and try again."))

    found = at_gateway(lambda gateway: importing.examine(gateway, whose, said.entries))
    _tell(found, said.unknown, said.repeats)
    if dry_run:
        typer.echo("\nDRY RUN: NOTHING WAS CHANGED")
        return
    if not found.changes:
        typer.echo("\nThere is nothing to import.")
        return
    if not yes:
        typer.confirm(f"\nImport {found.changes} of them?", abort=True)
    done = at_gateway(lambda gateway: importing.carry_out(gateway, whose, said.entries))
    typer.echo(f"\nIMPORT COMPLETED: {done.changes} of {len(said.entries)}")
    if done.clashes:
        typer.echo("`sololine conflicts resolve` leaves each number to one bot.")


def _tell(found: "Examined", unknown: tuple[str, ...], repeats: int) -> None:
    from sololine.actions.importing import Fate  # noqa: PLC0415 — see above

    typer.echo("IMPORTING WHATSAPP CONNECTIONS\n")
    typer.echo(f"   - Bots in the file: {len(found.judged)}")
    typer.echo(f"   - New bots: {found.count(Fate.NEW)}")
    typer.echo(f"   - Known bots of which the file says something new: {found.count(Fate.CHANGED)}")
    typer.echo(f"   - Known already: {found.count(Fate.SAME)}")
    if repeats:
        typer.echo(f"   - Rows that repeat another one: {repeats}")
    named = [report.plain(column) for column in unknown if column]
    if named:
        typer.echo(f"   - Columns that mean nothing here: {', '.join(named)}")
    for each in found.judged:
        if each.fate is Fate.OTHER_NUMBER:
            typer.echo(
                f"\nLine {each.entry.line} is left out: the bot {each.bot} is linked with another "
                "number here. Disconnect it first if the file is right."
            )
        elif each.fate is Fate.AMBIGUOUS:
            typer.echo(
                f"\nLine {each.entry.line} is left out: the user has several bots of this name. "
                "Give them names of their own."
            )
    if found.clashes:
        count = len(found.clashes)
        typer.echo("\n" + _CLASH[count == 1].format(count=count))
        new = [each.bot for each in found.judged if each.bot and each.fate is Fate.NEW]
        for line in report.conflicts(found.clashes, new):
            typer.echo(line)
