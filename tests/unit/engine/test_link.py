"""What a link carries, against libraries that misbehave on purpose."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sololine.core.ids import DeviceId
from sololine.core.media import MediaKind
from sololine.core.message import Failure
from sololine.core.signals import EngineStopped, LinkUp, LoggedOut, Received, Signal, TypingState
from sololine.emulator.phones.letters import e2e
from sololine.engine import journal, orders
from sololine.engine.link import NeonizeLink
from sololine.engine.neonize import NeonizeEngine
from sololine.engine.port import LinkClosed, NoSuch, NotSent, SendRefused
from tests.fakes.puppet import puppet

asyncio.set_event_loop(None)

DEVICE = DeviceId("dev_one_1_1")
ANA = "5511900000001@s.whatsapp.net"
DEADLINE_S = 20.0
BRIEFLY = timedelta(seconds=0.2)

Make = Callable[[str], NeonizeEngine]


class Heard:
    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self._news = asyncio.Event()

    def __call__(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def messages(self, count: int) -> list[str]:
        """The ids of the messages, once there are as many."""
        await self.until(lambda: len(self.ids) >= count)
        return self.ids

    @property
    def ids(self) -> list[str]:
        return [signal.id for signal in self.signals if isinstance(signal, Received)]

    @property
    def kinds(self) -> list[type[Signal]]:
        return [type(signal) for signal in self.signals]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    engines: list[NeonizeEngine] = []
    (tmp_path / "media").mkdir()

    def make(behaviour: str) -> NeonizeEngine:
        engines.append(NeonizeEngine(tmp_path, puppet(behaviour), max_media_bytes=1000))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()


async def up(engine: NeonizeEngine) -> tuple[NeonizeLink, Heard]:
    heard = Heard()
    link = await engine.link(DEVICE, heard)
    await heard.until(lambda: LinkUp in heard.kinds)
    return link, heard


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def numbers(start: int, end: int) -> list[str]:
    return [str(number) for number in range(start, end)]


async def test_messages_are_heard_in_their_order(make: Make) -> None:
    link, heard = await up(make("Hears"))
    settled = 0
    while settled < 5000:
        await heard.messages(min(settled + 1500, 5000))
        link.settled(1500)
        settled += 1500
    assert heard.ids == numbers(0, 5000)


async def test_a_line_that_stores_nothing_is_not_told_ever_more(make: Make) -> None:
    link, heard = await up(make("Hears"))
    await heard.messages(journal.ROOM)
    link.settled(journal.ROOM // 2 - 1)
    await asyncio.sleep(0.3)
    assert len(heard.ids) == journal.ROOM
    link.settled(1)
    await heard.messages(journal.ROOM + journal.ROOM // 2)


async def test_a_link_that_waits_for_its_line_still_answers(make: Make) -> None:
    link, heard = await up(make("Hears"))
    await heard.messages(journal.ROOM)
    await link.show_typing(ANA, TypingState.TYPING)
    await link.close()


async def test_what_was_not_stored_is_heard_again(make: Make) -> None:
    link, heard = await up(make("HearsThree"))
    await heard.messages(3)
    await link.close()
    again = Heard()
    link = await make("HearsNoMore").link(DEVICE, again)
    assert await again.messages(3) == numbers(0, 3)
    link.settled(2)
    await again.until(lambda: LinkUp in again.kinds)
    await link.show_online(online=True)  # an order behind it
    await link.close()
    # What is settled leaves the file in its time; all of it at the latest with the last.
    last = Heard()
    link = await make("HearsNoMore").link(DEVICE, last)
    await last.until(lambda: LinkUp in last.kinds)
    assert last.ids[-1] == "2"
    link.settled(len(last.ids))
    await link.show_online(online=True)
    await link.close()
    _, nothing = await up(make("HearsNoMore"))
    assert nothing.ids == []


async def test_a_message_that_is_not_confirmed_leaves_the_outcome_open(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "ANSWER_LASTS", BRIEFLY)
    link, _ = await up(make("HangsOverMessages"))
    with pytest.raises(LinkClosed) as closed:
        await link.send(ANA, b"one")
    assert not isinstance(closed.value, NotSent)


async def test_what_waits_behind_it_was_not_sent(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "ANSWER_LASTS", BRIEFLY)
    link, _ = await up(make("HangsOverMessages"))
    first, second = await asyncio.gather(
        link.send(ANA, b"one"), link.send(ANA, b"two"), return_exceptions=True
    )
    assert not isinstance(first, NotSent)
    assert isinstance(second, NotSent)


async def test_other_calls_do_not_wait_for_a_message(make: Make) -> None:
    link, _ = await up(make("HangsOverMessages"))
    sending = asyncio.create_task(link.send(ANA, b"one"))
    async with asyncio.timeout(DEADLINE_S):
        assert await link.groups() == []
        await link.show_typing(ANA, TypingState.TYPING)
        await link.log_out()
    with pytest.raises(LinkClosed):
        await sending


async def test_an_engine_that_never_answers_again_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "ANSWER_LASTS", BRIEFLY)
    monkeypatch.setattr(orders, "STUCK_AFTER", BRIEFLY)
    link, heard = await up(make("HangsOverMessages"))
    with pytest.raises(LinkClosed):
        await link.send(ANA, b"one")
    await heard.until(lambda: EngineStopped in heard.kinds)
    assert heard.signals[-1] == EngineStopped(detail="the engine does not answer any more")


async def test_a_sender_that_gives_up_leaves_the_next_its_turn(make: Make) -> None:
    link, _ = await up(make("HangsOverMessages"))
    first = asyncio.create_task(link.send(ANA, b"one"))
    second = asyncio.create_task(link.send(ANA, b"two"))
    await asyncio.sleep(0.1)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await link.close()
    with pytest.raises(LinkClosed):
        await first
    with pytest.raises(NotSent):
        await link.send(ANA, b"three")


async def test_an_answer_that_is_too_long_is_none(make: Make) -> None:
    link, heard = await up(make("AnswersAtLength"))
    with pytest.raises(LinkClosed, match="too long"):
        await link.groups()
    assert EngineStopped not in heard.kinds


async def test_a_message_that_is_too_long_does_not_leave(make: Make) -> None:
    link, _ = await up(make("Up"))
    with pytest.raises(SendRefused) as refused:
        await link.send(ANA, bytes(24 << 20))
    assert refused.value.failure is Failure.UNSENDABLE
    await link.groups()


def telling(url: str, size: int = 8) -> bytes:
    file = e2e.ImageMessage(URL=url, fileLength=size)
    raw: bytes = e2e.Message(imageMessage=file).SerializeToString()
    return raw


async def test_a_file_is_written_by_the_worker(make: Make, tmp_path: Path) -> None:
    link, _ = await up(make("Fetches"))
    file = tmp_path / "media" / ".med_1.part"
    await link.download(telling("https://x"), file)
    assert await asyncio.to_thread(file.read_bytes) == b"the file"
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_turns_out_wrong_leaves_nothing(make: Make, tmp_path: Path) -> None:
    link, _ = await up(make("Fetches"))
    with pytest.raises(NoSuch):
        await link.download(telling("https://liar"), tmp_path / "media" / "med_1")
    assert list((tmp_path / "media").iterdir()) == []


async def test_a_file_that_is_there_is_not_written_over(make: Make, tmp_path: Path) -> None:
    link, _ = await up(make("Fetches"))
    file = tmp_path / "media" / "med_1"
    file.write_text("mine")
    with pytest.raises(LinkClosed, match="cannot be read or written"):
        await link.download(telling("https://x"), file)
    assert file.read_text() == "mine"


async def test_files_elsewhere_are_neither_sent_nor_written(make: Make, tmp_path: Path) -> None:
    link, _ = await up(make("Fetches"))
    (tmp_path / "secret").write_text("hush")
    for file in (tmp_path / "secret", tmp_path / "media" / ".." / "secret"):
        with pytest.raises(ValueError, match="folder for media"):
            await link.upload(file, MediaKind.IMAGE)
        with pytest.raises(ValueError, match="folder for media"):
            await link.download(telling("https://x"), file)


async def test_files_that_are_too_large_are_not_touched(make: Make, tmp_path: Path) -> None:
    link, _ = await up(make("Fetches"))
    file = tmp_path / "media" / "med_1"
    file.write_bytes(bytes(1001))
    with pytest.raises(SendRefused) as refused:
        await link.upload(file, MediaKind.IMAGE)
    assert refused.value.failure is Failure.MEDIA_REFUSED
    with pytest.raises(NoSuch, match="1001 bytes"):
        await link.download(telling("https://x", 1001), tmp_path / "media" / "med_2")


async def test_a_close_that_nobody_waits_for_leaves_no_worker(make: Make) -> None:
    link, heard = await up(make("HangsWhenDisconnected"))
    closing = asyncio.create_task(link.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert link.pid is not None
    async with asyncio.timeout(DEADLINE_S):
        while is_there(link.pid):  # noqa: ASYNC110 — processes have no events
            await asyncio.sleep(0.05)
    assert EngineStopped not in heard.kinds


async def test_a_logout_that_nobody_waits_for_is_told(make: Make) -> None:
    link, heard = await up(make("LogsOutLate"))
    leaving = asyncio.create_task(link.log_out())
    await asyncio.sleep(0.1)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await heard.until(lambda: EngineStopped in heard.kinds)
    assert LoggedOut in heard.kinds
