# ruff: noqa: INP001, T201 — a script for people, no package
"""Bring the catalogues to what the source says: `python3 dev.py messages`.

Sentences are collected from the calls of `Sentence` and `Counted`, and from the help of every
command. New ones get an empty translation in each `sololine.po`, for somebody to fill in; those
that nobody says any more go; the rest stays as it is. Then the catalogues are compiled.

Ends with status 1 while a translation is missing.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from sololine.cli import app
from sololine.cli.language import helpful
from sololine.languages import DOMAIN, LOCALE, Language

SOURCE = LOCALE.parent
TRANSLATED = tuple(each for each in Language if each is not Language.ENGLISH)
KEYWORDS = {"Sentence": None, "Counted": (1, 2)}
_TYPER = Path(typer.__file__).parent
_TYPER_FILES = ("core.py", "rich_utils.py")


def collected() -> Catalog:
    """Every sentence that the source says, with the files that say it."""
    found = Catalog(charset="utf-8")
    for text, place in (*_said(), *_headings(), *_helped()):
        found.add(text, locations=[(place, 0)])
    return found


def _said() -> Iterator[tuple[Any, str]]:
    for file in sorted(SOURCE.rglob("*.py")):
        for _, text, _, _ in extract_from_file("python", file, keywords=KEYWORDS):
            yield text, file.relative_to(SOURCE).as_posix()


def _headings() -> Iterator[tuple[Any, str]]:
    """What Typer itself says, as far as it asks gettext for it."""
    for name in _TYPER_FILES:
        for _, text, _, _ in extract_from_file("python", _TYPER / name, keywords={"_": None}):
            yield text, "typer"


def _helped() -> Iterator[tuple[str, str]]:
    """The help of every command and of what it takes."""
    for each in helpful(typer.main.get_command(app)):
        yield each.help, "help"


def catalogue(language: Language) -> Path:
    """The file of a language's translations."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def translations(language: Language) -> Catalog:
    """The translations that there are."""
    with catalogue(language).open("rb") as source:
        return read_po(source, locale=language)


def missing(catalog: Catalog) -> list[str]:
    """The sentences without a translation."""
    gaps = []
    for message in catalog:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and not all(forms):
            gaps.append(message.id[0] if isinstance(message.id, tuple) else message.id)
    return gaps


def refresh(language: Language) -> list[str]:
    """Bring a catalogue to what the source says, and compile it; the sentences that it lacks."""
    catalog = translations(language)
    catalog.update(collected(), no_fuzzy_matching=True)
    file = catalogue(language)
    # The head is kept as people wrote it; Babel's would name tools and dates.
    head, _, _ = file.read_text(encoding="utf-8").partition("\n\n")
    with file.open("wb") as out:
        out.write(f"{head.rstrip()}\n\n".encode())
        write_po(out, catalog, width=100, omit_header=True, sort_by_file=True, ignore_obsolete=True)
    with file.with_suffix(".mo").open("wb") as out:
        write_mo(out, catalog)
    return missing(catalog)


def main() -> int:
    """Refresh every catalogue, and say what is to be translated."""
    status = 0
    for language in TRANSLATED:
        gaps = refresh(language)
        where = catalogue(language).relative_to(Path.cwd())
        print(f"{where}: {len(gaps)} to translate" if gaps else f"{where}: complete")
        for text in gaps:
            print(f"    {text!r}")
        status = status or int(bool(gaps))
    return status


if __name__ == "__main__":
    sys.exit(main())
