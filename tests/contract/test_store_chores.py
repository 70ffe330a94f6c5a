"""A chore is done once or not at all, and forgotten soon."""

import asyncio
from datetime import timedelta
from typing import get_args

import pytest

from sololine.core.chat import ChatId
from sololine.core.chore import (
    LASTS,
    CheckNumbers,
    Chore,
    ChoreFailure,
    ChoreState,
    FetchMedia,
    ListGroups,
    MarkSeen,
    ShowContact,
    ShowGroup,
    ShowOnline,
    ShowTyping,
    Task,
)
from sololine.core.ids import DEFAULT_TENANT, BotId, ChoreId, MediaId, MessageId
from sololine.core.signals import TypingState
from sololine.store.errors import Raced
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import added
from tests.contract.store_talk import ANA, new_id

TASKS: list[Task] = [
    CheckNumbers(numbers=("447700900123", "1")),
    ShowContact(chat=ANA),
    ListGroups(),
    ShowGroup(chat=ChatId("1@g.us")),
    FetchMedia(media=MediaId("med_1"), message=MessageId("msg_1")),
    ShowTyping(chat=ANA, state=TypingState.RECORDING),
    ShowOnline(online=True),
    MarkSeen(messages=(MessageId("msg_1"),)),
]


async def wanted(store: Store, bot: BotId, task: Task = TASKS[0]) -> Chore:
    async def work(tx: Transaction) -> Chore:
        chore = Chore(
            id=ChoreId(new_id("cho")),
            tenant=DEFAULT_TENANT,
            bot=bot,
            task=task,
            expires_at=tx.now + LASTS,
        )
        await tx.chores.add(chore)
        return chore

    return await store.run(work)


async def chore_of(store: Store, chore: Chore) -> Chore:
    async with store.read() as tx:
        found = await tx.chores.get(chore.bot, chore.id)
    assert found is not None
    return found


def test_every_task_is_tried() -> None:
    assert {type(task) for task in TASKS} == set(get_args(Task))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
async def test_a_chore_is_read_as_it_was_written(store: Store, task: Task) -> None:
    bot, other = await added(store), await added(store)
    chore = await wanted(store, bot, task)
    assert await chore_of(store, chore) == chore
    async with store.read() as tx:
        assert await tx.chores.get(other, chore.id) is None


async def test_open_chores_are_begun_in_their_order_and_once(store: Store) -> None:
    bot, other = await added(store), await added(store)
    chores = [await wanted(store, bot) for _ in range(3)]
    await wanted(store, other)
    begun = await store.run(lambda tx: tx.chores.begin(bot, 2))
    assert [chore.id for chore in begun] == [chore.id for chore in chores[:2]]
    assert {chore.state for chore in begun} == {ChoreState.BEGUN}
    (last,) = await store.run(lambda tx: tx.chores.begin(bot, 2))
    assert last.id == chores[2].id
    assert await store.run(lambda tx: tx.chores.begin(bot, 2)) == []


async def test_a_chore_is_begun_once_though_many_ask(store: Store) -> None:
    bot = await added(store)
    chores = [await wanted(store, bot) for _ in range(20)]
    begun = await asyncio.gather(
        *(store.run(lambda tx: tx.chores.begin(bot, 3)) for _ in range(20))
    )
    assert sorted(chore.id for some in begun for chore in some) == [chore.id for chore in chores]


async def test_a_chore_that_nobody_did_in_time_is_not_begun(store: Store) -> None:
    bot = await added(store)
    await wanted(store, bot)
    store.shift += LASTS
    assert await store.run(lambda tx: tx.chores.begin(bot, 9)) == []


async def test_a_line_knows_whether_there_is_anything_to_do(store: Store) -> None:
    bot, other = await added(store), await added(store)

    async def waits(whose: BotId) -> bool:
        async with store.read() as tx:
            return await tx.chores.waiting(whose)

    assert not await waits(bot)
    await wanted(store, bot)
    await wanted(store, bot)
    assert await waits(bot)
    assert not await waits(other)
    await store.run(lambda tx: tx.chores.begin(bot, 1))
    assert await waits(bot)
    store.shift += LASTS
    assert not await waits(bot)


async def test_a_chore_has_an_answer_or_a_reason(store: Store) -> None:
    bot = await added(store)
    chores = [await wanted(store, bot) for _ in range(3)]
    done, failed, open_ = chores
    await store.run(lambda tx: tx.chores.begin(bot, 2))
    await store.run(lambda tx: tx.chores.done(done.id, {"numbers": [{"on": True}], "ü": None}))
    await store.run(lambda tx: tx.chores.failed(failed.id, ChoreFailure.NOT_FOUND))
    after = [await chore_of(store, chore) for chore in chores]
    assert [chore.state for chore in after] == [
        ChoreState.DONE,
        ChoreState.FAILED,
        ChoreState.OPEN,
    ]
    assert after[0].answer == {"numbers": [{"on": True}], "ü": None}
    assert after[1].failure is ChoreFailure.NOT_FOUND
    assert after[2] == open_


async def test_what_is_over_does_not_change_any_more(store: Store) -> None:
    bot = await added(store)
    chore = await wanted(store, bot)
    await store.run(lambda tx: tx.chores.failed(chore.id, ChoreFailure.REFUSED))
    await store.run(lambda tx: tx.chores.done(chore.id, {"late": True}))
    after = await chore_of(store, chore)
    assert (after.state, after.answer) == (ChoreState.FAILED, {})


async def test_what_a_dead_line_had_begun_is_void(store: Store) -> None:
    bot, other = await added(store), await added(store)
    begun, open_, foreign = [await wanted(store, each) for each in (bot, bot, other)]
    for each in (bot, other):
        await store.run(lambda tx, each=each: tx.chores.begin(each, 1))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert await store.run(lambda tx: tx.chores.void(bot)) == [begun.id]
    after = await chore_of(store, begun)
    assert (after.state, after.failure) == (ChoreState.FAILED, ChoreFailure.NOT_CONNECTED)
    assert (await chore_of(store, open_)).state is ChoreState.OPEN
    assert (await chore_of(store, foreign)).state is ChoreState.BEGUN
    assert await store.run(lambda tx: tx.chores.void(bot)) == []


async def test_a_chore_is_forgotten_when_it_was_read_or_expired(store: Store) -> None:
    bot = await added(store)
    read, old = await wanted(store, bot), await wanted(store, bot)
    store.shift += timedelta(seconds=1)
    new = await wanted(store, bot)
    await store.run(lambda tx: tx.chores.drop(read.id))
    assert await store.run(lambda tx: tx.chores.clean(old.expires_at)) == 1
    async with store.read() as tx:
        assert await tx.chores.get(bot, read.id) is None
        assert await tx.chores.get(bot, old.id) is None
        assert await tx.chores.get(bot, new.id) == new


async def test_a_deleted_bot_has_nothing_to_do(store: Store) -> None:
    bot = await added(store)
    chore = await wanted(store, bot)
    await store.run(lambda tx: tx.bots.delete(bot))
    async with store.read() as tx:
        assert await tx.chores.get(bot, chore.id) is None
    with pytest.raises(Raced):
        await wanted(store, bot)
