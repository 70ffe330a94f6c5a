from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sololine.core.advance import (
    Began,
    Evicted,
    Granted,
    LineSignal,
    Looked,
    Refused,
    RequestPairingCode,
    Step,
    advance,
)
from sololine.core.claim import Policy
from sololine.core.ids import BotId, DeviceId, TenantId, device_id
from sololine.core.linking import Code, Method, Window
from sololine.core.number import Number
from sololine.core.session import Device, End, EndReason, Intent, Session, State, Wish
from sololine.core.signals import (
    EngineStopped,
    LinkingTimedOut,
    PairingCodeIssued,
    PasskeyRequired,
    QrIssued,
)

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = T0 + timedelta(seconds=30)
BOT = BotId("bot_0123456789abcdefghij")
RIVAL = BotId("bot_rrrrrrrrrrrrrrrrrrrr")
NUMBER = Number(digits="447700900123")
OTHER = Number(digits="447700900124")
QR = QrIssued(code="2@secret-qr", valid_for=timedelta(seconds=60))
PAIRING = PairingCodeIssued(code="SECRETPC", valid_for=timedelta(seconds=160))


def device(name: str = "dev_own", number: Number = NUMBER) -> Device:
    return Device(
        id=DeviceId(name),
        number=number,
        jid=f"{number}:7@s.whatsapp.net",
        lid="98765432109:7@lid",
        linked_at=T0,
    )


GRANTED = Granted(device=device())
LINKING_WORDS = [
    GRANTED,
    Refused(reason=EndReason.NUMBER_TAKEN),
    QR,
    PAIRING,
    LinkingTimedOut(),
    PasskeyRequired(),
]

FRESH = Session(bot=BOT, tenant=TenantId("acme"), since=T0)
ASKED_TO_LINK = replace(
    FRESH, intent=Intent(no=1, wish=Wish.ONLINE, window=Window.opened(T0, policy=Policy.REPLACE))
)
LINKING = replace(
    ASKED_TO_LINK, obeyed=1, state=State.CONNECTING, linking=device_id(BOT, 1, 1), round=1
)
SCANNABLE = replace(
    LINKING,
    state=State.AWAITING_SCAN,
    code=Code(method=Method.QR, text="2@secret-qr", expires_at=NOW),
)

LINKED = replace(
    ASKED_TO_LINK, obeyed=1, state=State.CONNECTING, device=device(), round=1, since=NOW
)
CONNECTED = replace(LINKED, state=State.CONNECTED, connected_at=T0)

# ---------------------------------------------------------------- a newer intent waits


@pytest.mark.parametrize("signal", LINKING_WORDS, ids=lambda signal: type(signal).__name__)
@pytest.mark.parametrize("window", [None, Window.opened(NOW, number=OTHER, method=Method.CODE)])
def test_a_linking_that_a_newer_intent_ended_is_not_judged_by_that_intent(
    signal: LineSignal, window: Window | None
) -> None:
    session = replace(SCANNABLE, intent=Intent(no=2, wish=Wish.ONLINE, window=window))

    assert advance(session, signal, NOW) == Step(session=session)


def test_credentials_never_get_a_name_that_a_newer_intent_will_give() -> None:
    """Else a retired device and a new one would share a file."""
    session = replace(SCANNABLE, intent=Intent(no=2, wish=Wish.ONLINE, window=Window.opened(NOW)))

    retried = advance(session, EngineStopped(), NOW).session

    assert retried.linking == device_id(BOT, 1, 2)


ASKED_AGAIN = replace(CONNECTED, intent=Intent(no=2, wish=Wish.ONLINE))


def test_a_connected_session_that_is_asked_to_connect_stays_connected() -> None:
    """Its link is not opened again, so nothing would tell a session on its way that it is up."""
    assert advance(ASKED_AGAIN, Looked(), NOW) == Step(session=replace(ASKED_AGAIN, obeyed=2))


def test_a_line_that_takes_a_connected_session_over_connects_it_whatever_was_asked() -> None:
    assert advance(ASKED_AGAIN, Began(), NOW).session.state is State.CONNECTING


# ---------------------------------------------------------------- closed links


@pytest.mark.parametrize("signal", [LinkUp(), QR, LinkingTimedOut(), EngineStopped()])
def test_what_a_link_says_while_the_session_waits_to_open_it_again_comes_too_late(
    signal: LineSignal,
) -> None:
    later = NOW + timedelta(seconds=5)
    for waiting in (
        replace(LINKING, retry_at=later),
        replace(CONNECTED, state=State.RECONNECTING, retry_at=later),
    ):
        assert advance(waiting, signal, NOW) == Step(session=waiting)


# ---------------------------------------------------------------- eviction


def test_an_eviction_ends_a_window_that_only_reserves_the_number() -> None:
    window = Window.opened(T0, number=NUMBER)
    declared = replace(window, reserves=True)
    session = replace(SCANNABLE, intent=replace(SCANNABLE.intent, window=declared))

    step = advance(session, Evicted(by=RIVAL), NOW)

    assert step.session.end == End(reason=EndReason.REPLACED_BY_POLICY, at=NOW)
    assert step.session.linking is None
    assert step.session.claims() == frozenset()


@pytest.mark.parametrize("had", [None, device()])
def test_an_eviction_ends_a_window_that_no_line_took_up_yet(had: Device | None) -> None:
    """Else the reservation would come back to life beside the newcomer's claim."""
    window = replace(Window.opened(T0, number=NUMBER), reserves=True)
    session = replace(FRESH, device=had, intent=Intent(no=1, wish=Wish.ONLINE, window=window))

    step = advance(session, Evicted(by=RIVAL), NOW)

    assert step.session.idle
    assert step.session.device is None
    assert step.session.claims() == frozenset()


def test_an_eviction_leaves_an_intent_alone_that_reserves_nothing() -> None:
    session = replace(FRESH, device=device(), intent=Intent(no=1, wish=Wish.ONLINE))

    step = advance(session, Evicted(by=RIVAL), NOW)

    assert step.session.device is None
    assert not step.session.idle


# ---------------------------------------------------------------- secrets


def test_an_order_does_not_show_the_number_when_it_is_logged() -> None:
    assert NUMBER.digits not in repr(RequestPairingCode(digits=NUMBER.digits))
