"""Every type of message as a phone writes it comes through the real engine, and back."""

from typing import Any

import pytest

from sololine.emulator.phones import letters
from sololine.emulator.phones.letters import Contact, Message, Place, Target
from sololine.emulator.phones.mailbox import Letter
from sololine.emulator.phones.phone import Phone
from sololine.emulator.phones.readings import describe
from sololine.emulator.server import Emulator
from sololine.wire.jid import USER_SERVER, Jid
from tests.flow.emulator.engine import Engine, NewEngine, Report, messages

BOT, ANA = "447441395830", "5511900000001"
TO_BOT, TO_ANA = Jid(BOT, USER_SERVER), Jid(ANA, USER_SERVER)


@pytest.fixture
def ana(emulator: Emulator) -> Phone:
    return emulator.phones.add(ANA)


@pytest.fixture
async def engine(new_engine: NewEngine) -> Engine:
    """An engine that is linked with the bot's number and online."""
    engine = new_engine()
    await engine.link(BOT)
    return engine


async def reported(engine: Engine, message_id: str) -> Report:
    return await engine.until(
        lambda report: (
            report.get("name") == "Message" and report["words"]["Info"]["ID"] == message_id
        )
    )


def read(report: Report) -> dict[str, Any]:
    """What the engine hands on, read as a phone would."""
    return describe(messages.Message.FromString(bytes.fromhex(report["bytes"])).Message)


def target(emulator: Emulator, letter: Letter) -> Target:
    author = emulator.exchange.world.find(letter.sender)
    assert author is not None
    return Target(id=letter.id, chat=letter.chat, author=author.lid_jid(), own=letter.own)


def sayings(emulator: Emulator, first: Letter) -> dict[str, Message]:
    """One message of each type that needs no file; some are about the first letter."""
    now, about = emulator.exchange.now(), target(emulator, first)
    hello = letters.text("hello")
    return {
        "text": hello,
        "reply": letters.replying(hello, about, first.message),
        "mention": letters.mentioning(letters.text("@1"), [about.author]),
        "forwarded": letters.forwarded(hello),
        "location": letters.location(Place(latitude=41.38, longitude=2.17, name="Here")),
        "contact": letters.contacts([Contact(name="Ana", number="34600111222")]),
        "contacts": letters.contacts(
            [Contact(name=name, number="34600111222") for name in ("Ana", "Bo")]
        ),
        "reaction": letters.reaction(about, "👍", now=now),
        "reaction taken back": letters.reaction(about, "", now=now),
        "poll": letters.poll("Tea?", ["yes", "no"]),
        "poll of many": letters.poll("Tea?", ["yes", "no"], selectable=0),
        "edit": letters.edit(about, letters.text("new"), now=now),
        "delete": letters.delete(about),
    }


async def test_the_engine_hands_on_what_a_phone_says(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    first = await ana.send(TO_BOT, letters.text("first"))
    await reported(engine, first)

    for name, message in sayings(emulator, ana.sent[0]).items():
        report = await reported(engine, await ana.send(TO_BOT, message))

        assert read(report) == describe(message), name
        info = report["words"]["Info"]
        assert info["MessageSource"]["SenderAlt"]["User"] == ANA
        expected = {"edit": "1", "delete": "7", "reaction taken back": "7"}
        assert info.get("Edit", "") == expected.get(name, ""), name


async def test_a_phone_gets_what_the_engine_says(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    await engine.send(TO_ANA, letters.text("first"))
    [first] = await ana.received(1)

    for count, (name, message) in enumerate(sayings(emulator, first).items(), 2):
        await engine.send(TO_ANA, message)

        came = (await ana.received(count))[-1]
        assert describe(came.message) == describe(message), name


async def test_messages_that_disappear_or_are_unheard_of_come_through_as_such(
    ana: Phone, engine: Engine
) -> None:
    timed = letters.ephemeral(letters.text("psst"), lasts_s=86400)

    report = await reported(engine, await ana.send(TO_BOT, timed))
    unheard = await reported(engine, await ana.send(TO_BOT, letters.unknown()))

    assert report["words"]["IsEphemeral"] is True
    assert read(report)["text"] == "psst"
    assert read(unheard)["type"] == "unknown"
