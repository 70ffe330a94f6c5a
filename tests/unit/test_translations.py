"""Nothing that a person reads is left untranslated.

Three nets, each for what the others let through: the catalogues hold every sentence of the source;
no sentence leaves the source without being one; and what is said in a language differs from
English.
"""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import typer.main
from babel.messages import Catalog

from sololine.cli import app
from sololine.cli.language import helpful
from sololine.core.errors import SololineError
from sololine.core.message import Failure
from sololine.core.session import EndReason
from sololine.emulator.errors import Refused
from sololine.engine.library import LibraryMissing
from sololine.languages import DOMAIN, LOCALE, Language
from sololine.outward.errors import OutwardError
from tools import messages
from tools.messages import SOURCE, TRANSLATED

REMEDY = "Run `python3 dev.py messages` and fill in what is empty; CONTRIBUTING.md says how."

SHORTER = {
    (
        Language.SPANISH,
        "You already have a pending QR code. Scan it, or wait {count} second until it expires.",
    ),
}
"""Translations that leave a value out: the documents have this sentence without the seconds."""

ALIKE = {
    (Language.SPANISH, "Error"),
    (Language.SPANISH, "[{kind} {type}, {size} bytes]"),
    (Language.PORTUGUESE, "[{kind} {type}, {size} bytes]"),
    (Language.SPANISH, "Bot: {name} ({known_as})"),
    (Language.PORTUGUESE, "Bot: {name} ({known_as})"),
    (Language.INDONESIAN, "Bot: {name} ({known_as})"),
    (Language.INDONESIAN, "Status: {status}, {note}"),
    (Language.SPANISH, "{file}: {why}."),
    (Language.PORTUGUESE, "{file}: {why}."),
    (Language.INDONESIAN, "{file}: {why}."),
}
"""What is the same in a language as in English."""

EACH = pytest.mark.parametrize("language", TRANSLATED)


@pytest.fixture(scope="module")
def said() -> Catalog:
    return messages.collected()


def forms(text: Any) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (text,)


def places(text: str) -> set[tuple[str, str | None, str | None]]:
    """The values that a text names, and how it shows them."""
    return {
        (name, spec, conversion)
        for _, name, spec, conversion in Formatter().parse(text)
        if name is not None
    }


def entries(language: Language) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Any]]:
    for entry in messages.translations(language):
        if entry.id:
            yield forms(entry.id), forms(entry.string), entry


# ------------------------------------------------------------------ the catalogues


@EACH
def test_every_sentence_of_the_source_is_in_the_catalogue_and_no_other(
    language: Language, said: Catalog
) -> None:
    there = {entry.id for entry in messages.translations(language)}

    assert there == {entry.id for entry in said}, REMEDY


@EACH
def test_every_sentence_is_translated_in_all_its_forms(language: Language) -> None:
    counts = messages.translations(language).num_plurals
    for texts, translated, entry in entries(language):
        assert all(translated), f"{texts[0]!r} has no translation. {REMEDY}"
        assert len(translated) == (counts if len(texts) > 1 else 1), texts[0]
        assert not entry.fuzzy, f"the translation of {texts[0]!r} is a guess"


@EACH
def test_a_translation_names_the_values_of_its_sentence_and_ends_like_it(
    language: Language,
) -> None:
    for texts, translated, _ in entries(language):
        named = places(texts[-1])
        for text in translated:
            if (language, texts[0]) in SHORTER:
                assert places(text) < named, texts[0]
            else:
                assert places(text) == named, texts[0]
            end = re.compile(r"[.:?!)\]]?\s*$")
            assert end.search(text)[0] == end.search(texts[0])[0], texts[0]  # type: ignore[index]


@EACH
def test_a_translation_is_not_the_english_text(language: Language) -> None:
    alike = {texts[0] for texts, translated, _ in entries(language) if translated[0] == texts[0]}

    assert alike == {text for spoken, text in ALIKE if spoken is language}


@EACH
def test_names_of_fields_commands_and_settings_stay_as_they_are(language: Language) -> None:
    name = re.compile(r"`[^`]+`|[a-z]+[A-Z]\w+|SOLOLINE_\w+|x-api-key|/docs|--[a-z]+")
    example = "`--poll"  # whose question and answers are words for people
    for texts, translated, _ in entries(language):
        kept = {each for each in name.findall(texts[0]) if not each.startswith(example)}
        for text in translated:
            assert {each for each in kept if each not in text} == set(), texts[0]


@EACH
def test_the_compiled_catalogue_is_the_one_that_people_edit(language: Language) -> None:
    compiled = gettext.translation(DOMAIN, LOCALE, [language])
    for texts, translated, _ in entries(language):
        if len(texts) > 1:
            assert compiled.ngettext(texts[0], texts[1], 1) == translated[0], REMEDY
            assert compiled.ngettext(texts[0], texts[1], 7) == translated[-1], REMEDY
        else:
            assert compiled.gettext(texts[0]) == translated[0], REMEDY


def test_what_is_not_translated_is_found(said: Catalog) -> None:
    catalog = Catalog(locale="es")
    catalog.update(said)
    first = "There are no conflicts."

    assert first in messages.missing(catalog)
    catalog[first].string = "No hay conflictos."
    assert first not in messages.missing(catalog)
    counted = next(entry.id for entry in said if isinstance(entry.id, tuple))
    catalog[counted].string = ("Uno.", "")
    assert counted[0] in messages.missing(catalog)


def test_a_refresh_changes_only_what_the_source_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    file = messages.catalogue(Language.SPANISH)
    file.parent.mkdir(parents=True)
    whole = (LOCALE / file.relative_to(tmp_path)).read_text()
    lost = '\nmsgid "The bot was deleted."\nmsgstr "El bot fue eliminado."\n'
    gone = '\nmsgid "Nobody says this."\nmsgstr "Nadie lo dice."\n'

    file.write_text(whole)
    assert messages.refresh(Language.SPANISH) == []
    assert file.read_text() == whole
    file.write_text(whole.replace(lost, gone))
    assert messages.refresh(Language.SPANISH) == ["The bot was deleted."]
    assert file.read_text() == whole.replace("El bot fue eliminado.", "")
    assert file.with_suffix(".mo").exists()


# ------------------------------------------------------------------ the source


def below(kind: type) -> Iterator[str]:
    yield kind.__name__
    for each in kind.__subclasses__():
        yield from below(each)


REFUSALS = {
    name for kind in (SololineError, OutwardError, Refused, LibraryMissing) for name in below(kind)
}
ERRORS = {
    "core/errors.py",
    "outward/errors.py",
    "emulator/errors.py",
    "sealed_file.py",
    "backup/archive.py",
    "backup/data_folder.py",
    "backup/take.py",
}
"""Whose classes make sentences of their own; errors elsewhere are for developers."""
SPEAKING = {"say", "fail", "refused", "words", "consent", "ask_secret", "title", "note", "item"}
ONLY_OUTPUT_MAY = {"echo", "secho", "print", "confirm", "prompt", "BadParameter"}
"""What `cli/output.py` wraps, so that what is told goes through the catalogue."""
WRITTEN_OUT = {"Sentence": 1, "Counted": 2}


def texts_in(node: ast.expr) -> Iterator[str]:
    """The literal texts that an expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        case ast.IfExp(body=body, orelse=other):
            yield from texts_in(body)
            yield from texts_in(other)
        case ast.BoolOp(values=values):
            for each in values:
                yield from texts_in(each)
        case ast.BinOp(left=left, right=right):
            yield from texts_in(left)
            yield from texts_in(right)
        case ast.Call(func=ast.Attribute(value=formatted, attr="format")):
            yield from texts_in(formatted)


def bare_texts(source: str, module: str) -> Iterator[str]:
    """Where a text would reach people that no catalogue can know, as `line: text`."""
    in_cli = module.startswith("cli/") and module != "cli/output.py"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            made = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
            if not WRITTEN_OUT.keys().isdisjoint(made):
                yield f"{node.lineno}: a sentence in an f-string is not collected"
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = name or attribute
        spoken = [
            *(node.args[:1] if called in REFUSALS or (in_cli and called in SPEAKING) else ()),
            *(node.args[:1] if attribute == "__init__" and module in ERRORS else ()),
            *(each.value for each in node.keywords if each.arg in ("message", "remedy")),
        ]
        found = [text for each in spoken for text in texts_in(each)]
        if in_cli and called in ONLY_OUTPUT_MAY:
            found.append(f"{called}() belongs to cli/output.py")
        if in_cli and called == "show":
            found += [
                text for each in node.args for text in texts_in(each) if text.strip(" ()+-:.")
            ]
        if module != "core/sentence.py" and called in WRITTEN_OUT:
            given = node.args[: WRITTEN_OUT[called]]
            if not all(isinstance(each, ast.Constant) for each in given):
                found.append(f"{called}() wants its text written out")
        yield from (f"{node.lineno}: {text}" for text in found)


@pytest.mark.parametrize(
    "file", sorted(SOURCE.rglob("*.py")), ids=lambda file: str(file.relative_to(SOURCE))
)
def test_no_bare_text_is_told_to_people(file: Path) -> None:
    assert list(bare_texts(file.read_text(), file.relative_to(SOURCE).as_posix())) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("actions/bots.py", 'raise InvalidInput("A bot needs a name.", field="name")'),
        ("actions/bots.py", 'raise InvalidInput(f"The {field} is long.", field=field)'),
        ("actions/bots.py", 'raise errors.NotAllowed("Not you.")'),
        ("core/errors.py", 'super().__init__("There is no bot." if a else Sentence("No bots."))'),
        ("core/errors.py", 'super().__init__(message or "Send a key.")'),
        ("outward/requests.py", 'raise Unreachable("Nobody answers.")'),
        ("emulator/exchange.py", 'raise LinkingBroken("no answer")'),
        ("sealed_file.py", 'super().__init__("this is no backup")'),
        ("web/bots.py", 'Success(message="The bot was deleted.")'),
        ("web/whatsapp.py", 'Shape(message=f"{count} bots." if count else Sentence("None."))'),
        ("cli/bot.py", 'fail("There is no bot.")'),
        ("cli/bot.py", 'say("Done, {}.".format(name))'),
        ("cli/bot.py", 'show(f"{count} bots")'),
        ("cli/bot.py", 'typer.echo(Sentence("Done."))'),
        ("cli/bot.py", "print(answer)"),
        ("cli/bot.py", 'raise typer.BadParameter("write a number")'),
        ("cli/bot.py", 'typer.confirm("Delete it?")'),
        ("cli/bot.py", 'ask_secret("Passphrase")'),
        ("cli/bot.py", 'report.item(f"Bots: {count}")'),
        ("cli/bot.py", "show(f\"   {words(Sentence('Done.'))}\")"),
        ("core/draft.py", "Sentence(text, field=field)"),
        ("core/draft.py", 'Sentence(f"The {field} is empty.")'),
        ("core/draft.py", 'Counted("{count} bot", many, count=2)'),
    ],
)
def test_a_bare_text_is_found(module: str, source: str) -> None:
    assert len(list(bare_texts(source, module))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("actions/bots.py", 'raise InvalidInput(Sentence("A bot needs a name."), field="name")'),
        ("actions/bots.py", "raise BotNotFound(bot)"),
        ("core/message.py", 'Event(data={"reason": "asked"})'),
        ("actions/sending.py", "FetchMedia(message=found)"),
        ("cli/bot.py", "show(f\"{bot['id']}  ({name})  +{number}\")"),
        ("cli/bot.py", 'fail(Sentence("There is no bot."))'),
        ("cli/report.py", 'show(f"   - {words(sentence)}")'),
        ("cli/output.py", "typer.echo(words(sentence))"),
    ],
)
def test_what_the_catalogue_knows_is_let_through(module: str, source: str) -> None:
    assert list(bare_texts(source, module)) == []


# ------------------------------------------------------------------ what is said


@EACH
def test_every_remedy_is_said_in_the_language(language: Language) -> None:
    for sentence in (
        *(reason.remedy for reason in EndReason),
        *(failure.sentence for failure in Failure),
    ):
        assert language.say(sentence) != sentence


@EACH
def test_the_help_of_every_command_is_said_in_the_language(language: Language) -> None:
    for each in helpful(typer.main.get_command(app)):
        assert language.word(each.help) != each.help
