"""The languages that people are spoken to in, and which of them a reader wants.

Translations are gettext catalogues, `locale/*/LC_MESSAGES/sololine.po`. They are compiled when the
package is built or installed (`hatch_build.py`), and by `dev.py messages`.
"""

import gettext
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from sololine.core.sentence import Counted, Sentence

DOMAIN: Final = "sololine"
LOCALE: Final = Path(__file__).parent / "locale"

_LOOKED_AT: Final = 256
"""Characters of a header that are looked at; browsers send some forty."""
_RANGE: Final = re.compile(
    r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*"
    r"(?:;\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?"
)
_VARIABLES: Final = ("SOLOLINE_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


class Language(StrEnum):
    """A language that every sentence is there in, as ISO 639 calls it."""

    ENGLISH = "en"
    SPANISH = "es"
    PORTUGUESE = "pt"
    INDONESIAN = "id"

    def say(self, sentence: Sentence) -> str:
        """The sentence in this language; one that has no translation stays English."""
        return sentence.said(self._text)

    def word(self, text: str) -> str:
        """The translation of a text without values, such as the help of a command."""
        return _catalogue(self).gettext(text) if text else text

    def _text(self, sentence: Sentence) -> str:
        if isinstance(sentence, Counted):
            return _catalogue(self).ngettext(sentence.text, sentence.many, sentence.count_of)
        return _catalogue(self).gettext(sentence.text)


@cache
def _catalogue(language: Language) -> gettext.NullTranslations:
    if language is Language.ENGLISH:
        return gettext.NullTranslations()
    try:
        return gettext.translation(DOMAIN, LOCALE, [language])
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the catalogue '{language}' is not compiled: install the package anew, or, in a "
            "checkout, run `python3 dev.py messages`"
        ) from error


def load() -> None:
    """Read every catalogue now, so that none is found missing when somebody wants it.

    Raises:
        FileNotFoundError: one was not compiled.
    """
    for language in Language:
        _catalogue(language)


def negotiated(accept: str | None, default: Language) -> Language:
    """The language that an `Accept-Language` header likes best; `default` when it wants no other.

    As RFC 9110 has it (12.5.4): of what is liked equally, the first; `*` stands for all that are
    not named; what has a quality of 0 is not wanted. A country makes no difference here, so `es-CO`
    is Spanish. What is no language range is passed over.
    """
    return _liked_best(accept[:_LOOKED_AT], default) if accept else default


@lru_cache(maxsize=256)  # readers have few browsers between them
def _liked_best(accept: str, default: Language) -> Language:
    liked: dict[Language, tuple[float, int]] = {}
    others = (0.0, 0)
    for place, (tag, quality) in enumerate(_ranges(accept)):
        if tag == "*":
            others = (quality, -place)
        elif (language := _of_tag(tag)) is not None:
            liked[language] = max((quality, -place), liked.get(language, (0.0, -place)))
    best = max(Language, key=lambda each: (*liked.get(each, others), each is default))
    return best if liked.get(best, others)[0] > 0 else default


def of_environment(environment: Mapping[str, str]) -> Language | None:
    """The language that a terminal's variables ask for; None when it is none of ours.

    The first variable that is set decides, as with other programs. `LANGUAGE` may hold several
    languages, of which the first that we speak counts.
    """
    for name in _VARIABLES:
        told = environment.get(name, "")
        if not told:
            continue
        spoken = (_of_tag(part) for part in told.split(":"))
        return next((each for each in spoken if each is not None), None)
    return None


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        if found := _RANGE.fullmatch(part):
            yield found[1], float(found[2] or 1)


def _of_tag(tag: str) -> Language | None:
    """The language of `es`, `es-419`, `es_CO.UTF-8` and their like; None when it is not ours."""
    primary = re.split(r"[-_.@]", tag.strip().lower())[0]
    return next((each for each in Language if each == primary), None)
