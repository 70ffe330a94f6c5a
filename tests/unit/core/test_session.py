from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sololine.core.claim import Claim, ClaimKind
from sololine.core.ids import BotId, DeviceId, TenantId
from sololine.core.linking import Code, Method, Window
from sololine.core.number import Number
from sololine.core.session import STALL, Device, End, EndReason, Intent, Session, State, Wish

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = T0 + timedelta(seconds=40)
BOT = BotId("bot_0123456789abcdefghij")
TENANT = TenantId("acme")
NUMBER = Number(digits="447700900123")
OTHER = Number(digits="447700900124")
WINDOW = Window.opened(T0)
DEVICE = Device(
    id=DeviceId("dev_own"),
    number=NUMBER,
    jid="447700900123:7@s.whatsapp.net",
    lid="98765432109:7@lid",
    linked_at=T0,
)
LINKING = DeviceId("dev_linking")

FRESH = Session(bot=BOT, tenant=TENANT, since=T0)
OFFLINE = replace(FRESH, device=DEVICE, end=End(reason=EndReason.ASKED, at=T0))
CONNECTED = replace(FRESH, device=DEVICE, state=State.CONNECTED)


def linking(window: Window = WINDOW) -> Session:
    return replace(
        FRESH,
        intent=Intent(no=1, wish=Wish.ONLINE, window=window),
        obeyed=1,
        state=State.CONNECTING,
        linking=LINKING,
    )


def waiting(session: Session, window: Window | None = None) -> Session:
    """The session with an intent that no line took up yet."""
    return replace(session, intent=Intent(no=session.obeyed + 1, wish=Wish.ONLINE, window=window))


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_has_a_remedy_in_a_sentence(reason: EndReason) -> None:
    assert reason.remedy[0].isupper()
    assert reason.remedy.endswith(".")


# ---------------------------------------------------------------- idle


@pytest.mark.parametrize("session", [FRESH, OFFLINE])
def test_a_disconnected_session_needs_no_line(session: Session) -> None:
    assert session.idle


@pytest.mark.parametrize("session", [waiting(FRESH), waiting(OFFLINE), linking(), CONNECTED])
def test_a_session_with_something_to_run_or_to_obey_needs_a_line(session: Session) -> None:
    assert not session.idle


# ---------------------------------------------------------------- link and devices


@pytest.mark.parametrize(
    ("session", "link"),
    [
        (FRESH, None),
        (OFFLINE, None),
        (waiting(OFFLINE, WINDOW), None),
        (linking(), LINKING),
        (CONNECTED, DEVICE.id),
        (replace(CONNECTED, state=State.RECONNECTING), DEVICE.id),
        (replace(CONNECTED, state=State.RECONNECTING, retry_at=LATER), None),
        (replace(linking(), retry_at=LATER), None),
        # Nothing a line makes; it must not open anything.
        (replace(FRESH, state=State.CONNECTING), None),
    ],
)
def test_the_link_is_open_while_the_session_runs_and_does_not_wait(
    session: Session, link: DeviceId | None
) -> None:
    assert session.link == link


@pytest.mark.parametrize(
    ("session", "devices"),
    [
        (FRESH, set()),
        (OFFLINE, {DEVICE.id}),
        (CONNECTED, {DEVICE.id}),
        (linking(), {LINKING}),
        (replace(CONNECTED, linking=LINKING), {DEVICE.id, LINKING}),
    ],
)
def test_the_devices_are_the_credentials_that_may_exist(
    session: Session, devices: set[DeviceId]
) -> None:
    assert session.devices == devices


# ---------------------------------------------------------------- the window


@pytest.mark.parametrize("session", [waiting(FRESH, WINDOW), waiting(OFFLINE, WINDOW), linking()])
def test_a_window_is_open_from_the_intent_to_its_end(session: Session) -> None:
    assert session.window(T0) == WINDOW
    assert session.window(WINDOW.ends_at - timedelta(milliseconds=1)) == WINDOW
    assert session.window(WINDOW.ends_at) is None


@pytest.mark.parametrize(
    "session",
    [
        FRESH,
        waiting(FRESH),
        replace(linking(), linking=None, device=DEVICE),
        replace(linking(), linking=None, state=State.DISCONNECTED),
    ],
)
def test_a_window_that_was_used_or_given_up_is_closed(session: Session) -> None:
    assert session.window(T0) is None


def test_a_linking_belongs_to_the_window_it_was_begun_for() -> None:
    assert linking().taken_up == WINDOW
    assert replace(linking(), linking=None).taken_up is None
    assert waiting(linking(), Window.opened(LATER)).taken_up is None


# ---------------------------------------------------------------- claims

HELD = Claim(number=NUMBER, bot=BOT, tenant=TENANT, kind=ClaimKind.HELD, since=T0)
RESERVING = replace(Window.opened(LATER, number=OTHER), reserves=True)
RESERVED = Claim(
    number=OTHER,
    bot=BOT,
    tenant=TENANT,
    kind=ClaimKind.RESERVED,
    since=LATER,
    expires_at=RESERVING.ends_at,
)


@pytest.mark.parametrize("session", [OFFLINE, CONNECTED, waiting(OFFLINE, WINDOW)])
def test_a_linked_bot_holds_its_number_connected_or_not(session: Session) -> None:
    assert session.claims() == {HELD}


@pytest.mark.parametrize("session", [waiting(FRESH, RESERVING), linking(RESERVING)])
def test_a_declared_number_is_reserved_while_the_window_is_open(session: Session) -> None:
    assert session.claims() == {RESERVED}


def test_a_linked_bot_that_declares_another_number_claims_both_until_a_line_obeys() -> None:
    assert waiting(OFFLINE, RESERVING).claims() == {HELD, RESERVED}


@pytest.mark.parametrize(
    "session",
    [
        FRESH,
        linking(),
        linking(replace(RESERVING, reserves=False)),
        linking(replace(RESERVING, number=None)),
        replace(linking(RESERVING), linking=None, state=State.DISCONNECTED),
    ],
)
def test_nothing_else_is_claimed(session: Session) -> None:
    assert session.claims() == frozenset()


def test_a_number_that_is_held_is_not_reserved_as_well() -> None:
    assert waiting(OFFLINE, replace(RESERVING, number=NUMBER)).claims() == {HELD}


# ---------------------------------------------------------------- what is due


@pytest.mark.parametrize(
    ("session", "due"),
    [
        (FRESH, None),
        (OFFLINE, None),
        (replace(OFFLINE, end=End(reason=EndReason.BANNED, at=T0, until=LATER)), LATER),
        (CONNECTED, None),
        (replace(CONNECTED, state=State.RECONNECTING), T0 + STALL),
        (replace(CONNECTED, state=State.RECONNECTING, retry_at=LATER), LATER),
        (linking(), T0 + STALL),
        (replace(linking(), retry_at=LATER), LATER),
        (replace(linking(), since=WINDOW.ends_at - timedelta(seconds=1)), WINDOW.ends_at),
        (replace(linking(), state=State.AWAITING_SCAN), WINDOW.ends_at),
        (replace(linking(), intent=Intent(no=2), state=State.AWAITING_SCAN), None),
    ],
)
def test_a_session_is_looked_at_again_when_something_of_it_passes(
    session: Session, due: datetime | None
) -> None:
    assert session.due() == due


# ---------------------------------------------------------------- secrets


def test_a_session_shows_no_secret_when_it_is_logged() -> None:
    code = Code(method=Method.QR, text="2@secret", expires_at=LATER)
    session = replace(linking(RESERVING), device=DEVICE, code=code)

    for secret in ("2@secret", NUMBER.digits, OTHER.digits, "98765432109"):
        assert secret not in repr(session)


def test_session_checks_and_reports_have_words_of_their_own_for_states() -> None:
    assert {state.status for state in State} == {
        "DISCONNECTED",
        "CONNECTING",
        "QR_PENDING",
        "CONNECTED",
        "RECONNECTING",
    }
    assert State.AWAITING_SCAN.status == "QR_PENDING"
