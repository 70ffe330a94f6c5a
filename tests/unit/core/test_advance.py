import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.advance import (
    BACKOFF_MAX,
    DEAF_AFTER,
    LINKING_ATTEMPTS,
    Began,
    Evicted,
    Granted,
    LineSignal,
    Looked,
    Refused,
    RequestPairingCode,
    Step,
    advance,
    backoff,
    rfc3339,
)
from sololine.core.claim import Claim, ClaimKind, Policy
from sololine.core.events import Event, EventType
from sololine.core.ids import BotId, DeviceId, TenantId, device_id
from sololine.core.linking import WINDOW, Code, Method, Window
from sololine.core.number import Number
from sololine.core.session import (
    STALL,
    Device,
    End,
    EndReason,
    Intent,
    Session,
    State,
    Wish,
)
from sololine.core.signals import (
    Banned,
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
)

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = T0 + timedelta(seconds=30)
LATER = NOW + timedelta(seconds=5)
BOT = BotId("bot_0123456789abcdefghij")
RIVAL = BotId("bot_rrrrrrrrrrrrrrrrrrrr")
TENANT = TenantId("acme")
NUMBER = Number(digits="447700900123")
OTHER = Number(digits="447700900124")
QR = QrIssued(code="2@secret-qr", valid_for=timedelta(seconds=60))
PAIRING = PairingCodeIssued(code="SECRETPC", valid_for=timedelta(seconds=160))
SECRETS = "2@secret-qr", "SECRETPC", "447700900123", "447700900124", "98765432109"


def device(name: str = "dev_own", number: Number = NUMBER) -> Device:
    return Device(
        id=DeviceId(name),
        number=number,
        jid=f"{number}:7@s.whatsapp.net",
        lid="98765432109:7@lid",
        linked_at=T0,
    )


GRANTED = Granted(device=device())
SIGNALS: dict[str, LineSignal] = {
    "began": Began(),
    "looked": Looked(),
    "granted": GRANTED,
    "refused": Refused(reason=EndReason.NUMBER_TAKEN),
    "evicted": Evicted(by=RIVAL),
    "qr": QR,
    "pairing code": PAIRING,
    "timed out": LinkingTimedOut(),
    "passkey": PasskeyRequired(),
    "linked": Linked(jid=GRANTED.device.jid, lid=GRANTED.device.lid),
    "up": LinkUp(),
    "down": LinkDown(),
    "silent once": KeepAliveMissed(errors=DEAF_AFTER - 1),
    "silent": KeepAliveMissed(errors=DEAF_AFTER),
    "heard again": KeepAliveRestored(),
    "logged out": LoggedOut(code=401),
    "in use": CredentialsInUse(),
    "banned": Banned(lasts=timedelta(hours=1)),
    "outdated": EngineOutdated(),
    "login refused": ConnectRefused(code=503),
    "stopped": EngineStopped(detail="killed"),
}
LINKING_WORDS = [
    SIGNALS[name] for name in ("granted", "refused", "qr", "pairing code", "timed out", "passkey")
]

FRESH = Session(bot=BOT, tenant=TENANT, since=T0)
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
RECONNECTING = replace(CONNECTED, state=State.RECONNECTING)
OFFLINE = replace(
    CONNECTED, state=State.DISCONNECTED, end=End(reason=EndReason.ASKED, at=T0), since=T0
)
BANNED = replace(OFFLINE, end=End(reason=EndReason.BANNED, at=T0, until=LATER))

SESSIONS = {
    "fresh": FRESH,
    "asked to link": ASKED_TO_LINK,
    "linking": LINKING,
    "linking again soon": replace(LINKING, attempt=1, retry_at=LATER),
    "scannable": SCANNABLE,
    "linked": LINKED,
    "connected": CONNECTED,
    "reconnecting": RECONNECTING,
    "backing off": replace(RECONNECTING, attempt=1, retry_at=LATER),
    "offline": OFFLINE,
    "banned": BANNED,
}
WHILE_LINKING: dict[str, State | EndReason] = {
    "began": State.CONNECTING,
    "granted": State.CONNECTING,
    "refused": EndReason.NUMBER_TAKEN,
    "qr": State.AWAITING_SCAN,
    "pairing code": State.AWAITING_SCAN,
    "timed out": State.CONNECTING,
    "passkey": EndReason.PASSKEY_REQUIRED,
    "outdated": EndReason.ENGINE_OUTDATED,
    "login refused": State.CONNECTING,
    "stopped": State.CONNECTING,
}
WHILE_LINKED: dict[str, State | EndReason] = {
    "began": State.CONNECTING,
    "evicted": EndReason.REPLACED_BY_POLICY,
    "up": State.CONNECTED,
    "silent": State.RECONNECTING,
    "logged out": EndReason.LOGGED_OUT,
    "in use": EndReason.CREDENTIALS_IN_USE,
    "banned": EndReason.BANNED,
    "outdated": EndReason.ENGINE_OUTDATED,
    "login refused": State.RECONNECTING,
    "stopped": State.RECONNECTING,
}
MOVES: dict[str, dict[str, State | EndReason]] = {
    "fresh": {},
    "asked to link": {"began": State.CONNECTING, "looked": State.CONNECTING},
    "linking": {**WHILE_LINKING},
    "linking again soon": {
        "began": State.CONNECTING,
        "granted": State.CONNECTING,
        "refused": EndReason.NUMBER_TAKEN,
    },
    "scannable": {**WHILE_LINKING},
    "linked": {**WHILE_LINKED},
    "connected": {**WHILE_LINKED, "down": State.RECONNECTING},
    "reconnecting": {**WHILE_LINKED},
    "backing off": {"began": State.CONNECTING, "evicted": EndReason.REPLACED_BY_POLICY},
    "offline": {"evicted": EndReason.REPLACED_BY_POLICY},
    "banned": {"evicted": EndReason.REPLACED_BY_POLICY},
}
"""Where each signal leads; what is not listed changes nothing."""


def types(step: Step) -> list[EventType]:
    return [event.type for event in step.events]


def obeying(session: Session, wish: Wish, window: Window | None = None) -> Step:
    """What a line does when it finds a new intent."""
    intent = Intent(no=session.intent.no + 1, wish=wish, window=window)
    return advance(replace(session, intent=intent), Looked(), NOW)


# ---------------------------------------------------------------- every state, every signal


def test_the_table_knows_every_signal() -> None:
    assert {type(signal) for signal in SIGNALS.values()} == set(get_args(LineSignal))


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("session", SESSIONS)
def test_each_signal_leads_where_the_table_says(session: str, signal: str) -> None:
    before = SESSIONS[session]
    step = advance(before, SIGNALS[signal], NOW)
    match MOVES[session].get(signal):
        case State() as state:
            assert step != Step(session=before)
            assert step.session.state is state
        case EndReason() as reason:
            assert step.session.end is not None
            assert (step.session.state, step.session.end.reason) == (State.DISCONNECTED, reason)
        case None:
            assert step == Step(session=before)


# ---------------------------------------------------------------- intents


@pytest.mark.parametrize("before", [LINKED, CONNECTED, RECONNECTING, OFFLINE, BANNED])
def test_going_offline_keeps_the_number(before: Session) -> None:
    after = obeying(before, Wish.OFFLINE).session

    assert after.end == End(reason=EndReason.ASKED, at=NOW)
    assert after.idle
    assert after.claims() == before.claims()


@pytest.mark.parametrize("before", [FRESH, SCANNABLE, CONNECTED, OFFLINE, BANNED])
def test_unlinking_gives_credentials_and_number_up(before: Session) -> None:
    after = obeying(before, Wish.UNLINKED).session

    assert after.end == End(reason=EndReason.UNLINKED, at=NOW)
    assert after.idle
    assert after.devices == frozenset()
    assert after.claims() == frozenset()


def test_an_end_tells_its_reason_and_what_to_do() -> None:
    assert obeying(CONNECTED, Wish.OFFLINE).events == (
        Event(
            type=EventType.SESSION_DISCONNECTED,
            data={"reason": "asked", "remedy": EndReason.ASKED.remedy},
        ),
    )


@pytest.mark.parametrize("before", [FRESH, OFFLINE, BANNED, RECONNECTING])
def test_a_window_begins_with_fresh_credentials_and_gives_the_old_ones_up(before: Session) -> None:
    step = obeying(before, Wish.ONLINE, Window.opened(NOW))

    no = before.intent.no + 1
    assert step.session.state is State.CONNECTING
    assert step.session.since == NOW
    assert step.session.devices == {device_id(BOT, no, 1)}
    assert step.session.link == device_id(BOT, no, 1)
    assert (step.session.obeyed, step.session.round) == (no, 1)
    assert types(step) == [EventType.SESSION_CONNECTING]


def test_a_new_window_starts_anew_what_an_old_one_had_come_to() -> None:
    tired = replace(SESSIONS["linking again soon"], attempt=2, round=5)

    after = obeying(tired, Wish.ONLINE, Window.opened(NOW)).session

    assert (after.attempt, after.round, after.retry_at) == (0, 1, None)


def test_a_window_that_ended_before_a_line_came_costs_no_credentials() -> None:
    after = obeying(OFFLINE, Wish.ONLINE, Window.opened(NOW - WINDOW)).session

    assert after.end == End(reason=EndReason.WINDOW_OVER, at=NOW)
    assert after.device == OFFLINE.device


@pytest.mark.parametrize("before", [OFFLINE, BANNED, SESSIONS["backing off"]])
def test_connecting_without_a_window_uses_the_bots_own_credentials(before: Session) -> None:
    step = obeying(before, Wish.ONLINE)

    assert step.session.state is State.CONNECTING
    assert step.session.end is None
    assert step.session.link == device().id
    assert types(step) == [EventType.SESSION_CONNECTING]


def test_connecting_without_a_window_needs_credentials() -> None:
    assert obeying(FRESH, Wish.ONLINE).session.end == End(reason=EndReason.UNLINKED, at=NOW)


# ---------------------------------------------------------------- what is due


@pytest.mark.parametrize("signal", [Looked(), Began()])
@pytest.mark.parametrize("before", [LINKING, SCANNABLE, SESSIONS["linking again soon"]])
def test_linking_ends_with_its_window(before: Session, signal: LineSignal) -> None:
    over = T0 + WINDOW

    assert advance(before, signal, over - timedelta(seconds=1)).session.linking is not None
    assert advance(before, signal, over).session.end == End(reason=EndReason.WINDOW_OVER, at=over)


@pytest.mark.parametrize(
    ("before", "after"), [(LINKING, State.CONNECTING), (RECONNECTING, State.RECONNECTING)]
)
def test_a_link_that_does_not_come_up_is_closed_and_opened_again_later(
    before: Session, after: State
) -> None:
    stalled = before.since + STALL
    assert before.due() == stalled

    step = advance(before, Looked(), stalled)

    assert step.session.state is after
    assert step.session.retry_at == stalled + backoff(1, BOT)
    assert step.session.link is None


def test_a_wait_is_whole_milliseconds_as_rows_keep_it() -> None:
    """Else a session is another one when it is read again, and each look writes it anew."""
    waits = [backoff(attempt, BotId(f"bot_{no}")) for attempt in range(1, 9) for no in range(50)]

    assert all(wait % timedelta(milliseconds=1) == timedelta() for wait in waits)


def test_a_link_is_opened_again_when_the_wait_is_over() -> None:
    waiting = SESSIONS["backing off"]

    after = advance(waiting, Looked(), LATER).session

    assert after.link == device().id
    assert after.since == LATER
    assert after.attempt == waiting.attempt


def test_a_ban_that_is_over_lets_the_bot_connect_again() -> None:
    step = advance(BANNED, Looked(), LATER)

    assert step.session.state is State.CONNECTING
    assert step.session.link == device().id
    assert types(step) == [EventType.SESSION_CONNECTING]


@pytest.mark.parametrize(
    "before",
    [
        replace(BANNED, intent=replace(BANNED.intent, wish=Wish.OFFLINE)),
        replace(BANNED, device=None),
    ],
)
def test_a_ban_that_is_over_is_forgotten_when_there_is_nothing_to_connect(before: Session) -> None:
    step = advance(before, Looked(), LATER)

    assert step == Step(session=replace(before, end=End(reason=EndReason.BANNED, at=T0)))
    assert step.session.due() is None


# ---------------------------------------------------------------- linking


def test_a_qr_is_announced_but_not_told() -> None:
    step = advance(LINKING, QR, NOW)

    expires_at = NOW + QR.valid_for
    assert step.session.code == Code(method=Method.QR, text=QR.code, expires_at=expires_at)
    assert step.events == (
        Event(
            type=EventType.SESSION_QR,
            data={
                "method": "qr",
                "expiresAt": "2026-01-01T12:01:30.000Z",
                "windowEndsAt": "2026-01-01T12:05:00.000Z",
            },
        ),
    )


def test_a_code_does_not_outlive_its_window() -> None:
    code = advance(LINKING, QR, T0 + WINDOW - timedelta(seconds=10)).session.code

    assert code is not None
    assert code.expires_at == T0 + WINDOW


def test_a_code_ends_the_count_of_failures() -> None:
    assert advance(replace(LINKING, attempt=2), QR, NOW).session.attempt == 0


BY_CODE = replace(
    LINKING,
    intent=replace(LINKING.intent, window=Window.opened(T0, method=Method.CODE, number=NUMBER)),
)


def test_a_pairing_code_is_asked_for_when_the_engine_is_ready_for_it() -> None:
    step = advance(BY_CODE, QR, NOW)

    assert step == Step(session=BY_CODE, orders=(RequestPairingCode(digits=NUMBER.digits),))


def test_a_pairing_code_is_asked_for_once() -> None:
    shown = advance(BY_CODE, PAIRING, NOW)

    assert shown.session.state is State.AWAITING_SCAN
    assert shown.session.code == Code(
        method=Method.CODE, text=PAIRING.code, expires_at=NOW + PAIRING.valid_for
    )
    assert advance(shown.session, QR, NOW) == Step(session=shown.session)


def test_a_pairing_code_without_a_number_is_not_asked_for() -> None:
    window = Window.opened(T0, method=Method.CODE)
    session = replace(LINKING, intent=replace(LINKING.intent, window=window))

    assert advance(session, QR, NOW) == Step(session=session)


def test_a_second_worker_goes_on_with_the_window_unseen() -> None:
    step = advance(SCANNABLE, LinkingTimedOut(), NOW)

    assert step.session.link == device_id(BOT, 1, 2)
    assert step.session.devices == {device_id(BOT, 1, 2)}
    assert step.session.code is None
    assert step.session.since == NOW
    assert step.events == ()


def test_a_worker_that_times_out_after_the_window_has_no_successor() -> None:
    step = advance(SCANNABLE, LinkingTimedOut(), T0 + WINDOW)

    assert step.session.end == End(reason=EndReason.WINDOW_OVER, at=T0 + WINDOW)


def test_a_line_that_begins_voids_what_its_predecessor_showed() -> None:
    after = advance(SCANNABLE, Began(), NOW).session

    assert after.linking == device_id(BOT, 1, 2)
    assert after.code is None


def test_workers_that_fail_in_a_row_end_the_window() -> None:
    session, now = LINKING, NOW
    for attempt in range(1, LINKING_ATTEMPTS):
        session = advance(session, EngineStopped(), now).session
        assert session.attempt == attempt
        assert session.retry_at == now + backoff(attempt, BOT)
        now = session.retry_at
        session = advance(session, Looked(), now).session
        assert session.link == device_id(BOT, 1, attempt + 1)

    step = advance(session, EngineStopped(), now)

    assert step.session.end == End(reason=EndReason.UNREACHABLE, at=now)


def test_a_granted_number_makes_the_linking_credentials_the_bots() -> None:
    granted = Granted(device=device(device_id(BOT, 1, 1)))
    step = advance(SCANNABLE, granted, NOW)

    assert step.session.device == granted.device
    assert step.session.link == SCANNABLE.link
    assert step.session.window(NOW) is None
    assert step.session.code is None
    assert step.session.claims() == {
        Claim(number=NUMBER, bot=BOT, tenant=TENANT, kind=ClaimKind.HELD, since=T0)
    }
    assert step.events == (Event(type=EventType.SESSION_LINKED, data={"number": NUMBER.masked}),)


def test_a_number_that_was_taken_over_names_the_bot_that_lost_it() -> None:
    step = advance(SCANNABLE, replace(GRANTED, evicted=RIVAL), NOW)

    assert step.events[1] == Event(
        type=EventType.CONFLICT_REPLACED, data={"number": NUMBER.masked, "evictedBotId": RIVAL}
    )


@pytest.mark.parametrize("holder", [None, RIVAL])
def test_a_refusal_tells_the_holder_only_when_it_was_given(holder: BotId | None) -> None:
    step = advance(SCANNABLE, Refused(reason=EndReason.NUMBER_TAKEN, holder=holder), NOW)

    named = {"holderBotId": RIVAL} if holder else {}
    assert step.events[0] == Event(
        type=EventType.CONFLICT_REFUSED, data={"reason": "number_taken", **named}
    )
    assert types(step)[1:] == [EventType.SESSION_DISCONNECTED]
    assert step.session.devices == frozenset()


# ---------------------------------------------------------------- connected


def test_messages_flow_from_the_moment_the_link_is_up() -> None:
    step = advance(replace(RECONNECTING, attempt=4), LinkUp(), NOW)

    assert step.session == replace(
        RECONNECTING, state=State.CONNECTED, attempt=0, since=NOW, connected_at=NOW
    )
    assert step.events == (Event(type=EventType.SESSION_CONNECTED, data={"number": NUMBER.masked}),)


def test_a_lost_link_is_told_once() -> None:
    lost = advance(CONNECTED, LinkDown(), NOW)

    assert types(lost) == [EventType.SESSION_RECONNECTING]
    assert lost.session.link == device().id
    assert types(advance(lost.session, EngineStopped(), NOW)) == []
    assert types(advance(CONNECTED, EngineStopped(), NOW)) == [EventType.SESSION_RECONNECTING]


def test_a_linked_bot_is_never_given_up_for_being_unreachable() -> None:
    after = advance(replace(RECONNECTING, attempt=1000), EngineStopped(), NOW).session

    assert after.state is State.RECONNECTING
    assert after.retry_at is not None
    assert after.retry_at - NOW <= BACKOFF_MAX


def test_a_phone_that_removed_the_device_frees_the_number() -> None:
    after = advance(CONNECTED, LoggedOut(), NOW).session

    assert after.claims() == frozenset()
    assert after.devices == frozenset()


@pytest.mark.parametrize("signal", ["in use", "banned", "outdated"])
def test_an_end_that_a_person_must_mend_keeps_credentials_and_number(signal: str) -> None:
    after = advance(CONNECTED, SIGNALS[signal], NOW).session

    assert after.device == CONNECTED.device
    assert after.claims() == CONNECTED.claims()


@pytest.mark.parametrize(
    ("lasts", "until", "told"),
    [
        (timedelta(hours=1), NOW + timedelta(hours=1), "2026-01-01T13:00:30.000Z"),
        (None, None, None),
    ],
)
def test_a_ban_tells_when_it_passes_if_anyone_knows(
    lasts: timedelta | None, until: datetime | None, told: str | None
) -> None:
    step = advance(CONNECTED, Banned(lasts=lasts), NOW)

    assert step.session.end == End(reason=EndReason.BANNED, at=NOW, until=until)
    assert step.events[0].data.get("until") == told


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


@pytest.mark.parametrize("before", [LINKED, CONNECTED, OFFLINE, BANNED, SESSIONS["backing off"]])
def test_an_evicted_bot_loses_number_and_credentials_and_learns_to_whom(before: Session) -> None:
    step = advance(before, Evicted(by=RIVAL), NOW)

    assert step.session.claims() == frozenset()
    assert step.session.devices == frozenset()
    assert step.events[0].data["byBotId"] == RIVAL


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


# ---------------------------------------------------------------- any session, any signal

SECONDS = st.integers(min_value=0, max_value=4000).map(lambda s: timedelta(seconds=s))
PAST = SECONDS.map(lambda ago: NOW - timedelta(seconds=1) - ago)
FUTURE = SECONDS.map(lambda ahead: NOW + ahead)
NUMBERS = st.sampled_from([NUMBER, OTHER])
DEVICES = st.builds(device, st.sampled_from(["dev_a", "dev_b"]), NUMBERS)
CODES = st.builds(
    Code,
    method=st.sampled_from(Method),
    text=st.sampled_from(SECRETS[:2]),
    expires_at=PAST | FUTURE,
)
WINDOWS = st.builds(
    Window,
    opened_at=PAST,
    ends_at=PAST | FUTURE,
    method=st.sampled_from(Method),
    number=st.none() | NUMBERS,
    policy=st.sampled_from(Policy),
    reserves=st.booleans(),
)
LINE_SIGNALS = st.sampled_from(list(SIGNALS.values())) | st.builds(Granted, device=DEVICES)
ENDS = st.builds(End, reason=st.sampled_from(EndReason), at=PAST, until=st.none() | PAST | FUTURE)


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    """Any session that can come to be, with or without a newer intent waiting."""
    obeyed, waiting = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    intent = st.builds(
        Intent, no=st.just(obeyed + waiting), wish=st.sampled_from(Wish), window=st.none() | WINDOWS
    )
    session = Session(
        bot=BOT,
        tenant=TENANT,
        intent=draw(intent),
        obeyed=obeyed,
        state=draw(st.sampled_from(State)),
        round=draw(st.integers(0, 4)),
        since=draw(PAST),
        connected_at=draw(st.none() | PAST),
    )
    if session.state is State.DISCONNECTED:
        return replace(session, end=draw(st.none() | ENDS), device=draw(st.none() | DEVICES))
    attempt = draw(st.integers(0, 3))
    retry_at = draw(st.none() | PAST | FUTURE)
    match session.state:
        case State.CONNECTED:
            return replace(session, device=draw(DEVICES))
        case State.RECONNECTING:
            return replace(session, device=draw(DEVICES), attempt=attempt, retry_at=retry_at)
        case State.CONNECTING if draw(st.booleans()):
            return replace(session, device=draw(DEVICES), attempt=attempt)
    if not waiting and session.intent.window is None:
        session = replace(session, intent=replace(session.intent, window=draw(WINDOWS)))
    session = replace(session, linking=device_id(BOT, obeyed, session.round))
    if session.state is State.AWAITING_SCAN:
        return replace(session, code=draw(CODES))
    return replace(session, attempt=attempt, retry_at=retry_at)


def assert_sound(session: Session) -> None:
    """What must be true of every session, whatever happened to it."""
    assert session.obeyed <= session.intent.no
    disconnected = session.state is State.DISCONNECTED
    waiting = session.obeyed < session.intent.no
    if session.end is not None:
        assert disconnected
    if session.linking is not None:
        assert session.device is None
        assert waiting or session.taken_up is not None
    if session.state in (State.CONNECTED, State.RECONNECTING):
        assert session.device is not None
    assert (session.code is not None) == (session.state is State.AWAITING_SCAN)
    if session.code is not None or session.retry_at is not None:
        assert session.linking is not None or session.state is State.RECONNECTING
    if disconnected:
        assert (session.linking, session.retry_at, session.attempt) == (None, None, 0)
    else:
        assert (session.linking is None) != (session.device is None)
    assert session.idle == (disconnected and not waiting)
    assert (session.link is None) == (disconnected or session.retry_at is not None)
    assert session.link is None or {session.link} == session.devices
    held = {claim.number for claim in session.claims() if claim.kind is ClaimKind.HELD}
    assert held == ({session.device.number} if session.device else set())
    assert len({claim.number for claim in session.claims()}) == len(session.claims())
    assert {(claim.bot, claim.tenant) for claim in session.claims()} <= {(BOT, TENANT)}


def assert_told_well(before: Session, step: Step) -> None:
    """Each end is told once, by an event that holds JSON and no secret."""
    after = step.session
    ended = after.end is not None and (before.end is None or after.end.at != before.end.at)
    assert types(step).count(EventType.SESSION_DISCONNECTED) == ended
    told = json.dumps([dict(event.data) for event in step.events]) + repr(step)
    assert not [secret for secret in SECRETS if secret in told]


@given(sessions())
def test_the_sessions_that_follow_are_sound(session: Session) -> None:
    assert_sound(session)


@given(sessions(), LINE_SIGNALS)
def test_any_signal_leaves_any_session_sound(session: Session, signal: LineSignal) -> None:
    step = advance(session, signal, NOW)

    assert_sound(step.session)
    assert_told_well(session, step)
    assert step.session.since <= NOW
    assert step.session.intent == session.intent, "a line never writes an intent"


@given(sessions(), LINE_SIGNALS)
def test_advancing_is_repeatable(session: Session, signal: LineSignal) -> None:
    """A transaction that lost a race runs again, and must come to the same end."""
    assert advance(session, signal, NOW) == advance(session, signal, NOW)


INTENTS = st.tuples(st.sampled_from(Wish), st.booleans())


@given(st.lists(LINE_SIGNALS | INTENTS | SECONDS, max_size=40))
def test_a_life_of_any_length_stays_sound_and_never_uses_a_name_twice(
    life: list[LineSignal | tuple[Wish, bool] | timedelta],
) -> None:
    session, now = FRESH, NOW
    made: list[DeviceId] = []
    for happening in life:
        now += timedelta(milliseconds=1)
        match happening:
            case timedelta():
                now += happening
                continue
            case (wish, links):
                window = Window.opened(now, number=NUMBER) if links else None
                intent = Intent(no=session.intent.no + 1, wish=wish, window=window)
                session = replace(session, intent=intent)
                continue
            case Granted() if session.linking is not None:
                step = advance(session, Granted(device=device(session.linking)), now)
            case signal:
                step = advance(session, signal, now)
        assert_sound(step.session)
        assert_told_well(session, step)
        if step.session.linking not in (None, session.linking):
            made.append(step.session.linking)
        session = step.session
    assert len(set(made)) == len(made)


def test_an_order_does_not_show_the_number_when_it_is_logged() -> None:
    assert NUMBER.digits not in repr(RequestPairingCode(digits=NUMBER.digits))


# ---------------------------------------------------------------- waiting


@given(st.integers(min_value=1, max_value=10_000))
def test_a_wait_doubles_up_to_a_minute_less_a_quarter_at_most(attempt: int) -> None:
    whole = min(timedelta(seconds=2 ** min(attempt - 1, 6)), BACKOFF_MAX)

    assert whole * 0.75 <= backoff(attempt, BOT) <= whole


def test_bots_that_fell_together_do_not_come_back_together() -> None:
    bots = [BotId(f"bot_{n:020}") for n in range(50)]

    assert len({backoff(6, bot) for bot in bots}) > 40


def test_an_instant_is_told_in_milliseconds_of_utc() -> None:
    assert rfc3339(T0 + timedelta(microseconds=1999)) == "2026-01-01T12:00:00.001Z"
