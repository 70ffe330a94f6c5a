"""`sololine import`: what another system says of its bots."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sololine.cli import report
from sololine.cli.configured import settings_of
from sololine.cli.output import consent, fail, say, show
from sololine.cli.stored import DryRun, at_gateway, tenant_named
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.sentence import Counted, Sentence

if TYPE_CHECKING:
    from sololine.actions.importing import Examined
    from sololine.core.listing_file import Mistake


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
        why = error.strerror if isinstance(error, OSError) else Sentence("it is not UTF-8")
        fail(Sentence("The file {file} cannot be read: {why}.", file=str(file), why=why))
    said = read(text, settings_of().region)
    if said.mistakes:
        for mistake in said.mistakes:
            say(_placed(mistake), err=True)
        fail(Sentence("Nothing was imported. Mend the file and try again."))

    found = at_gateway(lambda gateway: importing.examine(gateway, whose, said.entries))
    _tell(found, said.unknown, said.repeats)
    if dry_run:
        show("")
        say(report.NOTHING_CHANGED)
        return
    if not found.changes:
        show("")
        say(Sentence("There is nothing to import."))
        return
    if not yes:
        show("")
        consent(Sentence("Import {count} of them?", count=found.changes))
    done = at_gateway(lambda gateway: importing.carry_out(gateway, whose, said.entries))
    show("")
    say(Sentence("IMPORT COMPLETED: {count} of {all}", count=done.changes, all=len(said.entries)))
    if done.clashes:
        say(Sentence("`sololine conflicts resolve` leaves each number to one bot."))


def _placed(mistake: "Mistake") -> Sentence:
    if not mistake.line:
        return mistake.sentence
    return Sentence("Line {line}: {mistake}", line=mistake.line, mistake=mistake.sentence)


def _tell(found: "Examined", unknown: tuple[str, ...], repeats: int) -> None:
    from sololine.actions.importing import Fate  # noqa: PLC0415 — see above

    report.title(Sentence("IMPORTING WHATSAPP CONNECTIONS"))
    report.item(Sentence("Bots in the file: {count}", count=len(found.judged)))
    report.item(Sentence("New bots: {count}", count=found.count(Fate.NEW)))
    report.item(
        Sentence(
            "Known bots of which the file says something new: {count}",
            count=found.count(Fate.CHANGED),
        )
    )
    report.item(Sentence("Known already: {count}", count=found.count(Fate.SAME)))
    if repeats:
        report.item(Sentence("Rows that repeat another one: {count}", count=repeats))
    named = [report.plain(column) for column in unknown if column]
    if named:
        report.item(Sentence("Columns that mean nothing here: {columns}", columns=", ".join(named)))
    for each in found.judged:
        if each.fate is Fate.OTHER_NUMBER:
            show("")
            say(
                Sentence(
                    "Line {line} is left out: the bot {bot} is linked with another number here. "
                    "Disconnect it first if the file is right.",
                    line=each.entry.line,
                    bot=each.bot,
                )
            )
        elif each.fate is Fate.AMBIGUOUS:
            show("")
            say(
                Sentence(
                    "Line {line} is left out: the user has several bots of this name. Give them "
                    "names of their own.",
                    line=each.entry.line,
                )
            )
    if found.clashes:
        show("")
        say(
            Counted(
                "{count} NUMBER WOULD BE IN CONFLICT:",
                "{count} NUMBERS WOULD BE IN CONFLICT:",
                count=len(found.clashes),
            )
        )
        new = [each.bot for each in found.judged if each.bot and each.fate is Fate.NEW]
        report.conflicts(found.clashes, new)
