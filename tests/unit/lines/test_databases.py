"""The same talk on both databases: what each makes durable, and that crashes hurt neither."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.clock import ManualClock, SystemClock
from sololine.core.content import Text, Unsupported
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.message import Message, Origin, Status
from sololine.core.signals import ReceiptKind
from sololine.core.training import Training
from sololine.store import messages
from sololine.store.message_rows import added_columns
from sololine.store.migrate import migrate
from sololine.store.store import Store
from tests.fakes.engine import Fate
from tests.servers import fresh_database
from tests.unit.lines.stage import Stage
from tests.unit.lines.talk import Online, deletion, edit, online
from tests.unit.scenes import until

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        # On a thread: a fixture of the session may be set up while a test's loop runs.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, migrate(url)).result()
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def bot(
    request: pytest.FixtureRequest, stage: Stage, clock: ManualClock
) -> AsyncIterator[Online]:
    if request.param == "sqlite":
        yield await online(stage)
        return
    store = await Store.open(request.getfixturevalue("migrated_postgres"), SystemClock())
    there = Stage(Gateway(store=store, bus=MemoryBus()), ManualClock(datetime.now(UTC)))
    try:
        await store.run(lambda tx: tx.tenants.ensure(DEFAULT_TENANT))
        # Each test has a number of its own: the bots of the others keep theirs.
        yield await online(there, f"346{next(_numbers):08}")
    finally:
        for line in there.lines:
            await line.kill()
        await store.close()


async def test_a_talk_is_stored_answered_changed_and_sent(bot: Online) -> None:
    """With NUL and emoji, which databases take differently."""
    await bot.train(Training(fallback="I am a bot."))
    whatsapp_id = bot.says("hel\x00lo 🎉", name="A\x00na")
    for _ in range(2):
        bot.says(edit(whatsapp_id, "hello"), id="E1")
    await bot.heard()
    received, reply, change = sorted(await bot.messages(), key=lambda each: each.origin.value)[::-1]

    reply = next(each for each in await bot.messages() if each.origin is Origin.RULE)
    assert (await bot.settled(reply.id)).status is Status.SENT
    assert bot.sent_texts() == ["I am a bot."]
    bot.says(deletion(whatsapp_id))
    await bot.heard()
    assert [type_ for type_, _ in await bot.events()][-1] == "message.deleted"
    assert {received.id, reply.id, change.id} < {each.id for each in await bot.messages()}


async def test_a_batch_a_queue_and_a_crash(bot: Online) -> None:
    for number in range(120):
        bot.says(f"{number}", sender=f"4477009{number:05}@s.whatsapp.net")
    await bot.heard()
    assert len(await bot.messages()) == 120

    bot.stage.whatsapp.fates.append(Fate.HANGS_TAKEN)
    queued = [await bot.queue(f"{number}") for number in range(20)]

    async def begun() -> bool:
        return bool(bot.stage.whatsapp.sent)

    await until(begun, "the first is being sent")
    await bot.line.kill()
    bot.line = await bot.stage.line(bot.bot)
    done = [await bot.settled(each) for each in queued]

    assert [each.status for each in done] == [Status.UNCERTAIN] + [Status.SENT] * 19
    assert bot.sent_texts() == [f"{number}" for number in range(20)]


async def test_what_neither_database_takes_holds_up_nothing(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number beyond its column, or no value where there has to be one."""

    def columns(message: Message) -> dict[str, Any]:
        row = added_columns(message)
        if "huge" in row["content"]:
            return {**row, "at": 2**80}
        return {**row, "chat": None} if "none" in row["content"] else row

    monkeypatch.setattr(messages, "added_columns", columns)
    for text in ("before", "huge", "none", "after"):
        bot.says(text)
    bot.stage.whatsapp.confirm(bot.device, ReceiptKind.READ, "\x00", sender="\x00@lid")
    await bot.heard()

    stored = [each.content for each in await bot.messages()]
    refused = Unsupported(name="unstorable")
    assert stored == [Text(text="before"), refused, refused, Text(text="after")]
    assert not bot.line.task.done()
