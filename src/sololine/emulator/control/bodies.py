"""What other processes send to the control interface: JSON objects, and nothing else."""

import json
from typing import Any, Final

from starlette.requests import Request

MAX_BODY: Final = 16 * 1024
"""Bytes a body may have where no file comes with it."""


class BadBody(Exception):
    """The request's body is not what it must be; the text says what is."""


async def words(request: Request, most: int = MAX_BODY) -> dict[str, Any]:
    """The body's JSON object, of at most `most` bytes.

    Raises:
        BadBody: if it is none.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        # A web page can post plain text to loopback unasked, but not this.
        raise BadBody("the body must be JSON, and its content type application/json")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise BadBody(f"the body may have {most} bytes at most")
    try:
        found = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise BadBody("the body must be JSON") from None
    if not isinstance(found, dict):
        raise BadBody("the body must be a JSON object")
    return found


async def word(request: Request, name: str) -> str:
    """The one text that the body is about.

    Raises:
        BadBody: if it is missing, or no text.
    """
    return text(await words(request), name)


def text(found: dict[str, Any], name: str) -> str:
    """A text in the body.

    Raises:
        BadBody: if it is missing, or no text.
    """
    value = found.get(name)
    if not isinstance(value, str):
        raise BadBody(f"the body needs {name}, a text")
    return value


def texts(found: dict[str, Any], name: str) -> list[str]:
    """A list of texts in the body.

    Raises:
        BadBody: if it is missing, or anything else.
    """
    value = found.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadBody(f"the body needs {name}, a list of texts")
    return value


def number(found: dict[str, Any], name: str, *, least: float, most: float, absent: float) -> float:
    """A number in the body; `absent` when it is not there.

    Raises:
        BadBody: if it is no number from `least` to `most`.
    """
    value = found.get(name, absent)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadBody(f"{name} must be a number from {least:g} to {most:g}")
    return value
