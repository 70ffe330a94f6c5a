"""From what a caller sent to a draft: one body as JSON, or a form with the file beside it."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, assert_never

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sololine.core.content import Card, Contacts, Location, Poll, Text
from sololine.core.draft import (
    Attached,
    Draft,
    Inline,
    Kept,
    Linked,
    PassOn,
    React,
    Rewrite,
    SendFile,
    Source,
    What,
    Withdraw,
)
from sololine.core.errors import InvalidInput, MediaTooLarge
from sololine.core.ids import MediaId
from sololine.core.media import MediaKind
from sololine.core.sentence import Sentence
from sololine.web.objections import UNKNOWN_MESSAGE
from sololine.web.shapes.outgoing import (
    AnyOutgoing,
    CardOut,
    ContactOut,
    DeleteOut,
    EditOut,
    FileOut,
    FileSource,
    ForwardOut,
    LocationOut,
    PollOut,
    ReactionOut,
    TextOut,
)

INLINE_MAX_BYTES: Final = 16 * 2**20
"""How large a file may be that stands in JSON: all of it is in memory at once."""

FORM_MAX_BYTES: Final = 256 * 1024
"""How long the text parts of a form may be, each."""

_UPLOAD_FIRST: Final = Sentence("Upload it first, and send its id.")
_FORM_PARTS: Final = 200
_LISTS: Final = frozenset({"mentions", "options"})
_OUTGOING: Final[TypeAdapter[Any]] = TypeAdapter(AnyOutgoing)

Body = (
    TextOut
    | FileOut
    | LocationOut
    | ContactOut
    | PollOut
    | ReactionOut
    | EditOut
    | DeleteOut
    | ForwardOut
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form as it came: what it says of the message, and the file."""

    body: Body
    file: UploadFile | None


def draft_of(body: Body, *, sha256: str | None = None, max_bytes: int) -> Draft:
    """What a body asks for.

    Args:
        body: what was sent.
        sha256: of the file that came beside it, if one did.
        max_bytes: how large a file may be at all.

    Raises:
        InvalidInput, MediaTooLarge: the file is given twice, or not, or is no base64.
    """
    return Draft(
        to=body.to,
        what=_what(body, sha256, max_bytes),
        reply_to=body.reply_to,
        mentions=tuple(body.mentions),
        client_ref=body.client_ref,
    )


@asynccontextmanager
async def read_form(request: Request, max_bytes: int) -> AsyncIterator[Form]:
    """Read a form; its file is on the disk, and goes when the context closes.

    The fields are those of the JSON body; or one field `message` holds the whole body as JSON.

    Raises:
        InvalidInput, MediaTooLarge, RequestValidationError: it is none of ours.
    """
    async with whole_form(request, max_bytes) as form:
        file = form.get("file")
        if file is not None and not isinstance(file, UploadFile):
            raise InvalidInput(
                Sentence("The part file is a text. Send it with a file name."), field="file"
            )
        yield Form(body=validated(_fields(form)), file=file)


@asynccontextmanager
async def whole_form(request: Request, max_bytes: int) -> AsyncIterator[FormData]:
    """The parts of a form.

    Raises:
        InvalidInput, MediaTooLarge: it is not readable, or has too much in it.
    """
    try:
        form = await request.form(max_files=1, max_fields=_FORM_PARTS, max_part_size=FORM_MAX_BYTES)
    except HTTPException as error:
        if error.status_code == 413:  # noqa: PLR2004 — said by `capped`
            raise MediaTooLarge(max_bytes=max_bytes) from error
        raise InvalidInput(
            Sentence(
                "The form cannot be read. Send its fields, and one file in the part "
                "file, as multipart/form-data."
            )
        ) from error
    except ClientDisconnect as error:
        raise InvalidInput(Sentence("The form did not come whole. Send it again.")) from error
    try:
        yield form
    finally:
        await form.close()


def validated(document: Any) -> Body:
    """The body that a JSON document is.

    Raises:
        RequestValidationError: it is none.
    """
    try:
        body: Body = _OUTGOING.validate_python(document)
    except ValidationError as error:
        told = [
            {**each, "loc": ("body", *each["loc"])}
            for each in error.errors(include_url=False, include_input=False)
        ]
        raise explained(RequestValidationError(told)) from error
    return body


def explained(error: RequestValidationError) -> RequestValidationError:
    """The same error with places as the caller knows them: the type is no step of the way."""
    told: list[Any] = []
    for each in error.errors():
        place = each["loc"]
        if each["type"] in ("union_tag_not_found", "union_tag_invalid") and len(place) == 1:
            told.append({**each, "loc": ("body", "type"), "type": UNKNOWN_MESSAGE})
        elif place[:1] == ("body",) and len(place) > 2:  # noqa: PLR2004 — body, type, field
            told.append({**each, "loc": ("body", *place[2:])})
        else:
            told.append(each)
    return RequestValidationError(told)


def _fields(form: FormData) -> Mapping[str, Any]:
    """What the parts of a form say, as a JSON body would."""
    whole = form.get("message")
    if isinstance(whole, str):
        try:
            document = json.loads(whole)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(
                Sentence(
                    "The part message is no JSON. Send the message as one JSON object, or "
                    "its fields as parts of their own."
                ),
                field="message",
            ) from error
        if not isinstance(document, dict):
            raise InvalidInput(Sentence("The part message is no JSON object."), field="message")
        return document
    for name in form:
        if name not in _LISTS and len(form.getlist(name)) > 1:
            raise InvalidInput(
                Sentence("The form has this field more than once. Send it once."), field=name[:64]
            )
    return {
        name: form.getlist(name) if name in _LISTS else form[name]
        for name in form
        if isinstance(form[name], str)
    }


def _what(body: Body, sha256: str | None, max_bytes: int) -> What:
    if sha256 is not None and not isinstance(body, FileOut):
        raise InvalidInput(
            Sentence(
                "Only messages of the types image, video, audio, voice, document and "
                "sticker have a file."
            ),
            field="file",
        )
    match body:
        case TextOut():
            return Text(text=body.text, link_preview=body.link_preview)
        case FileOut():
            return SendFile(
                kind=MediaKind(body.type),
                source=_source(body.media, sha256, max_bytes),
                caption=body.caption,
                file_name=body.file_name,
                seconds=body.seconds,
                view_once=body.view_once,
            )
        case LocationOut():
            return Location(
                latitude=body.latitude,
                longitude=body.longitude,
                name=body.name,
                address=body.address,
            )
        case ContactOut():
            cards = [body.contact] if body.contact else []
            return Contacts(cards=tuple(map(_card, [*cards, *body.contacts])))
        case PollOut():
            return Poll(
                question=body.question,
                options=tuple(body.options),
                choices_max=body.choices_max,
            )
        case ReactionOut():
            return React(message=body.message_id, emoji=body.emoji)
        case EditOut():
            return Rewrite(message=body.message_id, text=body.text)
        case DeleteOut():
            return Withdraw(message=body.message_id)
        case ForwardOut():
            return PassOn(message=body.message_id)
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def _source(media: FileSource | None, sha256: str | None, max_bytes: int) -> Source:
    given = [each for each in (media and media.id, media and media.url) if each]
    inline = media.base64 if media else None
    if len(given) + (inline is not None) + (sha256 is not None) != 1:
        raise InvalidInput(
            Sentence("The message needs one file. Send it in media: an id, a url or base64."),
            field="media",
        )
    if sha256 is not None:
        return Attached(sha256=sha256)
    assert media is not None  # noqa: S101 — one of its fields is set
    if media.id:
        return Kept(id=MediaId(media.id))
    if media.url:
        return Linked(url=media.url, file_name=media.file_name)
    assert media.base64 is not None  # noqa: S101 — the only one that is left
    return _inline(media.base64, media, max_bytes)


def _inline(text: str, media: FileSource, max_bytes: int) -> Inline:
    most = min(max_bytes, INLINE_MAX_BYTES)
    if text.startswith("data:"):
        text = text.partition(",")[2]
    if len(text) // 4 * 3 > most + 2:
        raise MediaTooLarge(max_bytes=most, remedy=_UPLOAD_FIRST)
    try:
        whole = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(
            Sentence("The file is no base64. Send its bytes in the usual alphabet, padded with =."),
            field="media.base64",
        ) from None
    if len(whole) > most:
        raise MediaTooLarge(max_bytes=most, remedy=_UPLOAD_FIRST)
    return Inline(bytes=whole, mime_type=media.mime_type, file_name=media.file_name)


def _card(card: CardOut) -> Card:
    return Card(name=card.name, numbers=tuple(card.numbers), vcard=card.vcard)
