import asyncio

from hypothesis import given
from hypothesis import strategies as st

from sololine.bus import EVERYTHING, Notice
from sololine.bus.audience import Audience, Backlog


def notice(topic: str, key: str = EVERYTHING) -> Notice:
    return Notice(topic=topic, key=key)


def test_notices_are_taken_in_the_order_in_which_they_were_offered() -> None:
    backlog = Backlog()
    offered = [notice("bots", "b"), notice("events", "c"), notice("bots", "a")]

    for one in offered:
        backlog.offer(one)

    assert backlog.take_all() == offered
    assert backlog.take_all() == []


def test_a_notice_that_waits_already_is_not_queued_twice() -> None:
    backlog = Backlog()

    assert backlog.offer(notice("bots", "a"))
    assert backlog.offer(notice("bots", "a"))

    assert backlog.take_all() == [notice("bots", "a")]


def test_a_notice_that_was_taken_is_queued_again() -> None:
    backlog = Backlog()
    backlog.offer(notice("bots", "a"))
    backlog.take_all()

    backlog.offer(notice("bots", "a"))

    assert backlog.take_all() == [notice("bots", "a")]


def test_everything_stands_for_the_other_keys_of_its_topic() -> None:
    backlog = Backlog()
    for one in [notice("bots", "a"), notice("events", "c"), notice("bots"), notice("bots", "b")]:
        assert backlog.offer(one)

    assert backlog.take_all() == [notice("events", "c"), notice("bots")]


def test_more_than_the_limit_folds_into_everything() -> None:
    backlog = Backlog(limit=3)

    for key in "abcde":
        assert backlog.offer(notice("bots", key))

    assert backlog.take_all() == [notice("bots")]


def test_folding_makes_room_for_another_topic() -> None:
    backlog = Backlog(limit=2)
    for one in [notice("bots", "a"), notice("bots", "b"), notice("events", "c")]:
        assert backlog.offer(one)

    assert backlog.take_all() == [notice("bots"), notice("events", "c")]


def test_a_topic_too_many_is_dropped_and_the_caller_told() -> None:
    backlog = Backlog(limit=2)
    backlog.offer(notice("bots", "a"))
    backlog.offer(notice("events", "b"))

    assert not backlog.offer(notice("sessions", "c"))
    assert not backlog.offer(notice("sessions"))

    assert backlog.take_all() == [notice("bots"), notice("events")]


@given(
    st.lists(st.builds(Notice, topic=st.sampled_from("abcd"), key=st.sampled_from("*1234"))),
    st.integers(min_value=4, max_value=6),
)
def test_with_room_for_each_topic_every_notice_is_covered(
    offered: list[Notice], limit: int
) -> None:
    backlog = Backlog(limit=limit)

    assert all(backlog.offer(one) for one in offered)

    waiting = backlog.take_all()
    assert len(waiting) <= limit
    assert len(waiting) == len(set(waiting))
    for one in offered:
        assert one in waiting or notice(one.topic) in waiting


async def test_an_iteration_waits_for_the_next_notice() -> None:
    backlog = Backlog()
    waiter = asyncio.create_task(anext(backlog))
    await asyncio.sleep(0)
    assert not waiter.done()

    backlog.offer(notice("bots", "a"))

    assert await waiter == notice("bots", "a")


async def test_a_cancelled_wait_takes_nothing() -> None:
    backlog = Backlog()
    waiter = asyncio.create_task(anext(backlog))
    await asyncio.sleep(0)

    backlog.offer(notice("bots", "a"))
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)

    assert await anext(backlog) == notice("bots", "a")


async def test_closing_ends_the_iteration_of_a_task_that_waits() -> None:
    async def listen(backlog: Backlog) -> list[Notice]:
        return [one async for one in backlog]

    backlog = Backlog()
    listener = asyncio.create_task(listen(backlog))
    backlog.offer(notice("bots", "a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    backlog.close()

    assert await listener == [notice("bots", "a")]


def test_an_audience_of_many_topics_has_room_for_each() -> None:
    topics = tuple(f"topic {number}" for number in range(1000))
    audience = Audience()

    with audience.listening(topics) as backlog:
        for topic in topics:
            audience.tell(notice(topic, "a"))
            audience.tell(notice(topic, "b"))

        assert {one.topic for one in backlog.take_all()} == set(topics)


def test_an_audience_forgets_who_left() -> None:
    audience = Audience()
    with audience.listening(("bots",)) as backlog:
        pass

    audience.tell(notice("bots", "a"))

    assert len(backlog) == 0
