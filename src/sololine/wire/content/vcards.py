"""Contact cards: vCard texts, read for a name and numbers, and written from them.

Phones write version 3.0 and put the WhatsApp account behind a number into the parameter `waid`:
`TEL;type=CELL;waid=447700900123:+44 7700 900123`.
"""

import re
from collections.abc import Iterator
from typing import Final

from sololine.core.content import Card
from sololine.wire.content import texts

VCARD_MAX: Final = 8192
"""Characters of a card without its pictures; of a longer one name and numbers are kept only."""

NUMBERS_MAX: Final = 32

_FOLD: Final = re.compile(r"\r?\n[ \t]")
_WAID: Final = re.compile(r"waid=\"?([0-9]{5,20})\"?", re.IGNORECASE)
_BULKY: Final = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
_DIGITS: Final = range(5, 21)


def read_card(display_name: str | bytes, vcard: str | bytes) -> Card:
    """The card that a contact message shows."""
    lines = _FOLD.sub("", texts.text(vcard, texts.TEXT_MAX)).splitlines()
    named = texts.line(display_name)
    numbers: dict[str, None] = {}
    kept = []
    for line in lines:
        head, _, value = line.partition(":")
        name = _name(head)
        if name in _BULKY:
            continue
        kept.append(line)
        if name == "FN" and not named:
            named = texts.line(_unescaped(value))
        if name == "TEL" and len(numbers) < NUMBERS_MAX:
            numbers |= dict.fromkeys(_numbers(head, value))
    whole = "\n".join(kept)
    return Card(name=named, numbers=tuple(numbers), vcard=whole if len(whole) <= VCARD_MAX else "")


def write_card(card: Card) -> str:
    """The card as vCard text: its own if it has one, else made from name and numbers."""
    if card.vcard:
        return texts.text(card.vcard)
    name = _escaped(texts.line(card.name))
    numbers = [
        f"TEL;type=CELL;type=VOICE;waid={digits}:+{digits}"
        for number in card.numbers
        if (digits := _digits(number))
    ]
    return "\n".join(
        ["BEGIN:VCARD", "VERSION:3.0", f"N:;{name};;;", f"FN:{name}", *numbers, "END:VCARD"]
    )


def _name(head: str) -> str:
    """The property's name: Apple's phones write `item1.TEL;waid=…`."""
    return head.partition(";")[0].rpartition(".")[2].strip().upper()


def _numbers(head: str, value: str) -> Iterator[str]:
    if account := _WAID.search(head):
        yield account[1]
    elif value.strip().startswith(("+", "tel:+")) and (digits := _digits(value)):
        # Without a + the country is not known, so it is no number that could be written to.
        yield digits


def _digits(number: str) -> str:
    digits = re.sub(r"[^0-9]", "", number.partition(";")[0])
    return digits if len(digits) in _DIGITS else ""


def _escaped(value: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", value)


def _unescaped(value: str) -> str:
    return re.sub(r"\\([\\;,:nN])", lambda found: " " if found[1] in "nN" else found[1], value)
