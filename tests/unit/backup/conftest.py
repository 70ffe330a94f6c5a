"""Backups that cost no time: what a guess of the passphrase costs is no matter here."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from sololine.backup import archive, take
from sololine.core.backup import Backup
from sololine.core.ids import BotId, DeviceId
from sololine.engine.credentials import Credentials
from sololine.sealed_file import sealed
from sololine.store.store import Store

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "sealed", partial(sealed, cost=1))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def credentials(data_dir: Path) -> Credentials:
    credentials = Credentials(data_dir)
    credentials.make_folder()
    return credentials


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the backup is written."""
    return tmp_path / "a.backup"


@pytest.fixture
def reading(file: Path) -> Iterator[Callable[[], archive.ArchiveReader]]:
    """Opens the backup that was written."""
    opened = []

    def read() -> archive.ArchiveReader:
        opened.append(archive.read(file, PASSPHRASE))
        return opened[-1].__enter__()

    yield read
    for each in opened:
        each.__exit__(None, None, None)


def paired(credentials: Credentials, device: DeviceId, jid: str) -> None:
    """Credentials as the library leaves them, as far as anyone here looks."""
    with closing(sqlite3.connect(credentials.file(device))) as database, database:
        database.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT, platform TEXT)")
        database.execute("INSERT INTO whatsmeow_device VALUES (?, NULL, NULL)", (jid,))


async def taken(
    store: Store,
    credentials: Credentials,
    file: Path,
    bot: BotId | None = None,
    *,
    stopped: bool = False,
) -> Backup:
    """A backup of a bot, or of everything."""
    return await take.take(
        store,
        credentials.folder.parent,
        await take.bots_to_copy(store, bot),
        file,
        PASSPHRASE,
        everything=bot is None,
        stopped=stopped,
    )
