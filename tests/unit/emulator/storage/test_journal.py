import asyncio
from collections.abc import Iterator, Mapping

import pytest

from sololine.emulator.storage.journal import Drawer, Journal


class Records:
    """Records in memory, and how often they were written."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Drawer, str], bytes] = {}
        self.writes: list[Mapping[tuple[Drawer, str], bytes | None]] = []
        self.written = asyncio.Event()

    def write(self, changes: Mapping[tuple[Drawer, str], bytes | None]) -> None:
        self.writes.append(changes)
        self.written.set()
        for name, value in changes.items():
            if value is None:
                self.kept.pop(name, None)
            else:
                self.kept[name] = value

    def read(self, drawer: Drawer) -> Iterator[tuple[str, bytes]]:
        return ((n, value) for (d, n), value in sorted(self.kept.items()) if d is drawer)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def kept(records: Records) -> Journal:
    kept = Journal()
    kept.open(records)
    return kept


async def test_changes_are_written_together(records: Records, kept: Journal) -> None:
    kept.put(Drawer.SENT, "a", b"1")
    kept.put(Drawer.SENT, "b", lambda: b"2")
    kept.put(Drawer.LETTERS, "a", b"3")
    kept.drop(Drawer.SENT, "a")
    assert records.writes == []

    kept.flush()

    assert len(records.writes) == 1
    assert records.kept == {(Drawer.SENT, "b"): b"2", (Drawer.LETTERS, "a"): b"3"}


async def test_what_is_dropped_before_it_is_written_is_never_made(
    records: Records, kept: Journal
) -> None:
    def make() -> bytes:
        raise AssertionError

    kept.put(Drawer.WAITING, "a", make)
    kept.drop(Drawer.WAITING, "a")
    kept.flush()

    assert records.kept == {}


async def test_changes_are_written_soon_by_themselves(records: Records, kept: Journal) -> None:
    kept.put(Drawer.SENT, "a", b"1")

    async with asyncio.timeout(5):
        await records.written.wait()

    assert records.kept == {(Drawer.SENT, "a"): b"1"}


async def test_reading_sees_what_was_just_put(kept: Journal) -> None:
    kept.put(Drawer.SENT, "b", b"2")
    kept.put(Drawer.SENT, "a", b"1")
    kept.put(Drawer.KEYS, "c", b"3")

    assert list(kept.read(Drawer.SENT)) == [("a", b"1"), ("b", b"2")]


async def test_a_journal_without_records_keeps_nothing() -> None:
    kept = Journal()

    kept.put(Drawer.SENT, "a", b"1")
    kept.flush()

    assert list(kept.read(Drawer.SENT)) == []


async def test_what_could_not_be_written_is_written_with_what_follows(
    records: Records, kept: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError("no space left on device")

    kept.put(Drawer.SENT, "a", b"1")
    kept.put(Drawer.SENT, "b", b"1")
    with monkeypatch.context() as patched:
        patched.setattr(records, "write", full)
        with pytest.raises(OSError, match="no space"):
            kept.flush()
    kept.put(Drawer.SENT, "b", b"2")

    kept.flush()

    assert records.kept == {(Drawer.SENT, "a"): b"1", (Drawer.SENT, "b"): b"2"}
