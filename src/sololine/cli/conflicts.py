"""`sololine conflicts …`: numbers that more than one bot is said to have."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sololine.cli import report
from sololine.cli.output import fail, say, show
from sololine.cli.stored import AsJson, DryRun, OfTenant, at_gateway, scope_of
from sololine.core.conflict import Keep, Plan
from sololine.core.ids import BotId, is_bot_id
from sololine.core.sentence import Counted, Sentence

if TYPE_CHECKING:
    from sololine.store.retired import Retired

app = typer.Typer(
    name="conflicts", help="Numbers that several bots are said to have.", no_args_is_help=True
)

_NOTHING: Final = Sentence("NO CONFLICTS WERE FOUND")


@app.command()
def detect(tenant: OfTenant = None, as_json: AsJson = False) -> None:
    """Show every number that more than one bot has, or is said to have; exit code 1 if any."""
    from sololine.actions import conflicts  # noqa: PLC0415 — loads the database's parts

    scope = scope_of(tenant)
    found = at_gateway(lambda gateway: conflicts.detect(gateway, scope))
    if as_json:
        told = {
            "totalConnections": found.total,
            "conflicts": [report.conflict_json(each) for each in found.conflicts],
            "leftDevices": found.left,
            "devices": [report.device_json(each) for each in found.devices],
        }
        show(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        report.title(Sentence("DETECTING WHATSAPP CONFLICTS"))
        report.title(Sentence("Total connections: {count}", count=found.total))
        say(_found(len(found.conflicts)) if found.conflicts else _NOTHING)
        report.conflicts(found.conflicts)
        _tell_left(found.left, found.devices)
    raise typer.Exit(1 if found.conflicts or found.left else 0)


@app.command()
def resolve(
    keep: Annotated[
        str,
        typer.Option(metavar="newest|oldest|BOT", help="Which bot keeps the number."),
    ] = Keep.NEWEST.value,
    dry_run: DryRun = False,
    tenant: OfTenant = None,
    as_json: AsJson = False,
) -> None:
    """Leave each number to one bot, disconnect the others, and log their devices out."""
    from sololine.actions import conflicts  # noqa: PLC0415 — loads the database's parts

    scope, kept = scope_of(tenant), _kept(keep)
    done = at_gateway(lambda gateway: conflicts.resolve(gateway, scope, kept, dry_run=dry_run))
    if as_json:
        told = {
            "dryRun": dry_run,
            "resolved": [_plan_json(each) for each in done.plans],
            "loggedOutDevices": done.gone,
            "leftDevices": done.left,
        }
        show(json.dumps(told, indent=2, ensure_ascii=False))
        return
    report.title(Sentence("RESOLVING WHATSAPP CONFLICTS"))
    if not done.plans:
        say(_NOTHING)
    for plan in done.plans:
        _tell_plan(plan, dry_run=dry_run)
    if done.plans:
        say(report.NOTHING_CHANGED if dry_run else Sentence("RESOLUTION COMPLETED"))
        show("")
        say(Sentence("Summary:"))
        for sentence in _summary(done.plans):
            report.item(sentence)
    if done.gone:
        report.item(Sentence("Devices logged out: {count}", count=done.gone))
    _tell_left(done.left)


def _found(count: int) -> Sentence:
    return Counted("{count} CONFLICT WAS FOUND:", "{count} CONFLICTS WERE FOUND:", count=count)


def _summary(plans: Sequence[Plan]) -> Iterator[Sentence]:
    yield Sentence("Conflicts resolved: {count}", count=len(plans))
    dropped = sum(len(each.dropped) for each in plans)
    yield Sentence("Connections disconnected: {count}", count=dropped)
    kept = sum(each.kept is not None for each in plans)
    yield Sentence("Connections kept: {count}", count=kept)


def _kept(keep: str) -> Keep | BotId:
    if keep in list(Keep):
        return Keep(keep)
    if not is_bot_id(keep):
        fail(
            Sentence(
                "--keep is newest, oldest, or the id of a bot. "
                "`sololine conflicts detect` shows ids."
            )
        )
    return BotId(keep)


def _tell_plan(plan: Plan, *, dry_run: bool) -> None:
    say(Sentence("Resolving the conflict of number: {number}", number=plan.number.digits))
    if plan.kept is None:
        report.note(report.TAKEN)
    else:
        user = report.plain(plan.kept.owner)
        report.note(Sentence("Keeping: {user} ({bot})", user=user, bot=plan.kept.bot))
    for party in plan.dropped:
        user = report.plain(party.owner)
        report.note(Sentence("Disconnecting: {user} ({bot})", user=user, bot=party.bot))
    if not dry_run:
        report.note(Sentence("Conflict resolved"))
    show("")


def _plan_json(plan: Plan) -> dict[str, object]:
    return {
        "phoneNumber": plan.number.digits,
        "kept": report.party_json(plan.kept) if plan.kept else None,
        "disconnected": [report.party_json(party) for party in plan.dropped],
    }


def _tell_left(left: int, devices: "Iterable[Retired]" = ()) -> None:
    if left:
        show("")
        say(
            Counted(
                "{count} device that lost its number may still stand on its phone.",
                "{count} devices that lost their number may still stand on their phones.",
                count=left,
            )
        )
        report.devices(devices)
        say(
            Sentence(
                "The service logs out such devices by itself: now if it runs, else when it is "
                "started."
            )
        )
