"""What another system's export says of its bots: CSV with a header, or JSON, read row by row.

    text ──read──▶ entries, what is wrong with which row, columns that mean nothing to us

Columns may be named in several ways, and stand in any order; only the user and the number have to
be there. A bot is told from the others by its user and its name.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sololine.core.errors import InvalidNumber
from sololine.core.ids import UserId
from sololine.core.number import Number, parse
from sololine.core.sentence import Sentence
from sololine.core.session import State

USER_MAX: Final = 255
NAME_MAX: Final = 100

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS: Final = range(2009, 2100)  # WhatsApp began in 2009
_SECONDS_DIGITS: Final = 11
"""Digits of an instant in seconds, at most; more of them are milliseconds."""
_MILLIS_DIGITS: Final = 14

_NAMES: Final = {
    "userId": ("userid", "user", "owner", "ownerid", "uid", "email", "useremail", "usuario"),
    "botName": ("botname", "bot", "name", "session", "sessionname", "instance", "instancename"),
    "phoneNumber": ("phonenumber", "phone", "number", "whatsappnumber", "msisdn", "jid", "wid"),
    "status": ("status", "state", "connectionstatus", "connected", "isconnected", "estado"),
    "lastConnectedAt": ("lastconnectedat", "lastconnected", "lastconnection", "connectedat"),
}
"""Columns, and how others name them: in lower case, without spaces, dashes and the like."""

_MEANT: Final = {alias: column for column, aliases in _NAMES.items() for alias in aliases}

_STATES: Final = {
    "": State.DISCONNECTED,
    **dict.fromkeys(("connected", "open", "online", "active", "working", "true"), State.CONNECTED),
    **dict.fromkeys(("qrpending", "pendingqr", "awaitingscan", "qr"), State.AWAITING_SCAN),
    **dict.fromkeys(("connecting", "starting", "pending"), State.CONNECTING),
    "reconnecting": State.RECONNECTING,
    **dict.fromkeys(
        ("disconnected", "close", "closed", "offline", "inactive", "stopped", "loggedout", "false"),
        State.DISCONNECTED,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One bot of the other system. `line` is where it stands: of a CSV the line, else the place."""

    line: int
    user: UserId
    name: str
    number: Number
    state: State
    last_connected_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Why a row cannot be read, as a sentence; line 0 is the file itself."""

    line: int
    sentence: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingFile:
    """What a file says.

    Attributes:
        unknown: columns that mean nothing to us, as the file names them.
        repeats: rows about the same bot and number as an earlier one; the latest instant counts.
    """

    entries: tuple[Entry, ...]
    mistakes: tuple[Mistake, ...]
    unknown: tuple[str, ...]
    repeats: int


class _Wrong(Exception):
    """A row, or the file, is not what it should be."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def read(text: str, region: str | None = None) -> ListingFile:
    """Read a whole file. What is wrong is told row by row, and nothing of it is guessed.

    Args:
        text: CSV (with comma, semicolon or tab), or a JSON list of objects.
        region: country whose numbers may be written without country code.
    """
    unknown: dict[str, None] = {}
    mistakes: list[Mistake] = []
    entries: dict[tuple[UserId, str], Entry] = {}
    repeats = 0
    try:
        for line, row in _json_rows(text) if text.lstrip()[:1] in {"[", "{"} else _csv_rows(text):
            try:
                entry = _entry(line, _columns(row, unknown), region)
                earlier = entries.get((entry.user, entry.name))
                repeats += earlier is not None
                entries[entry.user, entry.name] = _same(earlier, entry) if earlier else entry
            except _Wrong as wrong:
                mistakes.append(Mistake(line=line, sentence=wrong.sentence))
    except _Wrong as wrong:
        mistakes.append(Mistake(line=0, sentence=wrong.sentence))
    return ListingFile(
        entries=tuple(entries.values()),
        mistakes=tuple(mistakes),
        unknown=tuple(unknown),
        repeats=repeats,
    )


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        rows = json.loads(text)
    except ValueError:
        raise _Wrong(
            Sentence("This is no valid JSON. Write a list of objects, one for each bot.")
        ) from None
    if not isinstance(rows, list):
        raise _Wrong(Sentence("The JSON is no list. Write a list of objects, one for each bot."))
    for place, row in enumerate(rows, 1):
        # What is no object has none of the columns, and is told so.
        yield place, row if isinstance(row, dict) else {}


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    while True:
        begins = rows.line_num + 1
        try:
            cells = next(rows, None)
        except csv.Error:
            raise _Wrong(
                Sentence(
                    "From line {line} on this is no valid CSV. Look for a quote that is not "
                    "closed.",
                    line=begins,
                )
            ) from None
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if not names:
            names = cells
            _check_header(names)
            continue
        # A cell too many has no name and counts as a column that means nothing.
        names += [""] * (len(cells) - len(names))
        yield begins, dict(zip(names, cells, strict=False))


def _check_header(names: Sequence[str]) -> None:
    meant = Counter(map(_meant, names))
    for column in _NAMES:
        if meant[column] > 1:
            raise _Wrong(
                Sentence(
                    "Two columns of the header mean {column}. Leave one of them out.",
                    column=column,
                )
            )
    for column in ("userId", "phoneNumber"):
        if not meant[column]:
            raise _Wrong(
                Sentence(
                    "The header names no column {column}. Name the columns {columns} in the first "
                    "line.",
                    column=column,
                    columns=", ".join(_NAMES),
                )
            )


def _meant(name: str) -> str | None:
    return _MEANT.get("".join(filter(str.isalnum, name.lower())))


def _columns(row: Mapping[str, Any], unknown: dict[str, None]) -> dict[str, str]:
    """The row's texts under our own names of the columns."""
    found: dict[str, str] = {}
    for name, value in row.items():
        column = _meant(name)
        if column is None:
            unknown.setdefault(name)
            continue
        told = "" if value is None else str(value).strip()
        if found.get(column, told) != told:
            raise _Wrong(
                Sentence(
                    "Two fields say different things of {column}. Leave one of them out.",
                    column=column,
                )
            )
        found[column] = told
    return found


def _entry(line: int, columns: Mapping[str, str], region: str | None) -> Entry:
    user = _text(columns, "userId", USER_MAX)
    if not user:
        raise _Wrong(Sentence("There is no userId. Name the user whose bot it is."))
    written = columns.get("phoneNumber", "")
    if not written:
        raise _Wrong(
            Sentence("There is no phoneNumber. Write it with its country code, or drop the row.")
        )
    try:
        number = parse(written, region)
    except InvalidNumber as error:
        raise _Wrong(error.message) from None
    return Entry(
        line=line,
        user=UserId(user),
        # Masked, since names stand in sentences, and sentences in logs.
        name=_text(columns, "botName", NAME_MAX) or f"WhatsApp {number.masked}",
        number=number,
        state=_state(columns.get("status", "")),
        last_connected_at=_instant(columns.get("lastConnectedAt", "")),
    )


def _text(columns: Mapping[str, str], column: str, longest: int) -> str:
    text = columns.get(column, "")
    if len(text) > longest:
        raise _Wrong(
            Sentence(
                "The {column} has {count} characters; at most {longest} are possible.",
                column=column,
                count=len(text),
                longest=longest,
            )
        )
    if not text.isprintable():
        raise _Wrong(
            Sentence(
                "The {column} holds a character that cannot be shown. Remove it.", column=column
            )
        )
    return text


def _state(text: str) -> State:
    state = _STATES.get("".join(filter(str.isalnum, text.lower())))
    if state is None:
        raise _Wrong(
            Sentence("The status is not known. Write CONNECTED, DISCONNECTED or QR_PENDING.")
        )
    return state


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit() and len(text) <= _MILLIS_DIGITS:
            span = int(text) * (1000 if len(text) <= _SECONDS_DIGITS else 1)
            moment = _EPOCH + timedelta(milliseconds=span)
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.year not in _YEARS:
        raise _Wrong(
            Sentence(
                "The lastConnectedAt is no instant. Write it like 2025-11-03T10:30:00Z, in UTC if "
                "it names no zone."
            )
        )
    # In milliseconds, as it is stored: the same file must say the same the next time.
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _same(earlier: Entry, later: Entry) -> Entry:
    """What two rows say of one bot together."""
    if earlier.number != later.number:
        raise _Wrong(
            Sentence(
                "Line {line} gives the same bot of the same user another number. Give each bot "
                "its own botName.",
                line=earlier.line,
            )
        )
    dated = [each for each in (earlier, later) if each.last_connected_at is not None]
    return max(dated, key=lambda each: each.last_connected_at or _EPOCH, default=earlier)
