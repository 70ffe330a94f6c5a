"""The door `whatsapp`: at `/v1/whatsapp`, `/api/v1/whatsapp` and `/api/whatsapp`."""

import base64
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse

from sololine.actions import conflicts, sessions
from sololine.actions.sessions import Check, Connecting
from sololine.core.linking import Code, Method, Window
from sololine.core.sentence import Sentence
from sololine.core.session import State
from sololine.languages import Language
from sololine.web import qr
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.language import LanguageOf
from sololine.web.parameters import BotPath, BotQuery, UserQuery, named_user
from sololine.web.shapes import (
    UNREADABLE,
    Available,
    BotName,
    CodeShape,
    Connect,
    ConnectingShape,
    Disconnect,
    Disconnected,
    ExistingConnection,
    Problem,
    Resolution,
    Responses,
    SessionCheck,
    StatsShape,
    Switch,
    Validation,
)

router = APIRouter(
    prefix="/whatsapp",
    tags=["whatsapp"],
    responses={401: {"model": Problem}, 403: {"model": Problem}, 422: {"model": Problem}},
)

_REFUSALS: Final[Responses] = {404: {"model": Problem}, 409: {"model": Problem}}
_AVAILABLE: Final = Sentence("WhatsApp number available for connection")
_PRIVATE: Final = {"Cache-Control": "no-store"}


@router.post("/validate-connection", responses={**UNREADABLE, **_REFUSALS})
async def validate_connection(
    body: Validation, caller: CallerOf, gateway: GatewayOf, language: LanguageOf
) -> Available:
    """Ask whether a bot could connect now, and whether a number is free for it."""
    await sessions.validate(
        gateway, caller, body.bot_id, user=named_user(body.user_id), number=body.phone_number
    )
    return Available(message=language.say(_AVAILABLE))


@router.post(
    "/connect/{botId}",
    status_code=202,
    responses={200: {"model": Available}, **UNREADABLE, **_REFUSALS},
    response_model=ConnectingShape,
)
async def connect(
    bot: BotPath,
    caller: CallerOf,
    gateway: GatewayOf,
    request: Request,
    language: LanguageOf,
    body: Annotated[Connect | None, Body()] = None,
) -> ConnectingShape | Response:
    """Connect a bot: a fresh QR for a new one, a choice for a linked one."""
    body = body or Connect()
    connecting = await sessions.connect(
        gateway,
        caller,
        bot,
        user=named_user(body.user_id),
        number=body.phone_number,
        method=body.method,
        use_existing=body.use_existing_session,
        policy=body.conflict_policy,
        auto_restart=body.auto_restart,
        validate_only=body.validate_only,
    )
    if body.validate_only:
        available = Available(message=language.say(_AVAILABLE))
        return JSONResponse(available.model_dump(by_alias=True))
    return _connecting(connecting, language, door=request.url.path.rsplit("/connect/", 1)[0])


@router.post("/switch/{botId}", status_code=202, responses={**UNREADABLE, **_REFUSALS})
async def switch(
    bot: BotPath,
    body: Switch,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    request: Request,
) -> ConnectingShape:
    """Show a QR instead of a pairing code, or the other way round, while the window is open."""
    connecting = await sessions.switch(
        gateway,
        caller,
        bot,
        user=named_user(body.user_id),
        method=body.method,
        number=body.phone_number,
    )
    return _connecting(connecting, language, door=request.url.path.rsplit("/switch/", 1)[0])


@router.post("/disconnect/{botId}", responses={**UNREADABLE, **_REFUSALS})
async def disconnect(
    bot: BotPath,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    body: Annotated[Disconnect | None, Body()] = None,
) -> Disconnected:
    """Disconnect a bot: its session ends, its number is free, everyone who listens is told."""
    body = body or Disconnect()
    session = await sessions.disconnect(
        gateway, caller, bot, user=named_user(body.user_id), unlink=body.unlink
    )
    return Disconnected(
        bot_id=session.bot,
        status=session.state,
        number_freed=session.device is None,
        message=language.say(
            Sentence("The bot is disconnected.")
            if session.state is State.DISCONNECTED
            else Sentence("The bot is being disconnected.")
        ),
    )


@router.get(
    "/qr/{botId}",
    responses={
        200: {"model": CodeShape, "content": {"image/svg+xml": {}, "image/png": {}}},
        **_REFUSALS,
    },
    response_model=CodeShape,
)
async def show_qr(
    bot: BotPath,
    caller: CallerOf,
    gateway: GatewayOf,
    request: Request,
    user: UserQuery = None,
    format: Annotated[Literal["json", "svg", "png"] | None, Query()] = None,  # noqa: A002 — the API's word
    wait: Annotated[float, Query(ge=0, le=30, description="Seconds to wait for a code.")] = 0,
) -> Response:
    """Fetch what the phone has to be shown now, as JSON, SVG or PNG (`format`, or `Accept`)."""
    code, window = await sessions.code(gateway, caller, bot, user=named_user(user), wait_s=wait)
    kind = format or _accepted(request)
    if kind == "json" or code.method is Method.CODE:
        shape = await _code_shape(bot, code, window)
        return JSONResponse(shape.model_dump(by_alias=True, mode="json"), headers=_PRIVATE)
    picture = await qr.draw(code.text, kind)
    media = "image/svg+xml" if kind == "svg" else "image/png"
    return Response(picture, media_type=media, headers=_PRIVATE)


@router.get("/session-check", responses={404: {"model": Problem}})
async def session_check(
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    user: UserQuery = None,
    bot: BotQuery = None,
) -> SessionCheck:
    """Ask where a bot's session stands; without `botId`, the user's session that changed last."""
    checked = await sessions.check(gateway, caller, user=named_user(user), bot=bot)
    refusal = checked.refusal
    return SessionCheck(
        can_connect=refusal is None,
        reason=language.say(refusal.message) if refusal else None,
        error=refusal.code if refusal else None,
        existing_connection=_existing(checked),
        stats=StatsShape(
            total_connections=checked.counts.total,
            active_connections=checked.counts.connected,
            pendingQR=checked.counts.awaiting_scan,
            disconnected=checked.counts.disconnected,
            duplicates=checked.duplicates,
        ),
    )


@router.post("/session-check")
async def resolve_conflicts(
    caller: CallerOf, gateway: GatewayOf, language: LanguageOf
) -> Resolution:
    """Resolve the tenant's conflicts now, and log out devices that still stand on a phone.

    Which bot keeps a number is for an API key to ask: it may be another user's.
    """
    if caller.user is None:
        outcome = await conflicts.resolve(gateway, caller.tenant)
    else:
        outcome = await conflicts.log_out_left(gateway, caller.tenant)
    resolved, left = len(outcome.plans) + outcome.gone, outcome.left
    return Resolution(
        resolved=resolved,
        left=left,
        message=language.say(
            Sentence("There are no conflicts.")
            if resolved == left == 0
            else Sentence(
                "{resolved} resolved, {left} left; those are tried again by themselves.",
                resolved=resolved,
                left=left,
            )
        ),
    )


def _what_to_do(window: Window | None) -> Sentence:
    if window is None:
        return Sentence("The bot is connecting with its existing session.")
    if window.method is Method.QR:
        return Sentence("Scan the QR with the phone within five minutes.")
    return Sentence("Type the code into the phone within five minutes.")


def _connecting(connecting: Connecting, language: Language, *, door: str) -> ConnectingShape:
    window = connecting.window
    return ConnectingShape(
        bot_id=connecting.bot.id,
        status=State.CONNECTING
        if connecting.session.state is State.DISCONNECTED
        else connecting.session.state,
        message=language.say(_what_to_do(window)),
        uses_existing_session=window is None,
        method=window.method if window else None,
        window_ends_at=window.ends_at if window else None,
        auto_restart=window is not None and window.restarts > 0,
        qr_url=f"{door}/qr/{connecting.bot.id}" if window else None,
        will_replace=BotName(bot_id=connecting.evicts.id, bot_name=connecting.evicts.name)
        if connecting.evicts
        else None,
    )


def _existing(checked: Check) -> ExistingConnection | None:
    if checked.bot is None:
        return None
    session = checked.bot.session
    return ExistingConnection.model_validate(
        {
            "botId": checked.bot.bot.id,
            "botName": checked.bot.bot.name,
            "status": session.state.status,
            "phoneNumber": session.device.number.digits if session.device else None,
            "isConnected": session.state is State.CONNECTED,
            "connectedAt": session.connected_at,
        }
    )


async def _code_shape(bot: str, code: Code, window: Window) -> CodeShape:
    is_qr = code.method is Method.QR
    image = base64.b64encode(await qr.draw(code.text, "png")).decode() if is_qr else ""
    return CodeShape(
        bot_id=bot,
        method=code.method,
        qr=code.text if is_qr else None,
        qr_image=f"data:image/png;base64,{image}" if is_qr else None,
        pairing_code=None if is_qr else code.text,
        expires_at=code.expires_at,
        window_ends_at=window.ends_at,
        auto_restart=window.restarts > 0,
    )


def _accepted(request: Request) -> Literal["json", "svg", "png"]:
    """The picture that `Accept` asks for by name; JSON for anything else."""
    accept = request.headers.get("accept", "")
    if "image/svg+xml" in accept:
        return "svg"
    return "png" if "image/png" in accept else "json"
