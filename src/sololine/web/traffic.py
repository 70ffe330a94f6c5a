"""Traffic: what comes in and goes out, counted and timed, each request under an id of its own.

It wraps everything, also what answers for our own faults: those are answered under the id, too.
"""

import re
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sololine.metrics import Metrics

log = structlog.get_logger()

HEADER: Final = "x-request-id"
# Hexadecimal ids and UUIDs; or what else is short, and cannot be somebody's number.
_TAKEN_OVER: Final = re.compile(r"[0-9A-Fa-f-]{16,64}|(?![^ ]*[0-9]{7})[A-Za-z0-9._-]{1,64}")
_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_NO_ANSWER: Final = 499
"""The status under which a request is counted whose client left before it was answered."""


class Traffic:
    """Watches an application's requests.

    Args:
        app: the application.
        metrics: what is counted in.
        told: whether there is a line in the log for each request.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, *, told: bool = False) -> None:
        self._app = app
        self._metrics = metrics
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or a socket."""
        if scope["type"] == "websocket":
            with self._metrics.sockets.track_inprogress():
                await self._app(scope, receive, send)
        elif scope["type"] == "http":
            with structlog.contextvars.bound_contextvars(request=_id_of(scope)):
                await self._request(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status = _NO_ANSWER
        id_ = structlog.contextvars.get_contextvars()["request"]

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = id_
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            lasted = time.perf_counter() - began
            route, method = _route_of(scope), _method_of(scope)
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.answering.labels(route, method).observe(lasted)
            if self._told:
                ms = round(lasted * 1000, 1)
                log.info("request", route=route, method=method, status=status, ms=ms)


def _id_of(scope: Scope) -> str:
    """The id that the client has chosen, if it may stand in a log; else one of our own."""
    given = Headers(scope=scope).get(HEADER, "")
    return given if _TAKEN_OVER.fullmatch(given) else secrets.token_hex(8)


def _route_of(scope: Scope) -> str:
    """The template of the path: `/v1/bots/{botId}`, never what stands in its place."""
    route = scope.get("route")
    template: str | None = getattr(route, "path", None)
    if template is None:
        return "none"
    # The router knows the template only from where it was mounted; before that nothing varies.
    path, known = scope["path"].split("/"), template.split("/")
    return "/".join([*path[: len(path) - len(known) + 1], *known[1:]])


def _method_of(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "other"
