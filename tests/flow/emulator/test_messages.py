"""The real engine and phones write to each other."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sololine.emulator.exchange import FEW_PREKEYS
from sololine.emulator.faults import (
    AckError,
    CorruptMessage,
    DropBeforeAck,
    DuplicateDelivery,
    Target,
)
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.people.groups import Group
from sololine.emulator.phones.letters import text
from sololine.emulator.phones.mailbox import Letter, ReceiptKind, TypingState
from sololine.emulator.phones.phone import Phone
from sololine.emulator.server import Emulator
from sololine.wire.jid import GROUP_SERVER, USER_SERVER, Jid
from tests.flow.emulator.engine import Engine, EngineError, NewEngine, engine_jid, until

BOT, ANA, BEA = "447441395830", "5511900000001", "5511900000002"
TO_BOT, TO_ANA = Jid(BOT, USER_SERVER), Jid(ANA, USER_SERVER)


def said(letter: Letter) -> str:
    """A letter's text; the engine writes the longer form of it."""
    return str(letter.message.conversation or letter.message.extendedTextMessage.text)


def kinds(phone: Phone, message_id: str) -> set[tuple[int, ReceiptKind]]:
    """What each device said about a message."""
    return {(r.by.device, r.kind) for r in phone.receipts if r.id == message_id}


@pytest.fixture
def ana(emulator: Emulator) -> Phone:
    return emulator.phones.add(ANA)


@pytest.fixture
async def engine(emulator: Emulator, new_engine: NewEngine) -> Engine:
    """An engine that is linked with the bot's number and online."""
    emulator.phones.add(BOT)
    emulator.exchange.profiles.rename(BOT, "The bot")
    engine = new_engine()
    await engine.link(BOT)
    return engine


@pytest.fixture
def group(emulator: Emulator, ana: Phone, engine: Engine) -> Group:
    emulator.phones.add(BEA)
    group = Group(
        id="120363000000000001",
        subject="The group",
        members=(ANA, BEA, BOT),
        creator=ANA,
        created_at=datetime.now(UTC),
    )
    emulator.exchange.world.groups[group.id] = group
    return group


async def test_a_phone_and_the_engine_write_to_each_other(ana: Phone, engine: Engine) -> None:
    hello = await ana.send(TO_BOT, text("hello"))
    came = await engine.message("hello")
    first = await engine.send(TO_ANA, text("hi"))
    await ana.send(TO_BOT, text("how are you"))
    await engine.message("how are you")
    second = await engine.send(TO_ANA, text("fine"))

    letters = await ana.received(2)
    source = came["words"]["Info"]["MessageSource"]
    assert (source["Chat"]["User"], source["SenderAlt"]["User"]) == (ana.lid, ANA)
    assert [(letter.id, said(letter)) for letter in letters] == [(first, "hi"), (second, "fine")]
    assert not any(letter.own for letter in letters)
    expected = {(0, ReceiptKind.DELIVERED), (1, ReceiptKind.INACTIVE)}
    await ana.until(lambda: kinds(ana, hello) == expected)


async def test_the_engine_begins_a_conversation(ana: Phone, engine: Engine) -> None:
    await engine.send(TO_ANA, text("hi"))

    [letter] = await ana.received()
    assert said(letter) == "hi"
    assert letter.sender.device == 1
    await engine.event("Receipt")


async def test_two_hundred_messages_each_way_keep_their_order(ana: Phone, engine: Engine) -> None:
    for number in range(200):
        await ana.send(TO_BOT, text(f"in {number}"))
    # The engine itself may use a key twice when it writes while it reads.
    await engine.message("in 199")
    for number in range(200):
        await engine.send(TO_ANA, text(f"out {number}"))

    assert engine.texts() == [f"in {number}" for number in range(200)]
    assert [said(letter) for letter in await ana.received(200)] == [
        f"out {number}" for number in range(200)
    ]


async def test_nothing_is_lost_when_both_write_at_once(ana: Phone, engine: Engine) -> None:
    """The engine then uses keys twice; the phone asks again for what it cannot read."""

    async def read_and_write() -> None:
        for number in range(100):
            await ana.send(TO_BOT, text(f"in {number}"))
            await asyncio.sleep(0.002)

    writing = asyncio.create_task(read_and_write())
    for number in range(100):
        await engine.send(TO_ANA, text(f"out {number}"))
    await writing

    await engine.message("in 99")
    letters = await ana.received(100, timeout_s=30)
    assert sorted(map(said, letters)) == sorted(f"out {number}" for number in range(100))
    assert engine.texts() == [f"in {number}" for number in range(100)]


async def test_the_engine_uploads_prekeys_when_few_are_left(
    emulator: Emulator, engine: Engine
) -> None:
    world, key = emulator.exchange.world, DeviceKey(BOT, 1)
    await until(lambda: world.companion(key).prekey_count > 0)

    while world.companion(key).prekey_count >= FEW_PREKEYS:
        world.take_prekey(key)

    await until(lambda: world.companion(key).prekey_count > FEW_PREKEYS)


async def test_a_phone_that_addresses_by_number_is_understood(ana: Phone, engine: Engine) -> None:
    ana.by_number = True

    await ana.send(TO_BOT, text("hello"))
    came = await engine.message("hello")
    await engine.send(TO_ANA, text("hi"))

    source = came["words"]["Info"]["MessageSource"]
    assert (source["Chat"]["User"], source["SenderAlt"]["User"]) == (ANA, ana.lid)
    assert [said(letter) for letter in await ana.received()] == ["hi"]


async def test_the_bots_own_phone_sees_what_the_engine_writes(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    sent = await engine.send(TO_ANA, text("hi"))

    phone = emulator.phones[BOT]
    [copy] = await phone.received()
    assert (copy.id, copy.own, said(copy)) == (sent, True, "hi")
    assert copy.chat == Jid(ana.lid, "lid")
    await phone.until(lambda: (0, ReceiptKind.DELIVERED) in kinds(phone, sent))


async def test_the_engine_sees_what_its_own_phone_writes(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    await emulator.phones[BOT].send(TO_ANA, text("from the phone"))

    came = await engine.message("from the phone")
    source = came["words"]["Info"]["MessageSource"]
    assert source["IsFromMe"]
    assert source["Chat"]["User"] == ana.lid
    assert [said(letter) for letter in await ana.received()] == ["from the phone"]


async def test_a_group_hears_everybody(
    emulator: Emulator, ana: Phone, engine: Engine, group: Group
) -> None:
    bea = emulator.phones[BEA]

    await ana.send(group.jid, text("hello all"))
    came = await engine.message("hello all")
    await engine.send(group.jid, text("hello from the bot"))
    await bea.send(group.jid, text("and me"))
    await engine.message("and me")
    await ana.send(group.jid, text("again"))
    await engine.message("again")
    await engine.send(group.jid, text("once more"))

    source = came["words"]["Info"]["MessageSource"]
    assert source["IsGroup"]
    assert (source["Chat"]["User"], source["Chat"]["Server"]) == (group.id, GROUP_SERVER)
    assert source["SenderAlt"]["User"] == ANA
    letters = await bea.received(lambda letter: said(letter) == "once more")
    assert letters[0].chat == group.jid
    assert [said(letter) for letter in bea.inbox] == [
        "hello all",
        "hello from the bot",
        "again",
        "once more",
    ]
    assert [said(letter) for letter in ana.inbox] == ["hello from the bot", "and me", "once more"]


async def test_what_a_spoilt_message_said_comes_with_the_second_try(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    await ana.send(TO_BOT, text("whole"))
    await engine.message("whole")
    emulator.exchange.arm(CorruptMessage(), Target(number=BOT))

    sent = await ana.send(TO_BOT, text("spoilt"))

    came = await engine.message("spoilt")
    assert came["words"]["Info"]["ID"] == sent
    await ana.send(TO_BOT, text("whole again"))
    await engine.message("whole again")
    await engine.send(TO_ANA, text("understood"))
    assert [said(letter) for letter in await ana.received()] == ["understood"]


async def test_a_group_message_is_sent_again_to_who_could_not_read_it(
    emulator: Emulator, ana: Phone, engine: Engine, group: Group
) -> None:
    emulator.exchange.arm(CorruptMessage(), Target(number=BOT))

    await ana.send(group.jid, text("spoilt"))
    await engine.message("spoilt")
    await ana.send(group.jid, text("whole"))

    await engine.message("whole")


async def test_a_message_that_comes_twice_is_told_once(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    emulator.exchange.arm(DuplicateDelivery(), Target(number=BOT), times=5)

    for number in range(5):
        await ana.send(TO_BOT, text(str(number)))
    await ana.send(TO_BOT, text("end"))

    await engine.message("end")
    assert engine.texts() == ["0", "1", "2", "3", "4", "end"]


async def test_a_message_that_was_not_acknowledged_is_sent_again_and_delivered_once(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    emulator.exchange.arm(DropBeforeAck(), Target(number=BOT))

    sent = await engine.send(TO_ANA, text("once"))
    await engine.send(TO_ANA, text("next"))

    await ana.received(2)
    assert ana.inbox[0].id == sent
    assert [said(letter) for letter in ana.inbox] == ["once", "next"]


async def test_a_refused_message_is_an_error_of_the_engine(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    emulator.exchange.arm(AckError(code=463), Target(number=BOT))

    with pytest.raises(EngineError, match="463"):
        await engine.send(TO_ANA, text("refused"))
    await engine.send(TO_ANA, text("allowed"))

    assert [said(letter) for letter in await ana.received()] == ["allowed"]


async def test_reading_is_told_both_ways(ana: Phone, engine: Engine) -> None:
    sent = await ana.send(TO_BOT, text("hello"))
    await engine.message("hello")
    lid = Jid(ana.lid, "lid")
    await engine.read([sent], lid, lid)
    answer = await engine.send(TO_ANA, text("hi"))
    await ana.received()
    await ana.read([answer], TO_BOT)

    await ana.until(lambda: (1, ReceiptKind.READ) in kinds(ana, sent))
    told = await engine.until(lambda report: report.get("words", {}).get("Type") == "READ")
    assert told["words"]["MessageIDs"] == [answer]


async def test_typing_is_seen_both_ways(ana: Phone, engine: Engine) -> None:
    await ana.type_to(TO_BOT, TypingState.RECORDING)
    seen = await engine.event("ChatPresence")

    assert (seen["words"]["State"], seen["words"]["Media"]) == ("COMPOSING", "AUDIO")
    await engine.typing(Jid(ana.lid, "lid"), composing=True)
    await engine.typing(Jid(ana.lid, "lid"), composing=False)
    await ana.until(lambda: len(ana.seen_typing) == 2)
    assert [typing.state for typing in ana.seen_typing] == [
        TypingState.COMPOSING,
        TypingState.PAUSED,
    ]


async def test_who_is_there_is_seen_both_ways(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    # The engine may not say so before it knows its name, a moment after it is connected.
    async with asyncio.timeout(10):
        while await engine.call("SendPresence", b"available"):  # noqa: ASYNC110 — it is another process that we wait for
            await asyncio.sleep(0.02)
    to = engine_jid(Jid(ana.lid, "lid"))
    await engine.call("SubscribePresence", to, len(to))
    away = await engine.event("Presence")
    ana.open_whatsapp()
    seen = len(engine.reports)
    there = await engine.event("Presence", after=seen)
    sent = await ana.send(TO_BOT, text("hello"))

    assert (away["words"]["Unavailable"], there["words"]["Unavailable"]) == (True, False)
    assert ana.sees(TO_BOT)
    # An engine whose user is there says so in its receipts, too.
    await ana.until(lambda: (1, ReceiptKind.DELIVERED) in kinds(ana, sent))
    await engine.call("SendPresence", b"unavailable")
    await until(lambda: not ana.sees(TO_BOT))


async def test_two_bots_write_to_each_other(
    emulator: Emulator, engine: Engine, new_engine: NewEngine
) -> None:
    other = new_engine()
    await other.link(BEA)

    await engine.send(Jid(BEA, USER_SERVER), text("ping"))
    await other.message("ping")
    await other.send(TO_BOT, text("pong"))
    await engine.message("pong")
    await engine.send(Jid(BEA, USER_SERVER), text("ping again"))
    await other.message("ping again")

    assert [said(letter) for letter in emulator.phones[BEA].inbox] == [
        "ping",
        "pong",
        "ping again",
    ]
    assert [letter.own for letter in emulator.phones[BEA].inbox] == [False, True, False]


async def test_a_bot_that_is_linked_later_gets_what_is_written_from_then_on(
    ana: Phone, engine: Engine, new_engine: NewEngine, group: Group
) -> None:
    await engine.send(Jid(BEA, USER_SERVER), text("before"))
    await engine.send(group.jid, text("before"))
    await ana.send(group.jid, text("before"))
    later = new_engine()
    await later.link(BEA)

    await engine.send(Jid(BEA, USER_SERVER), text("to you"))
    await later.message("to you")
    await engine.send(group.jid, text("to all"))
    await later.message("to all")
    await ana.send(group.jid, text("to all from a phone"))
    await later.message("to all from a phone")


async def test_two_bots_on_one_number_see_what_each_writes(
    ana: Phone, engine: Engine, new_engine: NewEngine
) -> None:
    second = new_engine()
    await second.link(BOT)

    await ana.send(TO_BOT, text("hello both"))
    await engine.message("hello both")
    await second.message("hello both")
    await engine.send(TO_ANA, text("from the first"))

    copy = await second.message("from the first")
    assert copy["words"]["Info"]["MessageSource"]["IsFromMe"]


async def test_what_was_written_to_an_engine_that_was_away_comes_in_order(
    ana: Phone, engine: Engine
) -> None:
    await ana.send(TO_BOT, text("before"))
    await engine.message("before")
    await engine.stop()

    for number in range(20):
        await ana.send(TO_BOT, text(str(number)))
    seen = len(engine.reports)
    await engine.start(device=f"{BOT}:1")
    await engine.message("19", after=seen)

    assert engine.texts(after=seen) == [str(number) for number in range(20)]


async def test_a_phone_that_was_away_has_its_letters_when_it_comes_back(
    ana: Phone, engine: Engine
) -> None:
    ana.online = False
    for number in range(3):
        await engine.send(TO_ANA, text(str(number)))
    assert ana.inbox == ()

    ana.online = True

    assert [said(letter) for letter in ana.inbox] == ["0", "1", "2"]
    receipts = [r for r in engine.reports if r.get("name") == "Receipt"]
    assert len(receipts) <= 3


async def test_what_the_engine_did_not_answer_comes_again_after_it_was_killed(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    def unanswered() -> int:
        return len(emulator.exchange.delivery.waiting.stanzas(DeviceKey(BOT, 1)))

    await ana.send(TO_BOT, text("before"))
    await engine.message("before")
    await until(lambda: unanswered() == 0)
    await engine.freeze()
    for number in range(20):
        await ana.send(TO_BOT, text(str(number)))
    await engine.stop()
    seen = len(engine.reports)

    await engine.start(device=f"{BOT}:1")
    await engine.message("19", after=seen)

    assert engine.texts(after=seen) == [str(number) for number in range(20)]
    await until(lambda: unanswered() == 0)


async def test_a_restarted_emulator_goes_on_where_it_was(tmp_path: Path, linux_amd64: None) -> None:
    async with Emulator(tmp_path / "folder") as first:
        engine = Engine(first, tmp_path / "engine.sqlite3")
        await engine.link(BOT)
        ana = first.phones.add(ANA)
        await ana.send(TO_BOT, text("before"))
        await engine.message("before")
        await engine.send(TO_ANA, text("hi"))
        await ana.received()
        await engine.stop()
        await ana.send(TO_BOT, text("while it was away"))
        assert first.unknown == []

    async with Emulator(tmp_path / "folder") as second:
        ana = second.phones[ANA]
        assert [said(letter) for letter in ana.inbox] == ["hi"]
        assert [said(letter) for letter in ana.sent] == ["before", "while it was away"]
        async with Engine(second, tmp_path / "engine.sqlite3") as engine:
            await engine.start(device=f"{BOT}:1")
            await engine.message("while it was away")
            await engine.send(TO_ANA, text("and after"))
            await ana.received(2)
            await ana.send(TO_BOT, text("both ways"))
            await engine.message("both ways")
            assert second.unknown == []
