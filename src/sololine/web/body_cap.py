"""A cap on request bodies, held while they arrive: a body too large is never kept in memory."""

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sololine.web.problems import body_of

MAX_BODY_BYTES: Final = 64 * 1024


class _TooLarge(Exception):
    pass


class BodyCap:
    """Answers 413 when a body is larger than `max_bytes`, whatever its Content-Length claims."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        seen = 0
        answered = False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        if claimed.isdigit() and int(claimed) > self._max:
            await self._refuse(scope, receive, send)
            return
        try:
            await self._app(scope, counted, watched)
        except _TooLarge:
            if answered:
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"The body is larger than {self._max} bytes. Send less in one request."
        problem = body_of("body_too_large", message)
        # What is still under way is not read, so the connection cannot be used again.
        await JSONResponse(problem, 413, {"Connection": "close"})(scope, receive, send)
