"""Many messages at once: each is stored, told and delivered once, and chats keep their order.

By default a fifth of the 10,000 messages; with SOLOLINE_TEST_FULL=1 all of them.
"""

import asyncio
import os
from collections import defaultdict
from pathlib import Path

import pytest

from tests.flow.bot import Bot
from tests.flow.conftest import TALKATIVE, new_number
from tests.flow.house import Server, WhatsApp
from tests.flow.phone import Phone
from tests.flow.receiver import Receiver

FULL = bool(os.environ.get("SOLOLINE_TEST_FULL"))
MANY = 10_000 if FULL else 2_000
SENDERS = 5
PATIENCE_S = 300
BUCKET = 200
"""Messages that a phone writes in one go, to all bots in turn."""
AT_ONCE = 4
"""Bots that are linked at the same time: more would only wait for a processor."""


async def linked_bots(server: Server, count: int) -> list[Bot]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def link(at: int) -> Bot:
        async with gate:
            return await Bot.linked(server, new_number(), f"Bot {at}")

    return list(await asyncio.gather(*(link(at) for at in range(count))))


async def every_message_once(
    server: Server, receiver: Receiver, phones: WhatsApp, *, bots: int, messages: int
) -> None:
    """Have phones write to all bots at the same time, and count what came of it."""
    name = server.data_dir.parent.name
    linked = await linked_bots(server, bots)
    writers = [await Phone(phones, new_number()).own() for _ in range(SENDERS)]
    told = ["message.received"]
    all_hook = await receiver.hook(f"all-{name}").made(server, types=told)
    one_hook = await receiver.hook(f"one-{name}").made(server, types=told, botId=linked[0].id)
    deaf_hook = await receiver.hook(f"deaf-{name}").made(server, types=["message.sent"])
    after = await server.last()

    numbers = [bot.number for bot in linked]

    async def pour(phone: Phone) -> list[str]:
        ids: list[str] = []
        while len(ids) < messages // SENDERS:
            ids += await phone.flood(numbers, min(BUCKET, messages // SENDERS - len(ids)), "many")
        return ids

    poured = await asyncio.gather(*(pour(phone) for phone in writers))

    sent: dict[tuple[str, str], list[str]] = defaultdict(list)
    """By bot and sender: WhatsApp's ids, in the order in which they were written."""
    for phone, ids in zip(writers, poured, strict=True):
        for at, id_ in enumerate(ids):
            sent[linked[at % bots].id, phone.digits].append(id_)

    accepted = await all_hook.until(
        lambda accepted: len(accepted) >= messages, "all are delivered", PATIENCE_S
    )
    assert len(accepted) == messages
    assert len({each["id"] for each in accepted}) == messages
    delivered = {each["event"]["message"]["whatsappId"] for each in accepted}
    assert delivered == {id_ for ids in sent.values() for id_ in ids}
    mine = [each for each in accepted if each["event"]["botId"] == linked[0].id]
    accepted = await one_hook.until(lambda accepted: len(accepted) >= len(mine), "the one bot's")
    assert {each["event"]["seq"] for each in accepted} == {each["event"]["seq"] for each in mine}
    assert len(accepted) == len(mine) == messages // bots
    assert deaf_hook.tries == []

    for bot in linked:
        events = await Bot(server, bot.id, bot.phone, after).events("message.received")
        kept = await bot.messages()
        assert [event["data"]["messageId"] for event in events] == [each["id"] for each in kept]
        assert [event["seq"] for event in events] == [each["seq"] for each in kept]
        in_chat: dict[str, list[str]] = defaultdict(list)
        for message in kept:
            in_chat[message["chat"]].append(message["whatsappId"])
        for phone in writers:
            assert in_chat[phone.digits] == sent[bot.id, phone.digits]
        assert sum(len(ids) for ids in in_chat.values()) == messages // bots


@pytest.mark.timeout(PATIENCE_S * 2)
@pytest.mark.parametrize("messages", [MANY], ids=[f"{MANY} of 10000"])
async def test_messages_to_twenty_bots_are_stored_told_and_delivered_once_each(
    own_talking: Server, receiver: Receiver, phones: WhatsApp, messages: int
) -> None:
    await every_message_once(own_talking, receiver, phones, bots=20, messages=messages)


@pytest.mark.timeout(PATIENCE_S)
async def test_so_it_is_on_postgresql(
    phones: WhatsApp,
    tmp_path: Path,
    postgres_database: str,
    redis_database: str,
    receiver: Receiver,
) -> None:
    settings = {
        **TALKATIVE,
        "SOLOLINE_DATABASE_URL": postgres_database,
        "SOLOLINE_REDIS_URL": redis_database,
    }
    server = await Server(phones, tmp_path / "data", settings).start()
    await every_message_once(server, receiver, phones, bots=4, messages=MANY // 5)
    await server.stop()
