"""A bus between processes, over Redis or Valkey publish/subscribe.

    publish ──▶ subscribers of this process, at once
       └──────▶ outgoing backlog ──▶ sender task ──▶ Redis
    Redis ──▶ listener task ──▶ subscribers of this process (but what came from here is skipped)

One connection listens for all subscribers of the process. Each task mends its own connection, with
growing pauses, and never ends the process: the bus is disposable. While Redis is away notices wait
in the outgoing backlog, folded when they are many; and after each time that a channel was not
listened to, its subscribers get `EVERYTHING`.

    key of the notice        sent on channel               as
    topic "t", key "k"       <prefix>:<database>:t         <origin> k

The database's number is in the channel because Redis channels know no databases, while people
expect two databases of one server to be apart.
"""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sololine.bus import EVERYTHING, Notice
from sololine.bus.audience import Audience, Backlog
from sololine.core.sentence import Sentence
from sololine.health import OK, Condition, degraded

OUTGOING_LIMIT = 1024
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
SETTLE_LIMIT_S = 1.0
FAREWELL_LIMIT_S = 1.0

log = structlog.get_logger()


class Outage:
    """How long one task of ours has been failing: spaces its attempts, and logs once."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._failures = 0

    async def wait(self, error: Exception) -> None:
        """Pause before the next attempt: longer each time, and not in step with others."""
        if self._failures == 0:
            # Only the kind of error: its words may carry the URL, and that a password.
            log.warning("bus_away", task=self._task, error=type(error).__name__)
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures, 10))
        self._failures += 1
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 — jitter is no secret

    def end(self) -> None:
        """The attempt worked."""
        if self._failures:
            log.info("bus_back", task=self._task, failures=self._failures)
        self._failures = 0


class RedisBus:
    """Carries notices between all processes with the same Redis database and prefix."""

    def __init__(self, redis: Redis, *, url: str, prefix: str, silence_s: float) -> None:
        """Use `RedisBus.open`, which also runs the two tasks."""
        self._redis = redis
        self._url = url
        self._silence_s = silence_s
        database = redis.connection_pool.connection_kwargs.get("db", 0)
        self._prefix = f"{prefix}:{database}:"
        self._origin = secrets.token_hex(8)
        self._audience = Audience()
        self._outgoing = Backlog(limit=OUTGOING_LIMIT)
        self._lost = 0
        self._subscribers: Counter[str] = Counter()  # by topic
        self._joined: dict[str, asyncio.Event] = {}  # by topic: Redis has confirmed it
        self._late: set[str] = set()  # topics whose subscribers may have missed something
        self._pubsub: PubSub | None = None  # the listening connection, when there is one
        self._away = False
        self._unsent = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, prefix: str = "sololine", silence_s: float = 15.0
    ) -> AsyncIterator[Self]:
        """A bus that works, or tries to, while the context is open. Redis need not be up.

        Args:
            url: as redis-py takes it: `redis://`, `rediss://`, `unix://`. Raises ValueError when
                it is none.
            prefix: of all channels; deployments that share a database need one each.
            silence_s: how long Redis may be silent, in seconds, before it is asked for a sign of
                life, and then again before the connection is given up.
        """
        async with _connect(url, silence_s=silence_s) as redis:
            bus = cls(redis, url=url, prefix=prefix, silence_s=silence_s)
            tasks = [asyncio.create_task(bus._listen()), asyncio.create_task(bus._send())]
            try:
                yield bus
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await bus._say_farewell()

    @property
    def lost(self) -> int:
        """How many notices were never handed to Redis: too many topics waited, or we ended."""
        return self._lost

    def condition(self) -> Condition:
        """Whether Redis takes our notices and gives us those of others."""
        if not self._away and not self._unsent:
            return OK
        return degraded(
            Sentence(
                "Redis does not answer: processes see each other's changes up to two seconds late"
            )
        )

    async def publish(self, notice: Notice) -> None:
        """Tell all subscribers of the topic: those of this process now, the others soon."""
        self._audience.tell(notice)
        self._queue(notice)

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[Notice]]:
        """Listen to topics for as long as the context is open.

        Entering waits until Redis has confirmed, but not long: subscribers that come in before
        that get `EVERYTHING` once it has.
        """
        with self._audience.listening(topics) as backlog:
            try:
                await self._join(set(topics))
                yield backlog
            finally:
                await self._leave(set(topics))

    # -- sending ------------------------------------------------------------------------------

    def _queue(self, notice: Notice) -> None:
        if not self._outgoing.offer(notice):
            self._lost += 1

    async def _send(self) -> None:
        outage = Outage("send")
        while True:
            await self._outgoing.wait()
            try:
                await self._flush()
            except Exception as error:  # noqa: BLE001 — disposable: no fault here ends the process
                self._unsent = True
                await outage.wait(error)
            else:
                self._unsent = False
                outage.end()

    async def _flush(self) -> None:
        notices = self._outgoing.take_all()
        sent = False
        try:
            async with (
                asyncio.timeout(self._silence_s),
                self._redis.pipeline(transaction=False) as pipeline,
            ):
                for notice in notices:
                    words = f"{self._origin} {notice.key}"
                    pipeline.publish(self._prefix + notice.topic, words)
                await pipeline.execute()
            sent = True
        finally:
            if not sent:  # Some may have been: a notice may be repeated, it should not be lost.
                for notice in notices:
                    self._queue(notice)

    async def _say_farewell(self) -> None:
        if len(self._outgoing):
            with suppress(Exception):
                async with asyncio.timeout(FAREWELL_LIMIT_S):
                    await self._flush()
        self._lost += len(self._outgoing)

    # -- listening ----------------------------------------------------------------------------

    async def _join(self, topics: set[str]) -> None:
        self._subscribers.update(topics)
        new = topics - self._joined.keys()
        self._joined.update((topic, asyncio.Event()) for topic in new)
        if new and self._pubsub:
            # A failure is the listener's to see, on the same connection: it joins all anew.
            with suppress(Exception):
                await self._pubsub.subscribe(*(self._prefix + topic for topic in new))
        waits = [self._joined[topic] for topic in topics]
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._away else SETTLE_LIMIT_S):
                for joined in waits:
                    await joined.wait()
        self._late.update(topic for topic in topics if not self._joined[topic].is_set())

    async def _leave(self, topics: set[str]) -> None:
        self._subscribers.subtract(topics)
        gone = [topic for topic in topics if not self._subscribers[topic]]
        for topic in gone:
            del self._subscribers[topic], self._joined[topic]
            self._late.discard(topic)
        if gone and self._pubsub:
            with suppress(Exception):
                await self._pubsub.unsubscribe(*(self._prefix + topic for topic in gone))

    async def _listen(self) -> None:
        outage = Outage("listen")
        while True:
            try:
                # A client of its own, new each time: redis-py would reconnect by itself, and we
                # would not learn that there was a gap.
                async with (
                    _connect(self._url, silence_s=self._silence_s) as redis,
                    redis.pubsub() as pubsub,
                ):
                    # Our own prefix as a channel, as a client without any cannot wait for news.
                    async with asyncio.timeout(self._silence_s):
                        await pubsub.subscribe(self._prefix)
                    self._pubsub = pubsub
                    # No await in between: who joins now finds the connection, who did is in here.
                    try:
                        if self._joined:
                            channels = [self._prefix + topic for topic in self._joined]
                            await pubsub.subscribe(*channels)
                        await self._hear(pubsub, outage)
                    finally:
                        self._pubsub = None
            except Exception as error:  # noqa: BLE001 — disposable: no fault here ends the process
                self._away = True
                self._late.update(self._joined)
                for joined in self._joined.values():
                    joined.clear()
                await outage.wait(error)

    async def _hear(self, pubsub: PubSub, outage: Outage) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=self._silence_s)
            if message is not None:
                asked = self._away = False
                outage.end()
                self._take(message)
            elif asked:
                raise TimeoutError("redis gave no sign of life")
            else:
                asked = True
                await pubsub.ping()

    def _take(self, message: dict[str, Any]) -> None:
        channel = _text(message["channel"])
        if channel == self._prefix or not channel.startswith(self._prefix):
            return
        topic = channel.removeprefix(self._prefix)
        joined = self._joined.get(topic)
        match message["type"]:
            case "message":
                origin, _, key = _text(message["data"]).partition(" ")
                if origin != self._origin:
                    # A message that is not ours to understand may mean anything, so: look.
                    self._audience.tell(Notice(topic=topic, key=key or EVERYTHING))
            case "subscribe" if joined:
                # A second confirmation means that redis-py has mended a gap without telling us.
                if joined.is_set() or topic in self._late:
                    self._late.discard(topic)
                    self._audience.tell(Notice(topic=topic, key=EVERYTHING))
                joined.set()
            case "unsubscribe" if joined:
                # Left and joined again so fast that the answers crossed: the next one counts.
                joined.clear()
                self._late.add(topic)


def _connect(url: str, *, silence_s: float) -> Redis:
    return Redis.from_url(
        url,
        socket_connect_timeout=silence_s,
        # For other commands we keep the time ourselves: redis-py does it with asyncio.wait_for,
        # which in Python 3.11 may swallow a cancellation (python/cpython#86296).
        socket_timeout=None,
        # No retries within: our tasks do that, and want to know.
        retry=Retry(NoBackoff(), 0),
    )


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")
