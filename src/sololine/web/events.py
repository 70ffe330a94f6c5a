"""The event log at the door: to be read in pieces, or followed on a WebSocket.

    client ── GET /v1/events, Upgrade: websocket ──▶ key and origin checked ──▶ accepted
           ◀─ {"type": "stream.opened", "after": 41, "last": 57}
           ◀─ {"seq": 42, "type": "message.received", …}
           ◀─ …

A client that goes on from the `seq` it saw last sees every event once. One that does not read is
told so by the close code, and finds everything in the log when it comes back.
"""

import asyncio
import contextlib
import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from sololine.actions import events
from sololine.actions.events import Filter
from sololine.core.access import Caller
from sololine.core.errors import InvalidInput, NotAllowed, NotAuthenticated, SololineError
from sololine.core.sentence import Sentence
from sololine.web.auth import CallerOf, GatewayOf, authenticated_socket
from sololine.web.language import LanguageOf, language_in
from sololine.web.parameters import BotQuery
from sololine.web.problems import refusal
from sololine.web.shapes import Events, Problem

router = APIRouter(tags=["events"], responses={401: {"model": Problem}, 422: {"model": Problem}})

SUBPROTOCOL: Final = "sololine.v1"
"""What a browser asks for beside the key, since it cannot send headers of its own."""

CLOSED_KEY_REVOKED: Final = 4001
CLOSED_TOO_SLOW: Final = 4008
SLOW_AFTER_S: Final = 20.0
"""How long a client may leave what it is sent unread."""
KEY_CHECKED_EVERY_S: Final = 60.0

_SEQ_MAX: Final = 2**53
_DIGITS: Final = re.compile(r"[0-9]{1,16}")

Types = Annotated[
    list[str] | None,
    Query(
        alias="type",
        max_length=50,
        description="Only events of this type; may be repeated.",
        examples=[["message.received"]],
    ),
]


@router.get("/events", response_model_exclude_unset=True)
async def after(
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    seq: Annotated[int, Query(alias="after", ge=0, le=_SEQ_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[float, Query(ge=0, le=30, description="Seconds to wait for one.")] = 0,
    bot: BotQuery = None,
    types: Types = None,
) -> Events:
    """Read the tenant's events that come after `after`, in order, without gaps."""
    piece = await events.after(
        gateway,
        caller,
        seq,
        limit=limit,
        wait_s=wait,
        wanted=Filter.of(bot, types or (), language),
    )
    return Events.model_validate({"success": True, "events": piece.events, "last": piece.last})


@router.websocket("/events")
async def follow(socket: WebSocket) -> None:
    """Follow the log from `after` on; without it, from now on."""
    gateway = socket.app.state.gateway
    try:
        _check_origin(socket)
        caller = await authenticated_socket(socket)
        wanted = Filter.of(
            socket.query_params.get("botId"),
            socket.query_params.getlist("type"),
            language_in(socket.scope),
        )
        last = await events.last(gateway, caller)
        seq = _place(socket.query_params.get("after"), last)
    except SololineError as error:
        await socket.send_denial_response(refusal(error, language_in(socket.scope)))
        return
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in _offered(socket) else None)
    telling = asyncio.create_task(_tell(socket, caller, seq, last, wanted))
    listening = asyncio.create_task(_listen(socket))
    try:
        await asyncio.wait({telling, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (telling, listening):
            task.cancel()
        outcomes = await asyncio.gather(telling, listening, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _tell(socket: WebSocket, caller: Caller, seq: int, last: int, wanted: Filter) -> None:
    """Send what happens, until the client goes, is too slow, or may not listen any more."""
    gateway = socket.app.state.gateway
    clock = asyncio.get_running_loop().time
    checked_at = clock()
    try:
        opened = {"type": "stream.opened", "after": seq, "last": last}
        await _send(socket, events.as_text(opened))
        async with contextlib.aclosing(
            events.stream(gateway, caller, seq, wanted=wanted)
        ) as pieces:
            async for piece in pieces:
                if clock() - checked_at > KEY_CHECKED_EVERY_S:
                    await authenticated_socket(socket)
                    checked_at = clock()
                for text in piece:
                    await _send(socket, text)
    except _TooSlow:
        await _close(socket, CLOSED_TOO_SLOW, Sentence("too slow; read the log from your last seq"))
    except NotAuthenticated:
        await _close(socket, CLOSED_KEY_REVOKED, Sentence("the key was revoked"))
    except _Left:
        pass


async def _listen(socket: WebSocket) -> None:
    """Notice that the client goes; what it says is of no interest."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


class _TooSlow(Exception):
    """The client leaves unread what it is sent."""


class _Left(Exception):
    """The client went away meanwhile."""


async def _send(socket: WebSocket, text: str) -> None:
    # Told apart from faults of the store, which time out and end, too.
    try:
        async with asyncio.timeout(SLOW_AFTER_S):
            await socket.send_text(text)
    except TimeoutError:
        raise _TooSlow from None
    except (WebSocketDisconnect, RuntimeError):
        raise _Left from None


async def _close(socket: WebSocket, code: int, reason: Sentence) -> None:
    # Who does not read cannot take this either; the connection is dropped in the end.
    with contextlib.suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(SLOW_AFTER_S):
            await socket.close(code, language_in(socket.scope).say(reason))


def _check_origin(socket: WebSocket) -> None:
    """Refuse pages of other servers: a browser would let any page of the web open a socket here.

    Raises:
        NotAllowed: the page is neither of this server nor of those that the operator allows.
    """
    origin = socket.headers.get("origin")
    if origin is None:
        return  # no browser
    allowed: frozenset[str] = socket.app.state.allowed_origins
    if origin in allowed or _server_of(origin) == socket.headers.get("host"):
        return
    raise NotAllowed(
        Sentence(
            "Pages of this origin may not follow the events. Add the origin to "
            "SOLOLINE_ALLOWED_ORIGINS."
        )
    )


def _server_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _offered(socket: WebSocket) -> list[str]:
    offered: list[str] = socket.scope.get("subprotocols", [])
    return offered


def _place(after: str | None, last: int) -> int:
    if after is None:
        return last
    # The length first: Python refuses to read a number of thousands of digits.
    if not _DIGITS.fullmatch(after) or int(after) > _SEQ_MAX:
        raise InvalidInput(
            Sentence("The place to go on from is a whole number, 0 or more."), field="after"
        )
    return int(after)
