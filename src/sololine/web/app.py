"""The HTTP application: every door under its names, one set of actions behind them."""

from collections.abc import Collection
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from sololine.actions.gateway import Gateway
from sololine.web import (
    bots,
    chats,
    conflicts,
    events,
    health,
    media,
    messages,
    problems,
    training,
    webhooks,
    whatsapp,
)
from sololine.web.auth import Keyring
from sololine.web.body_cap import BodyCap
from sololine.web.streamed import is_streamed

_DESCRIPTION: Final = """
One WhatsApp number, one bot. Send your API key in the header `x-api-key`.

Errors have one shape: `success` false, a stable `error` code, a `message` for people, and fields
of their own. Every path below `/v1` also answers below `/api/v1`; the WhatsApp paths answer at
`/api/whatsapp` too.
"""


def create_app(
    gateway: Gateway,
    keyring: Keyring,
    version: str,
    *,
    doors: bool = True,
    allowed_origins: Collection[str] = (),
) -> FastAPI:
    """Build the application around a gateway; without `doors` it tells its health only.

    Pages of `allowed_origins`, beside those of this server, may follow the events.
    """
    app = FastAPIOffline(
        title="Sololine", version=version, description=_DESCRIPTION, openapi_url="/openapi.json"
    )
    app.state.gateway = gateway
    app.state.keyring = keyring
    app.state.allowed_origins = frozenset(allowed_origins)
    problems.install(app)
    app.add_middleware(BodyCap, left=is_streamed)
    app.include_router(health.router)
    if doors:
        every = APIRouter()
        # `bots` comes last: its /bots/{userId}/{botId} looks like /bots/{botId}/messages.
        for door in (messages, media, chats, training, whatsapp, conflicts, events, webhooks, bots):
            every.include_router(door.router)
        app.include_router(every, prefix="/v1")
        app.include_router(every, prefix="/api/v1", include_in_schema=False)
        app.include_router(whatsapp.router, prefix="/api", include_in_schema=False)
    return app
