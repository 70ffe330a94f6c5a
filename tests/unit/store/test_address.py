"""The URL of a database is understood as people write it, or refused with a remedy."""

import stat
from pathlib import Path

import pytest

from sololine.clock import SystemClock
from sololine.store.address import database_at


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
async def test_sqlite_is_a_file_that_only_its_owner_can_read(scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = database_at(f"{scheme}:///{path}", SystemClock())
    begun = await database.writer.begin()
    await begun.change("CREATE TABLE thing (id)", ())
    modes = modes_in(tmp_path)
    await begun.end(commit=True)
    await database.writer.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


async def test_sqlite_keeps_what_it_has_said(tmp_path: Path) -> None:
    settings = {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}
    database = database_at(f"sqlite:///{tmp_path}/store.db", SystemClock())
    for connections in (database.writer, database.reader):
        begun = await connections.begin()
        for name, value in settings.items():
            (row,) = await begun.rows(f"PRAGMA {name}", ())
            assert list(row.values()) == [value]
        await begun.end(commit=False)
        await connections.close()


@pytest.mark.parametrize(
    "url", ["postgres://u:p@h/d", "postgresql://u:p@h/d?sslmode=require", "postgresql+asyncpg://h"]
)
def test_postgresql_is_not_connected_before_it_is_used(url: str) -> None:
    assert database_at(url, SystemClock()).dialect.name == "postgresql"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"])
def test_sqlite_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^a SQLite store lives in a file"):
        database_at(url, SystemClock())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        database_at(f"sqlite:///{tmp_path}/nowhere/store.db", SystemClock())


@pytest.mark.parametrize("url", ["mysql://root:secret@h/d", "postgresql+psycopg://u:secret@h/d"])
def test_other_databases_are_refused_by_name_without_the_password(url: str) -> None:
    with pytest.raises(
        ValueError, match=r"^sololine does not run on '(mysql|postgresql\+psy)"
    ) as no:
        database_at(url, SystemClock())
    assert "secret" not in str(no.value)


def test_what_is_no_url_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match=r"^this is no database URL; use sqlite:////path") as no:
        database_at("secret", SystemClock())
    assert "secret" not in str(no.value)
    assert no.value.__cause__ is None
