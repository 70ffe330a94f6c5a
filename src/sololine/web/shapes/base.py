"""What every shape is made of: names in camelCase, instants in UTC with a `Z`, storable text."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from sololine.core.advance import rfc3339

Instant = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]


def _storable(text: str) -> str:
    # PostgreSQL has no NUL in its text, and no database has half a surrogate pair, which JSON may
    # spell: both would be a fault of ours only when they are written or looked for.
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("unstorable", "it holds a character that no text may hold")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Any text from outside that may reach a database."""

Responses = dict[int | str, dict[str, Any]]
"""What a route answers beside success, as FastAPI takes it."""


def camel(name: str) -> str:
    """`window_ends_at` as JSON writes it: `windowEndsAt`."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


class Shape(BaseModel):
    """Base of every body: camelCase outside, snake case inside; unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=camel, populate_by_name=True, extra="ignore")


class Problem(Shape):
    """A refusal or a failure. Some errors carry more fields; each is named in the docs."""

    model_config = ConfigDict(extra="allow")

    success: Literal[False] = False
    error: str = Field(description="Stable code, for programs.")
    message: str = Field(description="The mistake and the remedy, for people.")


UNREADABLE: Final[Responses] = {400: {"model": Problem}, 413: {"model": Problem}}
"""What every route that takes a body may answer: it is not JSON, or too large."""


class Success(Shape):
    """Done."""

    success: Literal[True] = True
    message: str
