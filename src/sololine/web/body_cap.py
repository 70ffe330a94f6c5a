"""A cap on request bodies, held while they arrive: a body too large is never kept in memory."""

from collections.abc import Callable
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sololine.core.sentence import Sentence
from sololine.web.language import language_in
from sololine.web.problems import body_of

MAX_BODY_BYTES: Final = 64 * 1024
_READ_AWAY_BYTES: Final = 16 * 2**20
"""What is read and dropped of a body too large, so that its sender gets to hear the answer."""


def too_large(max_bytes: int) -> Sentence:
    """What is told to whoever sends more."""
    return Sentence(
        "The body is larger than {max_bytes} bytes. Send less in one request.", max_bytes=max_bytes
    )


class BodyCap:
    """Answers 413 when a body is larger than `max_bytes`, whatever its Content-Length claims.

    The body is read here, before the application sees the request: our bodies are small, and an
    application that fails while it reads would answer something else.

    Args:
        app: the application.
        max_bytes: how large a body may be.
        left: tells the few requests whose body the application itself reads under a cap.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int = MAX_BODY_BYTES,
        left: Callable[[Scope], bool] = lambda _: False,
    ) -> None:
        self._app = app
        self._max = max_bytes
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body and pass the request on, or refuse it."""
        if scope["type"] != "http" or self._left(scope):
            await self._app(scope, receive, send)
            return
        body, seen, more = bytearray(), 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            piece = message.get("body", b"")
            seen += len(piece)
            more = message.get("more_body", False) and seen <= _READ_AWAY_BYTES
            if seen <= self._max:
                body += piece
        if seen > self._max:
            told = language_in(scope).say(too_large(self._max))
            answer = JSONResponse(body_of("body_too_large", told), 413, {"Connection": "close"})
            await answer(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)
