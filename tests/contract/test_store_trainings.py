"""A bot knows what it was taught last."""

from datetime import datetime

import pytest

from sololine.core.ids import BotId
from sololine.core.training import Match, Rule, Training
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import added, locked, new_bot

TAUGHT = Training(
    personality="kind",
    instructions="help",
    rules=(
        Rule(match=Match.EQUALS, words=("hi", "¡hola!"), answer='"Hi"'),
        Rule(match=Match.STARTS_WITH, words=(), answer=""),
    ),
    fallback="?",
)


async def taught(store: Store, bot: BotId, training: Training) -> None:
    async def work(tx: Transaction) -> None:
        await locked(tx, bot)
        await tx.trainings.put(bot, training)

    await store.run(work)


async def training_of(store: Store, bot: BotId) -> Training:
    async with store.read() as tx:
        return await tx.trainings.get(bot)


async def test_a_new_bot_knows_its_personality_only(store: Store) -> None:
    bot = new_bot(await store.run(_now))
    await store.run(lambda tx: tx.bots.add(bot))
    assert await training_of(store, bot.id) == Training(personality=bot.personality)
    assert await training_of(store, BotId("bot_unknown")) == Training()


@pytest.mark.parametrize("training", [TAUGHT, Training()], ids=["much", "nothing"])
async def test_a_training_is_read_as_it_was_written(store: Store, training: Training) -> None:
    bot, other = await added(store), await added(store)
    await taught(store, bot, Training(rules=TAUGHT.rules[:1], instructions="old", fallback="old"))
    await taught(store, bot, training)
    assert await training_of(store, bot) == training
    assert await training_of(store, other) == Training()


async def test_the_personality_is_the_bots(store: Store) -> None:
    bot = await added(store)
    await taught(store, bot, TAUGHT)
    async with store.read() as tx:
        has = await tx.bots.get(bot)
    assert has is not None
    assert has.personality == "kind"


async def test_a_bot_is_taught_under_the_lock_of_its_session(store: Store) -> None:
    bot = await added(store)
    with pytest.raises(RuntimeError, match=r"^lock the session of bot_"):
        await store.run(lambda tx: tx.trainings.put(bot, TAUGHT))


async def test_a_deleted_bot_has_forgotten_everything(store: Store) -> None:
    bot = await added(store)
    await taught(store, bot, TAUGHT)
    assert await store.run(lambda tx: tx.bots.delete(bot))
    assert await training_of(store, bot) == Training()


async def _now(tx: Transaction) -> datetime:
    return tx.now
