"""Transactions: all or nothing, in the database's time, and again when they met."""

import asyncio
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from sololine.clock import SystemClock
from sololine.core.events import Event, EventType
from sololine.core.ids import DEFAULT_TENANT, BotId
from sololine.core.linking import Code, Method
from sololine.core.number import Number
from sololine.core.session import Wish
from sololine.store.errors import DatabaseError, Raced
from sololine.store.postgres import CONNECTIONS
from sololine.store.store import TRIES, Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import (
    added,
    device_of,
    linking,
    locked,
    new_bot,
    session_of,
    wants,
)
from tests.sql import by_hand, is_sqlite

CREATED = Event(type=EventType.BOT_CREATED)


async def test_a_transaction_has_one_time_in_whole_milliseconds(store: Store) -> None:
    before = SystemClock().now()
    async with store.read() as tx:
        assert tx.now.tzinfo is UTC
        assert tx.now.microsecond % 1000 == 0
        # Both clocks are this machine's.
        assert abs(tx.now - before) < timedelta(minutes=1)
    store.shift += timedelta(hours=1)
    assert await store.run(lambda tx: _value(tx.now)) > before + timedelta(minutes=59)


async def test_what_raises_undoes_everything(store: Store) -> None:
    seen = list[BotId]()

    async def work(tx: Transaction) -> None:
        bot = new_bot(tx.now)
        await tx.bots.add(bot)
        seen.append(bot.id)
        raise KeyError

    with pytest.raises(KeyError):
        await store.run(work)
    async with store.read() as tx:
        assert await tx.bots.get(seen[0]) is None
    assert len(seen) == 1


async def test_raced_work_is_done_again_from_its_beginning(store: Store) -> None:
    bots = list[BotId]()

    async def work(tx: Transaction) -> int:
        bot = new_bot(tx.now)
        await tx.bots.add(bot)
        bots.append(bot.id)
        if len(bots) < 3:
            raise Raced
        return len(bots)

    assert await store.run(work) == 3
    async with store.read() as tx:
        assert [bot.id for bot, _ in await tx.bots.of_tenant(DEFAULT_TENANT)] == bots[-1:]


async def test_raced_work_is_not_done_for_ever(store: Store) -> None:
    tries = 0

    async def work(_: Transaction) -> None:
        nonlocal tries
        tries += 1
        raise Raced

    with pytest.raises(Raced):
        await store.run(work)
    assert tries == TRIES


async def test_transactions_that_wait_for_each_other_both_succeed(store: Store) -> None:
    """On PostgreSQL one is ended by the database and done again; on SQLite they never meet."""
    one, two = await added(store), await added(store)
    both = asyncio.Barrier(2)
    tries = 0

    async def lock(first: BotId, second: BotId) -> None:
        met = is_sqlite(store)

        async def work(tx: Transaction) -> None:
            nonlocal met, tries
            tries += 1
            await tx.sessions.lock(first)
            if not met:
                met = True
                await both.wait()
            await tx.sessions.lock(second)

        await store.run(work)

    await asyncio.gather(lock(one, two), lock(two, one))
    assert tries == (2 if is_sqlite(store) else 3)


async def test_reading_transactions_write_and_lock_nothing(store: Store) -> None:
    bot = await added(store)
    with pytest.raises(DatabaseError):
        async with store.read() as tx:
            await tx.events.append(DEFAULT_TENANT, bot, CREATED)
    with pytest.raises(RuntimeError, match=r"^a reading transaction locks nothing"):
        async with store.read() as tx:
            await tx.sessions.lock(bot)
    # The connection is as good as before, and writers have not become readers.
    await wants(store, bot, Wish.ONLINE)


async def test_a_reader_sees_one_moment_and_waits_for_nobody(store: Store) -> None:
    bot = await added(store)
    writing, written, read = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        await tx.events.append(DEFAULT_TENANT, bot, CREATED)
        writing.set()
        await read.wait()

    async def write() -> None:
        await store.run(work)
        written.set()

    writer = asyncio.create_task(write())
    await writing.wait()
    async with store.read() as tx:
        assert await tx.events.last(DEFAULT_TENANT) == 0
        assert await tx.sessions.get(bot) is not None
        read.set()
        await written.wait()
        assert await tx.events.last(DEFAULT_TENANT) == 0
    await writer
    async with store.read() as tx:
        assert await tx.events.last(DEFAULT_TENANT) == 1


async def test_fifty_transactions_at_once_all_succeed(store: Store) -> None:
    bots = [await added(store) for _ in range(5)]
    await asyncio.gather(*(wants(store, bots[no % 5], Wish.ONLINE) for no in range(50)))
    assert [(await session_of(store, bot)).intent.no for bot in bots] == [10] * 5


@pytest.mark.parametrize("kind", ["sqlite", "postgres"], indirect=True)
async def test_writers_of_two_stores_on_one_database_take_turns(
    store: Store, store_url: str
) -> None:
    """Two processes do the same. Without threads, one would hold the other's loop up."""
    bot = await added(store)
    other = await Store.open(store_url, SystemClock())
    try:
        await asyncio.gather(
            *(wants(each, bot, Wish.ONLINE) for _ in range(20) for each in (store, other))
        )
    finally:
        await other.close()
    assert (await session_of(store, bot)).intent.no == 40


async def test_cancelled_work_is_undone_and_blocks_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await added(store)

    async def count() -> None:
        async def work(tx: Transaction) -> None:
            await tx.sessions.lock(bot)
            await tx.events.append(DEFAULT_TENANT, bot, CREATED)

        await store.run(work)

    connected = list[object]()
    for driver in (sqlite3, asyncpg):
        monkeypatch.setattr(driver, "connect", _counting(driver.connect, connected))
    for yields in range(40):
        task = asyncio.create_task(count())
        for _ in range(yields):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await count()
    async with store.read() as tx:
        last = await tx.events.last(DEFAULT_TENANT)
        assert len(await tx.events.after(DEFAULT_TENANT, 0, limit=100)) == last >= 1
    # No connection was thrown away: each goes back to the pool, behind the cancelled one's back.
    assert len(connected) <= (1 if is_sqlite(store) else CONNECTIONS)


async def test_who_is_cancelled_while_it_waits_for_a_lock_stops_at_once(store: Store) -> None:
    bot = await added(store)
    holding, release = asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        holding.set()
        await release.wait()

    holder = asyncio.create_task(store.run(hold))
    await holding.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await wants(store, bot, Wish.ONLINE)
    assert not holder.done()
    release.set()
    await holder
    assert (await session_of(store, bot)).intent.no == 0
    await wants(store, bot, Wish.ONLINE)


async def test_work_that_waits_is_cancelled_with_its_locks(store: Store) -> None:
    bot = await added(store)
    holding = asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        holding.set()
        await asyncio.Event().wait()

    holder = asyncio.create_task(store.run(hold))
    await holding.wait()
    waiter = asyncio.create_task(wants(store, bot, Wish.ONLINE))
    await asyncio.sleep(0)
    holder.cancel()
    await asyncio.gather(holder, return_exceptions=True)
    await waiter


async def test_other_errors_of_the_database_are_not_tried_again(store: Store) -> None:
    tries = 0

    async def work(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        bot = new_bot(tx.now)
        await tx.bots.add(bot)
        await tx.bots.add(bot)

    with pytest.raises(DatabaseError):
        await store.run(work)
    assert tries == 1


async def test_errors_of_the_database_show_no_values(store: Store) -> None:
    """They reach logs, and rows hold codes and numbers."""
    bot, lease = await linking(store)
    code = Code(method=Method.QR, text="2@secret", expires_at=SystemClock().now())

    async def break_a_check(tx: Transaction) -> None:
        before = await locked(tx, bot)
        nonsense = replace(before, linking=None, code=code, attempt=-1)
        await tx.sessions.save_life(before, nonsense, lease)

    async def break_a_key(tx: Transaction) -> None:
        for _ in range(2):
            await tx.keys.add(DEFAULT_TENANT, "secret", "secret")

    async def break_the_law(tx: Transaction) -> None:
        before = await locked(tx, bot)
        device = device_of(before, Number(digits="491555000111"), tx.now)
        nonsense = replace(before, linking=None, device=device)
        await tx.sessions.save_life(nonsense, nonsense, lease)

    async def break_the_encoding(tx: Transaction) -> None:
        await tx.tenants.ensure(DEFAULT_TENANT)
        await tx.bots.add(new_bot(tx.now, name="secret \ud800"))

    for work in (break_a_check, break_a_key, break_the_law, break_the_encoding):
        with pytest.raises((DatabaseError, UnicodeEncodeError)) as caught:
            await store.run(work)
        shown = "".join(traceback.format_exception(caught.value))
        source = {line.strip() for line in shown.splitlines() if line.startswith("    ")}
        said = [line for line in shown.splitlines() if line.strip() not in source]
        assert not [line for line in said if "secret" in line or "49155500" in line]


async def test_a_connection_that_died_is_replaced(store: Store) -> None:
    """A restart of PostgreSQL ends them all; SQLite has none that could die."""
    await store.run(lambda tx: tx.tenants.exists(DEFAULT_TENANT))
    if not is_sqlite(store):
        await by_hand(
            store,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        async with store.read() as tx:
            assert await tx.tenants.exists(DEFAULT_TENANT)
    assert await store.run(lambda tx: tx.tenants.exists(DEFAULT_TENANT))


async def test_a_program_that_does_not_close_its_store_ends_all_the_same(store_url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from sololine.clock import SystemClock\n"
        "from sololine.store.store import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1], SystemClock())\n"
        "    async with store.read() as tx:\n"
        "        await tx.events.last('default')\n"
        "        await store.run(lambda tx: tx.tenants.exists('default'))\n"
        "asyncio.run(main())\n"
        "print('done')\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, store_url, stdout=subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert out == b"done\n"
    assert process.returncode == 0


def _counting(connect: Callable[..., object], made: list[object]) -> Callable[..., object]:
    def counted(*args: object, **settings: object) -> object:
        made.append(args)
        return connect(*args, **settings)

    return counted


async def _value(value: datetime) -> datetime:
    return value
