"""The doors to numbers that several bots are said to have, and to statistics."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query

from sololine.actions import conflicts, statistics
from sololine.web import views
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.shapes import (
    UNREADABLE,
    Conflicts,
    Problem,
    Resolved,
    Resolving,
    Responses,
    Stats,
    Summary,
)

_RESPONSES: Final[Responses] = {
    401: {"model": Problem},
    403: {"model": Problem},
    422: {"model": Problem},
}

router = APIRouter(tags=["conflicts"], responses=_RESPONSES)


@router.get("/conflicts")
async def detect(caller: CallerOf, gateway: GatewayOf) -> Conflicts:
    """List numbers that more than one of your bots has, or is said to have."""
    found = await conflicts.detect(gateway, caller.whole_tenant())
    return Conflicts(
        total_connections=found.total,
        conflicts=[views.conflict(each) for each in found.conflicts],
        left_devices=found.left,
        devices=[views.left_device(each) for each in found.devices],
    )


@router.post("/conflicts", responses={**UNREADABLE, 404: {"model": Problem}})
async def resolve(
    caller: CallerOf, gateway: GatewayOf, body: Annotated[Resolving | None, Body()] = None
) -> Resolved:
    """Leave each number to one bot: the others are disconnected, and logged out of the phone."""
    body = body or Resolving()
    tenant = caller.whole_tenant()
    keep = await conflicts.chosen(gateway, caller, body.keep)
    done = await conflicts.resolve(gateway, tenant, keep, dry_run=body.dry_run)
    return Resolved(
        dry_run=body.dry_run,
        resolved=[views.resolved(plan) for plan in done.plans],
        summary=Summary(
            conflicts_resolved=len(done.plans),
            connections_disconnected=sum(len(plan.dropped) for plan in done.plans),
            connections_kept=sum(plan.kept is not None for plan in done.plans),
        ),
        logged_out_devices=done.gone,
        left_devices=done.left,
    )


From = Annotated[
    datetime | None, Query(alias="from", description="Attempts since then; 30 days before `to`.")
]
To = Annotated[datetime | None, Query(alias="to", description="Attempts until then; now.")]


@router.get("/stats")
async def stats(
    caller: CallerOf, gateway: GatewayOf, since: From = None, until: To = None
) -> Stats:
    """Show how sessions are doing, and how attempts to connect went per bot and per day."""
    found = await statistics.look(
        gateway, caller.whole_tenant(), since=_aware(since), until=_aware(until)
    )
    return views.statistics(found)


def _aware(moment: datetime | None) -> datetime | None:
    """An instant that names no zone is meant in UTC."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
