"""Masking: the last line of defence of the log.

Nothing secret is handed to the log in the first place. But a library may say what it was given, and
an error may repeat what it could not read; so whatever is about to be written goes through here.
What looks like a number, a key or a code is masked wherever it stands, and what stands under a name
like `text` whatever it looks like. Rather too much is masked than too little.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import datetime
from os import PathLike
from typing import Any, Final

MASK: Final = "***"

_OURS: Final = {"timestamp", "level", "logger", "request", "trace"}
"""What is made here, or was looked at when it came in: ids that people search the log for."""

_NAMES: Final = (
    *("authorization", "body", "caption", "chat", "code", "cookie", "credentials", "input"),
    *("inputvalue", "jid", "key", "lid", "number", "passwd", "password", "phone", "qr", "secret"),
    *("sender", "sendername", "text", "token"),
)
"""Names under which everything is masked, also as the end of a longer one: `api_key`, `xApiKey`."""
_ENDINGS: Final = ("code", "key", "number", "password", "secret", "text", "token")
_SMALL: Final = 10**6
"""Whole numbers below this are counts; others may be somebody's."""

_SHAPES: Final = re.compile(
    r"""
      sl_[A-Za-z0-9_-]{16,}                         # API keys of ours
    | whsec_[A-Za-z0-9+/=_-]+                       # secrets of webhooks
    | eyJ[\w-]{1,999}\.[\w-]+\.[\w-]*               # JSON web tokens
    | \d@[A-Za-z0-9+/=,]{30,}                       # what a QR says
    | (?<![A-Za-z0-9-])[A-Z0-9]{4}-[A-Z0-9]{4}(?![A-Za-z0-9-])  # pairing codes
    | (?<=://)[^/\s@]+(?=@)                         # who logs in, in a URL
    | (?i:(?<=bearer\ )|(?<=basic\ ))\S+
    """,
    re.VERBOSE,
)
_PAIR: Final = re.compile(
    rf"""
    (
        # Not without an end: strangers may write what an error repeats.
        (?<![A-Za-z]) ["']? [A-Za-z_-]{{0,24}}?
        (?:{"|".join([*_NAMES, "input_value"])}) ["']? \s* [=:] \s*
    )
    (b?'(?:[^'\\]|\\.)*' | b?"(?:[^"\\]|\\.)*" | [^\s,;)}}\]]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NUMBER: Final = re.compile(
    r"""
    (?P<kept>
        (?:bot|cho|cht|dev|dlv|med|msg|whk)_[0-9a-f]{20,}          # ids of ours
      | \d{4}-\d\d-\d\d (?:[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?   # instants
      | 0x[0-9a-f]{8,16}                                           # where an object lies
    )
    | \+?\d(?:[\ ()-]{0,2}\d){6,}
    """,
    re.VERBOSE,
)


def masked(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor: the event, without what must not be written."""
    return {name: value if name in _OURS else _of(name, value) for name, value in event.items()}


def masked_text(text: str) -> str:
    """A text without numbers, keys and codes, and without what stands beside a telling name."""
    text = _SHAPES.sub(MASK, text)
    text = _PAIR.sub(rf"\1{MASK}", text)
    return _NUMBER.sub(lambda found: found["kept"] or MASK, text)


def _of(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _tells(name):
        return MASK
    return _value(value)


def _tells(name: str) -> bool:
    """Whether what stands under this name is secret, whatever it looks like."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return plain in _NAMES or plain.endswith(_ENDINGS)


def _value(value: Any) -> Any:
    """A value as JSON has it, masked."""
    match value:
        case None | bool() | float():
            return value
        case int():
            return value if abs(value) < _SMALL else MASK
        case str():
            return masked_text(value)
        case Mapping():
            return {masked_text(str(key)): _of(str(key), each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return _values(value)
        case datetime():
            return value.isoformat()
        case PathLike():
            return masked_text(str(value))
        case _:
            return masked_text(_shown(value))


def _values(values: Iterable[Any]) -> list[Any]:
    return [_value(each) for each in values]


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 — a line of the log is no place for another fault
        return f"<{type(value).__name__}>"
