"""Keeps phones and linked devices in a file, so that a restarted emulator is the same WhatsApp."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from sololine.emulator.facts import (
    AccountAdded,
    CameOnline,
    Fact,
    Linked,
    LinkFailed,
    LoginRefused,
    PrekeysChanged,
    Unlinked,
    WentOffline,
)
from sololine.emulator.people.accounts import Account, Companion, DeviceKey
from sololine.emulator.storage.journal import Drawer
from sololine.emulator.world import World
from sololine.wire.curve import KeyPair
from sololine.wire.registration import Registration

_SCHEMA: Final = """
create table if not exists account (
    number text primary key,
    lid text not null unique,
    identity blob not null,
    next_device integer not null
) strict;
create table if not exists companion (
    number text not null references account,
    device integer not null,
    key_index integer not null,
    noise blob not null,
    registration_id blob not null,
    identity blob not null,
    signed_prekey blob not null,
    device_name text not null,
    platform text not null,
    device_identity blob not null,
    linked_at text not null,
    prekeys blob not null,
    primary key (number, device)
) strict;
create table if not exists record (
    drawer text not null,
    name text not null,
    value blob not null,
    primary key (drawer, name)
) strict, without rowid;
"""


class FolderInUse(Exception):
    """Another emulator is running in the same folder."""

    def __init__(self) -> None:
        super().__init__("another emulator is using this folder; stop it or choose another folder")


class Ledger:
    """The file, held open and locked until `close`.

    Private keys of phones are in it: only its owner may read it.

    Raises:
        FolderInUse: if another process holds it.
    """

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._database = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            self._database.execute("pragma locking_mode = exclusive")
            self._database.execute("pragma journal_mode = wal")
            # A machine that loses power may lose the latest link; a killed process does not.
            self._database.execute("pragma synchronous = normal")
            self._database.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" in str(error):
                raise FolderInUse from error
            raise

    def accounts(self) -> Iterator[Account]:
        """All accounts with their companions, everybody offline."""
        for number, lid, identity, next_device in self._database.execute(
            "select number, lid, identity, next_device from account order by rowid"
        ).fetchall():
            yield Account(
                number=number,
                lid=lid,
                identity=KeyPair.from_private(identity),
                next_device=next_device,
                companions={c.device: c for c in self._companions(number)},
            )

    def record(self, fact: Fact, world: World) -> None:
        """Keep what the fact changed. To be called after each fact of the world."""
        match fact:
            case AccountAdded(number=number):
                self._add_account(world.account(number))
            case Linked(key=key):
                self._add_companion(key, world)
            case PrekeysChanged(key=key):
                known = world.companion(key)
                self._database.execute(
                    "update companion set prekeys = ?, signed_prekey = ?"
                    " where number = ? and device = ?",
                    (known.prekeys, known.registration.signed_prekey, *key),
                )
            case Unlinked(key=key):
                self._database.execute(
                    "delete from companion where number = ? and device = ?", tuple(key)
                )
            case LinkFailed() | CameOnline() | WentOffline() | LoginRefused():
                pass  # true for this run only

    def write(self, changes: Mapping[tuple[Drawer, str], bytes | None]) -> None:
        """Put records of a journal in, or drop those that are None; all or nothing."""
        dropped = [name for name, value in changes.items() if value is None]
        kept = [(*name, value) for name, value in changes.items() if value is not None]
        with self._database:
            self._database.execute("begin")
            self._database.executemany("delete from record where drawer = ? and name = ?", dropped)
            self._database.executemany("insert or replace into record values (?, ?, ?)", kept)

    def read(self, drawer: Drawer) -> Iterator[tuple[str, bytes]]:
        """The records in a drawer, in the order of their names."""
        found = "select name, value from record where drawer = ? order by name"
        yield from self._database.execute(found, (drawer,)).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _add_account(self, account: Account) -> None:
        self._database.execute(
            "insert into account values (?, ?, ?, ?)",
            (account.number, account.lid, account.identity.private, account.next_device),
        )

    def _add_companion(self, key: DeviceKey, world: World) -> None:
        companion, known = world.companion(key), world.companion(key).registration
        with self._database:
            self._database.execute("begin")
            self._database.execute(
                "update account set next_device = ? where number = ?",
                (world.account(key.number).next_device, key.number),
            )
            self._database.execute(
                "insert into companion values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *key,
                    companion.key_index,
                    companion.noise,
                    known.registration_id,
                    known.identity,
                    known.signed_prekey,
                    known.device_name,
                    known.platform,
                    companion.device_identity,
                    companion.linked_at.isoformat(),
                    companion.prekeys,
                ),
            )

    def _companions(self, number: str) -> Iterator[Companion]:
        for row in self._database.execute(
            "select device, key_index, noise, registration_id, identity, signed_prekey,"
            " device_name, platform, device_identity, linked_at, prekeys"
            " from companion where number = ? order by device",
            (number,),
        ).fetchall():
            device, key_index, noise, registration_id, identity, signed_prekey, *rest = row
            device_name, platform, device_identity, linked_at, prekeys = rest
            yield Companion(
                device=device,
                key_index=key_index,
                noise=noise,
                registration=Registration(
                    registration_id=registration_id,
                    identity=identity,
                    signed_prekey=signed_prekey,
                    device_name=device_name,
                    platform=platform,
                ),
                device_identity=device_identity,
                linked_at=datetime.fromisoformat(linked_at),
                prekeys=prekeys,
            )
