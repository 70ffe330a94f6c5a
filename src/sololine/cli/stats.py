"""`sololine stats`: how sessions are doing, and how attempts to connect went."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from sololine.cli import report
from sololine.cli.output import say, show, words
from sololine.cli.stored import AsJson, OfTenant, at_gateway, scope_of
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.actions.gateway import Gateway
    from sololine.actions.statistics import Statistics
    from sololine.core.statistics import Tally, TimeToConnect


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

        show(shown(found).model_dump_json(by_alias=True, indent=2))
        return
    report.title(Sentence("WHATSAPP STATISTICS"))
    for sentence in _counts(found):
        report.item(sentence)
    show("")
    say(
        Sentence(
            "Attempts to connect since {day}: {tally}",
            day=found.since.date(),
            tally=_told(found.attempts),
        )
    )
    for links, time in sorted(found.times.items(), reverse=True):
        say(_time(time, links=links))
    if found.by_day:
        show("")
        say(Sentence("Per day:"))
        for day in found.by_day:
            show(f"   {day.day}: {words(_told(day))}")
    if found.by_bot:
        show("")
        say(Sentence("Per bot:"))
        for bot in found.by_bot:
            show(f"   {bot.bot}: {words(_told(bot))}")


def _counts(found: "Statistics") -> Iterator[Sentence]:
    yield Sentence("Total connections: {count}", count=found.counts.total)
    yield Sentence("Active connections: {count}", count=found.counts.connected)
    yield Sentence("Pending QR: {count}", count=found.counts.awaiting_scan)
    yield Sentence("Disconnected: {count}", count=found.counts.disconnected)
    yield Sentence("Duplicates: {count}", count=found.duplicates)


def _told(tally: "Tally") -> Sentence:
    if tally.success_rate is None:
        return Sentence(
            "{attempts}, connected {connected}, failed {failed}",
            attempts=tally.attempts,
            connected=tally.connected,
            failed=tally.failed,
        )
    return Sentence(
        "{attempts}, connected {connected} ({rate:.0%}), failed {failed}",
        attempts=tally.attempts,
        connected=tally.connected,
        rate=tally.success_rate,
        failed=tally.failed,
    )


def _time(time: "TimeToConnect", *, links: bool) -> Sentence:
    median, p90 = time.median.total_seconds(), time.p90.total_seconds()
    if links:
        return Sentence(
            "Time to connect with a QR or code: half within {median:.1f} s, nine of ten within "
            "{p90:.1f} s",
            median=median,
            p90=p90,
        )
    return Sentence(
        "Time to connect with an existing session: half within {median:.1f} s, nine of ten within "
        "{p90:.1f} s",
        median=median,
        p90=p90,
    )
