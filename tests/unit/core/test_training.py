import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core import training as training_module
from sololine.core.training import HEARD_MAX, Answer, Match, Rule, Training, answer, plain


def rule(match: Match, *words: str, says: str = "yes") -> Rule:
    return Rule(match=match, words=words, answer=says)


@pytest.mark.parametrize(
    ("match", "word", "text", "found"),
    [
        (Match.EQUALS, "hola", "¡Hóla!", True),
        (Match.EQUALS, "hola", "hola que tal", False),
        (Match.EQUALS, "opening hours", "Opening   HOURS?", True),
        (Match.CONTAINS, "price", "What's the price?", True),
        (Match.CONTAINS, "price", "prices", False),
        (Match.CONTAINS, "the price", "what is the price", True),
        (Match.CONTAINS, "strasse", "Große STRAẞE 1", True),
        (Match.STARTS_WITH, "order", "Order 66", True),
        (Match.STARTS_WITH, "order", "orders 66", False),
        (Match.STARTS_WITH, "order", "my order", False),
        (Match.EQUALS, "👍", "👍", True),
        (Match.CONTAINS, "👍", "ok👍🏽", True),
        (Match.EQUALS, "❤", "❤\ufe0f", True),
        (Match.EQUALS, "が", "か", False),
        (Match.EQUALS, "की", "का", False),
        (Match.EQUALS, "محمد", "مُحَمَّد", True),
        (Match.EQUALS, "full width", "\uff26\uff55\uff4c\uff4c width", True),
        (Match.EQUALS, "?", "?", False),
        (Match.EQUALS, "", "", False),
    ],
)
def test_a_rule_is_for_what_people_write_on_phones(
    match: Match, word: str, text: str, *, found: bool
) -> None:
    assert rule(match, word).matches(text) is found


def test_a_text_is_read_once_however_many_rules_there_are_and_not_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one long message of a stranger's would keep the process busy for many seconds."""
    read: list[int] = []

    def counted(text: str) -> str:
        read.append(len(text))
        return plain(text)

    monkeypatch.setattr(training_module, "plain", counted)
    rules = tuple(rule(Match.CONTAINS, f"unheard of {number}") for number in range(100))
    assert answer(Training(rules=rules), "a" * 65_536) is None

    long = [length for length in read if length > 20]
    assert long == [HEARD_MAX]
    assert rule(Match.CONTAINS, "end").matches("x " * (HEARD_MAX // 2 - 2) + "end")
    assert not rule(Match.CONTAINS, "end").matches("x " * HEARD_MAX + "end")


def test_one_of_the_words_is_enough() -> None:
    assert rule(Match.EQUALS, "?", "hi", "hello").matches("Hello!")
    assert not rule(Match.EQUALS).matches("Hello!")


RULES = (
    rule(Match.EQUALS, "hi", says="first"),
    rule(Match.CONTAINS, "hi", says="second"),
)


def test_the_first_rule_that_matches_answers() -> None:
    training = Training(rules=RULES, fallback="what?")
    assert answer(training, "hi") == Answer(text="first", rule=0)
    assert answer(training, "oh hi") == Answer(text="second", rule=1)
    assert answer(training, "bye") == Answer(text="what?", rule=None)


def test_a_bot_without_a_fallback_stays_silent() -> None:
    assert answer(Training(rules=RULES), "bye") is None
    assert answer(Training(personality="kind", instructions="help"), "hi") is None


@pytest.mark.parametrize(
    ("training", "answers"),
    [
        (Training(), False),
        (Training(personality="kind", instructions="help"), False),
        (Training(rules=RULES), True),
        (Training(fallback="what?"), True),
    ],
)
def test_a_bot_answers_by_itself_when_it_was_taught_an_answer(
    training: Training, *, answers: bool
) -> None:
    assert training.answers is answers


@given(st.text())
def test_a_text_is_compared_in_one_form_however_often_it_is_taken(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert once == " ".join(once.split())


@given(st.text())
def test_the_words_of_a_text_match_the_text(text: str) -> None:
    for match in Match:
        assert rule(match, text).matches(text) is bool(plain(text))


def test_an_answer_shows_no_words_when_it_is_logged() -> None:
    assert "secret" not in repr(Answer(text="secret", rule=1))
