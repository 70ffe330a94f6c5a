from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sololine.core.bot import Bot, BotStatus, Setup, after_step
from sololine.core.ids import BotId, TenantId, UserId

BOT = Bot(
    id=BotId("bot_0123456789abcdefghij"),
    tenant=TenantId("acme"),
    owner=UserId("ann"),
    name="Support",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_a_new_bot_has_its_details_and_is_trained_next() -> None:
    assert BOT.setup is Setup.TRAINING


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize(
    ("setup", "status"),
    [
        (Setup.DETAILS, BotStatus.CREATING),
        (Setup.TRAINING, BotStatus.TRAINING),
        (Setup.CONNECT, BotStatus.CONNECTING),
    ],
)
def test_a_bot_is_at_the_step_that_is_to_be_done_next(
    setup: Setup, status: BotStatus, *, connected: bool
) -> None:
    assert replace(BOT, setup=setup).status(connected=connected) is status


@pytest.mark.parametrize(
    ("connected", "status"), [(True, BotStatus.ACTIVE), (False, BotStatus.INACTIVE)]
)
def test_a_complete_bot_is_active_while_it_is_connected(
    status: BotStatus, *, connected: bool
) -> None:
    assert replace(BOT, setup=Setup.COMPLETE).status(connected=connected) is status


@pytest.mark.parametrize(
    ("done", "following"),
    [
        (Setup.DETAILS, Setup.TRAINING),
        (Setup.TRAINING, Setup.CONNECT),
        (Setup.CONNECT, Setup.COMPLETE),
        (Setup.COMPLETE, Setup.COMPLETE),
    ],
)
def test_finishing_a_step_leads_to_the_one_after_it(done: Setup, following: Setup) -> None:
    assert after_step(done, done) is following


@pytest.mark.parametrize("setup", Setup)
@pytest.mark.parametrize("done", Setup)
def test_finishing_a_step_that_is_not_next_changes_nothing(setup: Setup, done: Setup) -> None:
    if done is not setup:
        assert after_step(setup, done) is setup
