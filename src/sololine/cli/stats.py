"""`sololine stats`: how sessions are doing, and how attempts to connect went."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sololine.cli.stored import AsJson, OfTenant, at_gateway, scope_of

if TYPE_CHECKING:
    from sololine.actions.gateway import Gateway
    from sololine.actions.statistics import Statistics
    from sololine.core.statistics import Tally

_TIMES: Final = {
    True: "Time to connect with a QR or code: half within {median}, nine of ten within {p90}",
    False: "Time to connect with an existing session: half within {median}, nine of ten "
    "within {p90}",
}


def stats(
    tenant: OfTenant = None,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="How many days of attempts to look at.")
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """Show how many sessions there are, and how attempts to connect went."""
    scope = scope_of(tenant)

    async def work(gateway: "Gateway") -> "Statistics":
        from sololine.actions import statistics  # noqa: PLC0415 — loads the database's parts

        async with gateway.store.read() as tx:
            since = tx.now - timedelta(days=days)
        return await statistics.look(gateway, scope, since=since)

    found = at_gateway(work)
    if as_json:
        from sololine.web.views import statistics as shown  # noqa: PLC0415 — see above

        typer.echo(shown(found).model_dump_json(by_alias=True, indent=2))
        return
    counts = found.counts
    typer.echo("WHATSAPP STATISTICS\n")
    typer.echo(f"   - Total connections: {counts.total}")
    typer.echo(f"   - Active connections: {counts.connected}")
    typer.echo(f"   - Pending QR: {counts.awaiting_scan}")
    typer.echo(f"   - Disconnected: {counts.disconnected}")
    typer.echo(f"   - Duplicates: {found.duplicates}")
    typer.echo(f"\nAttempts to connect since {found.since:%Y-%m-%d}: {_told(found.attempts)}")
    for links, time in sorted(found.times.items(), reverse=True):
        typer.echo(_TIMES[links].format(median=_seconds(time.median), p90=_seconds(time.p90)))
    if found.by_day:
        typer.echo("\nPer day:")
        for day in found.by_day:
            typer.echo(f"   {day.day}: {_told(day)}")
    if found.by_bot:
        typer.echo("\nPer bot:")
        for bot in found.by_bot:
            typer.echo(f"   {bot.bot}: {_told(bot)}")


def _told(tally: "Tally") -> str:
    rate = tally.success_rate
    percent = "" if rate is None else f" ({rate:.0%})"
    return f"{tally.attempts}, connected {tally.connected}{percent}, failed {tally.failed}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
