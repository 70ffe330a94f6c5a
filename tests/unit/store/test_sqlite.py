"""SQLite says that its file is locked in a way that the store takes for a reason to try again."""

from pathlib import Path

import pytest
from sqlalchemy import event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from sololine.clock import SystemClock
from sololine.store.sqlite import open_sqlite


async def test_a_file_that_another_process_writes_to_is_tried_again(tmp_path: Path) -> None:
    url = make_url(f"sqlite:///{tmp_path}/store.db")
    one, two = open_sqlite(url, SystemClock()), open_sqlite(url, SystemClock())

    @event.listens_for(two.writer.sync_engine, "begin", insert=True)
    def impatient(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")

    async with one.writer.begin():
        with pytest.raises(DBAPIError) as locked:
            async with two.writer.begin():
                pass
    async with two.writer.begin() as connection:
        with pytest.raises(DBAPIError) as nonsense:
            await connection.exec_driver_sql("SELECT nothing")
    for database in (one, two):
        await database.writer.dispose()
    assert two.passes(locked.value)
    assert not two.passes(nonsense.value)
