"""Chats know what their latest touch told, and never less than before."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sololine.core.chat import Chat, ChatId, PersonId, Touch
from sololine.core.ids import DEFAULT_TENANT, BotId, ChatRef
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import added, locked
from tests.contract.store_talk import ANA, BEA, GROUP, logged

LID = "98765@lid"


async def touched(store: Store, bot: BotId, *touches: Touch) -> None:
    await store.run(lambda tx: tx.chats.touch(bot, DEFAULT_TENANT, touches))


def unnamed(*chats: Chat | None) -> list[Chat]:
    """The chats without what events call them, which is by chance."""
    return [replace(chat, ref=ChatRef("")) for chat in chats if chat is not None]


async def chat_of(store: Store, bot: BotId, chat: ChatId) -> Chat | None:
    async with store.read() as tx:
        return await tx.chats.get(bot, chat)


async def test_a_chat_is_made_when_it_is_first_touched(store: Store) -> None:
    bot, other = await added(store), await added(store)
    assert await chat_of(store, bot, ANA) is None
    jid = "447700900123@s.whatsapp.net"
    await touched(store, bot, Touch(id=ANA, name="A\x00na", jid=jid, lid=LID, seq=3, unread=2))
    known = Chat(id=ANA, name="Ana", jid=jid, lid=LID, last_seq=3, unread=2)
    chat = await chat_of(store, bot, ANA)
    assert unnamed(chat) == [known]
    assert await chat_of(store, other, ANA) is None


async def test_what_a_touch_does_not_know_stays(store: Store) -> None:
    bot = await added(store)
    await touched(store, bot, Touch(id=ANA, name="Ana", jid="j", lid=LID, seq=3, unread=2))
    await touched(store, bot, Touch(id=ANA, seq=2, unread=1))
    before = await chat_of(store, bot, ANA)
    assert unnamed(before) == [Chat(id=ANA, name="Ana", jid="j", lid=LID, last_seq=3, unread=3)]
    await touched(store, bot, Touch(id=ANA, name="Annie", seq=5, unread=1, seen=True))
    after = await chat_of(store, bot, ANA)
    assert unnamed(after) == [Chat(id=ANA, name="Annie", jid="j", lid=LID, last_seq=5, unread=1)]


async def test_events_call_a_chat_the_same_for_ever(store: Store) -> None:
    bot, other = await added(store), await added(store)
    await touched(store, bot, Touch(id=ANA), Touch(id=BEA))
    await touched(store, other, Touch(id=ANA))
    async with store.read() as tx:
        chats = await tx.chats.many(bot, [ANA, BEA])
        refs = [chats[ANA].ref, chats[BEA].ref]
        assert await tx.chats.of_refs(bot, refs) == {chat.ref: chat for chat in chats.values()}
        assert await tx.chats.of_refs(other, refs) == {}
        assert await tx.chats.of_refs(bot, []) == {}
    assert all(re.fullmatch("cht_[0-9a-f]{20}", ref) for ref in refs)
    assert len({*refs, *(chat.ref for chat in [await chat_of(store, other, ANA)] if chat)}) == 3
    await touched(store, bot, Touch(id=ANA, seq=7, unread=1))
    chat = await chat_of(store, bot, ANA)
    assert chat is not None
    assert chat.ref == refs[0]


async def test_someone_may_type_before_anything_was_said(store: Store) -> None:
    bot = await added(store)
    typing = Touch(id=GROUP, ref=ChatRef("cht_a"), typing_by=PersonId(ANA), typing_since=4)

    async def type_(tx: Transaction, touch: Touch) -> None:
        await locked(tx, bot)
        await tx.chats.touch(bot, DEFAULT_TENANT, [touch])

    await store.run(lambda tx: type_(tx, typing))
    known = Chat(id=GROUP, ref=ChatRef("cht_a"), typing_by=PersonId(ANA), typing_since=4)
    assert await chat_of(store, bot, GROUP) == known
    async with store.read() as tx:
        assert await tx.chats.page(bot, before=None, limit=9) == []

    await touched(store, bot, Touch(id=GROUP, seq=6))
    assert await chat_of(store, bot, GROUP) == replace(known, last_seq=6)
    again = replace(typing, ref=ChatRef("cht_b"), typing_by=PersonId(BEA), typing_since=7)
    await store.run(lambda tx: type_(tx, again))
    assert await chat_of(store, bot, GROUP) == replace(
        known, last_seq=6, typing_by=PersonId(BEA), typing_since=7
    )


async def test_what_events_call_a_chat_is_chosen_under_the_lock(store: Store) -> None:
    bot = await added(store)
    with pytest.raises(RuntimeError, match="lock the session"):
        await touched(store, bot, Touch(id=ANA, ref=ChatRef("cht_a")))


TOUCHES = st.builds(
    Touch,
    id=st.sampled_from([ANA, BEA]),
    name=st.sampled_from(["", "a", "b"]),
    jid=st.sampled_from(["", "c"]),
    lid=st.sampled_from(["", "d@lid"]),
    seq=st.integers(0, 5),
    unread=st.integers(0, 3),
    seen=st.booleans(),
    typing_by=st.sampled_from([PersonId(""), PersonId(ANA)]),
    typing_since=st.integers(0, 3),
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(touches=st.lists(TOUCHES, min_size=1, max_size=6))
async def test_touches_at_once_say_what_they_say_one_by_one(
    store: Store, touches: list[Touch]
) -> None:
    one, other = await added(store), await added(store)
    await touched(store, one, *touches)
    for touch in touches:
        await touched(store, other, touch)
    async with store.read() as tx:
        everyone = [ANA, BEA]
        ones, others = [await tx.chats.many(each, everyone) for each in (one, other)]
    assert unnamed(*map(ones.get, everyone)) == unnamed(*map(others.get, everyone))


async def test_chats_are_paged_from_the_latest_on(store: Store) -> None:
    bot = await added(store)
    await touched(
        store,
        bot,
        Touch(id=ANA, seq=1),
        Touch(id=BEA, seq=2),
        Touch(id=GROUP, seq=3),
        Touch(id=ChatId("447700900199"), name="never wrote"),
    )
    await touched(store, bot, Touch(id=ANA, seq=4))

    async def page(**only: Any) -> list[ChatId]:
        async with store.read() as tx:
            found = await tx.chats.page(bot, **{"before": None, "limit": 9, **only})
        return [chat.id for chat in found]

    assert await page() == [ANA, GROUP, BEA]
    assert await page(limit=1) == [ANA]
    assert await page(before=4, limit=1) == [GROUP]
    assert await page(before=2) == []


async def test_a_person_is_found_by_the_lid_under_the_number_if_it_is_known(store: Store) -> None:
    bot = await added(store)
    hidden = ChatId(LID)
    await touched(store, bot, Touch(id=hidden, lid=LID), Touch(id=BEA, lid="1@lid"))
    async with store.read() as tx:
        assert await tx.chats.of_lids(bot, [LID, "1@lid", "2@lid"]) == {LID: LID, "1@lid": BEA}
        assert await tx.chats.of_lids(bot, []) == {}
        assert await tx.chats.many(bot, []) == {}
    await touched(store, bot, Touch(id=ANA, lid=LID))
    async with store.read() as tx:
        assert await tx.chats.of_lids(bot, [LID]) == {LID: ANA}


async def test_nobody_waits_in_a_circle_for_chats(store: Store) -> None:
    """The line and the API touch the same ones, in whatever order they come upon them."""
    bot = await added(store)
    chats = [ANA, BEA, GROUP]

    async def touch(no: int) -> None:
        async def work(tx: Transaction) -> None:
            if no % 2:
                await logged(tx, bot)
            order = chats if no % 3 else chats[::-1]
            await tx.chats.touch(bot, DEFAULT_TENANT, [Touch(id=id_, unread=1) for id_ in order])

        await store.run(work)

    await asyncio.gather(*(touch(no) for no in range(40)))
    async with store.read() as tx:
        found = await tx.chats.many(bot, chats)
    assert [found[chat].unread for chat in chats] == [40] * 3


async def test_a_deleted_bot_takes_its_chats_along(store: Store) -> None:
    bot, other = await added(store), await added(store)
    for each in (bot, other):
        await touched(store, each, Touch(id=ANA))
    await store.run(lambda tx: tx.bots.delete(bot))
    assert await chat_of(store, bot, ANA) is None
    assert await chat_of(store, other, ANA) is not None
