"""`sololine conflicts …`: numbers that more than one bot is said to have."""

import json
from collections.abc import Iterable
from typing import Annotated, Final

import typer

from sololine.cli import report
from sololine.cli.output import fail
from sololine.cli.stored import AsJson, DryRun, OfTenant, at_gateway, scope_of
from sololine.core.conflict import Keep, Plan
from sololine.core.ids import BotId, is_bot_id
from sololine.core.sentence import Sentence

app = typer.Typer(
    name="conflicts", help="Numbers that several bots are said to have.", no_args_is_help=True
)

_NOTHING: Final = "NO CONFLICTS WERE FOUND"
_FOUND: Final = {
    False: "{count} CONFLICTS WERE FOUND:",
    True: "1 CONFLICT WAS FOUND:",
}
"""By whether it is one, as is the next."""
_LEFT: Final = {
    False: "{count} devices that lost their number may still stand on their phones.",
    True: "1 device that lost its number may still stand on its phone.",
}
_BY_ITSELF: Final = (
    "The service logs out such devices by itself: now if it runs, else when it is started."
)


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
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        typer.echo("DETECTING WHATSAPP CONFLICTS\n")
        typer.echo(f"Total connections: {found.total}\n")
        count = len(found.conflicts)
        typer.echo(_FOUND[count == 1].format(count=count) if count else _NOTHING)
        for line in report.conflicts(found.conflicts):
            typer.echo(line)
        _tell_left(found.left, report.devices(found.devices))
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
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    typer.echo("RESOLVING WHATSAPP CONFLICTS\n")
    if not done.plans:
        typer.echo(_NOTHING)
    for plan in done.plans:
        _tell_plan(plan, dry_run=dry_run)
    if done.plans:
        typer.echo("DRY RUN: NOTHING WAS CHANGED" if dry_run else "RESOLUTION COMPLETED")
        typer.echo("\nSummary:")
        typer.echo(f"   - Conflicts resolved: {len(done.plans)}")
        typer.echo(
            f"   - Connections disconnected: {sum(len(each.dropped) for each in done.plans)}"
        )
        typer.echo(f"   - Connections kept: {sum(each.kept is not None for each in done.plans)}")
    if done.gone:
        typer.echo(f"   - Devices logged out: {done.gone}")
    _tell_left(done.left)


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
    typer.echo(f"Resolving the conflict of number: {plan.number.digits}")
    if plan.kept is None:
        typer.echo("   This number is already registered in another account.")
    else:
        typer.echo(f"   Keeping: {report.plain(plan.kept.owner)} ({plan.kept.bot})")
    for party in plan.dropped:
        typer.echo(f"   Disconnecting: {report.plain(party.owner)} ({party.bot})")
    if not dry_run:
        typer.echo("   Conflict resolved")
    typer.echo("")


def _plan_json(plan: Plan) -> dict[str, object]:
    return {
        "phoneNumber": plan.number.digits,
        "kept": report.party_json(plan.kept) if plan.kept else None,
        "disconnected": [report.party_json(party) for party in plan.dropped],
    }


def _tell_left(left: int, lines: Iterable[str] = ()) -> None:
    if left:
        typer.echo("")
        typer.echo(_LEFT[left == 1].format(count=left))
        for line in lines:
            typer.echo(line)
        typer.echo(_BY_ITSELF)
