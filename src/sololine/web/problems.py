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
    "The body is not valid JSON. Send one JSON object, UTF-8 encoded.",
)
_HTTP_CODES: Final = {
    400: _NO_JSON,  # the framework's word for bytes that are no text, or nested without end
    404: ("not_found", "There is nothing at this address. See /docs for what there is."),
    405: ("method_not_allowed", "This address does not know that method. See /docs."),
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


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.SololineError)  # noqa: S101 — registered for these only
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.NotAuthenticated) else None
    return JSONResponse(
        body_of(error.code, error.message, error.fields()), status_of(error), headers
    )


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Name the first wrong field; what was sent is not repeated, since it may be a secret."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 — registered for these only
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    if first["type"] == "json_invalid":
        return JSONResponse(body_of(*_NO_JSON), 400)
    field = ".".join(place)
    reason = first["msg"][:1].lower() + first["msg"][1:]
    where = f"The field {field} is wrong: " if field else "The request body is wrong: "
    body = body_of("invalid_input", f"{where}{reason}. See /docs for what is expected.")
    if field:
        body["field"] = field
    return JSONResponse(body, 422)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 — registered for these only
    other = "body_too_large" if error.status_code == _BODY_TOO_LARGE else "http_error"
    code, message = _HTTP_CODES.get(error.status_code, (other, str(error.detail)))
    return JSONResponse(body_of(code, message), error.status_code, error.headers)


async def _fault(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours goes out bare, with an id that leads to the log."""
    trace = secrets.token_hex(8)
    log.error("fault", exc_info=error, trace=trace, route=request.url.path[:40])
    message = f"Something failed on our side. Tell the operator this id: {trace}."
    return JSONResponse(body_of("internal_error", message, {"trace": trace}), 500)


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {camel(name): _shown(each) for name, each in value.items()}
    return value
