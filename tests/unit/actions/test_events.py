import asyncio
from typing import Any

from sololine.actions import events
from sololine.actions.events import Filter
from sololine.actions.gateway import Gateway
from sololine.core.chat import ChatId, PersonId, Touch, masked
from sololine.core.content import Text
from sololine.core.events import Event, EventType
from sololine.core.ids import DEFAULT_TENANT, BotId, ChatRef, MessageId
from sololine.core.message import Message, Origin, Status
from sololine.languages import Language
from sololine.store.transaction import Transaction
from tests.sql import by_hand, seen
from tests.unit.scenes import KEY_CALLER, PATIENCE_S, STRANGER, connect, new_bot

ANA = PersonId("447700900123")
BEA = PersonId("447700900124")
GROUP = ChatId("120363000000000001@g.us")


async def types(gateway: Gateway, bot: BotId, chat: ChatId, ref: str, *typists: PersonId) -> None:
    """People type in a chat one after the other, and the line hears of it."""

    async def work(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        for by in typists:
            data = {"chatRef": ref, "chat": masked(chat), "sender": masked(by), "state": "typing"}
            event = Event(type=EventType.CHAT_TYPING, data=data)
            (logged,) = await tx.events.append(DEFAULT_TENANT, bot, event)
            touch = Touch(id=chat, ref=ChatRef(ref), typing_by=by, typing_since=logged.seq)
            await tx.chats.touch(bot, DEFAULT_TENANT, [touch])

    await gateway.store.run(work)


async def typing(gateway: Gateway) -> list[Any]:
    """What stands beside the events of typing."""
    wanted = Filter.of(None, ["chat.typing"])
    piece = await events.after(gateway, KEY_CALLER, 0, limit=100, wanted=wanted)
    return [event.get("typing") for event in piece.events]


async def test_the_log_is_read_in_order_from_where_the_reader_is(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)

    everything = await events.after(gateway, KEY_CALLER, 0, limit=10)
    rest = await events.after(gateway, KEY_CALLER, everything.events[0]["seq"], limit=10)

    assert [event["type"] for event in everything.events] == ["bot.created", "session.requested"]
    assert [event["seq"] for event in everything.events] == [1, 2]
    assert rest.events == everything.events[1:]


async def test_a_reader_that_waits_gets_the_event_when_it_happens(gateway: Gateway) -> None:
    waiting = asyncio.ensure_future(
        events.after(gateway, KEY_CALLER, 0, limit=10, wait_s=PATIENCE_S)
    )
    await asyncio.sleep(0)
    bot = await new_bot(gateway)

    (event,) = (await waiting).events
    assert (event["type"], event["botId"]) == ("bot.created", bot)


async def test_a_reader_that_waits_in_vain_gets_nothing(gateway: Gateway) -> None:
    assert (await events.after(gateway, KEY_CALLER, 0, limit=10, wait_s=0.01)).events == []


async def test_remedies_are_read_in_the_readers_language_whatever_words_the_log_has(
    gateway: Gateway,
) -> None:
    ended, failed = EventType.SESSION_DISCONNECTED, EventType.MESSAGE_FAILED
    happened = [
        Event(type=ended, data={"reason": "unlinked", "remedy": "As an earlier version said it."}),
        Event(type=failed, data={"reason": "unlinked", "remedy": "Likewise."}),
        Event(type=ended, data={"reason": "of a later version", "remedy": "Wait."}),
        Event(type=ended),
    ]
    await gateway.store.run(lambda tx: tx.events.append(DEFAULT_TENANT, None, *happened))

    wanted = Filter(language=Language.PORTUGUESE)
    piece = await events.after(gateway, KEY_CALLER, 0, limit=10, wanted=wanted)

    assert [event["data"].get("remedy") for event in piece.events] == [
        "Conecte o bot de novo e escaneie um novo QR.",
        (
            "O bot foi desvinculado antes do envio desta mensagem. "
            "Vincule-o e envie a mensagem de novo."
        ),
        "Wait.",
        None,
    ]


async def test_another_tenant_reads_its_own_log(gateway: Gateway) -> None:
    bot = await new_bot(gateway)

    everything = await events.after(gateway, STRANGER, 0, limit=10)
    of_the_bot = await events.after(gateway, STRANGER, 0, limit=10, wanted=Filter.of(bot, ()))
    assert [*everything.events, *of_the_bot.events] == []


async def test_a_message_that_cannot_be_read_stops_no_reader(gateway: Gateway) -> None:
    """A later version may have written it, before this one was brought back."""
    bot = await new_bot(gateway)

    async def say(tx: Transaction) -> None:
        for no in range(3):
            data = {"messageId": f"msg_{no}"}
            event = Event(type=EventType.MESSAGE_RECEIVED, data=data)
            (logged,) = await tx.events.append(DEFAULT_TENANT, bot, event)
            message = Message(
                id=MessageId(f"msg_{no}"),
                tenant=DEFAULT_TENANT,
                bot=bot,
                seq=logged.seq,
                chat=ChatId(ANA),
                origin=Origin.CONTACT,
                sender=ANA,
                content=Text(text=f"hello {no}"),
                at=tx.now,
                status=Status.RECEIVED,
            )
            await tx.messages.add([message])

    await gateway.store.run(say)
    await by_hand(
        gateway.store,
        "UPDATE messages SET content = '{\"type\": \"hologram\"}' WHERE id = 'msg_1'",
    )
    piece = await events.after(gateway, KEY_CALLER, 1, limit=10)
    assert [each.get("message", {}).get("text") for each in piece.events] == [
        *("hello 0", None, "hello 2")
    ]


async def test_typing_is_delivered_with_the_chat_and_who_types(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await types(gateway, bot, ChatId(ANA), "cht_a", ANA, ANA)

    assert await typing(gateway) == [{"chat": ANA, "sender": ANA, "state": "typing"}] * 2


async def test_who_typed_in_a_group_is_told_while_nobody_else_types(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await types(gateway, bot, GROUP, "cht_g", ANA)
    before = await typing(gateway)
    await types(gateway, bot, GROUP, "cht_g", BEA)

    assert before == [{"chat": GROUP, "sender": ANA, "state": "typing"}]
    assert await typing(gateway) == [
        {"chat": GROUP, "sender": None, "state": "typing"},
        {"chat": GROUP, "sender": BEA, "state": "typing"},
    ]


async def test_nothing_is_told_of_typing_once_the_bot_is_deleted(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await types(gateway, bot, ChatId(ANA), "cht_a", ANA)
    await gateway.store.run(lambda tx: tx.bots.delete(bot))

    assert await typing(gateway) == [None]


async def test_the_chats_of_a_piece_are_looked_up_at_once(gateway: Gateway) -> None:
    bot, other = await new_bot(gateway), await new_bot(gateway)
    for no in range(5):
        await types(gateway, bot, ChatId(f"44770090010{no}"), f"cht_{no}", ANA)
    await types(gateway, other, ChatId(BEA), "cht_b", BEA)

    async with gateway.store.read() as tx:
        logged = await tx.events.after(DEFAULT_TENANT, 0, 100)
    with seen(gateway.store) as sight:

        async def look(tx: Transaction) -> list[dict[str, Any]]:
            return await events.shown(tx, logged, Language.ENGLISH)

        told = await gateway.store.run(look)
    assert [one["typing"]["chat"] for one in told if "typing" in one][-1] == BEA
    assert sum("FROM chats" in each for each, _ in sight.statements) == 2
