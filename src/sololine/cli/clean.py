"""`sololine clean`: what the janitor does every five minutes, now."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import typer

from sololine.cli.configured import settings_of
from sololine.cli.logs import configure_logs
from sololine.cli.stored import DryRun, at_gateway

if TYPE_CHECKING:
    from sololine.actions.gateway import Gateway
    from sololine.engine.port import Engine
    from sololine.lines.janitor import Swept
    from sololine.settings import Settings

_LINES: Final = {
    "windows": "Linking windows that were over: {count}",
    "states": "Connections that no process kept: {count}",
    "reservations": "Reservations of numbers that expired: {count}",
    "chores": "Chores that nobody waited for: {count}",
    "attempts": "Old attempts to connect: {count}",
    "credentials": "Devices whose credentials no bot uses: {count}",
    "media": "Files that no message uses: {count}",
}


def clean(dry_run: DryRun = False) -> None:
    """Clear away what nobody needs, as the service does every five minutes."""
    settings = settings_of()
    configure_logs("warning")  # what was cleared is told below
    swept, files = at_gateway(lambda gateway: _sweep(gateway, settings, dry_run=dry_run))
    typer.echo("CLEANING UP\n")
    for name, sentence in _LINES.items():
        typer.echo("   - " + sentence.format(count=getattr(swept, name)))
    if not files:
        typer.echo(
            "\nCredentials and files were left alone: no service has run connections with this "
            "database and this data folder yet."
        )
    typer.echo("\nDRY RUN: NOTHING WAS CHANGED" if dry_run else "\nCLEANING COMPLETED")


async def _sweep(
    gateway: "Gateway", settings: "Settings", *, dry_run: bool
) -> tuple["Swept", bool]:
    from sololine.lines.janitor import Janitor  # noqa: PLC0415 — loads the lines' parts
    from sololine.media_files import MediaFiles  # noqa: PLC0415 — see above

    janitor = Janitor(
        store=gateway.store,
        bus=gateway.bus,
        attempts_kept=timedelta(days=settings.attempts_kept_days),
        folder=settings.folder_id,
        engine=_engine(settings),
        media=MediaFiles(settings.data_dir / "media"),
    )
    return await janitor.sweep(dry_run=dry_run), await janitor.files_are_ours()


def _engine(settings: "Settings") -> "Engine | None":
    """What keeps the credentials; its locks are there on POSIX systems only, as the service is."""
    if os.name != "posix":
        return None
    from sololine.engine.neonize import NeonizeEngine  # noqa: PLC0415 — see above

    return NeonizeEngine(settings.data_dir)
