"""A session's columns hold all of it, and each half only its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sololine.core.claim import Policy
from sololine.core.ids import BotId, DeviceId, TenantId
from sololine.core.linking import Code, Method, Window
from sololine.core.number import Number
from sololine.core.session import Device, End, EndReason, Intent, Session, State, Wish
from sololine.store.columns import instant, millis
from sololine.store.session_rows import intent_columns, life_columns, session_of
from sololine.store.tables import bot_sessions

MILLISECONDS = st.integers(min_value=0, max_value=4_000_000_000_000)
INSTANTS = MILLISECONDS.map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
NUMBERS = st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True).map(lambda text: Number(digits=text))
TEXTS = st.text(max_size=20)
IDS = TEXTS.map(DeviceId)
WINDOWS = st.builds(
    Window,
    opened_at=INSTANTS,
    ends_at=INSTANTS,
    method=st.sampled_from(Method),
    number=st.none() | NUMBERS,
    policy=st.sampled_from(Policy),
    reserves=st.booleans(),
)
SESSIONS = st.builds(
    Session,
    bot=TEXTS.map(BotId),
    tenant=TEXTS.map(TenantId),
    intent=st.builds(
        Intent, no=st.integers(0, 99), wish=st.sampled_from(Wish), window=st.none() | WINDOWS
    ),
    obeyed=st.integers(0, 99),
    state=st.sampled_from(State),
    end=st.none()
    | st.builds(End, reason=st.sampled_from(EndReason), at=INSTANTS, until=st.none() | INSTANTS),
    device=st.none()
    | st.builds(Device, id=IDS, number=NUMBERS, jid=TEXTS, lid=TEXTS, linked_at=INSTANTS),
    linking=st.none() | IDS,
    round=st.integers(0, 99),
    code=st.none()
    | st.builds(Code, method=st.sampled_from(Method), text=TEXTS, expires_at=INSTANTS),
    attempt=st.integers(0, 99),
    retry_at=st.none() | INSTANTS,
    since=INSTANTS,
    connected_at=st.none() | INSTANTS,
)


@given(session=SESSIONS)
def test_a_session_is_read_as_it_was_written(session: Session) -> None:
    row = {
        "bot_id": session.bot,
        "tenant_id": session.tenant,
        **intent_columns(session.intent),
        **life_columns(session),
    }
    assert session_of(row) == session


@given(session=SESSIONS, intent=st.builds(Intent, no=st.integers(0, 99), window=WINDOWS))
def test_the_life_does_not_depend_on_the_intent(session: Session, intent: Intent) -> None:
    assert life_columns(replace(session, intent=intent)) == life_columns(session)


def test_every_column_belongs_to_one_half() -> None:
    session = Session(bot=BotId("b"), tenant=TenantId("t"), since=datetime(2026, 1, 1, tzinfo=UTC))
    intent, life = set(intent_columns(session.intent)), set(life_columns(session))
    lease = {"lease_process", "lease_term", "lease_expires_at"}
    assert intent.isdisjoint(life)
    assert intent | life | lease | {"bot_id", "tenant_id"} == set(bot_sessions.c.keys())


@given(milliseconds=MILLISECONDS, rest=st.integers(0, 999))
def test_an_instant_is_cut_to_its_millisecond(milliseconds: int, rest: int) -> None:
    fine = instant(milliseconds) + timedelta(microseconds=rest)
    assert millis(fine) == milliseconds
    assert instant(millis(fine)) == instant(milliseconds)
