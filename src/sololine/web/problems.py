"""How a refusal leaves the house: the one table from error to HTTP status, and the JSON shape."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sololine.core import errors
from sololine.core.advance import rfc3339
from sololine.core.sentence import Sentence
from sololine.languages import Language
from sololine.web.language import language_of, mark
from sololine.web.objections import objection
from sololine.web.shapes import camel

log = structlog.get_logger()

STATUS: Final[Mapping[type[errors.SololineError], int]] = {
    errors.InvalidInput: 422,
    errors.NotFound: 404,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.Conflict: 409,
    errors.MediaGone: 410,
    errors.MediaTooLarge: 413,
    errors.MediaUnsuitable: 415,
    errors.NoAnswer: 504,
}
"""Status of each branch of the error tree; a subclass has the status of its nearest parent."""

_NO_JSON: Final = (
    "invalid_json",
    Sentence("The body is not valid JSON. Send one JSON object, UTF-8 encoded."),
)
_HTTP_CODES: Final = {
    400: _NO_JSON,  # the framework's word for bytes that are no text, or nested without end
    404: ("not_found", Sentence("There is nothing at this address. See /docs for what there is.")),
    405: ("method_not_allowed", Sentence("This address does not know that method. See /docs.")),
}
_BODY_TOO_LARGE: Final = 413


def status_of(error: errors.SololineError) -> int:
    """The HTTP status of a refusal."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def body_of(code: str, message: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON of a refusal: `success`, `error`, `message`, and the error's own fields."""
    shown = {camel(name): _shown(value) for name, value in (fields or {}).items()}
    return {"success": False, "error": code, "message": message, **shown}


def install(app: FastAPI) -> None:
    """Make every failure of `app` answer in our shape."""
    app.add_exception_handler(errors.SololineError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def refusal(error: errors.SololineError, language: Language) -> JSONResponse:
    """The answer to what was refused."""
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.NotAuthenticated) else None
    body = body_of(error.code, language.say(error.message), error.fields())
    return JSONResponse(body, status_of(error), headers)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.SololineError)  # noqa: S101 — registered for these only
    return refusal(error, language_of(request))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Name the first wrong field; what was sent is not repeated, since it may be a secret."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 — registered for these only
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    language = language_of(request)
    if first["type"] == "json_invalid":
        code, sentence = _NO_JSON
        return JSONResponse(body_of(code, language.say(sentence)), 400)
    field = ".".join(place)
    body = body_of("invalid_input", language.say(_wrong(field, objection(first))))
    if field:
        body["field"] = field
    return JSONResponse(body, 422)


def _wrong(field: str, reason: Sentence) -> Sentence:
    if not field:
        return Sentence(
            "The request body is wrong: {reason}. See /docs for what is expected.", reason=reason
        )
    return Sentence(
        "The field {field} is wrong: {reason}. See /docs for what is expected.",
        field=field,
        reason=reason,
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 — registered for these only
    other = "body_too_large" if error.status_code == _BODY_TOO_LARGE else "http_error"
    detail: Any = error.detail
    if not isinstance(detail, Sentence):  # the framework's own words, for developers
        detail = Sentence(
            "This request cannot be answered (HTTP {status}). See /docs.", status=error.status_code
        )
    code, sentence = _HTTP_CODES.get(error.status_code, (other, detail))
    body = body_of(code, language_of(request).say(sentence))
    return JSONResponse(body, error.status_code, error.headers)


async def _fault(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours goes out bare, with an id that leads to the log."""
    trace = secrets.token_hex(8)
    log.error("fault", exc_info=error, trace=trace, route=request.url.path[:40])
    language = language_of(request)
    sentence = Sentence(
        "Something failed on our side. Tell the operator this id: {trace}.", trace=trace
    )
    body = body_of("internal_error", language.say(sentence), {"trace": trace})
    answer = JSONResponse(body, 500)
    mark(answer.headers, language)  # faults are answered outside of all else
    return answer


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {camel(name): _shown(each) for name, each in value.items()}
    return value
