"""Training: what a bot knows of itself, and the rules by which it answers.

Rules are tried in their order; the first that matches answers. When none does, the fallback
answers, if there is one. Without rules and fallback the bot stays silent, and the user's own code
answers through a webhook.

Texts are compared without regard to case, accents, punctuation and doubled spaces: people write
on phones.
"""

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, assert_never

RULES_MAX: Final = 100
WORDS_MAX: Final = 20
TEXT_MAX: Final = 4096
"""Characters of an answer; WhatsApp shows about as many."""

HEARD_MAX: Final = 4096
"""Characters of a text in which words are looked for: who writes more is no customer, and each may
stand for 18 once it is compared."""

_ACCENTS: Final = frozenset({1, *range(10, 37), *range(200, 241)})
"""Combining classes: overlays, Hebrew and Arabic points, and what stands around Latin, Greek and
Cyrillic letters."""
_VARIATIONS: Final = frozenset(map(chr, range(0xFE00, 0xFE10)))


class Match(StrEnum):
    """How a rule's words are looked for in what was written."""

    EQUALS = "equals"
    CONTAINS = "contains"
    """As whole words, anywhere."""
    STARTS_WITH = "starts_with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Answer when one of the words matches."""

    match: Match
    words: tuple[str, ...]
    answer: str

    def matches(self, text: str) -> bool:
        """Whether the rule is for this text."""
        return self._matches(_written(text))

    def _matches(self, written: str) -> bool:
        for word in self.words:
            wanted = _plain_word(word)
            if not wanted:
                continue
            match self.match:
                case Match.EQUALS:
                    found = written == f" {wanted} "
                case Match.CONTAINS:
                    found = f" {wanted} " in written
                case Match.STARTS_WITH:
                    found = written.startswith(f" {wanted} ")
                case _ as never:  # pragma: no cover — the type checker proves it
                    assert_never(never)
            if found:
                return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a bot was taught.

    Attributes:
        personality: how the bot speaks; for people, and for the user's own code.
        instructions: what it shall do; likewise.
        rules: how it answers by itself.
        fallback: what it answers when no rule matches; empty for nothing.
    """

    personality: str = ""
    instructions: str = ""
    rules: tuple[Rule, ...] = ()
    fallback: str = ""

    @property
    def answers(self) -> bool:
        """Whether the bot answers by itself."""
        return bool(self.rules or self.fallback)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a bot answers; `rule` is the rule's place in the training, None for the fallback."""

    text: str = field(repr=False)
    rule: int | None


def answer(training: Training, text: str) -> Answer | None:
    """What the bot answers to `text`; None when it has nothing to say."""
    written = _written(text)
    for place, rule in enumerate(training.rules):
        if rule._matches(written):  # noqa: SLF001 — this module's own
            return Answer(text=rule.answer, rule=place)
    if training.fallback:
        return Answer(text=training.fallback, rule=None)
    return None


def _written(text: str) -> str:
    """What was written, with a space around each word."""
    return f" {plain(text[:HEARD_MAX])} "


@lru_cache(maxsize=4096)
def _plain_word(word: str) -> str:
    """A rule's word, which is looked for in many texts."""
    return plain(word)


def plain(text: str) -> str:
    """The text as it is compared: lower case, no accents, words with single spaces between.

    A symbol is a word, so that people can be answered who send a thumb.
    """
    # Twice: what is folded out of one character may have a case, and the other way round.
    folded = unicodedata.normalize("NFKD", text).casefold()
    compared = map(_compared, unicodedata.normalize("NFKD", folded))
    return " ".join("".join(compared).split())


def _compared(character: str) -> str:
    if character.isalnum():
        return character
    match unicodedata.category(character):
        case "So":
            return f" {character} "
        case "Mn" | "Mc" | "Me":
            return "" if _is_accent(character) else character
        case _:
            return " "


def _is_accent(mark: str) -> bool:
    """Whether a mark changes how a letter sounds or looks, and is often left out.

    Of other scripts' marks many are letters of their own: vowels in Devanagari and Thai, voicing in
    Japanese.
    """
    return mark in _VARIATIONS or unicodedata.combining(mark) in _ACCENTS
