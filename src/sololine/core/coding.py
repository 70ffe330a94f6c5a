"""Values as JSON and back: closed unions of frozen dataclasses, coded by their annotations.

A dataclass is written as its name in snake case under the key of its union, beside its fields:
`{"signal": "link_up"}`. The annotation of a field chooses how it is written, so a class that joins
a union needs nothing in here. Reading is strict: an unknown name, a missing, spare or mistyped
field is an error, since what is read was written by us, and a mismatch means that two versions of
Sololine met. Only what is kept for years is read by versions that know other fields, and is read
leniently: what is missing has its default, what is spare is left out.

This module imports the standard library only, so that a worker process stays small.
"""

import base64
import binascii
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Union, get_args, get_origin

_MICROSECOND: Final = timedelta(microseconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadCoding(Exception):
    """The JSON is none of ours. It shows no value."""


@dataclass(frozen=True, slots=True)
class _Coder:
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


class ClosedUnion:
    """The classes of a closed union, by the names they carry in JSON under `key`.

    Args:
        key: names the union in JSON, for example `signal`.
        union: of frozen dataclasses.
        lenient: read what other versions have written; for what is kept.
    """

    def __init__(self, key: str, union: Any, *, lenient: bool = False) -> None:
        self.key = key
        self._classes: Mapping[Any, _Class] = {
            cls: _Class(cls, lenient=lenient) for cls in _members(union)
        }
        self._by_name = {each.name: each for each in self._classes.values()}

    def to_json(self, value: Any) -> dict[str, Any]:
        """The value as a JSON object."""
        cls = self._classes[type(value)]
        return {self.key: cls.name, **cls.write(value)}

    def from_json(self, document: Mapping[str, Any]) -> Any:
        """The value that a JSON object holds. Raises `BadCoding`."""
        rest = dict(document)
        name = rest.pop(self.key, None)
        cls = self._by_name.get(name) if isinstance(name, str) else None
        if cls is None:
            raise BadCoding(f"an unknown {self.key}")
        return cls.read(rest)


def name_of(cls: type) -> str:
    """A class's name as JSON writes it: `QrIssued` as `qr_issued`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _members(union: Any) -> tuple[Any, ...]:
    """The classes of a union; a lone class is a union of one."""
    return get_args(union) or (union,)


class _Class:
    """A dataclass, whose fields are coded each by its annotation."""

    def __init__(self, cls: Any, *, lenient: bool) -> None:
        self.name = name_of(cls)
        self._cls = cls
        self._lenient = lenient
        self._coders = {
            each.name: _coder(each.type, each.name, lenient=lenient) for each in fields(cls)
        }
        self._needed = {
            each.name
            for each in fields(cls)
            if not lenient or (each.default is MISSING and each.default_factory is MISSING)
        }

    def write(self, value: Any) -> dict[str, Any]:
        return {name: coder.write(getattr(value, name)) for name, coder in self._coders.items()}

    def read(self, document: Any) -> Any:
        if (
            type(document) is not dict
            or not document.keys() >= self._needed
            or not (self._lenient or document.keys() <= self._coders.keys())
        ):
            raise BadCoding(f"{self.name} has other fields than it should")
        return self._cls(
            **{
                name: coder.read(document[name])
                for name, coder in self._coders.items()
                if name in document
            }
        )


# Coders by annotation -----------------------------------------------------------------------------


def _coder(annotation: Any, field: str, *, lenient: bool) -> _Coder:
    # A NewType is, at run time, what it was made of.
    annotation = getattr(annotation, "__supertype__", annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if get_origin(annotation) in (Union, types.UnionType):
        return _coder_of_union(annotation, field, lenient=lenient)
    if get_origin(annotation) is tuple:
        return _list_of(_coder(get_args(annotation)[0], field, lenient=lenient), tuple)
    if get_origin(annotation) is frozenset:
        return _list_of(_coder(get_args(annotation)[0], field, lenient=lenient), frozenset)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _Coder(lambda value: value.value, _word_of(annotation))
    if is_dataclass(annotation):
        cls = _Class(annotation, lenient=lenient)
        return _Coder(cls.write, cls.read)
    raise TypeError(f"there is no coding for {annotation}")


def _coder_of_union(annotation: Any, field: str, *, lenient: bool) -> _Coder:
    members = [member for member in get_args(annotation) if member is not types.NoneType]
    if len(members) < len(get_args(annotation)):
        some = members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 — made here
        inner = _coder(some, field, lenient=lenient)
        return _Coder(
            lambda value: None if value is None else inner.write(value),
            lambda value: None if value is None else inner.read(value),
        )
    # The field names the union: `"signal": {"signal": "link_up"}`.
    union = ClosedUnion(field, annotation, lenient=lenient)

    def read(value: Any) -> Any:
        return union.from_json(_is(dict)(value))

    return _Coder(union.to_json, read)


def _list_of(coder: _Coder, kind: Callable[[Iterator[Any]], Any]) -> _Coder:
    def write(value: Any) -> list[Any]:
        # A set has no order of its own, and what is written twice should read alike.
        values = sorted(value) if kind is frozenset else value
        return [coder.write(each) for each in values]

    return _Coder(write, lambda value: kind(coder.read(each) for each in _is(list)(value)))


def _word_of(enum: type[StrEnum]) -> Callable[[Any], StrEnum]:
    def read(value: Any) -> StrEnum:
        try:
            return enum(_is(str)(value))
        except ValueError:
            raise BadCoding(f"an unknown {name_of(enum)}") from None

    return read


def _same(value: Any) -> Any:
    return value


def _is(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        # type(), not isinstance: JSON's true is no int.
        if type(value) is not kind:
            raise BadCoding(f"a field is not a {kind.__name__}")
        return value

    return check


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_is(str)(value), validate=True)
    except (binascii.Error, ValueError):
        raise BadCoding("a field is not base64") from None


def _float(value: Any) -> float:
    if type(value) not in (int, float):
        raise BadCoding("a field is not a number")
    try:
        return float(value)
    except OverflowError:
        raise BadCoding("a number is out of range") from None


def _duration(value: Any) -> timedelta:
    try:
        return timedelta(microseconds=_is(int)(value))
    except OverflowError:
        raise BadCoding("a duration is out of range") from None


def _instant(value: Any) -> datetime:
    milliseconds: int = _is(int)(value)
    try:
        return _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        raise BadCoding("an instant is out of range") from None


_PLAIN: Final[Mapping[Any, _Coder]] = {
    str: _Coder(_same, _is(str)),
    int: _Coder(_same, _is(int)),
    bool: _Coder(_same, _is(bool)),
    float: _Coder(_same, _float),
    bytes: _Coder(lambda value: base64.b64encode(value).decode(), _bytes),
    timedelta: _Coder(lambda value: value // _MICROSECOND, _duration),
    datetime: _Coder(lambda value: (value - _EPOCH) // _MILLISECOND, _instant),
}
