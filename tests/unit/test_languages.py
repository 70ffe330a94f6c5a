from pathlib import Path

import pytest

from sololine import languages
from sololine.core.errors import LinkingPending
from sololine.core.sentence import Counted, Sentence
from sololine.languages import Language, load, negotiated, of_environment
from tests.unit.scenes import NOON

EN, ES, PT, ID = Language


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("es", ES),
        ("ES", ES),
        ("es-CO", ES),
        ("es-419,es;q=0.9,en;q=0.8", ES),
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", PT),
        ("de-DE, de;q=0.9, id;q=0.5", ID),
        ("en;q=0.5, es;q=0.7", ES),
        ("en, es", EN),
        ("es, en", ES),
        ("es;q=0.3, es-MX;q=0.9, pt;q=0.5", ES),
        ("es;q=1.000", ES),
        ("es ; q=0.5 , pt;q=0.4", ES),
        ("*;q=0.1, id", ID),
    ],
)
def test_the_language_that_is_liked_best_is_spoken(accept: str, language: Language) -> None:
    assert negotiated(accept, EN) is language


@pytest.mark.parametrize(
    "accept", [None, "", "de", "fr-FR, de;q=0.5", "*", "es;q=0", "es;q=0.0, *", "español", "es;q=2"]
)
def test_who_wants_none_of_ours_hears_the_deployments(accept: str | None) -> None:
    assert negotiated(accept, ID) is ID


def test_any_other_language_may_be_wanted_more_than_a_named_one() -> None:
    assert negotiated("en;q=0.1, *", EN) is not EN
    assert negotiated("en;q=0, *;q=0.5", EN) is not EN


def test_only_so_much_of_a_header_is_looked_at() -> None:
    assert negotiated("de," * 84 + "es", EN) is ES
    assert negotiated("de," * 85 + "es", EN) is EN


def test_a_catalogue_that_was_not_compiled_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(languages, "LOCALE", tmp_path)
    languages._catalogue.cache_clear()
    try:
        with pytest.raises(FileNotFoundError, match=r"dev\.py messages"):
            load()
    finally:
        monkeypatch.undo()
        languages._catalogue.cache_clear()


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "es_CO.UTF-8"}, ES),
        ({"LANG": "pt_BR.UTF-8", "LC_ALL": "id_ID.UTF-8"}, ID),
        ({"LANG": "pt_BR", "LC_MESSAGES": "es_ES@euro"}, ES),
        ({"LANGUAGE": "de:pt_BR:es", "LANG": "en_US.UTF-8"}, PT),
        ({"LANGUAGE": "", "LANG": "es_ES"}, ES),
        ({"SOLOLINE_LANGUAGE": "id", "LANG": "es_ES.UTF-8"}, ID),
        ({"LC_ALL": "C", "LANG": "es_ES.UTF-8"}, None),
        ({"LANG": "C.UTF-8"}, None),
        ({"LANG": "de_DE.UTF-8"}, None),
        ({}, None),
    ],
)
def test_a_terminals_first_variable_that_is_set_decides(
    environment: dict[str, str], language: Language | None
) -> None:
    assert of_environment(environment) is language


def test_a_sentence_is_said_in_each_language() -> None:
    sentence = Sentence("There are no conflicts.")

    load()
    assert [language.say(sentence) for language in Language] == [
        "There are no conflicts.",
        "No hay conflictos.",
        "Não há conflitos.",
        "Tidak ada konflik.",
    ]


def test_what_has_no_translation_stays_english() -> None:
    assert ES.say(Sentence("Nobody ever says {this}.", this="that")) == "Nobody ever says that."
    assert ES.word("") == ""


@pytest.mark.parametrize(
    ("count", "portuguese"), [(1, "espere 1 segundo até"), (2, "espere 2 segundos até")]
)
def test_each_language_counts_in_its_own_way(count: int, portuguese: str) -> None:
    pending = LinkingPending(ends_at=NOON, seconds_left=count).message

    assert isinstance(pending, Counted)
    assert portuguese in PT.say(pending)
    assert f"tunggu {count} detik" in ID.say(pending)
