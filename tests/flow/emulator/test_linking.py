"""Linking and unlinking, with the real engine."""

import asyncio
import sqlite3

import pytest

from sololine.emulator.errors import (
    ExpiredQr,
    InvalidQr,
    LinkingBroken,
    TooManyDevices,
    UnknownCode,
    WrongCode,
)
from sololine.emulator.facts import Linked, LoginDenied, LoginRefused, Unlinked, UnlinkedBy
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.server import Emulator
from tests.flow.emulator.engine import Engine, NewEngine, until

NUMBER = "447441395830"
OTHER = "5511900000001"


def kept_devices(engine: Engine) -> list[str]:
    """The devices whose credentials the engine has in its database."""
    with sqlite3.connect(engine.database) as database:
        rows = database.execute("SELECT jid FROM whatsmeow_device").fetchall()
    database.close()
    return [row[0] for row in rows]


async def test_a_scanned_qr_links_the_engine_and_it_logs_in(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    phone = emulator.phones.add(NUMBER)
    engine = await new_engine().start()

    jid = await phone.scan(await engine.qr())
    await engine.event("Connected")

    paired = (await engine.event("PairStatus"))["words"]
    assert (paired["ID"]["User"], paired["ID"]["Device"]) == (NUMBER, jid.device)
    assert (paired["Status"], paired["Platform"]) == ("SUCCESS", "android")
    [device] = phone.devices()
    assert device.online
    assert device.prekey_count == 812
    assert device.registration.device_name == "Sololine"
    assert device.registration.platform == "CHROME"
    assert kept_devices(engine) == [f"{NUMBER}:1@s.whatsapp.net"]


async def test_a_code_typed_on_the_phone_links_the_engine(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    phone = emulator.phones.add(NUMBER)
    engine = await new_engine().start()
    await engine.qr()
    engine.order("code", number=f"+{NUMBER}")
    shown = await engine.kind("code")
    assert shown["error"] == ""

    jid = await phone.enter_code(shown["code"].lower())

    await engine.event("Connected")
    assert jid.device == 1
    assert phone.devices()[0].online


async def test_a_wrong_code_links_nothing_and_the_right_one_still_does(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    phone = emulator.phones.add(NUMBER)
    engine = await new_engine().start()
    await engine.qr()
    engine.order("code", number=NUMBER)
    code = (await engine.kind("code"))["code"]

    with pytest.raises(WrongCode):
        await phone.enter_code("2222-2222" if code != "2222-2222" else "3333-3333")
    with pytest.raises(WrongCode):
        await phone.enter_code("no code")
    assert phone.devices() == ()
    await phone.enter_code(code)

    await engine.event("Connected")


async def test_a_code_is_for_one_number_only(emulator: Emulator, new_engine: NewEngine) -> None:
    other = emulator.phones.add(OTHER)
    engine = await new_engine().start()
    await engine.qr()
    engine.order("code", number=NUMBER)
    code = (await engine.kind("code"))["code"]

    with pytest.raises(UnknownCode):
        await other.enter_code(code)


async def test_a_phone_refuses_what_no_client_shows(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    phone = emulator.phones.add(NUMBER)
    engine = await new_engine().start()
    qr = await engine.qr()

    with pytest.raises(InvalidQr):
        await phone.scan("https://example.com/a-menu")
    with pytest.raises(UnknownCode):
        await phone.enter_code("ABCD-EFGH")
    await engine.stop()
    await until(lambda: emulator.exchange.connection_count == 0)

    with pytest.raises(ExpiredQr):
        await phone.scan(qr)


async def test_a_forged_qr_does_not_link(emulator: Emulator, new_engine: NewEngine) -> None:
    phone = emulator.phones.add(NUMBER)
    engine = await new_engine().start()
    ref, noise, identity, secret, kind = (await engine.qr()).split(",")
    with pytest.raises(ExpiredQr):
        await phone.scan(f"{ref},{identity},{noise},{secret},{kind}")

    # The right keys but not the secret: only the engine can tell, and it refuses.
    with pytest.raises(LinkingBroken, match="refused the account's signature"):
        await phone.scan(f"{ref},{noise},{identity},{identity},{kind}")

    assert phone.devices() == ()


async def test_the_engine_logs_in_again_with_the_credentials_it_was_given(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = new_engine()
    device = await engine.link(NUMBER)
    await engine.stop()
    await until(lambda: not emulator.phones[NUMBER].devices()[0].online)
    seen = len(engine.reports)

    await engine.start(device=f"{NUMBER}:{device}")
    await engine.event("Connected", after=seen)

    assert emulator.phones[NUMBER].devices()[0].online
    known = (await engine.event("Device", after=seen))["words"]
    assert known["LID"]["User"] == emulator.phones[NUMBER].lid


async def test_a_phone_unlinks_a_device_that_is_online(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = new_engine()
    device = await engine.link(NUMBER)

    emulator.phones[NUMBER].unlink(device)

    logged_out = (await engine.event("LoggedOut"))["words"]
    assert logged_out == {"OnConnect": False, "Reason": "LOGGED_OUT"}
    assert emulator.phones[NUMBER].devices() == ()
    await until(lambda: kept_devices(engine) == [])


async def test_a_device_unlinked_while_offline_learns_it_when_it_logs_in(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = new_engine()
    device = await engine.link(NUMBER)
    await engine.stop()
    await until(lambda: not emulator.phones[NUMBER].devices()[0].online)
    emulator.phones[NUMBER].unlink(device)
    seen = len(engine.reports)

    await engine.start(device=f"{NUMBER}:{device}")

    logged_out = (await engine.event("LoggedOut", after=seen))["words"]
    assert logged_out == {"OnConnect": True, "Reason": "LOGGED_OUT"}
    assert emulator.exchange.world.facts[-1] == LoginRefused(
        key=DeviceKey(NUMBER, device), reason=LoginDenied.UNKNOWN_DEVICE
    )
    await until(lambda: kept_devices(engine) == [])


async def test_an_engine_that_logs_out_vanishes_from_the_phone(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = new_engine()
    await engine.link(NUMBER)

    engine.order("logout")

    assert (await engine.kind("logged out"))["error"] == ""
    assert emulator.phones[NUMBER].devices() == ()
    assert kept_devices(engine) == []
    [unlinked] = [fact for fact in emulator.exchange.world.facts if isinstance(fact, Unlinked)]
    assert unlinked.by is UnlinkedBy.CLIENT


async def test_a_phone_links_four_engines_and_refuses_a_fifth(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    phone = emulator.phones.add(NUMBER)
    for expected in range(1, 5):
        assert await new_engine().link(NUMBER) == expected
    fifth = await new_engine().start()
    qr = await fifth.qr()

    with pytest.raises(TooManyDevices):
        await phone.scan(qr)
    phone.unlink(2)

    assert (await phone.scan(qr)).device == 5
    await fifth.event("Connected")
    assert [device.device for device in phone.devices()] == [1, 3, 4, 5]


async def test_two_phones_scan_one_qr_and_one_of_them_gets_it(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    phones = [emulator.phones.add(NUMBER), emulator.phones.add(OTHER)]
    engine = await new_engine().start()
    qr = await engine.qr()

    ends = await asyncio.gather(*(phone.scan(qr) for phone in phones), return_exceptions=True)

    await engine.event("Connected")
    assert sorted(type(end).__name__ for end in ends) == ["ExpiredQr", "Jid"]
    assert sum(len(phone.devices()) for phone in phones) == 1
    assert sum(isinstance(fact, Linked) for fact in emulator.exchange.world.facts) == 1


async def test_a_second_login_of_the_same_device_replaces_the_first(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine, copy = new_engine(), new_engine()
    device = await engine.link(NUMBER)
    with sqlite3.connect(engine.database) as source, sqlite3.connect(copy.database) as target:
        source.backup(target)
    source.close()
    target.close()

    await copy.start(device=f"{NUMBER}:{device}")
    await copy.event("Connected")

    await engine.event("StreamReplaced")
    assert emulator.phones[NUMBER].devices()[0].online


async def test_an_engine_that_trusts_whatsapp_itself_refuses_the_emulator(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = await new_engine().start(trusting=False)

    ended = await engine.kind("ended")

    assert "failed to verify" in ended["error"]
    assert not [report for report in engine.reports if report["kind"] == "qr"]
