import asyncio
from datetime import UTC, datetime

import pytest

from sololine.emulator.phones import mailbox
from sololine.emulator.phones.letters import text
from sololine.emulator.phones.mailbox import Letter, Mailbox, Receipt, ReceiptKind
from sololine.emulator.storage.journal import Journal
from sololine.wire.jid import Jid

ANA = Jid("123456789012345", "lid")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def letter(said: str) -> Letter:
    message = text(said)
    return Letter(
        id=said,
        chat=ANA,
        sender=ANA,
        at=NOW,
        own=False,
        message=message,
        raw=message.SerializeToString(),
    )


@pytest.fixture
def box() -> Mailbox:
    return Mailbox("447441395830", Journal())


async def test_who_waits_is_woken_when_enough_has_come(box: Mailbox) -> None:
    waiting = asyncio.create_task(box.received(2, 5))
    await asyncio.sleep(0)
    box.put_in(letter("a"))
    await asyncio.sleep(0)
    assert not waiting.done()

    box.put_in(letter("b"))

    assert [came.id for came in await waiting] == ["a", "b"]


async def test_who_waits_for_a_letter_that_fits_gets_those_that_do(box: Mailbox) -> None:
    box.put_in(letter("a"))
    box.put_in(letter("b"))

    assert [came.id for came in await box.received(lambda came: came.id == "b", 5)] == ["b"]


async def test_waiting_has_an_end(box: Mailbox) -> None:
    with pytest.raises(TimeoutError):
        await box.received(1, 0.01)


async def test_who_waits_for_nothing_has_it(box: Mailbox) -> None:
    assert await box.received(0, 0.01) == ()


async def test_the_oldest_letters_are_forgotten(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "KEPT", 3)

    for number in range(5):
        box.put_in(letter(str(number)))

    assert [came.id for came in box.inbox] == ["2", "3", "4"]
    assert box.came("1") is None
    assert box.came("2") is not None


async def test_a_receipt_wakes_who_waits(box: Mailbox) -> None:
    waiting = asyncio.create_task(box.until(lambda: bool(box.receipts), 5))
    await asyncio.sleep(0)

    box.note(Receipt(id="1", chat=ANA, by=ANA, kind=ReceiptKind.READ, at=NOW))

    await waiting


def test_a_letter_shows_no_text() -> None:
    shown = repr(letter("the text"))

    assert shown.count("the text") == shown.count("id='the text'") == 1
