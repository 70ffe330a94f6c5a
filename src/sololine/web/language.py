"""The language that a request wants its sentences in.

`Accept-Language` decides; without it, or when it asks for none of our languages, the deployment's
setting does.
"""

from collections.abc import Collection
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sololine.languages import Language, negotiated

_STATE: Final = "language"
_BEGINS: Final = frozenset({"http.response.start", "websocket.http.response.start"})


class Negotiation:
    """Settles the language of each request, and says in the answer which one it is.

    Args:
        app: the application.
        default: for whoever asks for none of our languages.
        english: paths whose answers are in English for everybody.
    """

    def __init__(self, app: ASGIApp, default: Language, english: Collection[str] = ()) -> None:
        self._app = app
        self._default = default
        self._english = english

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its language."""
        if scope["type"] == "lifespan" or scope["path"] in self._english:
            await self._app(scope, receive, send)
            return
        # A field that comes twice is one list, says RFC 9110 (5.3).
        asked = ",".join(Headers(scope=scope).getlist("accept-language"))
        language = negotiated(asked, self._default)
        scope.setdefault("state", {})[_STATE] = language

        async def told(message: Message) -> None:
            if message["type"] in _BEGINS:
                mark(MutableHeaders(scope=message), language)
            await send(message)

        await self._app(scope, receive, told)


def mark(headers: MutableHeaders, language: Language) -> None:
    """Say what language an answer is in; what holds no sentences, such as a picture, is in none."""
    if headers.get("content-type") == "application/json":
        headers["content-language"] = language
        headers.add_vary_header("Accept-Language")


def language_in(scope: Scope) -> Language:
    """The language that was settled for a request; English when none was."""
    language: Language = scope.get("state", {}).get(_STATE, Language.ENGLISH)
    return language


def language_of(request: Request) -> Language:
    """The language that was settled for a request; English when none was."""
    return language_in(request.scope)


LanguageOf = Annotated[Language, Depends(language_of)]
