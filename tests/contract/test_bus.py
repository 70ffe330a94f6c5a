"""What a bus promises, on every adapter; and what the one over the network does when it is down."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

import pytest
import redis.asyncio
from structlog.testing import capture_logs

from sololine.bus import EVERYTHING, Bus, Notice
from sololine.bus.memory import MemoryBus
from sololine.bus.redis import OUTGOING_LIMIT, RedisBus
from sololine.health import OK, Verdict
from tests.servers import Valkey
from tests.unit.scenes import until

PATIENCE_S = 30


def notice(topic: str, key: str = EVERYTHING) -> Notice:
    return Notice(topic=topic, key=key)


async def following(notices: AsyncIterator[Notice]) -> Notice:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(notices)


async def eventually(notices: AsyncIterator[Notice], wanted: Notice) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await anext(notices) != wanted:
            pass


@dataclass
class Two:
    """Two ends of one bus; with Redis, as two processes would have them."""

    here: Bus
    there: Bus


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            both = MemoryBus()
            yield Two(both, both)
        else:
            url = request.getfixturevalue("redis_database")
            here, there = [await stack.enter_async_context(RedisBus.open(url)) for _ in range(2)]
            yield Two(here, there)


class TestEveryBus:
    async def test_a_notice_reaches_a_subscriber_of_its_topic(self, bus: Two) -> None:
        async with bus.there.subscribe("bots") as notices:
            await bus.here.publish(notice("bots", "bot_1"))

            assert await following(notices) == notice("bots", "bot_1")

    async def test_a_notice_reaches_a_subscriber_of_the_same_process(self, bus: Two) -> None:
        async with bus.here.subscribe("bots") as notices:
            await bus.here.publish(notice("bots", "bot_1"))

            assert await following(notices) == notice("bots", "bot_1")

    async def test_a_notice_is_heard_once(self, bus: Two) -> None:
        """Of those published here, none comes back from the network; of the others, no copies."""
        async with bus.here.subscribe("bots") as here, bus.there.subscribe("bots") as there:
            await bus.here.publish(notice("bots", "bot_1"))
            assert await following(here) == await following(there) == notice("bots", "bot_1")
            await bus.there.publish(notice("bots", "bot_2"))
            assert await following(here) == await following(there) == notice("bots", "bot_2")

    async def test_a_notice_reaches_every_subscriber(self, bus: Two) -> None:
        async with bus.there.subscribe("bots") as one, bus.there.subscribe("bots") as other:
            await bus.here.publish(notice("bots", "bot_1"))

            assert await following(one) == await following(other) == notice("bots", "bot_1")

    async def test_a_subscriber_hears_all_its_topics_and_no_others(self, bus: Two) -> None:
        async with bus.there.subscribe("bots", "events") as notices:
            await bus.here.publish(notice("sessions", "s"))
            await bus.here.publish(notice("bots", "b"))
            await bus.here.publish(notice("events", "e"))

            assert await following(notices) == notice("bots", "b")
            assert await following(notices) == notice("events", "e")

    async def test_topics_are_names_not_patterns(self, bus: Two) -> None:
        async with bus.there.subscribe("bots:*", "bots:?") as notices:
            await bus.here.publish(notice("bots:1", "missed"))
            await bus.here.publish(notice("bots:?", "heard"))

            assert await following(notices) == notice("bots:?", "heard")

    async def test_keys_and_topics_may_hold_any_text(self, bus: Two) -> None:
        odd = notice("tenänt 7: a:b", "key with spaces\nand ☎ signs")
        async with bus.there.subscribe(odd.topic) as notices:
            await bus.here.publish(odd)

            assert await following(notices) == odd

    async def test_one_subscriber_leaving_leaves_the_others_listening(self, bus: Two) -> None:
        async with bus.there.subscribe("bots") as staying:
            async with bus.there.subscribe("bots", "events"):
                pass
            await bus.here.publish(notice("bots", "bot_1"))

            assert await following(staying) == notice("bots", "bot_1")

    async def test_a_subscriber_may_leave_and_come_back_many_times(self, bus: Two) -> None:
        for _ in range(20):
            async with bus.there.subscribe("bots"):
                pass

        async with bus.there.subscribe("bots") as notices:
            await bus.here.publish(notice("bots", "bot_1"))
            await bus.here.publish(notice("bots"))

            await eventually(notices, notice("bots"))

    async def test_nobody_need_listen(self, bus: Two) -> None:
        await bus.here.publish(notice("bots", "bot_1"))

        assert bus.here.lost == 0

    async def test_equal_notices_coalesce_while_nobody_takes_them(self, bus: Two) -> None:
        async with bus.there.subscribe("bots", "end") as notices:
            for _ in range(10):
                await bus.here.publish(notice("bots", "bot_1"))
            await bus.here.publish(notice("end"))
            async with bus.there.subscribe("end") as watch:
                await bus.here.publish(notice("end"))
                await following(watch)

            heard = [await following(notices)]
            while heard[-1] != notice("end"):
                heard.append(await following(notices))

            assert heard == [notice("bots", "bot_1"), notice("end")]

    async def test_a_subscriber_that_takes_nothing_is_told_to_look_at_everything(
        self, bus: Two
    ) -> None:
        async with bus.there.subscribe("bots") as notices, bus.there.subscribe("end") as watch:
            for number in range(5000):
                await bus.here.publish(notice("bots", f"bot_{number}"))
            await bus.here.publish(notice("end"))
            await following(watch)

            await eventually(notices, notice("bots"))

    async def test_leaving_ends_the_iteration_of_a_task_that_waits(self, bus: Two) -> None:
        async def listen(notices: AsyncIterator[Notice]) -> list[Notice]:
            return [one async for one in notices]

        async with bus.there.subscribe("bots") as notices:
            listener = asyncio.create_task(listen(notices))

        async with asyncio.timeout(PATIENCE_S):
            assert await listener == []

    async def test_a_bus_that_carries_notices_is_well(self, bus: Two) -> None:
        async with bus.there.subscribe("bots") as notices:
            await bus.here.publish(notice("bots", "bot_1"))
            await following(notices)

            assert bus.here.condition() == bus.there.condition() == OK


class TestRedisBus:
    async def test_deployments_with_other_prefixes_do_not_hear_each_other(
        self, redis_database: str
    ) -> None:
        async with (
            RedisBus.open(redis_database, prefix="blue") as blue,
            RedisBus.open(redis_database, prefix="green") as green,
            RedisBus.open(redis_database, prefix="green") as listening,
            listening.subscribe("bots") as notices,
        ):
            await blue.publish(notice("bots", "blue"))
            await green.publish(notice("bots", "green"))

            assert await following(notices) == notice("bots", "green")

    async def test_deployments_in_other_databases_do_not_hear_each_other(
        self, valkey: Valkey
    ) -> None:
        async with (
            RedisBus.open(valkey.url.replace("/0", "/1")) as one,
            RedisBus.open(valkey.url.replace("/0", "/2")) as two,
            RedisBus.open(valkey.url.replace("/0", "/2")) as listening,
            listening.subscribe("bots") as notices,
        ):
            await one.publish(notice("bots", "one"))
            await two.publish(notice("bots", "two"))

            assert await following(notices) == notice("bots", "two")

    async def test_what_cannot_be_understood_means_everything(self, redis_database: str) -> None:
        number = redis_database.rpartition("/")[2]
        async with (
            RedisBus.open(redis_database) as bus,
            bus.subscribe("bots") as notices,
            redis.asyncio.from_url(redis_database) as stranger,
        ):
            await stranger.publish(f"sololine:{number}:bots", b"\xff\x00")

            assert await following(notices) == notice("bots")

    async def test_a_notice_published_just_before_the_end_is_still_sent(
        self, redis_database: str
    ) -> None:
        async with RedisBus.open(redis_database) as there, there.subscribe("bots") as notices:
            async with RedisBus.open(redis_database) as here:
                await here.publish(notice("bots", "last words"))

            assert await following(notices) == notice("bots", "last words")
            assert here.lost == 0

    async def test_a_bus_may_be_closed_at_any_moment_of_its_coming_up(
        self, redis_database: str
    ) -> None:
        for steps in range(60):
            async with asyncio.timeout(PATIENCE_S), RedisBus.open(redis_database) as bus:
                await bus.publish(notice("bots"))
                for _ in range(steps):
                    await asyncio.sleep(0)

    async def test_a_subscriber_may_be_cancelled_at_any_moment_of_its_coming_in(
        self, redis_database: str
    ) -> None:
        async def listen(bus: Bus) -> None:
            async with bus.subscribe("bots") as notices:
                async for _ in notices:
                    pass

        async with RedisBus.open(redis_database) as bus:
            for steps in range(60):
                listener = asyncio.create_task(listen(bus))
                for _ in range(steps):
                    await asyncio.sleep(0)
                listener.cancel()
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.gather(listener, return_exceptions=True)
                assert listener.cancelled()

            async with bus.subscribe("bots") as notices, RedisBus.open(redis_database) as there:
                await there.publish(notice("bots"))
                assert await following(notices) == notice("bots")

    async def test_an_address_that_is_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="scheme"):
            async with RedisBus.open("localhost"):
                pass


class TestRedisIsAway:
    async def test_after_a_restart_subscribers_look_at_everything_and_hear_again(
        self, valkey: Valkey
    ) -> None:
        async with (
            RedisBus.open(valkey.url) as here,
            RedisBus.open(valkey.url) as there,
            there.subscribe("bots", "events") as notices,
        ):
            valkey.kill()
            valkey.start()

            assert {await following(notices), await following(notices)} == {
                notice("bots"),
                notice("events"),
            }
            await here.publish(notice("bots", "bot_1"))
            assert await following(notices) == notice("bots", "bot_1")

    async def test_what_is_published_meanwhile_is_told_at_home_now_and_elsewhere_later(
        self, valkey: Valkey
    ) -> None:
        async with (
            RedisBus.open(valkey.url) as here,
            RedisBus.open(valkey.url) as there,
            here.subscribe("bots") as at_home,
            there.subscribe("bots") as elsewhere,
        ):
            valkey.kill()
            await here.publish(notice("bots", "bot_1"))
            assert await following(at_home) == notice("bots", "bot_1")

            valkey.start()
            await following(elsewhere)
            assert here.lost == 0

    async def test_a_bus_may_be_opened_and_subscribed_to_before_redis_is_up(
        self, valkey: Valkey
    ) -> None:
        valkey.stop()
        async with (
            RedisBus.open(valkey.url) as here,
            RedisBus.open(valkey.url) as there,
            there.subscribe("bots") as notices,
        ):
            valkey.start()

            assert await following(notices) == notice("bots")
            await here.publish(notice("bots", "bot_1"))
            assert await following(notices) == notice("bots", "bot_1")

    async def test_a_bus_says_that_redis_is_away_until_it_is_back(self, valkey: Valkey) -> None:
        async with RedisBus.open(valkey.url) as bus, bus.subscribe("bots") as notices:
            valkey.kill()
            await until(lambda: bus.condition() != OK, "Redis is away")
            away = bus.condition()
            valkey.start()
            await until(lambda: bus.condition() == OK, "Redis is back")

            assert away.verdict is Verdict.DEGRADED
            assert away.reason.startswith("Redis does not answer")
            assert "127.0.0.1" not in away.reason
            await eventually(notices, notice("bots"))

    async def test_an_outage_is_logged_once_and_without_the_address(self, valkey: Valkey) -> None:
        port = int(valkey.url.rpartition(":")[2].partition("/")[0])
        attempts = asyncio.Semaphore(0)

        def slam_the_door(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            attempts.release()
            writer.close()

        valkey.stop()
        async with asyncio.timeout(PATIENCE_S):
            with capture_logs() as logs:
                door = await asyncio.start_server(slam_the_door, "127.0.0.1", port)
                async with RedisBus.open(valkey.url) as bus, bus.subscribe("bots") as notices:
                    for _ in range(3):
                        await attempts.acquire()
                    door.close()
                    await door.wait_closed()
                    valkey.start()
                    await following(notices)

        assert [log["event"] for log in logs] == ["bus_away", "bus_back"]
        assert logs[1]["failures"] >= 3
        assert all(str(valkey.url) not in str(log) for log in logs)

    async def test_too_many_topics_are_counted_as_lost(self, valkey: Valkey) -> None:
        valkey.stop()
        async with RedisBus.open(valkey.url) as bus:
            for number in range(OUTGOING_LIMIT + 10):
                await bus.publish(notice(f"tenant {number}", "key"))

            assert bus.lost == 10

        assert bus.lost == OUTGOING_LIMIT + 10

    async def test_a_server_that_fell_silent_is_given_up_and_found_again(
        self, valkey: Valkey
    ) -> None:
        async with (
            RedisBus.open(valkey.url, silence_s=0.2) as here,
            RedisBus.open(valkey.url, silence_s=0.2) as there,
            there.subscribe("bots") as notices,
        ):
            with stopped(valkey.pid), capture_logs() as logs:
                deadline = time.monotonic() + PATIENCE_S
                while not logs:
                    assert time.monotonic() < deadline, "nobody noticed the silence"
                    await asyncio.sleep(0.01)

            assert await following(notices) == notice("bots")
            await here.publish(notice("bots", "bot_1"))
            await eventually(notices, notice("bots", "bot_1"))

    async def test_publishing_does_not_wait_for_a_silent_server(self, valkey: Valkey) -> None:
        async with RedisBus.open(valkey.url, silence_s=3600) as bus:
            with stopped(valkey.pid):
                async with asyncio.timeout(PATIENCE_S):
                    for number in range(100):
                        await bus.publish(notice("bots", f"bot_{number}"))


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
