from datetime import UTC, datetime, timedelta

import pytest

from sololine.emulator.errors import (
    ExpiredQr,
    InvalidNumber,
    TooManyDevices,
    UnknownDevice,
    UnknownPhone,
)
from sololine.emulator.facts import (
    CameOnline,
    Linked,
    LinkFailed,
    LoginDenied,
    LoginRefused,
    Unlinked,
    UnlinkedBy,
    WentOffline,
)
from sololine.emulator.people.accounts import Companion, DeviceKey
from sololine.emulator.people.pairing import Pairing
from sololine.emulator.world import MAX_COMPANIONS, World
from sololine.wire.curve import KeyPair
from sololine.wire.jid import Jid
from sololine.wire.registration import Registration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBER = "447441395830"
KEY = DeviceKey(NUMBER, 1)
IDENTITY = KeyPair.generate()


REGISTRATION = Registration(
    identity=b"i" * 32,
    registration_id=b"\0\0\0\1",
    signed_prekey=b"s" * 99,
    device_name="Test",
    platform="CHROME",
)
NOISE = b"n" * 32


@pytest.fixture
def world() -> World:
    world = World()
    world.add_account(NUMBER, IDENTITY)
    return world


def wait(world: World, *refs: str, now: datetime = NOW) -> Pairing:
    return world.open_pairing(REGISTRATION, NOISE, refs or ("ref",), now)


def link(world: World, number: str = NUMBER) -> Companion:
    pairing = wait(world)
    world.make_offer(number, pairing)
    companion = world.complete(pairing, b"signed", NOW)
    assert companion is not None
    return companion


def test_a_client_becomes_a_companion_when_it_has_signed(world: World) -> None:
    pairing = wait(world)
    offer = world.make_offer(NUMBER, pairing)
    assert (str(offer.jid), offer.lid.device) == (f"{NUMBER}:1@s.whatsapp.net", 1)
    assert world.account(NUMBER).companions == {}

    companion = world.complete(pairing, b"signed", NOW)

    assert world.companion(KEY) is companion
    assert companion.linked_at == NOW
    assert not companion.online
    assert world.facts[-1] == Linked(key=KEY)


def test_a_client_without_an_offer_cannot_become_a_companion(world: World) -> None:
    assert world.complete(wait(world), b"signed", NOW) is None
    assert world.account(NUMBER).companions == {}


def test_a_client_that_goes_away_before_it_signs_leaves_no_device(world: World) -> None:
    pairing = wait(world)
    world.make_offer(NUMBER, pairing)

    world.close_pairing(pairing)

    assert world.complete(pairing, b"signed", NOW) is None
    assert world.facts[-1] == LinkFailed(key=KEY)


@pytest.mark.parametrize(("ref", "until_s"), [("a", 70), ("b", 90), ("c", 110)])
def test_a_qr_is_accepted_a_moment_longer_than_it_is_shown(
    world: World, ref: str, until_s: int
) -> None:
    pairing = wait(world, "a", "b", "c")
    too_late = NOW + timedelta(seconds=until_s)

    assert world.waiting_for(ref, too_late - timedelta(seconds=1)) is pairing
    with pytest.raises(ExpiredQr):
        world.waiting_for(ref, too_late)


def test_a_qr_nobody_shows_is_refused(world: World) -> None:
    with pytest.raises(ExpiredQr):
        world.waiting_for("another", NOW)


def test_a_qr_can_be_accepted_once_only(world: World) -> None:
    pairing = wait(world)
    world.make_offer(NUMBER, pairing)

    with pytest.raises(ExpiredQr):
        world.waiting_for("ref", NOW)
    with pytest.raises(ExpiredQr):
        world.make_offer(NUMBER, pairing)


def test_a_fifth_device_is_refused_until_one_is_unlinked(world: World) -> None:
    for _ in range(MAX_COMPANIONS):
        link(world)

    with pytest.raises(TooManyDevices, match="has 4 linked devices already; unlink one first"):
        link(world)
    world.unlink(DeviceKey(NUMBER, 2), UnlinkedBy.PHONE)

    assert link(world).device == 5


def test_places_that_are_offered_count_as_taken(world: World) -> None:
    for _ in range(MAX_COMPANIONS - 1):
        link(world)
    held = wait(world)
    world.make_offer(NUMBER, held)

    with pytest.raises(TooManyDevices):
        link(world)
    world.close_pairing(held)
    link(world)


def test_a_login_needs_the_device_and_the_noise_key_it_was_linked_with(world: World) -> None:
    link(world)

    assert world.authenticate(KEY, NOISE) is None
    assert world.authenticate(KEY, b"x" * 32) is LoginDenied.WRONG_KEY
    assert world.authenticate(DeviceKey(NUMBER, 2), NOISE) is LoginDenied.UNKNOWN_DEVICE
    assert world.authenticate(DeviceKey("15550000000", 1), b"n") is LoginDenied.UNKNOWN_DEVICE
    assert world.facts[-3] == LoginRefused(key=KEY, reason=LoginDenied.WRONG_KEY)


def test_an_unlinked_device_cannot_log_in_again(world: World) -> None:
    link(world)

    world.unlink(KEY, UnlinkedBy.PHONE)

    assert world.authenticate(KEY, NOISE) is LoginDenied.UNKNOWN_DEVICE
    with pytest.raises(UnknownDevice):
        world.unlink(KEY, UnlinkedBy.PHONE)
    assert Unlinked(key=KEY, by=UnlinkedBy.PHONE) in world.facts


def test_a_device_is_seen_online_and_offline(world: World) -> None:
    link(world)

    world.come_online(KEY)
    assert world.companion(KEY).online
    world.go_offline(KEY)
    assert not world.companion(KEY).online
    assert world.facts[-2:] == [CameOnline(key=KEY), WentOffline(key=KEY)]


def test_the_end_of_an_unlinked_devices_connection_is_nothing_new(world: World) -> None:
    link(world)
    world.unlink(KEY, UnlinkedBy.PHONE)
    facts = list(world.facts)

    world.go_offline(KEY)

    assert world.facts == facts


def test_each_prekey_is_handed_out_once(world: World) -> None:
    link(world)
    world.keep_prekeys(KEY, b"1" * 35 + b"2" * 35, b"new")
    assert world.companion(KEY).prekey_count == 2
    assert world.companion(KEY).registration.signed_prekey == b"new"

    assert [world.take_prekey(KEY) for _ in range(3)] == [b"1" * 35, b"2" * 35, None]


def test_an_account_is_found_by_number_and_by_lid(world: World) -> None:
    account = world.account(NUMBER)

    assert world.find(Jid(NUMBER, "s.whatsapp.net", 3)) is account
    assert world.find(Jid(account.lid, "lid")) is account
    assert world.find(Jid(NUMBER, "lid")) is None
    assert world.find(Jid(NUMBER, "g.us")) is None


def test_a_number_has_one_account_and_the_same_lid_in_every_world(world: World) -> None:
    again = world.add_account(NUMBER, KeyPair.generate())

    assert again is world.account(NUMBER)
    assert again.identity is IDENTITY
    assert World().add_account(NUMBER, IDENTITY).lid == again.lid
    assert len(again.lid) == 15


@pytest.mark.parametrize(
    "number", ["", "12345", "0441234567", "+447441395830", "1" * 16, "٤٤٧٤٤١٣٩٥٨٣٠"]
)
def test_what_is_no_number_gets_no_phone(number: str) -> None:
    with pytest.raises(InvalidNumber):
        World().add_account(number, IDENTITY)


def test_a_number_without_an_account_is_unknown(world: World) -> None:
    with pytest.raises(UnknownPhone):
        world.account("15550000000")
    with pytest.raises(UnknownPhone):
        world.unlink(DeviceKey("15550000000", 1), UnlinkedBy.PHONE)


def test_a_fact_shows_the_end_of_a_number_only(world: World) -> None:
    link(world)

    assert NUMBER not in repr(world.facts)
    assert repr(world.facts[-1]) == "Linked(key=…5830:1)"


def test_facts_are_told_when_they_have_become_true() -> None:
    told = []
    world = World(observe=lambda fact: told.append((fact, len(world.accounts))))

    world.add_account(NUMBER, IDENTITY)

    assert told == [(world.facts[0], 1)]
