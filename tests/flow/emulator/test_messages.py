"""The real engine and phones write to each other."""

from sololine.emulator.letters import text
from sololine.emulator.mailbox import ReceiptKind
from sololine.emulator.server import Emulator
from sololine.wire.jid import Jid
from tests.flow.emulator.engine import NewEngine

BOT, ANA = "447441395830", "5511900000001"


async def test_a_phone_and_the_engine_write_to_each_other(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine, ana = new_engine(), emulator.phones.add(ANA)
    await engine.link(BOT)
    bot = Jid(BOT, "s.whatsapp.net")

    await ana.send(bot, text("hello"))
    came = await engine.message("hello")
    first = await engine.send(Jid(ANA, "s.whatsapp.net"), text("hi"))
    await ana.send(bot, text("how are you"))
    await engine.message("how are you")
    second = await engine.send(Jid(ANA, "s.whatsapp.net"), text("fine"))

    letters = await ana.received(2)
    source = came["words"]["Info"]["MessageSource"]
    assert (source["Chat"]["User"], source["SenderAlt"]["User"]) == (ana.lid, ANA)
    assert [(letter.id, letter.message.conversation) for letter in letters] == [
        (first, "hi"),
        (second, "fine"),
    ]
    assert not any(letter.own for letter in letters)
    await ana.until(lambda: len(ana.receipts) >= 4)
    assert {(receipt.by.device, receipt.kind) for receipt in ana.receipts} == {
        (0, ReceiptKind.DELIVERED),
        (1, ReceiptKind.INACTIVE),
    }
