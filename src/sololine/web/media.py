"""The door `media`: files to be sent, and files that came, at `/v1` and `/api/v1`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from sololine.actions import media
from sololine.actions.gateway import Gateway
from sololine.core.errors import InvalidInput
from sololine.core.media import Media
from sololine.core.message_json import media_json
from sololine.core.sentence import Sentence
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.drafts import whole_form
from sololine.web.messages import FORM_SPARE_BYTES, pieces_of
from sololine.web.parameters import BotPath, UserQuery, named_user
from sololine.web.shapes import UNREADABLE, Problem, Responses, Text
from sololine.web.shapes.messages import MediaShape, OneMedia
from sololine.web.streamed import is_form, streamed


def _cap(gateway: Gateway) -> int:
    return gateway.media_max_bytes + FORM_SPARE_BYTES


router = APIRouter(
    tags=["media"],
    responses={
        401: {"model": Problem},
        403: {"model": Problem},
        404: {"model": Problem},
        422: {"model": Problem},
    },
)
_PREFIX: Final = "/bots/{botId}/media"
_uploads: Final = APIRouter(prefix=_PREFIX, route_class=streamed(_cap))
_files: Final = APIRouter(prefix=_PREFIX)

_FILE: Final = {"schema": {"type": "string", "format": "binary"}}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "*/*": _FILE,
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": _FILE["schema"]}}
            },
        },
    }
}
_BYTES: Final[Responses] = {
    200: {"content": {"*/*": _FILE}, "description": "The bytes; ranges are understood."},
    206: {"description": "A range of the bytes."},
    409: {"model": Problem},
    410: {"model": Problem},
    504: {"model": Problem},
}
_SHOWN: Final = ("image/", "video/", "audio/")
_DRAWN: Final = "image/svg"
_TYPE_CHARACTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.+-_;= "
)
_PRIVATE: Final = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""What came from strangers is never run: no browser guesses a type, or gives it our origin."""

MediaPath = Annotated[Text, Path(alias="mediaId", max_length=64)]
FileName = Annotated[
    Text | None,
    Query(alias="fileName", max_length=1000, description="What people call the file."),
]


@_uploads.post("", status_code=201, responses=UNREADABLE, openapi_extra=_BODY)
async def upload(
    bot: BotPath,
    request: Request,
    caller: CallerOf,
    gateway: GatewayOf,
    content_type: Annotated[Text, Header(include_in_schema=False)] = "",
    file_name: FileName = None,
    user: UserQuery = None,
) -> OneMedia:
    """Upload a file, to be sent later: as it is, or as the part `file` of a form."""
    async with AsyncExitStack() as stack:
        pieces: AsyncIterator[bytes] = _body(request)
        name, declared = file_name or "", content_type
        if is_form(request.scope):
            parts = whole_form(request, gateway.media_max_bytes)
            file = (await stack.enter_async_context(parts)).get("file")
            if not isinstance(file, UploadFile):
                raise InvalidInput(
                    Sentence("The form has no file. Send it in the part file."), field="file"
                )
            pieces = pieces_of(file)
            name, declared = name or file.filename or "", file.content_type or ""
        made = await media.upload(
            gateway,
            caller,
            bot,
            user=named_user(user),
            pieces=pieces,
            file_name=name,
            declared=declared or None,
        )
    return OneMedia(media=MediaShape.model_validate(media_json(made)))


@_files.get("/{mediaId}", response_class=FileResponse, responses=_BYTES)
async def download(
    bot: BotPath,
    file: MediaPath,
    caller: CallerOf,
    gateway: GatewayOf,
    user: UserQuery = None,
) -> FileResponse:
    """Fetch a file's bytes. One that WhatsApp still keeps is fetched from there first."""
    found, path = await media.opened(gateway, caller, bot, file, user=named_user(user))
    return FileResponse(
        path,
        media_type=_type(found),
        filename=found.file_name or found.id,
        content_disposition_type="inline" if _is_shown(found) else "attachment",
        headers=_PRIVATE,
    )


for part in (_uploads, _files):
    router.include_router(part)


def _type(found: Media) -> str:
    """The file's type as a header may carry it: a stranger may have said what it is."""
    told = found.mime_type
    return told if told and set(told) <= _TYPE_CHARACTERS else "application/octet-stream"


def _is_shown(found: Media) -> bool:
    """Whether a browser may show the file in place of keeping it: it could run nothing in it."""
    return found.mime_type.startswith(_SHOWN) and not found.mime_type.startswith(_DRAWN)


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The bytes of a raw body, as they come."""
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise InvalidInput(Sentence("The file did not come whole. Send it again.")) from error
