from datetime import timedelta
from typing import Any, get_args

import pytest

from sololine.core.signals import (
    Banned,
    ChatSignal,
    ConnectRefused,
    CredentialsInUse,
    EngineOutdated,
    EngineStopped,
    KeepAliveMissed,
    KeepAliveRestored,
    LinkDown,
    Linked,
    LinkingTimedOut,
    LinkUp,
    LoggedOut,
    PairingCodeIssued,
    PasskeyRequired,
    QrIssued,
    Signal,
)
from sololine.engine import signals
from sololine.wire.protobuf import load

NEONIZE = load("Neonize_pb2")


def event(code: int, message: Any, *, fresh: bool = False) -> Signal | None:
    return signals.event(code, message.SerializePartialToString(), fresh=fresh)


def jid(user: str, device: int, server: str) -> Any:
    return NEONIZE.JID(User=user, RawAgent=0, Device=device, Integrator=0, Server=server)


def test_the_first_code_lasts_longest() -> None:
    assert [signals.qr("a", each).valid_for.seconds for each in (1, 2, 6)] == [60, 20, 20]


@pytest.mark.parametrize(
    ("status", "signal"),
    [
        ("timeout", LinkingTimedOut()),
        ("passkey-request", PasskeyRequired()),
        ("err-client-outdated", EngineOutdated()),
        ("err-unexpected-state", ConnectRefused()),
        ("error", EngineStopped(detail="the phone's answer to the code did not verify")),
        ("success", None),
        ("err-scanned-without-multidevice", None),
        ("a status of a later version", None),
    ],
)
def test_login_statuses_become_signals(status: str, signal: Signal | None) -> None:
    assert signals.login(status) == signal


def device(lid: Any) -> Any:
    return NEONIZE.Device(
        JID=jid("447441395830", 37, "s.whatsapp.net"),
        LID=lid,
        Platform="android",
        BussinessName="",
        PushName="Ada",
        Initialized=True,
    )


def test_a_fresh_link_says_whose_it_is() -> None:
    assert event(0, device(jid("98765", 37, "lid")), fresh=True) == Linked(
        jid="447441395830:37@s.whatsapp.net", lid="98765:37@lid", platform="android"
    )


@pytest.mark.parametrize("lid", [None, jid("", 0, "")])
def test_a_link_without_a_lid_has_an_empty_one(lid: Any) -> None:
    linked = event(0, device(lid), fresh=True)
    assert isinstance(linked, Linked)
    assert linked.lid == ""


def test_a_resumed_link_was_linked_before() -> None:
    assert event(0, device(None), fresh=False) is None


@pytest.mark.parametrize(
    ("code", "message", "signal"),
    [
        (3, NEONIZE.Connected(status=True), LinkUp()),
        (4, NEONIZE.KeepAliveTimeout(ErrorCount=2, LastSuccess=1), KeepAliveMissed(errors=2)),
        (5, NEONIZE.KeepAliveRestored(), KeepAliveRestored()),
        (7, NEONIZE.StreamReplaced(), CredentialsInUse()),
        (10, NEONIZE.ClientOutdated(), EngineOutdated()),
        (12, NEONIZE.Disconnected(status=True), LinkDown()),
        (20, NEONIZE.Connected(status=True), None),
    ],
)
def test_events_become_signals(code: int, message: Any, signal: Signal | None) -> None:
    assert event(code, message) == signal


@pytest.mark.parametrize(
    ("name", "code"),
    [("LOGGED_OUT", 401), ("MAIN_DEVICE_GONE", 403), ("UNKNOWN_LOGOUT", 406), ("GENERIC", 400)],
)
def test_a_logout_keeps_whatsapps_own_number(name: str, code: int) -> None:
    message = NEONIZE.LoggedOut(OnConnect=True, Reason=getattr(NEONIZE, name))
    assert event(6, message) == LoggedOut(code=code)


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("LOGGED_OUT", LoggedOut(code=401)),
        ("MAIN_DEVICE_GONE", LoggedOut(code=403)),
        ("UNKNOWN_LOGOUT", LoggedOut(code=406)),
        ("TEMP_BANNED", Banned()),
        ("CLIENT_OUTDATED", EngineOutdated()),
        ("GENERIC", ConnectRefused(code=400)),
        ("BAD_USER_AGENT", ConnectRefused(code=409)),
        ("EXPERIMENTAL", ConnectRefused(code=501)),
        ("INTERNAL_SERVER_ERROR", LinkDown()),
        ("SERVICE_UNAVAILABLE", LinkDown()),
    ],
)
def test_a_refused_login_says_what_it_means(name: str, signal: Signal) -> None:
    assert event(9, NEONIZE.ConnectFailure(Reason=getattr(NEONIZE, name))) == signal


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SEND_TO_TOO_MANY_PEOPLE", 101),
        ("BLOCKED_BY_USERS", 102),
        ("CREATED_TOO_MANY_GROUPS", 103),
        ("SENT_TOO_MANY_SAME_MESSAGE", 104),
        ("BROADCAST_LIST", 106),
    ],
)
def test_a_ban_keeps_whatsapps_own_number(name: str, code: int) -> None:
    message = NEONIZE.TemporaryBan(Code=getattr(NEONIZE.TemporaryBan, name), Expire=0)
    assert event(8, message) == Banned(code=code)


def test_every_reason_and_ban_the_library_names_is_known() -> None:
    """A new version of the library that names more must be met with a number of WhatsApp's."""
    reasons = NEONIZE.ConnectFailureReason.values()
    bans = NEONIZE.TemporaryBan.TempBanReason.values()
    assert set(signals._REASONS) == set(reasons)
    assert set(signals._BANS) == set(bans)


FAILURE = (
    "12001a2b0a076661696c757265120d0a06726561736f6e2203{}120f0a086c6f636174696f6e2203636c6e2001"
)


@pytest.mark.parametrize(
    ("code", "message", "signal"),
    [
        (
            0,
            (
                "0a260a0c3434373434313339353833301000180120002a0e732e77686174736170702e6e65743000"
                "121e0a0f3336343330303336383438343330311000180120002a036c696430001a07616e64726f69"
                "6422002a003001"
            ),
            Linked(
                jid="447441395830:1@s.whatsapp.net", lid="364300368484301:1@lid", platform="android"
            ),
        ),
        (3, "0801", LinkUp()),
        (6, "08001002", LoggedOut(code=401)),
        (6, "08011004", LoggedOut(code=403)),
        (6, "08011005", LoggedOut(code=406)),
        (7, "", CredentialsInUse()),
        (8, "080110901c", Banned(code=101, lasts=timedelta(hours=1))),
        (8, "080510901c", Banned(code=106, lasts=timedelta(hours=1))),
        (9, "0801" + FAILURE.format("343030"), ConnectRefused(code=400)),
        (9, "0807" + FAILURE.format("343039"), ConnectRefused(code=409)),
        (9, "0809" + FAILURE.format("353031"), ConnectRefused(code=501)),
        (10, "", EngineOutdated()),
        (12, "0801", LinkDown()),
    ],
)
def test_what_the_library_really_says_is_understood(
    code: int, message: str, signal: Signal
) -> None:
    """Recorded from the library, linked with the emulator, one fault after the other."""
    assert signals.event(code, bytes.fromhex(message), fresh=True) == signal


def test_an_event_that_cannot_be_read_ends_the_link() -> None:
    assert signals.event(6, b"\xff", fresh=False) == EngineStopped(
        detail="the engine's event 6 could not be read"
    )


@pytest.mark.parametrize(
    ("error", "signal"),
    [
        ("proto: required field neonize.TemporaryBan.Code not set", Banned()),
        ("proto: required field neonize.ConnectFailure.Reason not set", ConnectRefused()),
        ("proto: required field neonize.LoggedOut.Reason not set", LoggedOut()),
        (
            "proto: required field neonize.Receipt.Type not set",
            EngineStopped(detail="no name for a Receipt event"),
        ),
        ("", EngineStopped(detail="the engine ended its connection")),
        (
            (
                "failed to dial whatsapp web websocket: dial tcp: lookup web.whatsapp.com: "
                "no such host"
            ),
            EngineStopped(detail="the address of whatsapp cannot be resolved"),
        ),
        (
            "failed to dial whatsapp web websocket: proxyconnect tcp: connect: connection refused",
            EngineStopped(detail="the connection to whatsapp was refused"),
        ),
        (
            "unable to open database file: 447441395830",
            EngineStopped(detail="the credentials cannot be opened"),
        ),
        (
            "447441395830 something new",
            EngineStopped(detail="the engine failed with an unknown error"),
        ),
    ],
)
def test_the_engines_last_words_are_understood(error: str, signal: Signal) -> None:
    assert signals.ended(error) == signal


def test_a_signal_is_final_unless_the_link_may_go_on() -> None:
    goes_on = {
        *(QrIssued, PairingCodeIssued, Linked),
        *(LinkUp, LinkDown, KeepAliveMissed, KeepAliveRestored),
        *get_args(ChatSignal),
    }
    for kind in get_args(Signal):
        signal = object.__new__(kind)
        assert signals.is_final(signal) is (kind not in goes_on)


def test_signals_are_subscribed_to() -> None:
    assert list(signals.SUBSCRIBED) == [3, 4, 5, 6, 7, 8, 9, 10, 12, 17, 18, 19, 44]
    assert timedelta(seconds=160) == signals.LINKING_LASTS
