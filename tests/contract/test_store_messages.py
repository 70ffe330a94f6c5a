"""Messages are stored once, read as they were written, and found by what is asked of them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sololine.core.chat import PersonId
from sololine.core.content import (
    Card,
    Contacts,
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Kind,
    Location,
    Poll,
    Quoted,
    Target,
    Text,
    Undecryptable,
    Unsupported,
)
from sololine.core.ids import DEFAULT_TENANT, BotId, MessageId
from sololine.core.media import MediaKind
from sololine.core.message import Failure, Message, Origin, Status
from sololine.store.errors import Raced
from sololine.store.message_rows import TARGET_MAX
from sololine.store.store import TRIES, Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import HERE, OTHER_TENANT, added
from tests.contract.store_talk import (
    ANA,
    BEA,
    GROUP,
    asked,
    file_of,
    heard,
    logged,
    message_of,
    reaction,
    saved,
    stored,
)

TARGET = Target(whatsapp_id="3EB0AA", from_me=True, sender="98765@lid")
CONTENTS: list[Content] = [
    Text(text='ünï "quoted" \x00 ☎', link_preview=True),
    Location(latitude=-41.3, longitude=174.8, name="Wellington", address="NZ"),
    Contacts(cards=(Card(name="Bea", numbers=("447700900124", "1"), vcard="BEGIN"), Card(name=""))),
    Poll(question="?", options=("yes", "no"), choices_max=0),
    reaction("3EB0AA", "👍"),
    Edit(of=TARGET, text="better"),
    Deletion(of=TARGET),
    Unsupported(name="eventMessage"),
    Undecryptable(),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
async def test_a_message_is_read_as_it_was_written(store: Store, content: Content) -> None:
    bot = await added(store)
    (message,) = await stored(store, bot, {"content": content})
    assert await message_of(store, message) == message


async def test_all_that_a_message_holds_is_kept(store: Store) -> None:
    bot = await added(store)

    async def work(tx: Transaction) -> Message:
        (event,) = await logged(tx, bot)
        media = file_of(bot, tx.now)
        message = asked(
            bot,
            event.seq,
            tx.now,
            chat=GROUP,
            origin=Origin.RULE,
            content=File(
                kind=MediaKind.VOICE,
                media=media.id,
                mime_type="audio/ogg",
                size=3,
                sha256="00ff",
                caption="c",
                file_name="f",
                seconds=4,
                width=5,
                height=6,
                view_once=True,
            ),
            context=Context(
                quoted=Quoted(to=TARGET, text="what"),
                mentions=(PersonId("447700900124"), PersonId("98765@lid")),
                forwarded=True,
            ),
            client_ref="ref",
            idempotency_key="key",
            fingerprint="ff",
            sending_since=tx.now,
            answers=MessageId("msg_gone"),
        )
        # The message may come before its media.
        await tx.messages.add([message], {message.id: b"\x00\xffform"})
        await tx.media.add([media])
        return message

    message = await store.run(work)
    assert await message_of(store, message) == message
    async with store.read() as tx:
        assert await tx.messages.form(bot, message.id) == b"\x00\xffform"


async def test_a_message_is_seen_by_its_own_bot_only(store: Store) -> None:
    bot, other = await added(store), await added(store)
    (message,) = await stored(store, bot, {"whatsapp_id": "3EB0AA", "client_ref": "ref"})
    async with store.read() as tx:
        assert await tx.messages.get(other, message.id) is None
        assert await tx.messages.many(other, [message.id]) == []
        assert await tx.messages.known(other, ["3EB0AA"]) == {}
        assert await tx.messages.asked_for(other, client_ref="ref") is None
        assert await tx.messages.form(other, message.id) is None
        assert await tx.messages.page(other, chat=None, before=None, limit=9) == []


async def test_a_name_may_hold_what_postgresql_does_not(store: Store) -> None:
    """It comes from anyone, and one such message must not hold up all others."""
    bot = await added(store)
    (message,) = await stored(store, bot, {"sender_name": "A\x00na"})
    assert await message_of(store, message) == replace(message, sender_name="Ana")


async def test_a_target_may_be_any_text(store: Store) -> None:
    bot = await added(store)
    long, odd = "x" * (TARGET_MAX + 1), "3EB0\x00"
    messages = await stored(
        store,
        bot,
        {"content": reaction(long * 100, "!")},
        {"content": reaction(long, "!")},
        {"content": reaction(odd, "!")},
        {"content": reaction(long[1:], "!")},
    )
    assert [await message_of(store, message) for message in messages] == messages
    async with store.read() as tx:
        assert await tx.messages.reactions(bot, [long[1:], long]) == {long[1:]: messages[3:]}


async def test_what_changes_of_a_message_is_saved_and_nothing_else(store: Store) -> None:
    bot = await added(store)
    first, second = await stored(store, bot, {"client_ref": "a"}, {}, make=asked)
    at = first.at + timedelta(seconds=1)
    sent = replace(
        replace(first, whatsapp_id="3EB0AA").moved(Status.SENT, at),
        content=Text(text="other"),
        at=at,
        edited_at=at,
        deleted_at=at,
    )
    failed = second.failed(Failure.REFUSED, at)
    await saved(store, [failed, replace(sent, client_ref="b", seq=99)])
    assert await message_of(store, sent) == sent
    assert await message_of(store, failed) == failed


async def test_a_form_is_replaced_when_its_message_is_saved_with_another(store: Store) -> None:
    bot = await added(store)
    (message,) = await stored(store, bot, {"content": Undecryptable()})
    for form in (b"one", b"", b"two"):
        await store.run(
            lambda tx, form=form: tx.messages.save([message], {message.id: form})  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        )
    async with store.read() as tx:
        assert await tx.messages.form(bot, message.id) == b"two"
        assert await tx.messages.form(bot, MessageId("msg_none")) is None
    await store.run(lambda tx: tx.messages.save([message], {message.id: b""}))
    async with store.read() as tx:
        assert await tx.messages.form(bot, message.id) is None


@pytest.mark.parametrize(
    "same",
    [
        {"id": "msg_same"},
        {"whatsapp_id": "3EB0AA"},
        {"idempotency_key": "key"},
        {"client_ref": "ref"},
        {"answers": "msg_gone"},
    ],
    ids=lambda same: next(iter(same)),
)
async def test_a_message_that_is_there_already_is_not_stored_again(
    store: Store, same: dict[str, Any]
) -> None:
    bot = await added(store)
    (message,) = await stored(store, bot, same)
    tries = 0

    async def again(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        (event,) = await logged(tx, bot)
        await tx.messages.add([heard(bot, event.seq, tx.now, **same)])

    with pytest.raises(Raced):
        await store.run(again)
    assert tries == TRIES
    async with store.read() as tx:
        assert await tx.messages.page(bot, chat=None, before=None, limit=9) == [message]
        assert await tx.events.last(DEFAULT_TENANT) == 1


async def test_two_bots_may_have_messages_of_the_same_ids(store: Store) -> None:
    same = {"whatsapp_id": "3EB0AA", "idempotency_key": "key", "client_ref": "ref"}
    for bot in (await added(store), await added(store)):
        (message,) = await stored(store, bot, same)
        assert await message_of(store, message) == message


async def test_a_whatsapp_id_is_not_given_to_two_messages(store: Store) -> None:
    bot = await added(store)
    first, second = await stored(store, bot, {"whatsapp_id": "3EB0AA"}, {})
    with pytest.raises(Raced):
        await saved(store, [replace(second, whatsapp_id=first.whatsapp_id)])
    assert await message_of(store, second) == second


async def test_fifty_equal_requests_at_once_make_one_message(store: Store) -> None:
    bot = await added(store)

    async def ask(tx: Transaction) -> MessageId:
        before = await tx.messages.asked_for(bot, idempotency_key="key", client_ref=None)
        if before is not None:
            return before.id
        (event,) = await logged(tx, bot)
        message = asked(bot, event.seq, tx.now, idempotency_key="key")
        await tx.messages.add([message])
        return message.id

    made = await asyncio.gather(*(store.run(ask) for _ in range(50)))
    async with store.read() as tx:
        (message,) = await tx.messages.waiting(bot, 99)
        assert set(made) == {message.id}
        assert await tx.events.last(DEFAULT_TENANT) == 1


async def test_a_message_for_a_bot_that_is_gone_is_decided_anew(store: Store) -> None:
    bot = await added(store)
    await store.run(lambda tx: tx.bots.delete(bot))
    with pytest.raises(Raced):
        await stored(store, bot, {})


async def test_a_request_is_found_by_its_key_before_its_reference(store: Store) -> None:
    bot = await added(store)
    one, two = await stored(store, bot, {"idempotency_key": "key"}, {"client_ref": "ref"})
    async with store.read() as tx:
        found = tx.messages.asked_for
        assert await found(bot, idempotency_key="key", client_ref="ref") == one
        assert await found(bot, idempotency_key="other", client_ref="ref") == two
        assert await found(bot, idempotency_key=None, client_ref=None) is None


async def test_messages_are_found_by_their_ids(store: Store) -> None:
    bot = await added(store)
    messages = await stored(store, bot, {"whatsapp_id": "A"}, {"whatsapp_id": "B"}, {})
    async with store.read() as tx:
        found = await tx.messages.many(bot, [messages[2].id, messages[0].id, MessageId("msg_no")])
        assert sorted(found, key=lambda message: message.seq) == [messages[0], messages[2]]
        assert await tx.messages.many(bot, []) == []
        known = await tx.messages.known(bot, ["B", "C", "A"])
        assert known == {"A": messages[0], "B": messages[1]}
        assert await tx.messages.known(bot, []) == {}


async def test_queued_messages_wait_in_order_until_someone_sends_them(store: Store) -> None:
    bot = await added(store)
    messages = await stored(store, bot, {}, {}, {}, make=asked)
    await stored(store, bot, {})
    begun = replace(messages[1], sending_since=messages[1].at)
    await saved(store, [begun])
    async with store.read() as tx:
        assert await tx.messages.waiting(bot, 99) == [messages[0], messages[2]]
        assert await tx.messages.waiting(bot, 1) == messages[:1]
        assert await tx.messages.waiting_among([bot, BotId("bot_none")]) == [bot]
        assert await tx.messages.waiting_among([]) == []
        assert await tx.messages.sending(bot) == [begun]
        assert await tx.messages.fail_waiting(bot) == [messages[0], begun, messages[2]]
    await saved(store, [begun.moved(Status.SENT, begun.at)])
    async with store.read() as tx:
        assert await tx.messages.sending(bot) == []
        assert await tx.messages.fail_waiting(bot) == [messages[0], messages[2]]


async def test_messages_are_paged_from_the_newest_on(store: Store) -> None:
    bot = await added(store)
    one, two, three, four = await stored(
        store, bot, {}, {"chat": BEA}, {"content": reaction("A", "!")}, {"chat": BEA}
    )

    async def page(**only: Any) -> list[Message]:
        async with store.read() as tx:
            return await tx.messages.page(bot, **{"chat": None, "before": None, "limit": 9, **only})

    assert await page() == [four, three, two, one]
    assert await page(limit=2) == [four, three]
    assert await page(before=three.seq, limit=2) == [two, one]
    assert await page(chat=BEA) == [four, two]
    assert await page(chat=ANA, before=three.seq) == [one]
    assert await page(kinds=[Kind.REACTION]) == [three]
    assert await page(kinds=[Kind.TEXT, Kind.EDIT], chat=ANA) == [one]
    assert await page(kinds=[]) == []


async def test_of_each_person_the_latest_reaction_stands(store: Store) -> None:
    bot = await added(store)
    bea = PersonId(BEA)
    said: list[dict[str, Any]] = [
        {"content": reaction("A", "1")},
        {"content": reaction("A", "2"), "sender": bea},
        {"content": reaction("A", "3")},
        {"content": reaction("B", "4")},
        {"content": reaction("B", "")},
        {"content": reaction("A", "5"), "origin": Origin.PHONE, "sender": None},
        {"content": reaction("C", "6")},
        {"content": Edit(of=Target(whatsapp_id="A"), text="no reaction")},
    ]
    messages = await stored(store, bot, *said)
    (failed,) = await stored(store, bot, {"content": reaction("A", "7")}, make=asked)
    await saved(store, [failed.failed(Failure.REFUSED, failed.at)])
    async with store.read() as tx:
        standing = await tx.messages.reactions(bot, ["A", "B"])
        assert standing == {"A": [messages[1], messages[2], messages[5]]}
        assert await tx.messages.reactions(bot, []) == {}


async def test_what_rules_have_sent_to_a_chat_is_counted(store: Store) -> None:
    bot = await added(store)
    rule = {"origin": Origin.RULE}
    old, *_ = await stored(store, bot, rule, make=asked)
    store.shift += timedelta(seconds=10)
    new, *_ = await stored(store, bot, rule, {}, {**rule, "chat": BEA}, make=asked)
    async with store.read() as tx:
        assert await tx.messages.answered(bot, ANA, old.at) == 2
        assert await tx.messages.answered(bot, ANA, new.at) == 1
        assert await tx.messages.answered(bot, ANA, tx.now + timedelta(seconds=1)) == 0


async def test_nothing_to_store_takes_no_lock(store: Store) -> None:
    bot = await added(store)

    async def work(tx: Transaction) -> None:
        await tx.messages.add([])
        await tx.messages.save([])
        await tx.chats.touch(bot, DEFAULT_TENANT, [])
        await tx.media.add([])
        await tx.deliveries.save(HERE, [])
        await tx.events.append(DEFAULT_TENANT, bot)
        await tx.sessions.lock(bot)

    await store.run(work)


async def test_events_come_before_the_messages_that_they_tell_of(store: Store) -> None:
    bot = await added(store)
    (message,) = await stored(store, bot, {})

    async def append(tx: Transaction) -> None:
        await tx.messages.save([message])
        await logged(tx, bot)

    async def lock(tx: Transaction) -> None:
        await tx.messages.save([message])
        await tx.sessions.lock(bot)

    with pytest.raises(RuntimeError, match=r"^append events before"):
        await store.run(append)
    with pytest.raises(RuntimeError, match=r"^lock every session before"):
        await store.run(lock)


async def test_a_deleted_bot_leaves_no_message_behind(store: Store) -> None:
    bot, other = await added(store), await added(store, OTHER_TENANT)

    async def work(tx: Transaction, bot: BotId) -> Message:
        (event,) = await logged(tx, bot)
        media = file_of(bot, tx.now)
        content = File(kind=MediaKind.IMAGE, media=media.id, mime_type="image/png")
        message = heard(bot, event.seq, tx.now, content=content)
        await tx.media.add([media])
        await tx.messages.add([message], {message.id: b"form"})
        return message

    message = await store.run(lambda tx: work(tx, bot))
    kept = await store.run(lambda tx: work(tx, other))
    assert await store.run(lambda tx: tx.bots.delete(bot))
    assert await message_of(store, message) is None
    assert await message_of(store, kept) == kept
    async with store.read() as tx:
        assert await tx.messages.form(other, kept.id) == b"form"


async def test_a_bot_is_deleted_while_messages_come_in(store: Store) -> None:
    """They meet at the bot's row; whoever is second decides anew, and nothing is left over."""
    bot = await added(store)

    async def hear(tx: Transaction) -> bool:
        if await tx.bots.get(bot) is None:
            return False
        (event,) = await logged(tx, bot)
        await tx.messages.add([heard(bot, event.seq, tx.now)])
        return True

    done = await asyncio.gather(
        *(store.run(hear) for _ in range(10)),
        store.run(lambda tx: tx.bots.delete(bot)),
        *(store.run(hear) for _ in range(10)),
    )
    assert done[10] is True
    async with store.read() as tx:
        assert await tx.messages.page(bot, chat=None, before=None, limit=99) == []
