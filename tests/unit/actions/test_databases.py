"""What several do at once, on both databases: only PostgreSQL lets their transactions overlap."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sololine.actions import conflicts, importing
from sololine.actions.gateway import Gateway
from sololine.actions.importing import Fate
from sololine.bus.memory import MemoryBus
from sololine.clock import SystemClock
from sololine.core.ids import DEFAULT_TENANT, UserId
from sololine.core.listing_file import Entry
from sololine.core.number import Number
from sololine.core.session import State
from sololine.store.migrate import migrate
from sololine.store.store import Store
from tests.servers import fresh_database
from tests.unit.scenes import events_of, listed_bot


@pytest.fixture(scope="module")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        # On a thread: a fixture of the module may be set up while a test's loop runs.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, migrate(url)).result()
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def either(request: pytest.FixtureRequest, store: Store) -> AsyncIterator[Gateway]:
    """A gateway to one of the databases, with the numbers of each test its own."""
    if request.param == "sqlite":
        yield Gateway(store=store, bus=MemoryBus())
        return
    opened = await Store.open(request.getfixturevalue("migrated_postgres"), SystemClock())
    try:
        await opened.run(lambda tx: tx.tenants.ensure(DEFAULT_TENANT))
        yield Gateway(store=opened, bus=MemoryBus())
    finally:
        await opened.close()


@pytest.fixture(autouse=True)
def no_line_will_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", 0)


async def test_of_many_that_resolve_at_once_each_conflict_is_resolved_by_one(
    either: Gateway,
) -> None:
    numbers = [f"3460000010{no}" for no in range(4)]
    bots = [await listed_bot(either, number) for number in numbers for _ in range(3)]

    outcomes = await asyncio.gather(*(conflicts.resolve(either, None) for _ in range(6)))

    assert sorted(plan.number.digits for each in outcomes for plan in each.plans) == numbers
    told = [event for bot in bots for event in await events_of(either.store, bot)]
    assert told.count("conflict.resolved") == len(numbers)
    assert (await conflicts.detect(either, None)).conflicts == []


async def test_imports_that_meet_make_each_bot_once(either: Gateway) -> None:
    entries = [
        Entry(
            line=no,
            user=UserId("eva"),
            name=f"Bot {no}",
            number=Number(digits=f"3460000020{no}"),
            state=State.CONNECTED,
            last_connected_at=None,
        )
        for no in range(5)
    ]

    done = await asyncio.gather(
        *(importing.carry_out(either, DEFAULT_TENANT, entries) for _ in range(4))
    )

    assert sum(each.count(Fate.NEW) for each in done) == len(entries)
    async with either.store.read() as tx:
        bots = await tx.bots.of_user(DEFAULT_TENANT, UserId("eva"))
    assert sorted(bot.name for bot, _ in bots) == [entry.name for entry in entries]
