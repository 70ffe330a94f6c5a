"""The door `messages`: sending and reading, at `/v1` and `/api/v1`."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from sololine.actions import media, messages, sending
from sololine.actions.gateway import Gateway
from sololine.actions.messages import PAGE_MAX
from sololine.actions.sending import Accepted
from sololine.languages import Language
from sololine.web import drafts
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.body_cap import MAX_BODY_BYTES
from sololine.web.drafts import INLINE_MAX_BYTES, draft_of, read_form
from sololine.web.language import LanguageOf
from sololine.web.parameters import BotPath, UserQuery, named_user
from sololine.web.shapes import UNREADABLE, Problem, Responses, Text
from sololine.web.shapes.messages import MessagesPage, OneMessage
from sololine.web.shapes.outgoing import AnyOutgoing
from sololine.web.streamed import streamed

FORM_SPARE_BYTES: Final = 2**20
"""What a form has beside its file."""

_PIECE_BYTES: Final = 256 * 1024


def _json_cap(gateway: Gateway) -> int:
    # A file grows by a third in base64; a text may be all escapes.
    return min(INLINE_MAX_BYTES, gateway.media_max_bytes) * 4 // 3 + 12 * MAX_BODY_BYTES


def _form_cap(gateway: Gateway) -> int:
    return gateway.media_max_bytes + FORM_SPARE_BYTES


class _Json(streamed(_json_cap, forms=False)):  # type: ignore[misc]  # a class that is made here
    """Routes that take a message as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response: Response = await answer(request)
            except RequestValidationError as error:
                raise drafts.explained(error) from error
            return response

        return handle


router = APIRouter(
    tags=["messages"],
    responses={
        401: {"model": Problem},
        403: {"model": Problem},
        404: {"model": Problem},
        422: {"model": Problem},
    },
)
_PREFIX: Final = "/bots/{botId}/messages"
_json: Final = APIRouter(prefix=_PREFIX, route_class=_Json)
_form: Final = APIRouter(prefix=_PREFIX, route_class=streamed(_form_cap, forms=True))
_read: Final = APIRouter(prefix=_PREFIX)

_SENT: Final[Responses] = {
    200: {"model": OneMessage},
    **UNREADABLE,
    409: {"model": Problem},
    410: {"model": Problem},
    415: {"model": Problem},
    504: {"model": Problem},
}
_FORM: Final = {
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "message": {
                            "type": "string",
                            "description": "The message as JSON; or its fields as parts.",
                        },
                    },
                }
            }
        }
    }
}

MessagePath = Annotated[Text, Path(alias="messageId", max_length=64)]
Key = Annotated[
    Text | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Names this request: sent again, it finds the message that is there.",
    ),
]
Wait = Annotated[
    float, Query(ge=0, le=30, description="Seconds to wait until the message was sent, or failed.")
]


@_json.post("", status_code=202, response_model=OneMessage, responses=_SENT, openapi_extra=_FORM)
async def send(
    bot: BotPath,
    body: Annotated[AnyOutgoing, Body()],
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    key: Key = None,
    wait: Wait = 0,
    user: UserQuery = None,
) -> Response:
    """Send a message. It is accepted (202) once it is stored, and sent in order.

    With `wait`, 200 says that it is known what became of it, which is its `status`.
    """
    accepted = await sending.send(
        gateway,
        caller,
        bot,
        draft_of(body, max_bytes=gateway.media_max_bytes),
        user=named_user(user),
        key=key,
        wait_s=wait,
    )
    return _answer(accepted, language)


@_form.post("", status_code=202, include_in_schema=False)
async def send_form(
    bot: BotPath,
    request: Request,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    key: Key = None,
    wait: Wait = 0,
    user: UserQuery = None,
) -> Response:
    """Send a message whose file comes in the same request, as a form."""
    most = gateway.media_max_bytes
    async with AsyncExitStack() as stack:
        form = await stack.enter_async_context(read_form(request, most))
        attached: media.Taken | None = None
        if form.file is not None:
            taking = media.taken_in(
                gateway,
                pieces_of(form.file),
                file_name=form.file.filename or "",
                declared=form.file.content_type,
            )
            attached = await stack.enter_async_context(taking)
        accepted = await sending.send(
            gateway,
            caller,
            bot,
            draft_of(form.body, sha256=attached.sha256 if attached else None, max_bytes=most),
            user=named_user(user),
            key=key,
            wait_s=wait,
            attached=attached,
        )
    return _answer(accepted, language)


# What is shown is made by `message_json`; to read it into shapes and write it again would make
# nothing better, only slower.


@_read.get("", response_model=MessagesPage)
async def page(
    bot: BotPath,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    chat: Annotated[Text | None, Query(max_length=64)] = None,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    user: UserQuery = None,
) -> Response:
    """List a bot's messages, newest first, or those of one chat."""
    found = await messages.page(
        gateway, caller, bot, user=named_user(user), chat=chat, before=before, limit=limit
    )
    told = [messages.said(each, language) for each in found.messages]
    return JSONResponse({"success": True, "messages": told, "nextBefore": found.next_before})


@_read.get("/{messageId}", response_model=OneMessage)
async def one(
    bot: BotPath,
    message: MessagePath,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    user: UserQuery = None,
) -> Response:
    """Show one message."""
    found = await messages.one(gateway, caller, bot, message, user=named_user(user))
    return JSONResponse({"success": True, "message": messages.said(found, language)})


for part in (_json, _form, _read):
    router.include_router(part)


async def pieces_of(file: UploadFile) -> AsyncIterator[bytes]:
    """The bytes of an uploaded file, in pieces."""
    while piece := await file.read(_PIECE_BYTES):
        yield piece


def _answer(accepted: Accepted, language: Language) -> Response:
    return JSONResponse(
        {"success": True, "message": messages.said(accepted.message, language)},
        200 if accepted.settled else 202,
        {"Idempotency-Replayed": "true"} if accepted.replayed else None,
    )
