"""What is asked often is found by an index: no such query reads a table, or a bot, to its end.

The queries are caught as they go to the driver, and the database is asked how it would do them.
PostgreSQL is told to scan only where there is no other way, since it would with tables this small.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from sololine.core.chat import ChatId, Touch
from sololine.core.chore import ChoreFailure
from sololine.core.content import Kind
from sololine.core.ids import (
    DEFAULT_TENANT,
    DEFAULT_USER,
    BotId,
    ChatRef,
    ChoreId,
    DeliveryId,
    DeviceId,
    MediaId,
    MessageId,
    WebhookId,
)
from sololine.core.webhook import DeliveryState
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import HERE, NUMBER, locked, new_bot
from tests.contract.store_talk import (
    ANA,
    asked,
    heard,
    hooked,
    logged,
    stored,
)
from tests.sql import is_sqlite, seen

BOT: Final = BotId("bot_a")
WEBHOOK: Final = WebhookId("whk_a")
MEDIA: Final = MediaId("med_a")
MESSAGE: Final = MessageId("msg_a")
CHORE: Final = ChoreId("cho_a")
PAGE: Final = dict[str, Any](before=9, limit=3)

SMALL: Final = {"webhooks", "queues", "due", "open", "ranked", "CONSTANT"}
"""Read from end to end on purpose: all webhooks of a deployment are few, the rest are results."""


async def _bot(tx: Transaction) -> None:
    await tx.bots.add(replace(new_bot(tx.now), id=BOT))


Work = Callable[[Transaction], Awaitable[object]]


async def _batch(tx: Transaction) -> None:
    """What a line does with what it heard."""
    await locked(tx, BOT)
    events = await logged(tx, BOT, 2)
    messages = [heard(BOT, each.seq, tx.now) for each in events]
    await tx.messages.add(messages, {messages[0].id: b"form"})
    await tx.messages.save(messages, {messages[0].id: b"form"})
    await tx.deliveries.save(HERE, await tx.deliveries.take(HERE, 3, timedelta(minutes=1)))


HOT: Final[dict[str, Work]] = {
    "stored files": lambda tx: tx.media.stored(BOT),
    "message by id": lambda tx: tx.messages.get(BOT, MESSAGE),
    "messages by id": lambda tx: tx.messages.many(BOT, [MESSAGE, MessageId("msg_b")]),
    "messages by WhatsApp's id": lambda tx: tx.messages.known(BOT, ["A", "B"]),
    "message by request": lambda tx: tx.messages.asked_for(
        BOT, idempotency_key="a", client_ref="b"
    ),
    "waiting": lambda tx: tx.messages.waiting(BOT, 10),
    "orders that no line took up": lambda tx: tx.leases.unheeded(HERE),
    "bots with queued messages": lambda tx: tx.messages.waiting_among([BOT, BotId("bot_b")]),
    "sending": lambda tx: tx.messages.sending(BOT),
    "all queued": lambda tx: tx.messages.fail_waiting(BOT),
    "page of a bot": lambda tx: tx.messages.page(BOT, chat=None, **PAGE),
    "page of a chat": lambda tx: tx.messages.page(BOT, chat=ANA, kinds=[Kind.TEXT], **PAGE),
    "reactions": lambda tx: tx.messages.reactions(BOT, ["A", "B"]),
    "answered": lambda tx: tx.messages.answered(BOT, ANA, tx.now),
    "form": lambda tx: tx.messages.form(BOT, MESSAGE),
    "attempts by day": lambda tx: tx.attempts.by_day(DEFAULT_TENANT, tx.now, tx.now),
    "attempts by bot": lambda tx: tx.attempts.by_bot(DEFAULT_TENANT, tx.now, tx.now, 10),
    "times to connect": lambda tx: tx.attempts.times(DEFAULT_TENANT, tx.now, tx.now),
    "what is said of a bot": lambda tx: tx.listings.of_bot(BOT),
    "who has a number": lambda tx: tx.conflicts.parties_of(NUMBER),
    "a user's bots of a name": lambda tx: tx.bots.named(DEFAULT_TENANT, DEFAULT_USER, "Ada"),
    "chat": lambda tx: tx.chats.get(BOT, ANA),
    "chats by id": lambda tx: tx.chats.many(BOT, [ANA, ChatId("1")]),
    "chats by LID": lambda tx: tx.chats.of_lids(BOT, ["1@lid", "2@lid"]),
    "chats by what events call them": lambda tx: tx.chats.of_refs(
        BOT, [ChatRef("cht_a"), ChatRef("cht_b")]
    ),
    "page of chats": lambda tx: tx.chats.page(BOT, **PAGE),
    "touch": lambda tx: tx.chats.touch(BOT, DEFAULT_TENANT, [Touch(id=ANA)]),
    "media by id": lambda tx: tx.media.many(BOT, [MEDIA]),
    "message of a file": lambda tx: tx.media.message_of(BOT, MEDIA),
    "chores to begin": lambda tx: tx.chores.begin(BOT, 10),
    "whether chores wait": lambda tx: tx.chores.waiting(BOT),
    "chores to void": lambda tx: tx.chores.void(BOT),
    "chore done": lambda tx: tx.chores.done(CHORE, {}),
    "chore failed": lambda tx: tx.chores.failed(CHORE, ChoreFailure.REFUSED),
    "chores to clean": lambda tx: tx.chores.clean(tx.now - timedelta(days=1)),
    "training": lambda tx: tx.trainings.get(BOT),
    "restoration": lambda tx: tx.restorations.of(DeviceId("dev_a")),
    "taken over": lambda tx: tx.restorations.take_over(DeviceId("dev_a")),
    "webhooks of a tenant": lambda tx: tx.webhooks.of_tenant(DEFAULT_TENANT),
    "webhook deleted": lambda tx: tx.webhooks.delete(DEFAULT_TENANT, WEBHOOK),
    "deliveries to take": lambda tx: tx.deliveries.take(HERE, 10, timedelta(minutes=1)),
    "next due": lambda tx: tx.deliveries.next_due(),
    "released": lambda tx: tx.deliveries.release(HERE),
    "page of deliveries": lambda tx: tx.deliveries.page(DEFAULT_TENANT, WEBHOOK, **PAGE),
    "failed deliveries": lambda tx: tx.deliveries.page(
        DEFAULT_TENANT, WEBHOOK, state=DeliveryState.FAILED, **PAGE
    ),
    "redriven": lambda tx: tx.deliveries.redrive(DEFAULT_TENANT, WEBHOOK, DeliveryId("dlv_a")),
    "all redriven": lambda tx: tx.deliveries.redrive(DEFAULT_TENANT, WEBHOOK, None),
    "events by place": lambda tx: tx.events.many(DEFAULT_TENANT, [1, 2]),
    "events after": lambda tx: tx.events.after(DEFAULT_TENANT, 1, 10),
    "a batch of messages": _batch,
    "a bot deleted": lambda tx: tx.bots.delete(BOT),
}


async def plan_of(store: Store, statement: str, values: Sequence[Any]) -> str:
    """How the database would do it."""
    begun = await store._database.writer.begin()
    if not is_sqlite(store):
        await begun.change("SET LOCAL enable_seqscan = off", ())
    explain = "EXPLAIN QUERY PLAN " if is_sqlite(store) else "EXPLAIN "
    rows = await begun.rows(explain + statement, values)
    await begun.end(commit=False)
    return "\n".join(str(list(row.values())[-1]) for row in rows)


async def scanned(store: Store, statement: str, values: Sequence[Any]) -> set[str]:
    """The tables that the database would read from end to end."""
    plan, lite = await plan_of(store, statement, values), is_sqlite(store)
    scans = r"^SCAN (\w+)" if lite else r"Seq Scan on (\w+)"
    found = set(re.findall(scans, plan, re.MULTILINE))
    # One page of a bot may begin anywhere; nothing else is looked for among all its messages.
    if re.search(r"messages USING .*INDEX \w+ \(bot_id=\?\)$", plan, re.MULTILINE):
        found.add("all messages of a bot")
    return found


@pytest.mark.parametrize("asks", HOT)
async def test_it_is_found_by_an_index(store: Store, asks: str) -> None:
    await store.run(_bot)
    await hooked(store)
    await stored(store, BOT, {}, make=asked)
    with seen(store) as sight:
        await store.run(HOT[asks])
    found = {
        (table, statement)
        for statement, values in sight.statements
        if not statement.startswith(("BEGIN", "DELETE"))
        for table in await scanned(store, statement, values)
    }
    assert sight.statements
    assert not {(table, statement) for table, statement in found if table not in SMALL}


async def test_a_scan_would_be_noticed(store: Store) -> None:
    statement = "SELECT id FROM messages WHERE sender_name = 'Ana'"
    assert await scanned(store, statement, ()) == {"messages"}
