from sololine.core.message import Status
from sololine.lines import receipts
from sololine.lines.receipts import KEPT_S, Early, EarlyReceipts
from tests.unit.scenes import NOON


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def early(whatsapp_id: str, status: Status = Status.DELIVERED) -> Early:
    return Early(whatsapp_id, status, NOON)


def test_receipts_wait_for_their_message_in_their_order() -> None:
    waiting = EarlyReceipts(Clock())
    waiting.keep([early("A"), early("B"), early("A", Status.READ)])

    assert waiting.of("A") == (early("A"), early("A", Status.READ))
    waiting.forget("A")
    assert (waiting.of("A"), waiting.of("B")) == ((), (early("B"),))


def test_receipts_that_nobody_asks_for_are_forgotten_after_a_minute() -> None:
    clock = Clock()
    waiting = EarlyReceipts(clock)
    waiting.keep([early("A")])
    clock.now = KEPT_S - 1
    waiting.keep([early("B")])
    assert waiting.of("A") == (early("A"),)
    clock.now = KEPT_S
    waiting.keep([])

    assert (waiting.of("A"), waiting.of("B")) == ((), (early("B"),))


def test_of_too_many_receipts_the_oldest_are_forgotten(monkeypatch: object) -> None:
    waiting = EarlyReceipts(Clock())
    waiting.keep([early(f"{number}") for number in range(receipts.KEPT_AT_MOST + 2)])

    assert (waiting.of("0"), waiting.of("1")) == ((), ())
    assert waiting.of("2") == (early("2"),)
