from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.events import EventType
from sololine.core.ids import BotId, DeliveryId, TenantId, WebhookId
from sololine.core.webhook import (
    PAUSED_AFTER,
    PAUSED_AFTER_AT_LEAST,
    RETRIED_AFTER,
    Webhook,
    WebhookState,
    is_failing,
    next_try,
    wanting,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
BOT, OTHER = BotId("bot_1"), BotId("bot_2")
ALL = Webhook(
    id=WebhookId("whk_all"),
    tenant=TenantId("acme"),
    url="https://example.com/secret",
    secret="whsec_secret",
    created_at=AT,
)
OF_BOT = replace(ALL, id=WebhookId("whk_bot"), bot=BOT)
NAMED = replace(
    ALL,
    id=WebhookId("whk_named"),
    types=frozenset({EventType.MESSAGE_RECEIVED, EventType.WEBHOOK_PAUSED}),
)
HOOKS = (ALL, OF_BOT, NAMED)


@pytest.mark.parametrize(
    ("type_", "bot", "wanted"),
    [
        (EventType.MESSAGE_RECEIVED, BOT, (ALL, OF_BOT, NAMED)),
        (EventType.MESSAGE_RECEIVED, OTHER, (ALL, NAMED)),
        (EventType.MESSAGE_SENT, BOT, (ALL, OF_BOT)),
        (EventType.MESSAGE_SENT, None, (ALL,)),
        (EventType.WEBHOOK_PAUSED, BOT, (NAMED,)),
        (EventType.WEBHOOK_RESUMED, BOT, ()),
        (EventType.WEBHOOK_TESTED, BOT, ()),
    ],
)
def test_a_webhook_gets_what_it_asks_for(
    type_: EventType, bot: BotId | None, wanted: tuple[Webhook, ...]
) -> None:
    assert wanting(HOOKS, type_, bot) == wanted


@pytest.mark.parametrize("state", WebhookState)
def test_what_a_paused_webhook_asks_for_waits_and_what_a_gone_one_does_is_dropped(
    state: WebhookState,
) -> None:
    wants = replace(ALL, state=state).wants(EventType.MESSAGE_SENT, BOT)
    assert wants == (state is not WebhookState.GONE)


@pytest.mark.parametrize("type_", [EventType.WEBHOOK_TESTED, EventType.BOT_CREATED])
def test_a_test_is_for_one_webhook_whatever_it_asks_for(type_: EventType) -> None:
    assert wanting(HOOKS, type_, OTHER, NAMED.id) == (NAMED,)
    assert wanting(HOOKS, type_, OTHER, WebhookId("whk_none")) == ()
    assert not replace(NAMED, types=frozenset({EventType.WEBHOOK_TESTED})).wants(
        EventType.WEBHOOK_TESTED, BOT
    )


@given(tries=st.integers(0, 99), delivery=st.text(max_size=28).map(DeliveryId))
def test_a_wait_is_spread_by_a_quarter_and_the_same_each_time(
    tries: int, delivery: DeliveryId
) -> None:
    wait = next_try(tries, delivery)
    if tries > len(RETRIED_AFTER):
        assert wait is None
    else:
        plain = RETRIED_AFTER[max(tries, 1) - 1]
        assert wait is not None
        assert plain <= wait <= plain * 1.25
        assert wait == next_try(tries, delivery)


def test_deliveries_that_failed_together_do_not_come_back_together() -> None:
    waits = {next_try(1, DeliveryId(f"dlv_{no}")) for no in range(20)}
    assert len(waits) == 20


def test_tries_are_made_for_about_three_days() -> None:
    waits = [next_try(tries, DeliveryId("dlv_1")) for tries in range(1, len(RETRIED_AFTER) + 1)]
    total = sum((wait for wait in waits if wait is not None), timedelta())
    assert timedelta(hours=64) <= total <= timedelta(hours=81)


@pytest.mark.parametrize(
    ("failures", "since", "failing"),
    [
        (PAUSED_AFTER, AT - PAUSED_AFTER_AT_LEAST, True),
        (PAUSED_AFTER - 1, AT - PAUSED_AFTER_AT_LEAST, False),
        (PAUSED_AFTER, AT - PAUSED_AFTER_AT_LEAST + timedelta(seconds=1), False),
        (PAUSED_AFTER, None, False),
    ],
)
def test_a_webhook_is_paused_when_it_fails_often_and_long(
    failures: int, since: datetime | None, *, failing: bool
) -> None:
    assert is_failing(failures, since, AT) is failing


def test_a_webhook_shows_no_secret_when_it_is_logged() -> None:
    assert "secret" not in repr(ALL)
