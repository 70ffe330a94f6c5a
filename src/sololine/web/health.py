"""Health: is the process alive, and can it do its work."""

import asyncio
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from sololine.web.auth import GatewayOf
from sololine.web.shapes import Shape

router = APIRouter(prefix="/health", tags=["health"])
_PATIENCE_S: Final = 3.0


class Live(Shape):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(Shape):
    """Which parts work; the database is what the service cannot do without."""

    status: Literal["ok", "unavailable"]
    parts: Annotated[dict[str, Literal["ok", "unavailable"]], Field(examples=[{"store": "ok"}])]


@router.get("/live")
async def live() -> Live:
    """Say that the process answers; asks nothing of its parts."""
    return Live()


@router.get("/ready", responses={503: {"model": Ready}})
async def ready(gateway: GatewayOf, response: Response) -> Ready:
    """Say whether requests can be served now."""
    try:
        async with asyncio.timeout(_PATIENCE_S), gateway.store.read():
            store: Literal["ok", "unavailable"] = "ok"
    except Exception:  # noqa: BLE001 — whatever fails, the store is not available
        store = "unavailable"
        response.status_code = 503
    return Ready(status=store, parts={"store": store})
