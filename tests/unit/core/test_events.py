import re
from datetime import UTC, datetime

import pytest

from sololine.core.events import Event, EventType, LoggedEvent
from sololine.core.ids import TenantId


@pytest.mark.parametrize("each", EventType)
def test_every_type_is_a_thing_and_what_happened_to_it(each: EventType) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", each.value)


def test_an_event_needs_no_data() -> None:
    assert Event(type=EventType.SESSION_CONNECTING).data == {}


def test_events_do_not_share_their_data() -> None:
    one, other = Event(type=EventType.BOT_CREATED), Event(type=EventType.BOT_CREATED)

    assert one.data is not other.data


def test_a_logged_event_may_be_about_no_bot() -> None:
    event = LoggedEvent(
        seq=1,
        tenant=TenantId("acme"),
        bot=None,
        type=EventType.BOT_DELETED,
        data={},
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    assert event.bot is None
