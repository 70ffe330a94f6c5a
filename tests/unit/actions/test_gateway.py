import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sololine.actions import gateway as module
from sololine.actions.gateway import EVENTS, SESSIONS, Gateway
from sololine.bus import Notice
from sololine.core.ids import DEFAULT_TENANT, BotId
from sololine.store.store import Store
from tests.unit.scenes import PATIENCE_S, until


class DeafBus:
    """A bus that loses every notice."""

    lost = 0

    async def publish(self, notice: Notice) -> None:
        self.lost += 1

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[Notice]]:
        async def nothing() -> AsyncIterator[Notice]:
            await asyncio.Event().wait()
            yield Notice(topic="", key="")

        yield nothing()


class Answers:
    """Something to look at, that has an answer from the nth look on."""

    def __init__(self, nth: int | None) -> None:
        self.looks = 0
        self._nth = nth

    async def __call__(self) -> str | None:
        self.looks += 1
        return "found" if self._nth is not None and self.looks >= self._nth else None


async def test_an_answer_that_is_there_is_given_without_listening(gateway: Gateway) -> None:
    look = Answers(1)

    assert await gateway.wait_for(look, PATIENCE_S) == "found"
    assert look.looks == 1


async def test_without_time_to_wait_one_look_must_do(gateway: Gateway) -> None:
    look = Answers(2)

    assert await gateway.wait_for(look, 0) is None
    assert look.looks == 1


async def test_what_changed_between_the_look_and_the_listening_is_not_missed(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No notice comes any more: it was told before anyone listened."""
    monkeypatch.setattr(module, "_LOOK_EVERY_S", PATIENCE_S)
    look = Answers(2)

    async with asyncio.timeout(PATIENCE_S / 2):
        assert await gateway.wait_for(look, PATIENCE_S) == "found"


async def test_each_notice_of_the_topic_makes_it_look_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", PATIENCE_S)
    look = Answers(4)
    waiting = asyncio.ensure_future(gateway.wait_for(look, PATIENCE_S))
    async with asyncio.timeout(PATIENCE_S / 2):
        for expected in (2, 3):
            await until(lambda expected=expected: look.looks == expected, "the next look")
            await gateway.bus.publish(Notice(topic=EVENTS, key="x"))  # not what it waits for
            await gateway.bus.publish(Notice(topic=SESSIONS, key="x"))
        assert await waiting == "found"
    assert look.looks == 4


async def test_lost_notices_cost_time_and_nothing_else(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.001)
    look = Answers(5)

    assert await Gateway(store=store, bus=DeafBus()).wait_for(look, PATIENCE_S) == "found"


async def test_an_answer_that_does_not_come_ends_in_none(gateway: Gateway) -> None:
    assert await gateway.wait_for(Answers(None), 0.01) is None


async def test_who_stops_waiting_leaves_no_task_and_no_subscriber(gateway: Gateway) -> None:
    look = Answers(None)
    before = asyncio.all_tasks()
    waiting = asyncio.ensure_future(gateway.wait_for(look, PATIENCE_S))
    await until(lambda: look.looks == 2, "the look of a listener")

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before
    assert not gateway.bus._audience._backlogs  # type: ignore[attr-defined]  # it is in memory


async def test_a_fault_of_the_look_is_the_askers_to_see(gateway: Gateway) -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise LookupError

    with pytest.raises(LookupError):
        await gateway.wait_for(look, PATIENCE_S)


async def test_telling_says_look_again_at_the_session_and_at_the_events(gateway: Gateway) -> None:
    async with gateway.bus.subscribe(SESSIONS, EVENTS) as notices:
        await gateway.tell(DEFAULT_TENANT, BotId("bot_1"))
        heard = {await anext(notices), await anext(notices)}

    assert heard == {
        Notice(topic=SESSIONS, key="bot_1"),
        Notice(topic=EVENTS, key=DEFAULT_TENANT),
    }
