import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.chat import ChatId
from sololine.core.chore import TASKS, CheckNumbers, Chore, ShowContact, ShowTyping, Task
from sololine.core.ids import BotId, ChoreId, TenantId
from sololine.core.signals import TypingState

SECRET = "447700900123"


@given(st.one_of([st.from_type(task) for task in get_args(Task)]))
def test_a_task_is_read_as_it_was_written(task: Any) -> None:
    assert TASKS.from_json(json.loads(json.dumps(TASKS.to_json(task)))) == task


@pytest.mark.parametrize(
    "task",
    [
        CheckNumbers(numbers=(SECRET,)),
        ShowContact(chat=ChatId(SECRET)),
        ShowTyping(chat=ChatId(SECRET), state=TypingState.TYPING),
    ],
)
def test_a_chore_shows_nobody_when_it_is_logged(task: Task) -> None:
    chore = Chore(
        id=ChoreId("cho_1"),
        tenant=TenantId("acme"),
        bot=BotId("bot_1"),
        task=task,
        answer={"numbers": [SECRET]},
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert SECRET not in repr(chore)
