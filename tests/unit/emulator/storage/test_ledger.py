import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sololine.emulator.facts import UnlinkedBy
from sololine.emulator.people.accounts import Companion, DeviceKey
from sololine.emulator.storage.journal import Drawer
from sololine.emulator.storage.ledger import Ledger
from sololine.emulator.world import World
from sololine.wire.curve import KeyPair
from sololine.wire.registration import Registration

NOW = datetime(2026, 11, 21, tzinfo=UTC)
NUMBERS = ["447441395830", "5511900000001"]
REGISTRATION = Registration(
    identity=b"i" * 32,
    registration_id=b"\0\0\0\1",
    signed_prekey=b"s" * 99,
    device_name="Test",
    platform="CHROME",
)


def a_world(ledger: Ledger) -> World:
    world = World(observe=lambda fact: ledger.record(fact, world))
    for number in NUMBERS:
        world.add_account(number, KeyPair.generate())
    return world


def link(world: World, number: str) -> DeviceKey:
    pairing = world.open_pairing(REGISTRATION, b"n" * 32, ("ref",), NOW)
    offer = world.make_offer(number, pairing)
    world.complete(pairing, b"signed", NOW)
    return offer.key


def kept(path: Path) -> dict[str, dict[int, Companion]]:
    ledger = Ledger(path)
    accounts = list(ledger.accounts())
    ledger.close()
    return {account.number: account.companions for account in accounts}


def test_what_was_kept_is_what_was_true(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "world")
    world = a_world(ledger)
    link(world, NUMBERS[0])
    used = link(world, NUMBERS[0])
    world.keep_prekeys(used, b"1" * 35 + b"2" * 35, b"t" * 99)
    world.take_prekey(used)
    ledger.close()

    assert kept(tmp_path / "world") == {
        number: account.companions for number, account in world.accounts.items()
    }


def test_what_is_true_for_one_run_only_is_not_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "world")
    world = a_world(ledger)
    key = link(world, NUMBERS[0])
    before = kept_in(world)
    world.come_online(key)
    ledger.close()

    assert kept(tmp_path / "world") == before


def test_an_unlinked_device_is_forgotten_and_its_number_never_used_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "world")
    world = a_world(ledger)
    world.unlink(link(world, NUMBERS[0]), UnlinkedBy.PHONE)
    ledger.close()

    assert kept(tmp_path / "world") == {number: {} for number in NUMBERS}
    again = Ledger(tmp_path / "world")
    assert [account.next_device for account in again.accounts()] == [2, 1]
    again.close()


def test_phones_keep_their_order_lids_and_keys(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "world")
    world = a_world(ledger)
    ledger.close()

    again = Ledger(tmp_path / "world")
    for account, known in zip(again.accounts(), world.accounts.values(), strict=True):
        assert (account.number, account.lid) == (known.number, known.lid)
        assert account.identity.private == known.identity.private
    again.close()


def kept_in(world: World) -> dict[str, dict[int, Companion]]:
    return {number: dict(account.companions) for number, account in world.accounts.items()}


def test_what_cannot_be_written_does_not_stand_in_the_way_of_what_follows(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "world.sqlite3")
    good, bad = (Drawer.SENT, "good"), (Drawer.SENT, "bad")
    with pytest.raises(sqlite3.Error):
        ledger.write({good: b"1", bad: object()})  # type: ignore[dict-item]  # as a full disk does
    assert list(ledger.read(Drawer.SENT)) == []
    ledger.write({good: b"2"})
    assert list(ledger.read(Drawer.SENT)) == [("good", b"2")]
    ledger.close()
