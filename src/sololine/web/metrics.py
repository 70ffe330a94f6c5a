"""Metrics, for Prometheus. They name no tenant, and are the operator's all the same.

Not everybody on this machine may read them: behind a proxy, every request comes from this machine.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials

from sololine.actions.gateway import Gateway
from sololine.core.census import Census
from sololine.core.errors import NotAuthenticated
from sololine.core.sentence import Sentence
from sololine.health import OK, Parts
from sololine.metrics import Metrics
from sololine.web.auth import Keyring, api_key, bearer_key
from sololine.web.health import PATIENCE_S, STORE, conditions_of, store_condition
from sololine.web.shapes import Problem

router = APIRouter(tags=["operations"])

CENSUS_LASTS_S: Final = 5.0
"""How long a census is good for: however many read the metrics, the store is asked that seldom."""


class Exhibition:
    """Makes the metrics ready to be read: takes the census, and asks the parts how they are."""

    def __init__(
        self,
        metrics: Metrics,
        gateway: Gateway,
        parts: Parts,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._gateway = gateway
        self._parts = parts
        self._monotonic = monotonic
        self._taking = asyncio.Lock()
        self._taken_at: float | None = None

    async def open(self, accept: str) -> tuple[bytes, str]:
        """The metrics as text, and its content type."""
        async with self._taking:
            if self._taken_at is None or self._monotonic() - self._taken_at >= CENSUS_LASTS_S:
                # Of a store that is away nothing is known: old counts would pass for new.
                self._metrics.census = await self._census()
                self._taken_at = self._monotonic() if self._metrics.census is not None else None
            store = OK if self._metrics.census else await store_condition(self._gateway)
            self._metrics.parts = {STORE: store, **conditions_of(self._parts)}
        return self._metrics.exposition(accept)

    async def _census(self) -> Census | None:
        try:
            async with asyncio.timeout(PATIENCE_S), self._gateway.store.read() as tx:
                return await tx.census.take()
        except Exception:  # noqa: BLE001 — that is what `part_up` tells
            return None


async def _operator(
    request: Request,
    key: Annotated[str | None, Security(api_key)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_key)],
) -> None:
    keyring: Keyring = request.app.state.keyring
    if not keyring.is_operators(key or (bearer.credentials if bearer else None)):
        raise NotAuthenticated(
            Sentence(
                "The metrics are for the operator: send SOLOLINE_METRICS_KEY, or the key of the "
                "tenant 'default' that the service was started with."
            )
        )


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[Depends(_operator)],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        401: {"model": Problem},
    },
)
async def metrics(request: Request) -> Response:
    """What this process counts, in the text format of Prometheus."""
    exhibition: Exhibition = request.app.state.exhibition
    body, content_type = await exhibition.open(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
