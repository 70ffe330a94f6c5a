import ast
import inspect
import sys
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any, get_args

import pytest

from sololine.core import signals
from sololine.core.signals import (
    ChatSignal,
    Linked,
    LinkSignal,
    PairingCodeIssued,
    QrIssued,
    Received,
    Signal,
    Typing,
    TypingState,
    Where,
)

WORDS = [
    word
    for _, word in inspect.getmembers(signals, is_dataclass)
    if word.__module__ == signals.__name__
]
WHERE = Where(chat="120363000000000001@g.us", sender="98765:1@lid", sender_other="447700900123")


def test_every_word_is_a_signal() -> None:
    assert set(get_args(Signal)) == set(WORDS) - {Where}


def test_a_signal_is_about_the_link_or_about_a_chat() -> None:
    assert not set(get_args(LinkSignal)) & set(get_args(ChatSignal))


@pytest.mark.parametrize("word", WORDS)
def test_a_signal_is_a_value(word: Any) -> None:
    assert word.__dataclass_params__.frozen
    assert "__slots__" in vars(word)
    assert all(field.kw_only for field in fields(word))


@pytest.mark.parametrize(
    ("signal", "secret"),
    [
        (QrIssued(code="2@secret", valid_for=timedelta(seconds=60)), "2@secret"),
        (PairingCodeIssued(code="SECRETPC", valid_for=timedelta(seconds=160)), "SECRETPC"),
        (Linked(jid="447700900123:7@s.whatsapp.net", lid=""), "447700900123"),
        (Linked(jid="", lid="98765432109:7@lid"), "98765432109"),
        (Received(id="3A", where=WHERE, at_s=1, message=b"a text"), "a text"),
        (Received(id="3A", where=WHERE, at_s=1, sender_name="Ana", message=b""), "Ana"),
        (Typing(where=WHERE, state=TypingState.TYPING), "447700900123"),
        (Typing(where=WHERE, state=TypingState.TYPING), "98765"),
    ],
)
def test_a_signal_shows_no_secret_when_it_is_logged(signal: Signal, secret: str) -> None:
    assert secret not in repr(signal)


def test_signals_need_the_standard_library_only_so_that_a_worker_stays_small() -> None:
    tree = ast.parse(inspect.getsource(signals))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [each.name for each in node.names]
        )
    }

    assert imported <= sys.stdlib_module_names
