"""`sololine clean`: what the janitor does every five minutes, now."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from sololine.cli import report
from sololine.cli.configured import settings_of
from sololine.cli.logs import configure_logs
from sololine.cli.output import say, show
from sololine.cli.stored import DryRun, at_gateway
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.actions.gateway import Gateway
    from sololine.engine.port import Engine
    from sololine.lines.janitor import Swept
    from sololine.settings import Settings


def clean(dry_run: DryRun = False) -> None:
    """Clear away what nobody needs, as the service does every five minutes."""
    settings = settings_of()
    configure_logs("warning")  # what was cleared is told below
    swept, files = at_gateway(lambda gateway: _sweep(gateway, settings, dry_run=dry_run))
    report.title(Sentence("CLEANING UP"))
    for sentence in _cleared(swept):
        report.item(sentence)
    if not files:
        show("")
        say(
            Sentence(
                "Credentials and files were left alone: no service has run connections with this "
                "database and this data folder yet."
            )
        )
    show("")
    say(report.NOTHING_CHANGED if dry_run else Sentence("CLEANING COMPLETED"))


def _cleared(swept: "Swept") -> Iterator[Sentence]:
    yield Sentence("Linking windows that were over: {count}", count=swept.windows)
    yield Sentence("Connections that no process kept: {count}", count=swept.states)
    yield Sentence("Reservations of numbers that expired: {count}", count=swept.reservations)
    yield Sentence("Chores that nobody waited for: {count}", count=swept.chores)
    yield Sentence("Old attempts to connect: {count}", count=swept.attempts)
    yield Sentence("Devices whose credentials no bot uses: {count}", count=swept.credentials)
    yield Sentence("Files that no message uses: {count}", count=swept.media)


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
