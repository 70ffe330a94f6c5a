"""The door `bots`: at `/v1` and `/api/v1`."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from sololine.actions import bots
from sololine.actions.bots import PAGE_MAX
from sololine.core.bot import Setup
from sololine.core.ids import UserId
from sololine.core.sentence import Sentence
from sololine.web import views
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.language import LanguageOf
from sololine.web.parameters import BotPath, UserPath, named_user
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


@router.post("/create", status_code=201, responses=UNREADABLE)
async def create(
    body: NewBot, caller: CallerOf, gateway: GatewayOf, language: LanguageOf
) -> OneBot:
    """Create a bot. It never takes over a connection that its owner has elsewhere."""
    made = await bots.create(
        gateway,
        caller,
        user=named_user(body.user_id),
        name=body.name,
        description=body.description,
        personality=body.personality,
        draft=body.draft,
    )
    return OneBot(bot=views.bot(made, language))


@router.get("/{userId}")
async def of_user(
    user: UserPath,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    after: Annotated[Text | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_MAX,
) -> Bots:
    """List a user's bots, incomplete ones included."""
    found = await bots.of_user(gateway, caller, UserId(user), after=after, limit=limit)
    return Bots(
        bots=[views.bot(each, language) for each in found.bots], next_after=found.next_after
    )


@router.get("/{userId}/{botId}", responses=_GONE)
async def one(
    user: UserPath, bot: BotPath, caller: CallerOf, gateway: GatewayOf, language: LanguageOf
) -> OneBot:
    """Show one bot."""
    async with gateway.store.read() as tx:
        found = await bots.owned(tx, caller, bot, UserId(user))
    return OneBot(bot=views.bot(found, language))


@router.patch("/{userId}/{botId}", responses={**UNREADABLE, **_GONE})
async def update(
    user: UserPath,
    bot: BotPath,
    body: BotChanges,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
) -> OneBot:
    """Change a bot's name, description or personality."""
    changes = {field: text for field, text in body.model_dump().items() if text is not None}
    changed = await bots.update(gateway, caller, bot, user=UserId(user), changes=changes)
    return OneBot(bot=views.bot(changed, language))


@router.post("/{userId}/{botId}/setup", responses={**UNREADABLE, **_GONE})
async def finish_step(
    user: UserPath,
    bot: BotPath,
    body: FinishedStep,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
) -> OneBot:
    """Mark a setup step as done; no step can be skipped."""
    changed = await bots.finish_step(gateway, caller, bot, user=UserId(user), step=Setup(body.step))
    return OneBot(bot=views.bot(changed, language))


@router.delete("/{userId}/{botId}", responses=_BUSY)
async def delete(
    user: UserPath, bot: BotPath, caller: CallerOf, gateway: GatewayOf, language: LanguageOf
) -> Success:
    """Delete a bot that is not linked; disconnect it first."""
    await bots.delete(gateway, caller, bot, user=UserId(user))
    return Success(message=language.say(Sentence("The bot was deleted.")))
