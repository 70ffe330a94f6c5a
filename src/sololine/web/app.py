"""The HTTP application: every door under its names, one set of actions behind them."""

from collections.abc import Collection
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from sololine import languages
from sololine.actions.gateway import Gateway
from sololine.health import Parts
from sololine.languages import Language
from sololine.metrics import Metrics
from sololine.web import (
    bots,
    chats,
    conflicts,
    events,
    health,
    media,
    messages,
    metrics,
    problems,
    training,
    webhooks,
    whatsapp,
)
from sololine.web.auth import Keyring
from sololine.web.body_cap import BodyCap
from sololine.web.language import Negotiation
from sololine.web.metrics import Exhibition
from sololine.web.streamed import is_streamed
from sololine.web.traffic import Traffic

_SPECIFICATION: Final = "/openapi.json"
_DESCRIPTION: Final = """
One WhatsApp number, one bot. Send your API key in the header `x-api-key`.

Errors have one shape: `success` false, a stable `error` code, a `message` for people, and fields
of their own. Messages are in English, Spanish, Portuguese or Indonesian, as `Accept-Language`
prefers. Every path below `/v1` also answers below `/api/v1`; the WhatsApp paths answer at
`/api/whatsapp` too.
"""


def create_app(
    gateway: Gateway,
    keyring: Keyring,
    version: str,
    *,
    doors: bool = True,
    allowed_origins: Collection[str] = (),
    language: Language = Language.ENGLISH,
    counted_in: Metrics | None = None,
    parts: Parts | None = None,
    log_requests: bool = False,
) -> FastAPI:
    """Build the application around a gateway.

    Args:
        gateway: what the doors work with.
        keyring: who may come in.
        version: is told in the documents.
        doors: without them it tells its health and its metrics only.
        allowed_origins: whose pages, beside those of this server, may follow the events.
        language: for whoever asks for none of ours.
        counted_in: the metrics that it counts in, and shows.
        parts: the parts of the service that run in this process, beside the store.
        log_requests: whether there is a line in the log for each request.
    """
    languages.load()
    counted_in, parts = counted_in or Metrics(version), parts or {}
    app = FastAPIOffline(
        title="Sololine", version=version, description=_DESCRIPTION, openapi_url=_SPECIFICATION
    )
    app.state.gateway = gateway
    app.state.keyring = keyring
    app.state.allowed_origins = frozenset(allowed_origins)
    app.state.parts = parts
    app.state.exhibition = Exhibition(counted_in, gateway, parts)
    problems.install(app)
    app.add_middleware(BodyCap, left=is_streamed)
    app.add_middleware(Negotiation, default=language, english={_SPECIFICATION})
    _watch(app, counted_in, told=log_requests)
    app.include_router(health.router)
    app.include_router(metrics.router)
    if doors:
        every = APIRouter()
        # `bots` comes last: its /bots/{userId}/{botId} looks like /bots/{botId}/messages.
        for door in (messages, media, chats, training, whatsapp, conflicts, events, webhooks, bots):
            every.include_router(door.router)
        app.include_router(every, prefix="/v1")
        app.include_router(every, prefix="/api/v1", include_in_schema=False)
        app.include_router(whatsapp.router, prefix="/api", include_in_schema=False)
    return app


def _watch(app: FastAPI, counted_in: Metrics, *, told: bool) -> None:
    """Have all of the application's traffic watched.

    Not as a middleware like others: those are within the one that answers for our own faults.
    """
    build = app.build_middleware_stack

    def watched() -> ASGIApp:
        return Traffic(build(), counted_in, told=told)

    app.build_middleware_stack = watched  # type: ignore[method-assign]  # made by a function
