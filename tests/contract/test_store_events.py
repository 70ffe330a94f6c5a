"""The event log has a place for each event, without gaps, and no reader misses one."""

import asyncio
from typing import Any

import pytest

from sololine.core.events import Event, EventType
from sololine.core.ids import DEFAULT_TENANT, BotId, TenantId
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import OTHER_TENANT, added

CREATED = Event(type=EventType.BOT_CREATED)
CONNECTED = Event(type=EventType.SESSION_CONNECTED, data={"number": "+34*******01"})
BOT = BotId("bot_a")


async def test_events_are_read_as_they_were_logged(store: Store) -> None:
    data: dict[str, Any] = {
        "text": 'ünï "quoted" \x00',
        "no": 1,
        "yes": True,
        "deep": {"a": [None]},
    }
    event = Event(type=EventType.BOT_UPDATED, data=data)
    logged = await store.run(lambda tx: tx.events.append(DEFAULT_TENANT, BOT, event, CONNECTED))
    assert [(entry.seq, entry.data) for entry in logged] == [(1, data), (2, CONNECTED.data)]
    async with store.read() as tx:
        assert await tx.events.after(DEFAULT_TENANT, 0, limit=10) == logged
        assert await tx.events.last(DEFAULT_TENANT) == 2


async def test_nothing_to_log_takes_no_place(store: Store) -> None:
    assert await store.run(lambda tx: tx.events.append(DEFAULT_TENANT, BOT)) == []
    async with store.read() as tx:
        assert await tx.events.last(DEFAULT_TENANT) == 0


async def test_each_tenant_counts_for_itself(store: Store) -> None:
    await store.run(lambda tx: tx.events.append(DEFAULT_TENANT, BOT, CREATED))
    (logged,) = await store.run(lambda tx: tx.events.append(OTHER_TENANT, None, CREATED))
    assert (logged.seq, logged.bot) == (1, None)
    async with store.read() as tx:
        assert await tx.events.after(OTHER_TENANT, 0, limit=10) == [logged]


async def test_there_is_no_log_without_a_tenant(store: Store) -> None:
    with pytest.raises(LookupError, match=r"^there is no tenant 'nobody'"):
        await store.run(lambda tx: tx.events.append(TenantId("nobody"), BOT, CREATED))
    async with store.read() as tx:
        assert await tx.events.last(TenantId("nobody")) == 0


async def test_the_log_is_read_in_pages_of_what_is_asked_for(store: Store) -> None:
    other = BotId("bot_b")
    for event in (CREATED, CONNECTED):
        await store.run(lambda tx, event=event: tx.events.append(DEFAULT_TENANT, BOT, event))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        await store.run(lambda tx, event=event: tx.events.append(DEFAULT_TENANT, other, event))  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    async def places(seq: int, limit: int = 10, **only: Any) -> list[int]:
        async with store.read() as tx:
            found = await tx.events.after(DEFAULT_TENANT, seq, limit, **only)
        return [event.seq for event in found]

    assert await places(0, limit=2) == [1, 2]
    assert await places(2, limit=2) == [3, 4]
    assert await places(4) == []
    assert await places(0, bot=BOT) == [1, 3]
    assert await places(0, types={EventType.SESSION_CONNECTED}) == [3, 4]
    assert await places(0, bot=other, types={EventType.SESSION_CONNECTED}) == [4]
    assert await places(0, types=set()) == []


async def test_what_is_undone_leaves_no_gap(store: Store) -> None:
    async def work(tx: Transaction) -> None:
        await tx.events.append(DEFAULT_TENANT, BOT, CREATED, CREATED)
        raise KeyError

    with pytest.raises(KeyError):
        await store.run(work)
    (logged,) = await store.run(lambda tx: tx.events.append(DEFAULT_TENANT, BOT, CREATED))
    assert logged.seq == 1


async def test_a_reader_sees_every_event_in_order_while_fifty_write(store: Store) -> None:
    """A number from an identity column would become visible after a higher one, and be missed."""
    bots = [await added(store) for _ in range(50)]
    done = asyncio.Event()

    async def write(bot: BotId, no: int) -> list[int]:
        async def work(tx: Transaction) -> list[int]:
            await tx.sessions.lock(bot)
            logged = await tx.events.append(DEFAULT_TENANT, bot, *[CREATED] * (1 + no % 3))
            await asyncio.sleep(0)  # let others come between the counting and the commit
            return [event.seq for event in logged]

        return await store.run(work)

    async def read() -> list[int]:
        seen = list[int]()
        while True:
            last_look = done.is_set()
            async with store.read() as tx:
                page = await tx.events.after(DEFAULT_TENANT, seen[-1] if seen else 0, limit=7)
            seen += [event.seq for event in page]
            if last_look and not page:
                return seen

    reading = asyncio.create_task(read())
    written = await asyncio.gather(*(write(bot, no) for no, bot in enumerate(bots)))
    done.set()
    seen = await reading
    everything = sorted(seq for seqs in written for seq in seqs)
    assert seen == everything == list(range(1, len(everything) + 1))
