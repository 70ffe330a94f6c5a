"""The event log, to be read in pieces."""

from typing import Annotated

from fastapi import APIRouter, Query

from sololine.actions import events
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.parameters import BotQuery
from sololine.web.shapes import Events, EventShape, Problem

router = APIRouter(tags=["events"], responses={401: {"model": Problem}, 422: {"model": Problem}})


@router.get("/events")
async def after(
    caller: CallerOf,
    gateway: GatewayOf,
    seq: Annotated[int, Query(alias="after", ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[float, Query(ge=0, le=30, description="Seconds to wait for one.")] = 0,
    bot: BotQuery = None,
) -> Events:
    """Read the tenant's events that come after `after`, in order, without gaps."""
    found = await events.after(gateway, caller, seq, limit=limit, wait_s=wait, bot=bot)
    return Events(
        events=[
            EventShape(
                seq=each.seq, type=each.type, bot_id=each.bot, at=each.at, data=dict(each.data)
            )
            for each in found
        ],
        last=found[-1].seq if found else seq,
    )
