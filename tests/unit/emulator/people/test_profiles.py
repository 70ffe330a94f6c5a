import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from sololine.emulator.errors import UnknownPhone
from sololine.emulator.people.accounts import Account, DeviceKey
from sololine.emulator.people.profile_life import ProfileLife, dump, load
from sololine.emulator.people.profiles import Profile
from sololine.emulator.phones import app_state
from sololine.emulator.phones.letters import Message
from sololine.emulator.phones.readings import describe
from sololine.emulator.server import Emulator
from sololine.emulator.world import World
from sololine.wire.curve import KeyPair
from sololine.wire.jid import SERVER
from sololine.wire.kdf import hkdf
from sololine.wire.node import Node
from sololine.wire.protobuf import load as load_proto
from tests.unit.emulator.client import link, logged_in

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ANA = "34600000001"
sync: Any = load_proto("waServerSync.WAServerSync_pb2")
action: Any = load_proto("waSyncAction.WAWebProtobufSyncAction_pb2")


class Told:
    """What the devices of an account were told."""

    def __init__(self, world: World) -> None:
        self.news = list[tuple[str, Node]]()
        self.secrets = list[tuple[DeviceKey, Message]]()
        self.kept = list[tuple[str, Profile]]()
        self.profiles = ProfileLife(
            world,
            tell=lambda number, node: self.news.append((number, node)),
            confide=lambda key, message: self.secrets.append((key, message)),
            keep=lambda number, profile: self.kept.append((number, profile)),
            now=lambda: NOW,
        )


@pytest.fixture
def world() -> World:
    world = World()
    world.add_account(ANA, KeyPair.generate())
    return world


@pytest.fixture
def told(world: World) -> Told:
    return Told(world)


def shared_key(account: Account) -> tuple[bytes, bytes]:
    """Id and bytes of the key that the phone shares."""
    share = app_state.key_share(account, NOW).protocolMessage.appStateSyncKeyShare
    [key] = share.keys
    return key.keyID.keyID, key.keyData.keyData


def replay(account: Account, patches: Sequence[bytes]) -> list[str]:
    """The names in the patches, checked by hand as a client checks them."""
    key_id, secret = shared_key(account)
    expanded = hkdf(secret, length=160, info=b"WhatsApp Mutation Keys")
    index_key, value_key, value_mac_key, snapshot_key, patch_key = (
        expanded[at : at + 32] for at in range(0, 160, 32)
    )
    sums, before, names = [0] * 64, None, []
    for raw in patches:
        patch = sync.SyncdPatch.FromString(raw)
        [mutation] = patch.mutations
        assert mutation.record.keyID.ID == patch.keyID.ID == key_id
        blob = mutation.record.value.blob
        sealed, value_mac = blob[:-32], blob[-32:]
        signed = b"\x01" + key_id + sealed + (len(key_id) + 1).to_bytes(8, "big")
        assert value_mac == hmac.digest(value_mac_key, signed, "sha512")[:32]
        decryptor = Cipher(AES(value_key), CBC(sealed[:16])).decryptor()
        padded = decryptor.update(sealed[16:]) + decryptor.finalize()
        setting = action.SyncActionData.FromString(padded[: -padded[-1]])
        assert json.loads(setting.index) == ["setting_pushName"]
        assert mutation.record.index.blob == hmac.digest(index_key, setting.index, "sha256")
        for mac, sign in ((before, -1), (value_mac, 1)):
            spread = hkdf(mac, length=128, info=b"WhatsApp Patch Integrity") if mac else bytes(128)
            for at in range(64):
                number = spread[2 * at] + 256 * spread[2 * at + 1]
                sums[at] = (sums[at] + sign * number) % 65536
        before = value_mac
        state = b"".join(number.to_bytes(2, "little") for number in sums)
        ends = patch.version.version.to_bytes(8, "big") + b"critical_block"
        assert patch.snapshotMAC == hmac.digest(snapshot_key, state + ends, "sha256")
        whole = patch.snapshotMAC + value_mac + ends
        assert patch.patchMAC == hmac.digest(patch_key, whole, "sha256")
        names.append(setting.value.pushNameSetting.name)
    return names


def test_the_names_stand_in_patches_that_hold_what_a_client_checks(world: World) -> None:
    account = world.account(ANA)

    made = app_state.patches(account, ["Ana", "Ana María", "Ana"])

    assert replay(account, made) == ["Ana", "Ana María", "Ana"]
    versions = [sync.SyncdPatch.FromString(patch).version.version for patch in made]
    assert versions == [1, 2, 3]
    assert app_state.patches(account, ["Ana", "Ana María"]) == made[:2], "the same each time"
    assert app_state.patches(account, []) == []


def test_the_first_name_goes_to_every_device_with_the_key(world: World, told: Told) -> None:
    world.account(ANA).companions.update({1: object(), 3: object()})  # type: ignore[dict-item]  # only their numbers are asked

    told.profiles.rename(ANA, "Ana")

    assert [key for key, _ in told.secrets] == [DeviceKey(ANA, 1), DeviceKey(ANA, 3)]
    assert describe(told.secrets[0][1])["type"] == "unknown", "it is nothing for people"
    assert told.news == []
    assert world.profile(ANA).push_name == "Ana"


def test_another_name_is_only_announced(world: World, told: Told) -> None:
    told.profiles.rename(ANA, "Ana")

    told.profiles.rename(ANA, "Bea")

    [(number, news)] = told.news
    assert (number, news.text("type"), news.jid("from")) == (ANA, "server_sync", SERVER)
    assert news.need("collection").text("name") == "critical_block"
    assert told.secrets == []
    assert world.profile(ANA).names == ("Ana", "Bea")


def test_a_new_device_is_introduced_when_there_is_a_name(told: Told) -> None:
    told.profiles.introduce(DeviceKey(ANA, 2))
    told.profiles.rename(ANA, "Ana")
    told.profiles.introduce(DeviceKey(ANA, 2))

    assert [key for key, _ in told.secrets] == [DeviceKey(ANA, 2)]


def test_every_change_is_kept_and_comes_back_from_bytes(world: World, told: Told) -> None:
    told.profiles.rename(ANA, "Aña")
    told.profiles.say(ANA, "busy")
    told.profiles.show(ANA, "/v/x.jpg?y")

    assert [number for number, _ in told.kept] == [ANA] * 3
    last = told.kept[-1][1]
    assert (last.push_name, last.about, last.picture) == ("Aña", "busy", "/v/x.jpg?y")
    assert load(dump(last)) == last == world.profile(ANA)


def test_only_who_has_a_phone_has_a_profile(told: Told) -> None:
    for change in (told.profiles.rename, told.profiles.say, told.profiles.show):
        with pytest.raises(UnknownPhone):
            change("49", "x")
    assert told.kept == []


async def test_a_client_is_given_what_it_does_not_know_yet(emulator: Emulator) -> None:
    keys = await link(emulator, ANA)
    async with logged_in(emulator, keys) as client:
        phone = emulator.phones[ANA]
        phone.name = "Ana"
        share = await client.receive()
        phone.name = "Bea"
        news = await client.receive()

        def asked(name: str, **words: str) -> Node:
            return Node.make("sync", content=Node.make("collection", {"name": name, **words}))

        every = await client.ask("w:sync:app:state", "set", asked("critical_block"))
        late = await client.ask("w:sync:app:state", "set", asked("critical_block", version="1"))
        none = await client.ask("w:sync:app:state", "set", asked("regular", version="0"))

    assert (share.tag, share.text("category")) == ("message", "peer")
    assert (news.tag, news.text("type")) == ("notification", "server_sync")
    account = emulator.exchange.world.account(ANA)
    told = every.need("sync", "collection")
    assert told.text("version") == "2"
    patches = [patch.data for patch in told.need("patches").children]
    assert replay(account, patches) == ["Ana", "Bea"]
    newer = [patch.data for patch in late.need("sync", "collection", "patches").children]
    assert newer == patches[1:]
    assert none.need("sync", "collection").children == ()


async def test_a_clients_own_patch_is_not_understood(emulator: Emulator) -> None:
    keys = await link(emulator, ANA)
    async with logged_in(emulator, keys) as client:
        patch = Node.make("patch", content=b"patch")
        changed = Node.make("collection", {"name": "critical_block"}, patch)
        answer = await client.ask("w:sync:app:state", "set", Node.make("sync", content=changed))

    assert answer.text("type") == "error"
    assert len(emulator.unknown) == 1


async def test_groups_and_profiles_outlive_the_emulator(tmp_path: Path) -> None:
    folder = tmp_path / "emulator"
    async with Emulator(folder) as emulator:
        for number in (ANA, "34600000002"):
            emulator.phones.add(number)
        emulator.phones[ANA].name = "Ana"
        made = emulator.phones.create_group(ANA, "Trip", ["34600000002"])
        picture = emulator.shelf.put_picture(b"jpeg")
        emulator.exchange.profiles.show(ANA, picture)

    async with Emulator(folder) as emulator:
        assert emulator.exchange.world.groups == {made.id: made}
        assert emulator.phones[ANA].name == "Ana"
        assert emulator.exchange.world.profile(ANA).picture == picture
        file = emulator.shelf.find("pps.whatsapp.net", picture.partition("?")[0])
        assert file is not None
