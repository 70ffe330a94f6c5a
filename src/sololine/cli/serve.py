"""`sololine serve`, `sololine sandbox` and `sololine migrate`."""

import os
from typing import Annotated

import typer

from sololine import event_loop
from sololine.cli.configured import settings_of
from sololine.cli.output import fail, say
from sololine.cli.sandbox import SANDBOX_DIR
from sololine.core.sentence import Sentence

Port = Annotated[int | None, typer.Option(help="Port of the API (SOLOLINE_PORT).")]


def serve(port: Port = None) -> None:
    """Run the service against the real WhatsApp."""
    from sololine.cli.logs import configure_logs  # noqa: PLC0415 — see `running`
    from sololine.cli.running import run  # noqa: PLC0415 — see there

    settings = settings_of(port)
    configure_logs(settings.log_level, settings.log_format)

    def announce(url: str) -> None:
        say(Sentence("Sololine answers at {url}  (its pages: {url}/docs)", url=url))
        say(
            Sentence(
                "API key of the tenant 'default': in {place}",
                place="SOLOLINE_API_KEY" if settings.api_key else settings.data_dir / "api-key",
            )
        )

    event_loop.run(run(settings, None, announce))


def sandbox(port: Port = None) -> None:
    """Run the service with a WhatsApp of its own on this machine: no phone, no account needed."""
    from sololine.cli.logs import configure_logs  # noqa: PLC0415 — see `running`
    from sololine.cli.running import run_sandbox  # noqa: PLC0415 — see there
    from sololine.engine.loopback import available  # noqa: PLC0415 — loads the engine's parts

    reason = available()
    if reason is not None:
        fail(Sentence("The sandbox cannot run here: {reason}.", reason=reason))
    os.environ.setdefault("SOLOLINE_DATA_DIR", SANDBOX_DIR)
    settings = settings_of(port)
    configure_logs(settings.log_level, settings.log_format)
    event_loop.run(run_sandbox(settings))


def migrate() -> None:
    """Bring the database to this version's schema; `serve` does it by itself."""
    from sololine.store.migrate import HEAD, migrate  # noqa: PLC0415 — loads the database's parts

    settings = settings_of(None)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    event_loop.run(migrate(settings.store_url))
    say(Sentence("The database is at revision {revision}.", revision=HEAD))
