"""SQLite says that its file is locked in a way that the store takes for a reason to try again."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from sololine.clock import SystemClock
from sololine.store import sqlite
from sololine.store.errors import Busy, DatabaseError
from sololine.store.sqlite import open_sqlite


async def test_a_file_that_another_process_writes_to_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE_MS", 0)
    url = make_url(f"sqlite:///{tmp_path}/store.db")
    one, two = open_sqlite(url, SystemClock()), open_sqlite(url, SystemClock())
    begun = await one.writer.begin()
    for _ in range(3):
        with pytest.raises(Busy):
            await two.writer.begin()
    await begun.end(commit=True)
    begun = await two.writer.begin()
    with pytest.raises(DatabaseError) as nonsense:
        await begun.rows("SELECT nothing", ())
    await begun.end(commit=False)
    for database in (one, two):
        await database.writer.close()
    assert not isinstance(nonsense.value, Busy)
