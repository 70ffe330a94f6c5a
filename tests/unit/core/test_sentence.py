import json

import pytest

from sololine.core.sentence import Counted, Sentence

SPANISH = {
    "There is no bot {bot}.": "No existe el bot {bot}.",
    "It is wrong: {reason}.": "Es incorrecto: {reason}.",
    "field required": "el campo es obligatorio",
    "{count} rule": "{count} regla",
    "{count} rules": "{count} reglas",
}


def spanish(sentence: Sentence) -> str:
    if isinstance(sentence, Counted) and sentence.count_of != 1:
        return SPANISH[sentence.many]
    return SPANISH[sentence.text]


def test_a_sentence_is_its_english_text_with_the_values_in_it() -> None:
    sentence = Sentence("There is no bot {bot}.", bot="bot_1")

    assert sentence == str(sentence) == "There is no bot bot_1."
    assert json.dumps(sentence) == '"There is no bot bot_1."'


def test_a_sentence_is_said_in_another_language_with_the_same_values() -> None:
    assert (
        Sentence("There is no bot {bot}.", bot="bot_1").said(spanish) == "No existe el bot bot_1."
    )


def test_a_value_that_is_a_sentence_is_said_in_the_same_language() -> None:
    sentence = Sentence("It is wrong: {reason}.", reason=Sentence("field required"))

    assert sentence == "It is wrong: field required."
    assert sentence.said(spanish) == "Es incorrecto: el campo es obligatorio."


def test_braces_in_a_value_are_only_braces() -> None:
    sentence = Sentence("There is no bot {bot}.", bot="{count} {0} {")

    assert sentence.said(spanish) == "No existe el bot {count} {0} {."


def test_a_value_that_the_text_names_must_be_given() -> None:
    with pytest.raises(KeyError, match="bot"):
        Sentence("There is no bot {bot}.")


@pytest.mark.parametrize(
    ("count", "english", "said"),
    [(0, "0 rules", "0 reglas"), (1, "1 rule", "1 regla"), (2, "2 rules", "2 reglas")],
)
def test_a_number_of_things_has_its_own_form(count: int, english: str, said: str) -> None:
    sentence = Counted("{count} rule", "{count} rules", count=count)

    assert sentence == english
    assert sentence.said(spanish) == said
