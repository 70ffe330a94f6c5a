"""The door `bots`: at `/v1` and `/api/v1`."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from sololine.actions import bots
from sololine.actions.bots import PAGE_MAX, BotWithSession
from sololine.actions.gateway import Gateway
from sololine.core.bot import Setup
from sololine.core.ids import UserId
from sololine.web import views
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.shapes import (
    UNREADABLE,
    BotChanges,
    Bots,
    FinishedStep,
    NewBot,
    OneBot,
    Problem,
    Responses,
    Success,
    Text,
)

router = APIRouter(
    prefix="/bots",
    tags=["bots"],
    responses={401: {"model": Problem}, 403: {"model": Problem}, 422: {"model": Problem}},
)

_GONE: Final[Responses] = {404: {"model": Problem}}
_BUSY: Final[Responses] = {404: {"model": Problem}, 409: {"model": Problem}}
UserPath = Annotated[Text, Path(alias="userId", max_length=255)]
BotPath = Annotated[Text, Path(alias="botId", max_length=64)]


@router.post("/create", status_code=201, responses=UNREADABLE)
async def create(body: NewBot, caller: CallerOf, gateway: GatewayOf) -> OneBot:
    """Create a bot. It never takes over a connection that its owner has elsewhere."""
    made = await bots.create(
        gateway,
        caller,
        user=_user(body.user_id),
        name=body.name,
        description=body.description,
        personality=body.personality,
        draft=body.draft,
    )
    return await _one(gateway, made)


@router.get("/{userId}")
async def of_user(
    user: UserPath,
    caller: CallerOf,
    gateway: GatewayOf,
    after: Annotated[Text | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_MAX,
) -> Bots:
    """List a user's bots, incomplete ones included."""
    found = await bots.of_user(gateway, caller, UserId(user), after=after, limit=limit)
    async with gateway.store.read() as tx:
        now = tx.now
    return Bots(bots=[views.bot(each, now) for each in found.bots], next_after=found.next_after)


@router.get("/{userId}/{botId}", responses=_GONE)
async def one(user: UserPath, bot: BotPath, caller: CallerOf, gateway: GatewayOf) -> OneBot:
    """Show one bot."""
    async with gateway.store.read() as tx:
        found = await bots.owned(tx, caller, bot, UserId(user))
    return await _one(gateway, found)


@router.patch("/{userId}/{botId}", responses={**UNREADABLE, **_GONE})
async def update(
    user: UserPath, bot: BotPath, body: BotChanges, caller: CallerOf, gateway: GatewayOf
) -> OneBot:
    """Change a bot's name, description or personality."""
    changes = {field: text for field, text in body.model_dump().items() if text is not None}
    changed = await bots.update(gateway, caller, bot, user=UserId(user), changes=changes)
    return await _one(gateway, changed)


@router.post("/{userId}/{botId}/setup", responses={**UNREADABLE, **_GONE})
async def finish_step(
    user: UserPath, bot: BotPath, body: FinishedStep, caller: CallerOf, gateway: GatewayOf
) -> OneBot:
    """Mark a setup step as done; no step can be skipped."""
    changed = await bots.finish_step(gateway, caller, bot, user=UserId(user), step=Setup(body.step))
    return await _one(gateway, changed)


@router.delete("/{userId}/{botId}", responses=_BUSY)
async def delete(user: UserPath, bot: BotPath, caller: CallerOf, gateway: GatewayOf) -> Success:
    """Delete a bot that is not linked; disconnect it first."""
    await bots.delete(gateway, caller, bot, user=UserId(user))
    return Success(message="The bot was deleted.")


def _user(named: str | None) -> UserId | None:
    return UserId(named) if named else None


async def _one(gateway: Gateway, found: BotWithSession) -> OneBot:
    async with gateway.store.read() as tx:
        return OneBot(bot=views.bot(found, tx.now))
