"""Health: is the process alive, and can it do its work."""

import asyncio
from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from sololine.actions.gateway import Gateway
from sololine.core.sentence import Sentence
from sololine.health import OK, Condition, Parts, Verdict
from sololine.web.auth import gateway_of
from sololine.web.language import LanguageOf
from sololine.web.shapes import Shape

router = APIRouter(prefix="/health", tags=["operations"])
STORE: Final = "store"
PATIENCE_S: Final = 3.0

_STORE_AWAY: Final = Condition(
    verdict=Verdict.UNAVAILABLE,
    reason=Sentence("the database does not answer: nothing can be accepted or read"),
)


class Live(Shape):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Part(Shape):
    """How a part of the service is doing."""

    status: Verdict
    reason: str | None = Field(description="What is wrong, for people; null when nothing is.")


class Ready(Shape):
    """How the service is doing, and each part of it that runs in this process.

    `unavailable` when requests cannot be served; `degraded` when they can, and a part is not well.
    """

    status: Verdict
    parts: dict[str, Part]


@router.get("/live")
async def live() -> Live:
    """Say that the process answers; asks nothing of its parts."""
    return Live()


@router.get("/ready", responses={503: {"model": Ready}})
async def ready(request: Request, response: Response, language: LanguageOf) -> Ready:
    """Say whether requests can be served now, and which part is not well."""
    store = await store_condition(gateway_of(request))
    conditions = {STORE: store, **conditions_of(request.app.state.parts)}
    if store.verdict is not Verdict.OK:
        response.status_code = 503
    return Ready(
        status=_worst(store, conditions),
        parts={
            name: Part(
                status=each.verdict, reason=language.say(each.reason) if each.reason else None
            )
            for name, each in conditions.items()
        },
    )


async def store_condition(gateway: Gateway) -> Condition:
    """Whether the database answers."""
    try:
        async with asyncio.timeout(PATIENCE_S), gateway.store.read():
            return OK
    except Exception:  # noqa: BLE001 — whatever fails, the store is not available
        return _STORE_AWAY


def conditions_of(parts: Parts) -> dict[str, Condition]:
    """How the parts that run in this process are doing now."""
    return {name: condition() for name, condition in parts.items()}


def _worst(store: Condition, conditions: dict[str, Condition]) -> Verdict:
    """The service does what the store lets it do; all else only makes it slower, or wait."""
    if store.verdict is not Verdict.OK:
        return Verdict.UNAVAILABLE
    well = all(each.verdict is Verdict.OK for each in conditions.values())
    return Verdict.OK if well else Verdict.DEGRADED
