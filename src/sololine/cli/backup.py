"""`sololine backup` and `sololine restore`."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sololine.cli.configured import settings_of
from sololine.cli.output import ask_secret, fail, said_by, say, show, words
from sololine.cli.report import plain
from sololine.cli.stored import store_of
from sololine.core.errors import SololineError
from sololine.core.ids import BotId
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.backup.restore import Outcome
    from sololine.core.backup import Backup
    from sololine.core.bot import Bot
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
        fail(Sentence("Name a bot, or say --all."))
    if out.exists():
        fail(
            Sentence(
                "There is a file {file} already. Choose another name, or move it away.", file=out
            )
        )
    if not out.parent.is_dir():
        fail(Sentence("There is no folder {folder}.", folder=out.parent))
    settings = settings_of()
    passphrase = _passphrase(passphrase_file, new=True)
    taken = asyncio.run(_backup(settings, bot, out, passphrase, stop=stop))
    for copy in taken.bots:
        _tell(copy.bot, _copied(copy.device is None, copy.at_rest))
    say(
        Sentence(
            "{file} is written. Keep its passphrase elsewhere: without it, nobody opens the file.",
            file=out,
        )
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
        fail(Sentence("There is no file {file}.", file=file))
    settings = settings_of()
    passphrase = _passphrase(passphrase_file, new=False)
    outcomes = asyncio.run(
        _restore(settings, file, passphrase, bot, dry_run=dry_run, take_over=take_over)
    )
    if bot is not None and not outcomes:
        fail(
            Sentence(
                "The backup holds no bot {bot}. Without --bot, --dry-run shows which it holds.",
                bot=bot[:30],
            )
        )
    for outcome in outcomes:
        _tell(outcome.bot, _became(outcome, dry_run=dry_run))
    if any(outcome.held for outcome in outcomes) and not dry_run:
        say(
            Sentence(
                "What is held back does not connect, since its original may still run elsewhere, "
                "and the two would throw each other out. Stop the original, then say this command "
                "again with --take-over."
            )
        )
    if any(_refused(outcome) for outcome in outcomes):
        raise typer.Exit(1)


def _tell(bot: "Bot", what: Sentence) -> None:
    show(f"{plain(bot.name)} ({bot.id}): {words(what)}")


def _copied(unlinked: bool, at_rest: bool) -> Sentence:
    if unlinked:
        return Sentence("copied; it is not linked")
    if at_rest:
        return Sentence("copied with its credentials")
    return Sentence(
        "copied with its credentials, while they were in use. They are out of date already; "
        "to move the bot, use --stop"
    )


def _became(outcome: "Outcome", *, dry_run: bool) -> Sentence:
    from sololine.core.backup import Refused, Restore, Unchanged  # noqa: PLC0415 — see `_backup`

    match outcome.verdict:
        case Refused(why=why):
            return Sentence("not restored. {why}", why=why)
        case Restore() if dry_run and outcome.held:
            return Sentence("would be restored, held back")
        case Restore() if dry_run:
            return Sentence("would be restored")
        case Restore(links=False):
            return Sentence("restored; it is not linked")
        case Restore() if outcome.held:
            return Sentence("restored, held back")
        case Restore():
            return Sentence("restored, offline. Connect it")
        case Unchanged() if outcome.held:
            return Sentence("restored before, held back")
        case Unchanged(held=True) if not dry_run:
            return Sentence("taken over. Connect it")
        case Unchanged():
            return Sentence("restored before")


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

    async with store_of(settings) as store:
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
            fail(said_by(error))
        except UnreadableCredentials as error:
            fail(
                Sentence(
                    "{why}; restore them from an earlier backup, or link the bot anew.",
                    why=said_by(error),
                )
            )
        except OSError as error:
            fail(Sentence("No backup was made: {error}.", error=error))


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
    from sololine.sealed_file import SealedFileError  # noqa: PLC0415 — see `_backup`

    try:
        with archive.read(file, passphrase) as found:
            secrets = found.contents.secrets if bot is None else ()
            folder = settings.data_dir
            async with store_of(settings) as store:
                await data_folder.belong_together(store, folder, secrets, dry_run=dry_run)
                if bot is None and not dry_run:
                    fits = data_folder.keep_secrets(folder, secrets)
                    await restore_tenants(store, found.contents, keys=fits)
                    if not fits and any(each.keys for each in found.contents.tenants):
                        say(
                            Sentence(
                                "The API keys of the backup were left out: this data folder has a "
                                "secret of its own, with which they fit nothing. Make new ones."
                            )
                        )
                restoring = Restoring(
                    store=store,
                    credentials=Credentials(folder),
                    take_over=take_over,
                    dry_run=dry_run,
                )
                return await restore_bots(restoring, found, BotId(bot) if bot else None)
    except SealedFileError as error:
        fail(Sentence("{file}: {why}.", file=file, why=said_by(error)))
    except data_folder.OtherFolder as error:
        fail(said_by(error))
    except OSError as error:
        fail(
            Sentence(
                "The restore broke off: {error}. Say it again; what is done is not done twice.",
                error=error,
            )
        )


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _passphrase(file: Path | None, *, new: bool) -> str:
    """The passphrase: of a file, of the environment, or asked for on the terminal."""
    if file is not None:
        try:
            said = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, ValueError):
            fail(Sentence("The passphrase cannot be read from {file}.", file=file))
    elif PASSPHRASE in os.environ:
        said = os.environ[PASSPHRASE]
    elif _at_terminal():
        again = Sentence("Repeat for confirmation") if new else None
        said = ask_secret(Sentence("Passphrase"), again)
    else:
        fail(
            Sentence(
                "There is nobody to ask for the passphrase. Set {setting}, or --passphrase-file.",
                setting=PASSPHRASE,
            )
        )
    if new and len(said) < LENGTH_MIN:
        fail(
            Sentence(
                "The passphrase is too short. Take one of {least} characters at least.",
                least=LENGTH_MIN,
            )
        )
    try:
        said.encode()
    except UnicodeEncodeError:
        fail(Sentence("The passphrase is not valid UTF-8."))
    return said
