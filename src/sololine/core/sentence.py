"""Sentences that people read: an English text with named places, apart from what stands in them.

    Sentence("There are {count} rules.", count=3)  ──▶ shown, stored, compared: "There are 3 rules."
                                                   └─▶ said at a door: "Hay 3 reglas."

Whoever refuses something makes the sentence, and knows nothing of languages. Only a door knows who
reads, and says it in the reader's language (see `sololine.languages`).

The catalogues find a translation by the English text, so it stands where the sentence is made, as
a literal: `dev.py messages` collects it from there.
"""

from collections.abc import Callable
from typing import Self


class Sentence(str):
    """A sentence in English that still knows how it was made.

    It is a `str`, so that it can be logged, stored and compared as it is. What an f-string or `+`
    makes of it is only a `str`, and stays English.

    Args:
        text: English, with the names of its values in braces.
        values: what stands there; a sentence among them is said in the same language.
    """

    __slots__ = ("text", "values")
    text: str
    values: dict[str, object]

    def __new__(cls, text: str, /, **values: object) -> Self:
        """Make the sentence; every value that `text` names must be given."""
        made = super().__new__(cls, text.format_map(values))
        made.text, made.values = text, values
        return made

    def said(self, translated: Callable[["Sentence"], str]) -> str:
        """The sentence, with the text that `translated` finds for it in the place of its own."""
        values = {
            name: value.said(translated) if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }
        return translated(self).format_map(values)


class Counted(Sentence):
    """A sentence about a number of things; each language has its own forms for them.

    Args:
        one: English for one thing; names the same values as `many`.
        many: English for any other number.
        count: how many; both texts may name it.
        values: as of any sentence.
    """

    __slots__ = ("count_of", "many")
    many: str
    count_of: int

    def __new__(cls, one: str, many: str, /, *, count: int, **values: object) -> Self:
        """Make the sentence for `count` things."""
        made = super().__new__(cls, one if count == 1 else many, count=count, **values)
        made.text, made.many, made.count_of = one, many, count
        return made
