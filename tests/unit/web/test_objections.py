import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from sololine.core.claim import Policy
from sololine.languages import Language
from sololine.web.objections import UNKNOWN_MESSAGE, objection
from sololine.web.shapes import Shape, Text

REST = objection({"type": "a type of a later pydantic"})


class Inner(Shape):
    name: Text = Field(min_length=1, max_length=2)


def objected(kind: Any, value: str) -> str:
    """What is told of a JSON value that should be of this kind."""
    with pytest.raises(ValidationError) as wrong:
        TypeAdapter(kind).validate_python(json.loads(value))
    return objection(wrong.value.errors()[0])  # type: ignore[arg-type]  # a mapping


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (Inner, "{}", "field required"),
        (Inner, "[]", "input should be an object"),
        (Inner, '{"name": 1}', "input should be a valid string"),
        (Inner, '{"name": ""}', "string should have at least 1 character"),
        (Inner, '{"name": "abc"}', "string should have at most 2 characters"),
        (Inner, '{"name": "\\u0000"}', "it holds a character that no text may hold"),
        (int, '"many"', "input should be a valid integer"),
        (int, "1.5", "input should be a valid integer"),
        (float, '"far"', "input should be a valid number"),
        (bool, '"perhaps"', "input should be true or false"),
        (dict[str, str], "1", "input should be an object"),
        (list[str], "1", "input should be a valid list"),
        (
            Annotated[list[str], Field(max_length=1)],
            '["a", "b"]',
            "list should have at most 1 item",
        ),
        (Annotated[int, Field(ge=1)], "0", "input should be 1 or more"),
        (Annotated[int, Field(le=2**53)], str(2**53 + 1), f"input should be {2**53} or less"),
        (Policy, '"win"', "input should be one of these: 'refuse', 'replace'"),
        (Literal["a", "b", "c"], '"d"', "input should be one of these: 'a', 'b', 'c'"),
    ],
)
def test_what_is_wrong_is_told_without_the_value(kind: Any, value: str, told: str) -> None:
    assert objected(kind, value) == told


@pytest.mark.parametrize("type_", ["unknown_region", UNKNOWN_MESSAGE])
def test_our_own_objections_are_told(type_: str) -> None:
    assert objection({"type": type_}) != REST


def test_what_no_sentence_is_there_for_is_told_in_every_language_all_the_same() -> None:
    assert REST == "it is not what belongs there"
    assert Language.SPANISH.say(REST) == "no es lo que va ahí"
