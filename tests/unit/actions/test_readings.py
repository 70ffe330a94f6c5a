import asyncio

import pytest

from sololine.actions.readings import Readings


class Shelf:
    """Something to read, slowly."""

    def __init__(self) -> None:
        self.readings = Readings()
        self.begun = 0
        self.open = asyncio.Event()

    async def read(self) -> int:
        self.begun += 1
        mine = self.begun
        await self.open.wait()
        return mine

    def ask(self, what: str = "a") -> asyncio.Future[int]:
        return asyncio.ensure_future(self.readings.of(what, self.read))


async def moment() -> None:
    """Let all who can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_the_same_at_the_same_time_shares_a_reading() -> None:
    shelf = Shelf()
    asked = [shelf.ask() for _ in range(3)]
    other = shelf.ask("b")
    shelf.open.set()
    assert await asyncio.gather(*asked, other) == [1, 1, 1, 2]


async def test_who_asks_while_it_is_read_gets_a_reading_of_his_own() -> None:
    """What he heard of may be newer than what is being read."""
    shelf = Shelf()
    early = shelf.ask()
    await moment()
    late = shelf.ask()
    shelf.open.set()
    assert (await early, await late) == (1, 2)


async def test_who_is_cancelled_takes_nothing_from_the_others() -> None:
    shelf = Shelf()
    gone, stays = shelf.ask(), shelf.ask()
    await moment()
    gone.cancel()
    shelf.open.set()
    assert await stays == 1
    assert gone.cancelled()


async def test_a_fault_is_told_to_all_and_the_next_one_reads_again() -> None:
    readings = Readings()

    async def fail() -> int:
        raise ArithmeticError

    both = [readings.of("a", fail), readings.of("a", fail)]
    assert [type(each) for each in await asyncio.gather(*both, return_exceptions=True)] == [
        *(ArithmeticError, ArithmeticError)
    ]
    with pytest.raises(ArithmeticError):
        await readings.of("a", fail)
