"""How values stand in columns: text, whole numbers, and JSON as text; nothing else.

Instants are milliseconds since 1970 (BIGINT), cut off, not rounded. The same types stand in both
databases, so a statement reads the same rows in either, whatever driver carries it.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, overload

from sololine.core.number import Number

Row = Mapping[Any, Any]
"""A row by the names of its columns."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@overload
def millis(moment: datetime) -> int: ...
@overload
def millis(moment: None) -> None: ...
def millis(moment: datetime | None) -> int | None:
    """An instant as its column holds it."""
    return None if moment is None else (moment - _EPOCH) // _MILLISECOND


@overload
def instant(value: int) -> datetime: ...
@overload
def instant(value: None) -> None: ...
def instant(value: int | None) -> datetime | None:
    """The instant that a column holds, aware, in UTC."""
    return None if value is None else _EPOCH + value * _MILLISECOND


def number(digits: str | None) -> Number | None:
    """The number whose digits a column holds."""
    return None if digits is None else Number(digits=digits)


def json_text(data: Mapping[str, Any]) -> str:
    """A JSON object as its column holds it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def json_data(text: str) -> dict[str, Any]:
    """The JSON object that a column holds."""
    data: dict[str, Any] = json.loads(text)
    return data


def json_list(values: Iterable[Any]) -> str:
    """A JSON array as its column holds it."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def plain(text: str) -> str:
    """A text from outside as a column holds it: PostgreSQL has no NUL, and nobody misses it."""
    return text.replace("\x00", "")
