"""`sololine backup` and `sololine restore`."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sololine.cli.configured import settings_of
from sololine.cli.output import fail
from sololine.core.errors import SololineError
from sololine.core.ids import BotId

if TYPE_CHECKING:
    from sololine.backup.restore import Outcome
    from sololine.core.backup import Backup
    from sololine.settings import Settings

PASSPHRASE: Final = "SOLOLINE_BACKUP_PASSPHRASE"  # noqa: S105 — the name of where it is
LENGTH_MIN: Final = 12

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help=f"A file whose first line is the passphrase; else {PASSPHRASE}, or asked."),
]


def backup(
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    bot: Annotated[str | None, typer.Argument(help="The bot's id.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All bots of all tenants, the tenants and their keys.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Set what is copied offline first, and leave it so.")
    ] = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Copy a bot, or everything, into a file that a passphrase seals."""
    if (bot is None) is not everything:
        fail("Name a bot, or say --all.")
    if out.exists():
        fail(f"There is a file {out} already. Choose another name, or move it away.")
    if not out.parent.is_dir():
        fail(f"There is no folder {out.parent}.")
    settings = settings_of()
    passphrase = _passphrase(passphrase_file, new=True)
    taken = asyncio.run(_backup(settings, bot, out, passphrase, stop=stop))
    for copy in taken.bots:
        typer.echo(f"{copy.bot.name} ({copy.bot.id}): {_copied(copy.device is None, copy.at_rest)}")
    typer.echo(
        f"{out} is written. Keep its passphrase elsewhere: without it, nobody opens the file."
    )


def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    bot: Annotated[str | None, typer.Option(help="Restore only this bot of it.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="The original is stopped, for good: let it connect.")
    ] = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Bring bots back from a backup, offline; held back until --take-over says they may connect."""
    if not file.is_file():
        fail(f"There is no file {file}.")
    settings = settings_of()
    passphrase = _passphrase(passphrase_file, new=False)
    outcomes = asyncio.run(
        _restore(settings, file, passphrase, bot, dry_run=dry_run, take_over=take_over)
    )
    if bot is not None and not outcomes:
        fail(f"The backup holds no bot {bot[:30]}. Without --bot, --dry-run shows which it holds.")
    for outcome in outcomes:
        said = _became(outcome, dry_run=dry_run)
        typer.echo(f"{outcome.bot.name} ({outcome.bot.id}): {said}")
    if any(outcome.held for outcome in outcomes) and not dry_run:
        typer.echo(
            "What is held back does not connect, since its original may still run elsewhere, and "
            "the two would throw each other out. Stop the original, then say this command again "
            "with --take-over."
        )
    if any(_refused(outcome) for outcome in outcomes):
        raise typer.Exit(1)


def _copied(unlinked: bool, at_rest: bool) -> str:
    if unlinked:
        return "copied; it is not linked"
    if at_rest:
        return "copied with its credentials"
    return (
        "copied with its credentials, while they were in use. They are out of date already; "
        "to move the bot, use --stop"
    )


def _became(outcome: "Outcome", *, dry_run: bool) -> str:
    from sololine.core.backup import Refused, Restore, Unchanged  # noqa: PLC0415 — see `_backup`

    match outcome.verdict:
        case Refused(why=why):
            return f"not restored. {why}"
        case Restore() if dry_run:
            return "would be restored" + (", held back" if outcome.held else "")
        case Restore(links=False):
            return "restored; it is not linked"
        case Restore():
            return "restored, held back" if outcome.held else "restored, offline. Connect it"
        case Unchanged(held=True) if not outcome.held and not dry_run:
            return "taken over. Connect it"
        case Unchanged():
            return "restored before" + (", held back" if outcome.held else "")


def _refused(outcome: "Outcome") -> bool:
    from sololine.core.backup import Refused  # noqa: PLC0415 — see `_backup`

    return isinstance(outcome.verdict, Refused)


async def _backup(
    settings: "Settings", bot: str | None, out: Path, passphrase: str, *, stop: bool
) -> "Backup":
    # They load the database's parts, which takes longer than most commands.
    from sololine.actions.gateway import Gateway  # noqa: PLC0415 — see above
    from sololine.backup import take  # noqa: PLC0415 — see above
    from sololine.backup.data_folder import OtherFolder, belong_together  # noqa: PLC0415
    from sololine.bus.memory import MemoryBus  # noqa: PLC0415 — see above
    from sololine.engine.errors import UnreadableCredentials  # noqa: PLC0415 — see above
    from sololine.opened_store import opened_store  # noqa: PLC0415 — see above

    async with opened_store(settings) as store:
        try:
            await belong_together(store, settings.data_dir, dry_run=True)
            bots = await take.bots_to_copy(store, bot)
            if stop:
                # Nobody hears this bus: a service that runs finds the order within seconds.
                await take.stop(Gateway(store=store, bus=MemoryBus()), bots)
            return await take.take(
                store,
                settings.data_dir,
                bots,
                out,
                passphrase,
                everything=bot is None,
                stopped=stop,
            )
        except SololineError as error:
            fail(error.message)
        except (take.StillRunning, take.CredentialsLost, OtherFolder) as error:
            fail(str(error))
        except UnreadableCredentials as error:
            fail(f"{error}; restore them from an earlier backup, or link the bot anew.")
        except OSError as error:
            fail(f"No backup was made: {error}.")


async def _restore(
    settings: "Settings",
    file: Path,
    passphrase: str,
    bot: str | None,
    *,
    dry_run: bool,
    take_over: bool,
) -> "list[Outcome]":
    from sololine.backup import archive, data_folder  # noqa: PLC0415 — see `_backup`
    from sololine.backup.restore import (  # noqa: PLC0415 — see `_backup`
        Restoring,
        restore_bots,
        restore_tenants,
    )
    from sololine.engine.credentials import Credentials  # noqa: PLC0415 — see `_backup`
    from sololine.opened_store import opened_store  # noqa: PLC0415 — see `_backup`
    from sololine.sealed_file import SealedFileError  # noqa: PLC0415 — see `_backup`

    try:
        with archive.read(file, passphrase) as found:
            secrets = found.contents.secrets if bot is None else ()
            folder = settings.data_dir
            async with opened_store(settings) as store:
                await data_folder.belong_together(store, folder, secrets, dry_run=dry_run)
                if bot is None and not dry_run:
                    fits = data_folder.keep_secrets(folder, secrets)
                    await restore_tenants(store, found.contents, keys=fits)
                    if not fits and any(each.keys for each in found.contents.tenants):
                        typer.echo(
                            "The API keys of the backup were left out: this data folder has a "
                            "secret of its own, with which they fit nothing. Make new ones."
                        )
                restoring = Restoring(
                    store=store,
                    credentials=Credentials(folder),
                    take_over=take_over,
                    dry_run=dry_run,
                )
                return await restore_bots(restoring, found, BotId(bot) if bot else None)
    except SealedFileError as error:
        fail(f"{file}: {error}.")
    except data_folder.OtherFolder as error:
        fail(str(error))
    except OSError as error:
        fail(f"The restore broke off: {error}. Say it again; what is done is not done twice.")


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _passphrase(file: Path | None, *, new: bool) -> str:
    """The passphrase: of a file, of the environment, or asked for on the terminal."""
    if file is not None:
        try:
            said = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, ValueError):
            fail(f"The passphrase cannot be read from {file}.")
    elif PASSPHRASE in os.environ:
        said = os.environ[PASSPHRASE]
    elif _at_terminal():
        said = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new)
    else:
        fail(f"There is nobody to ask for the passphrase. Set {PASSPHRASE}, or --passphrase-file.")
    if new and len(said) < LENGTH_MIN:
        fail(f"The passphrase is too short. Take one of {LENGTH_MIN} characters at least.")
    try:
        said.encode()
    except UnicodeEncodeError:
        fail("The passphrase is not valid UTF-8.")
    return said
