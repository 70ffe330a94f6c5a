from datetime import timedelta

import pytest

from sololine.actions import statistics
from sololine.actions.gateway import Gateway
from sololine.clock import ManualClock
from sololine.core.advance import Began
from sololine.core.errors import InvalidInput
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.statistics import Tally
from tests.unit.scenes import (
    NOON,
    OTHER_TENANT,
    STRANGER,
    connect,
    connected_bot,
    move,
    new_bot,
    qr,
)

DAY = timedelta(days=1)


async def test_figures_are_of_the_last_thirty_days_and_of_one_tenant(
    gateway: Gateway, clock: ManualClock
) -> None:
    await connected_bot(gateway)
    clock.advance(40 * DAY)
    lately = await connected_bot(gateway, "34600000003")
    pending = await new_bot(gateway)
    await connect(gateway, pending)
    await move(gateway.store, pending, Began(), qr())
    await connected_bot(gateway, "34600000004", caller=STRANGER)
    clock.advance(timedelta(seconds=1))  # what begins at the end of the span is not in it

    found = await statistics.look(gateway, DEFAULT_TENANT)

    assert (found.since, found.until) == (clock.now() - 30 * DAY, clock.now())
    assert (found.counts.total, found.counts.connected, found.counts.awaiting_scan) == (3, 2, 1)
    assert found.attempts == Tally(attempts=2, connected=1, failed=0)
    assert {each.bot for each in found.by_bot} == {lately, pending}
    assert [each.day for each in found.by_day] == [clock.now().date()]
    assert found.times[True].connected == 1
    assert (await statistics.look(gateway, None)).attempts.attempts == 3
    assert (await statistics.look(gateway, OTHER_TENANT)).attempts.attempts == 1


async def test_a_span_may_be_named(gateway: Gateway, clock: ManualClock) -> None:
    await connected_bot(gateway)
    clock.advance(DAY)

    async def attempts(**span: object) -> int:
        found = await statistics.look(gateway, DEFAULT_TENANT, **span)  # type: ignore[arg-type]
        return found.attempts.attempts

    assert await attempts(since=NOON) == 1
    assert await attempts(since=NOON + DAY / 2) == 0
    assert await attempts(until=NOON) == 0
    with pytest.raises(InvalidInput, match="ends before it begins"):
        await attempts(since=NOON, until=NOON)


async def test_numbers_and_devices_that_are_double_are_counted(gateway: Gateway) -> None:
    assert (await statistics.look(gateway, DEFAULT_TENANT)).duplicates == 0
