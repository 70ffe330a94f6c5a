"""What the real engine reports when something goes wrong on command."""

from typing import Any

import pytest

from sololine.emulator.errors import PasskeyDemanded
from sololine.emulator.faults import (
    ClientOutdated,
    DeviceRemoved,
    Drop,
    LoginFailure,
    PasskeyDemand,
    Replaced,
    Slow,
    StreamError,
    Striking,
    Target,
)
from sololine.emulator.server import Emulator
from tests.flow.emulator.engine import NewEngine, until

NUMBER = "447441395830"
OTHER = "5511900000001"


@pytest.mark.parametrize("fault", [Drop(), StreamError(code=503)], ids=["drop", "503"])
async def test_the_engine_comes_back_by_itself(
    emulator: Emulator, new_engine: NewEngine, fault: Striking
) -> None:
    engine = new_engine()
    await engine.link(NUMBER)
    seen = len(engine.reports)

    emulator.exchange.arm(fault, Target(number=NUMBER))

    await engine.event("Connected", after=seen)
    assert engine.names(after=seen) == ["Disconnected", "Connected"]
    assert list(emulator.exchange.faults) == []


async def test_a_drop_ordered_twice_strikes_the_reconnect_too(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = new_engine()
    await engine.link(NUMBER)
    seen = len(engine.reports)

    emulator.exchange.arm(Drop(), Target(number=NUMBER), times=2)

    # In between the engine may say Connected: it does so even when its last question before
    # that was cut off.
    await until(lambda: engine.names(after=seen).count("Disconnected") == 2)
    await until(lambda: engine.names(after=seen)[-1] == "Connected")
    assert list(emulator.exchange.faults) == []


async def test_replaced_ends_the_session_and_keeps_the_device(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = new_engine()
    await engine.link(NUMBER)
    seen = len(engine.reports)

    emulator.exchange.arm(Replaced(), Target(number=NUMBER))

    await engine.event("StreamReplaced")
    await until(lambda: not emulator.phones[NUMBER].devices()[0].online)
    assert engine.names(after=seen) == ["StreamReplaced"]


async def test_device_removed_logs_the_engine_out_and_takes_the_device_away(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    engine = new_engine()
    await engine.link(NUMBER)

    emulator.exchange.arm(DeviceRemoved(), Target(number=NUMBER))

    logged_out = await engine.event("LoggedOut")
    assert logged_out["words"] == {"OnConnect": False, "Reason": "LOGGED_OUT"}
    assert emulator.phones[NUMBER].devices() == ()


@pytest.mark.parametrize(
    ("failure", "event", "words"),
    [
        (LoginFailure(reason=401), "LoggedOut", {"OnConnect": True, "Reason": "LOGGED_OUT"}),
        (LoginFailure(reason=403), "LoggedOut", {"OnConnect": True, "Reason": "MAIN_DEVICE_GONE"}),
        (
            LoginFailure(reason=402, code=101, expire_s=3600),
            "TemporaryBan",
            {"Code": "SEND_TO_TOO_MANY_PEOPLE", "Expire": "3600"},
        ),
        (ClientOutdated(), "ClientOutdated", {}),
    ],
    ids=["401", "403", "402", "405"],
)
async def test_a_login_is_refused(
    emulator: Emulator,
    new_engine: NewEngine,
    failure: LoginFailure | ClientOutdated,
    event: str,
    words: dict[str, Any],
) -> None:
    engine = new_engine()
    await engine.link(NUMBER)
    emulator.exchange.arm(failure, Target(number=NUMBER))

    emulator.exchange.arm(Drop(), Target(number=NUMBER))

    assert (await engine.event(event))["words"] == words
    assert not emulator.phones[NUMBER].devices()[0].online


@pytest.mark.parametrize(
    ("failure", "missing"),
    [
        (LoginFailure(reason=402, code=999, expire_s=60), "neonize.TemporaryBan.Code"),
        (LoginFailure(reason=499), "neonize.ConnectFailure.Reason"),
    ],
    ids=["ban", "reason"],
)
async def test_a_refusal_with_a_code_the_engine_does_not_know_ends_it(
    emulator: Emulator, new_engine: NewEngine, failure: LoginFailure, missing: str
) -> None:
    engine = new_engine()
    await engine.link(NUMBER)
    emulator.exchange.arm(failure, Target(number=NUMBER))

    emulator.exchange.arm(Drop(), Target(number=NUMBER))

    ended = await engine.kind("ended")
    # Go's protobuf writes a no-break space now and then, lest anyone rely on its words.
    error = ended["error"].replace("\xa0", " ")
    assert error == f"proto: required field {missing} not set"


async def test_an_outdated_client_learns_it_before_it_can_link(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    emulator.exchange.arm(ClientOutdated(), Target())

    engine = await new_engine().start()

    assert (await engine.kind("login"))["status"] == "err-client-outdated"


@pytest.mark.parametrize("way", ["qr", "code"])
async def test_an_account_that_needs_a_passkey_does_not_link(
    emulator: Emulator, new_engine: NewEngine, way: str
) -> None:
    phone = emulator.phones.add(NUMBER)
    emulator.exchange.arm(PasskeyDemand(), Target(number=NUMBER))
    engine = await new_engine().start()
    qr = await engine.qr()

    if way == "qr":
        accept = phone.scan(qr)
    else:
        engine.order("code", number=NUMBER)
        accept = phone.enter_code((await engine.kind("code"))["code"])

    with pytest.raises(PasskeyDemanded):
        await accept

    assert (await engine.kind("login"))["status"] == "passkey-request"
    assert phone.devices() == ()


async def test_a_fault_for_one_number_leaves_the_others_alone(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    struck, spared = new_engine(), new_engine()
    await struck.link(NUMBER)
    await spared.link(OTHER)
    seen, quiet = len(struck.reports), len(spared.reports)

    emulator.exchange.arm(Drop(), Target(number=NUMBER))
    await struck.event("Connected", after=seen)

    assert spared.names(after=quiet) == []


async def test_slow_answers_arrive_in_the_end(emulator: Emulator, new_engine: NewEngine) -> None:
    emulator.exchange.arm(Slow(seconds=0.2), Target(), times=None)

    await new_engine().link(NUMBER)

    assert emulator.phones[NUMBER].devices()[0].online
