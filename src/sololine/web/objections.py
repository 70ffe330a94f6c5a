"""What is wrong with a value, in sentences of ours: pydantic's own are in English only.

An objection begins in lower case and ends without a full stop, since it stands in a sentence.
"""

from collections.abc import Mapping
from typing import Any, Final

from sololine.core.sentence import Counted, Sentence

UNKNOWN_MESSAGE: Final = "unknown_message"
"""The type of error, beside pydantic's, of a message whose own type is missing or unknown."""


def objection(error: Mapping[str, Any]) -> Sentence:
    """Why a value was refused, as one of pydantic's error details tells it by type and context.

    The value itself is not shown: it may be a secret.
    """
    kind: str = error["type"]
    context: Mapping[str, Any] = error.get("ctx") or {}
    return _PLAIN.get(kind) or _bounded(kind, context) or _REST


def _bounded(kind: str, context: Mapping[str, Any]) -> Sentence | None:
    """An objection to a value beyond a bound that `context` names."""
    match kind:
        case "string_too_long":
            return Counted(
                "string should have at most {count} character",
                "string should have at most {count} characters",
                count=context["max_length"],
            )
        case "string_too_short":
            return Counted(
                "string should have at least {count} character",
                "string should have at least {count} characters",
                count=context["min_length"],
            )
        case "too_long":
            return Counted(
                "list should have at most {count} item",
                "list should have at most {count} items",
                count=context["max_length"],
            )
        case "greater_than_equal":
            return Sentence("input should be {least} or more", least=context["ge"])
        case "less_than_equal":
            return Sentence("input should be {most} or less", most=context["le"])
        case "enum" | "literal_error":
            # The last comma of the list is a word of English.
            expected = context["expected"].replace(" or ", ", ")
            return Sentence("input should be one of these: {expected}", expected=expected)
        case _:
            return None


_OBJECT: Final = Sentence("input should be an object")
_INTEGER: Final = Sentence("input should be a valid integer")
_NUMBER: Final = Sentence("input should be a valid number")
_TRUTH: Final = Sentence("input should be true or false")
_STRING: Final = Sentence("input should be a valid string")
_REST: Final = Sentence("it is not what belongs there")
_PLAIN: Final[Mapping[str, Sentence]] = {
    "missing": Sentence("field required"),
    "string_type": _STRING,
    "string_unicode": _STRING,
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_parsing_size": _INTEGER,
    "int_from_float": _INTEGER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": Sentence("input should be a valid list"),
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "unstorable": Sentence("it holds a character that no text may hold"),
    "unknown_region": Sentence("write the country with its two letters (ISO 3166), like ES or GB"),
    UNKNOWN_MESSAGE: Sentence(
        "send text, image, video, audio, voice, document, sticker, location, contact, poll, "
        "reaction, edit, delete or forward"
    ),
}
