"""The door `training`: beside a bot's own, at `/v1` and `/api/v1`."""

from typing import Final

from fastapi import APIRouter

from sololine.actions import training
from sololine.core.ids import UserId
from sololine.core.training import Rule, Training
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.parameters import BotPath, UserPath
from sololine.web.shapes import UNREADABLE, Problem, Responses
from sololine.web.shapes.training import (
    NewTraining,
    OneTraining,
    RuleShape,
    TextToTry,
    TrainingShape,
    Tried,
)
from sololine.web.streamed import streamed

TRAINING_MAX_BYTES: Final = 6 * 2**20
"""Room for all the rules that a training may have, each character spelt as an escape."""

router = APIRouter(
    tags=["training"],
    responses={
        401: {"model": Problem},
        403: {"model": Problem},
        404: {"model": Problem},
        422: {"model": Problem},
    },
)
_PREFIX: Final = "/bots/{userId}/{botId}/training"
_long: Final = APIRouter(prefix=_PREFIX, route_class=streamed(lambda _: TRAINING_MAX_BYTES))
_short: Final = APIRouter(prefix=_PREFIX)
_BODY: Final[Responses] = UNREADABLE


@_short.get("")
async def show(user: UserPath, bot: BotPath, caller: CallerOf, gateway: GatewayOf) -> OneTraining:
    """Show what a bot was taught."""
    found = await training.of(gateway, caller, bot, user=UserId(user))
    return OneTraining(training=_shape(found))


@_long.put("", responses=_BODY)
async def teach(
    user: UserPath, bot: BotPath, body: NewTraining, caller: CallerOf, gateway: GatewayOf
) -> OneTraining:
    """Teach a bot: what is sent takes the place of all that it was taught before."""
    taught = await training.teach(
        gateway,
        caller,
        bot,
        Training(
            personality=body.personality,
            instructions=body.instructions,
            rules=tuple(
                Rule(match=rule.match, words=tuple(rule.words), answer=rule.answer)
                for rule in body.rules
            ),
            fallback=body.fallback,
        ),
        user=UserId(user),
        done=body.done,
    )
    return OneTraining(training=_shape(taught))


@_short.post("/try", responses=_BODY)
async def attempt(
    user: UserPath, bot: BotPath, body: TextToTry, caller: CallerOf, gateway: GatewayOf
) -> Tried:
    """Try what the bot would answer by itself. Nothing is sent, and no connection is needed."""
    answer = await training.tried(gateway, caller, bot, body.text, user=UserId(user))
    return Tried(
        would_answer=answer is not None,
        answer=answer.text if answer else None,
        rule=answer.rule if answer else None,
    )


for part in (_short, _long):
    router.include_router(part)


def _shape(taught: Training) -> TrainingShape:
    return TrainingShape(
        personality=taught.personality,
        instructions=taught.instructions,
        rules=[
            RuleShape(match=rule.match, words=list(rule.words), answer=rule.answer)
            for rule in taught.rules
        ],
        fallback=taught.fallback,
    )
