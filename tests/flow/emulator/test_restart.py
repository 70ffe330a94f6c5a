"""A restarted emulator is the same WhatsApp."""

from pathlib import Path

import pytest

from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.server import Emulator
from sololine.emulator.storage.ledger import FolderInUse
from tests.flow.emulator.engine import Engine

NUMBER = "447441395830"


async def test_the_engine_logs_in_again_after_the_emulator_was_restarted(
    tmp_path: Path, linux_amd64: None
) -> None:
    async with Emulator(tmp_path / "folder") as first:
        engine = Engine(first, tmp_path / "engine.sqlite3")
        device = await engine.link(NUMBER)
        await engine.stop()
        known = first.phones[NUMBER].devices()[0]

    async with Emulator(tmp_path / "folder") as second:
        assert second.root_public == first.root_public
        [kept] = second.phones[NUMBER].devices()
        assert (kept.device, kept.prekeys, kept.linked_at) == (1, known.prekeys, known.linked_at)
        assert not kept.online
        engine = Engine(second, tmp_path / "engine.sqlite3")
        await engine.start(device=f"{NUMBER}:{device}")
        await engine.event("Connected")
        await engine.stop()
        assert second.unknown == []


async def test_the_engine_reconnects_to_a_restarted_emulator_by_itself(
    tmp_path: Path, linux_amd64: None
) -> None:
    async with Emulator(tmp_path / "folder") as first:
        engine = Engine(first, tmp_path / "engine.sqlite3")
        await engine.link(NUMBER)
        seen = len(engine.reports)

    async with engine, Emulator(tmp_path / "folder", port=first.port):
        await engine.event("Connected", after=seen)


async def test_unlinked_devices_and_used_prekeys_stay_so(tmp_path: Path, linux_amd64: None) -> None:
    async with Emulator(tmp_path / "folder") as first:
        for name in ("a", "b"):
            async with Engine(first, tmp_path / f"{name}.sqlite3") as engine:
                await engine.link(NUMBER)
        first.phones[NUMBER].unlink(1)
        assert first.exchange.world.take_prekey(DeviceKey(NUMBER, 2)) is not None

    async with Emulator(tmp_path / "folder") as second:
        [kept] = second.phones[NUMBER].devices()
        assert (kept.device, kept.prekey_count) == (2, 811)
        assert second.exchange.world.account(NUMBER).next_device == 3


async def test_a_folder_serves_one_emulator_at_a_time(tmp_path: Path) -> None:
    async with Emulator(tmp_path / "folder"):
        with pytest.raises(FolderInUse, match="another emulator is using this folder"):
            await Emulator(tmp_path / "folder").__aenter__()

    async with Emulator(tmp_path / "folder"):
        pass


async def test_only_the_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    async with Emulator(tmp_path / "folder"):
        modes = {p.name: p.stat().st_mode & 0o077 for p in (tmp_path / "folder").iterdir()}

    assert {name for name, mode in modes.items() if mode} == {"ca.pem", "leaf.pem"}
