"""Routes with large bodies: who asks is known before the body is read, and it is read under a cap.

`BodyCap` reads the small bodies of all other routes before the application sees the request. A
large one must not be kept in memory for somebody without a key, and a file not at all.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Message, Receive, Scope

from sololine.actions.gateway import Gateway
from sololine.web.auth import authenticate_first, gateway_of
from sololine.web.body_cap import too_large

_READ_AWAY_BYTES: Final = 16 * 2**20
_FORM: Final = "multipart/form-data"


_LARGE: Final = re.compile(
    r"POST /(?:api/)?v1/bots/[^/]+/(?:messages|media)"
    r"|PUT /(?:api/)?v1/bots/[^/]+/[^/]+/training"
)


def is_streamed(scope: Scope) -> bool:
    """Whether the request is for one of these routes, so that `BodyCap` leaves its body alone."""
    return _LARGE.fullmatch(f"{scope['method']} {scope['path']}") is not None


def is_form(scope: Scope) -> bool:
    """Whether the request says that its body is a form with files."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").decode("latin-1")
    return kind.partition(";")[0].strip().lower() == _FORM


def capped(receive: Receive, max_bytes: int) -> Receive:
    """The same body; 413 is raised when more than `max_bytes` of it have come.

    Some of the rest is read and dropped first, so that its sender gets to hear the answer.
    """
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen <= max_bytes:
            return message
        while message.get("more_body", False) and seen <= max_bytes + _READ_AWAY_BYTES:
            message = await receive()
            seen += len(message.get("body", b""))
        raise HTTPException(
            413,
            too_large(max_bytes),
            {"Connection": "close"},
        )

    return counted


def streamed(cap: Callable[[Gateway], int], *, forms: bool | None = None) -> type[APIRoute]:
    """A class of routes whose bodies may have as many bytes as `cap` says.

    With `forms` the route is only for requests whose body is a form, or only for others; so two
    routes can share an address.
    """

    class Streamed(APIRoute):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            if forms is not None and scope["type"] == "http" and is_form(scope) is not forms:
                return Match.NONE, {}
            return super().matches(scope)

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def handle(request: Request) -> Response:
                await authenticate_first(request)
                receive = capped(request.receive, cap(gateway_of(request)))
                return await answer(Request(request.scope, receive))

            return handle

    return Streamed
