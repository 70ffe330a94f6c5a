"""How a session moves: `advance(session, signal, now)` is total and pure.

A line gathers facts, asks here what follows, commits the answer and then makes the engine's link
match the session (`Session.link`). So there is no order that a crash could lose, except the ones
to an open link (`Order`), which are asked for again by the link's next code.
"""

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from sololine.core.events import Event, EventType
from sololine.core.ids import BotId, device_id
from sololine.core.linking import WINDOW, Code, Method, Window
from sololine.core.session import STALL, Device, End, EndReason, Session, State, Wish
from sololine.core.signals import (
    Banned,
    ConnectRefused,
    CredentialsInUse,
    EngineOutdated,
    EngineStopped,
    KeepAliveMissed,
    LinkDown,
    Linked,
    LinkingTimedOut,
    LinkSignal,
    LinkUp,
    LoggedOut,
    PairingCodeIssued,
    PasskeyRequired,
    QrIssued,
)

BACKOFF_MAX: Final = timedelta(seconds=60)
LINKING_ATTEMPTS: Final = 6
"""Linking workers that may fail in a row before the window is given up, after half a minute."""
LOSSES_AN_HOUR: Final = 20
"""How often a connection may be lost within an hour before it is opened again only seldom."""
UNSTABLE_PAUSE: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)
DEAF_AFTER: Final = 2
"""Missed keep-alives after which the link is taken for dead (about 75 s)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A line took the session over; no link of it is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The line read its row again: the intent may be new, something may be due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The linked number is the bot's; `evicted` lost it."""

    device: Device
    evicted: BotId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The linked number is not for this bot; `holder` when its name may be told."""

    reason: EndReason
    holder: BotId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evicted:
    """Another bot of the tenant took over the number that this one had, or had declared."""

    by: BotId


LineSignal = LinkSignal | Began | Looked | Granted | Refused | Evicted
"""What can happen to a session: what engines say, and what its line found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPairingCode:
    """Ask the open link for a code for the declared number."""

    digits: str = field(repr=False)


Order = RequestPairingCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What follows: the session to commit, the events to commit with it, then orders to obey."""

    session: Session
    events: tuple[Event, ...] = ()
    orders: tuple[Order, ...] = ()


def advance(session: Session, signal: LineSignal, now: datetime) -> Step:
    """Return what follows from `signal`; an unchanged session when it comes too late to matter."""
    match signal:
        case Began():
            return _look(session, now, began=True)
        case Looked():
            return _look(session, now, began=False)
        case Evicted(by=by):
            return _evict(session, by, now)
        case Granted() | Refused():
            window = session.taken_up
            return _link(session, window, signal, now) if window else Step(session=session)
        case Linked():
            # The line turns it into Granted or Refused: only the store knows the holder.
            return Step(session=session)
        case _ if session.link is None:
            # Whatever a link says that should be closed, it says too late.
            return Step(session=session)
        case QrIssued() | PairingCodeIssued() | LinkingTimedOut() | PasskeyRequired():
            window = session.taken_up
            return _link(session, window, signal, now) if window else Step(session=session)
        case EngineOutdated():
            return _end(session, EndReason.ENGINE_OUTDATED, now)
        case EngineStopped() | ConnectRefused():
            return _retry(session, now)
        case _ if session.device is None:
            return Step(session=session)
        case _:
            return _run(session, session.device, signal, now)


def _look(session: Session, now: datetime, *, began: bool) -> Step:
    """Take up a new intent, or do what is due, or (at the beginning) open the link again."""
    if session.intent.no > session.obeyed:
        return _obey(session, now, began=began)
    if session.state is State.DISCONNECTED:
        return _lift(session, now)
    if session.linking is not None:
        window = session.taken_up
        if window is None or window.ends_at <= now:
            return _window_over(session, window, now)
        if began:
            return _next_round(session, now)
    elif began:
        return _open(session, now)
    if session.retry_at is not None:
        if session.retry_at <= now:
            return Step(session=replace(session, retry_at=None, since=now))
        return Step(session=session)
    if session.state in (State.CONNECTING, State.RECONNECTING) and session.since + STALL <= now:
        return _retry(session, now)
    return Step(session=session)


def _obey(session: Session, now: datetime, *, began: bool) -> Step:
    """Take up the intent; whatever ran before is over."""
    session = replace(_at_rest(session), obeyed=session.intent.no)
    match session.intent.wish:
        case Wish.OFFLINE:
            return _end(session, EndReason.ASKED, now)
        case Wish.UNLINKED:
            return _end(replace(session, device=None), EndReason.UNLINKED, now)
        case Wish.ONLINE if session.intent.window is not None:
            if session.intent.window.ends_at <= now:
                return _end(session, EndReason.WINDOW_OVER, now)
            return _begin_linking(session, now)
        case Wish.ONLINE if session.state is State.CONNECTED and not began:
            # Its link stays as it is, and would not say a second time that it is up.
            return Step(session=session)
        case Wish.ONLINE:
            return _open(session, now)
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def _begin_linking(session: Session, now: datetime) -> Step:
    session = replace(
        session,
        device=None,
        linking=device_id(session.bot, session.obeyed, 1),
        round=1,
        retry_at=None,
    )
    return _enter(session, State.CONNECTING, now, Event(type=EventType.SESSION_CONNECTING))


def _window_over(session: Session, window: Window | None, now: datetime) -> Step:
    """End the linking, or begin its window anew where that was asked for."""
    if window is None or window.restarts == 0:
        return _end(session, EndReason.WINDOW_OVER, now)
    session = replace(session, restarted=session.restarted + 1, restarted_at=now, attempt=0)
    step = _next_round(session, now)
    data = {"windowEndsAt": rfc3339(now + WINDOW), "restartsLeft": window.restarts - 1}
    restarting = Event(type=EventType.SESSION_RESTARTING, data=data)
    return replace(step, events=(restarting, *step.events))


def _next_round(session: Session, now: datetime, retry_at: datetime | None = None) -> Step:
    """Let a fresh worker go on with the window; the last one's codes are void."""
    round_no = session.round + 1
    session = replace(
        session,
        linking=device_id(session.bot, session.obeyed, round_no),
        round=round_no,
        code=None,
        retry_at=retry_at,
        since=now,
    )
    return _enter(session, State.CONNECTING, now)


def _open(session: Session, now: datetime) -> Step:
    """Connect with the bot's own credentials; a bot without any is not linked."""
    if session.device is None:
        return _end(session, EndReason.UNLINKED, now)
    session = replace(session, retry_at=None, since=now)
    return _enter(session, State.CONNECTING, now, Event(type=EventType.SESSION_CONNECTING))


def _lift(session: Session, now: datetime) -> Step:
    """Connect again after an end that passes by itself."""
    end = session.end
    if end is None or end.until is None or end.until > now:
        return Step(session=session)
    if session.device is None or session.intent.wish is not Wish.ONLINE:
        return Step(session=replace(session, end=replace(end, until=None)))
    return _open(session, now)


def _link(
    session: Session,
    window: Window,
    signal: Granted | Refused | QrIssued | PairingCodeIssued | LinkingTimedOut | PasskeyRequired,
    now: datetime,
) -> Step:
    """Move on within a linking window."""
    match signal:
        case QrIssued() if window.method is Method.CODE:
            if session.code is not None or window.number is None:
                return Step(session=session)
            return Step(session=session, orders=(RequestPairingCode(digits=window.number.digits),))
        case QrIssued(code=text, valid_for=valid_for):
            code = Code(method=Method.QR, text=text, expires_at=now + valid_for)
            return _show(session, window, code, now)
        case PairingCodeIssued(code=text, valid_for=valid_for):
            code = Code(method=Method.CODE, text=text, expires_at=now + valid_for)
            return _show(session, window, code, now)
        case LinkingTimedOut() if now < window.ends_at:
            return _next_round(session, now)
        case LinkingTimedOut():
            return _window_over(session, window, now)
        case PasskeyRequired():
            return _end(session, EndReason.PASSKEY_REQUIRED, now)
        case Refused(reason=reason, holder=holder):
            step = _end(session, reason, now)
            told = {"holderBotId": holder} if holder else {}
            refused = Event(type=EventType.CONFLICT_REFUSED, data={"reason": reason.value, **told})
            return replace(step, events=(refused, *step.events))
        case Granted(device=device, evicted=evicted):
            session = replace(_at_rest(session), device=device)
            masked = device.number.masked
            events = [Event(type=EventType.SESSION_LINKED, data={"number": masked})]
            if evicted is not None:
                events.append(
                    Event(
                        type=EventType.CONFLICT_REPLACED,
                        data={"number": masked, "evictedBotId": evicted},
                    )
                )
            return _enter(session, State.CONNECTING, now, *events)
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)


def _show(session: Session, window: Window, code: Code, now: datetime) -> Step:
    """Put a code where its owner can fetch it; the event says that it is there, not what it is."""
    code = replace(code, expires_at=min(code.expires_at, window.ends_at))
    event = Event(
        type=EventType.SESSION_QR,
        data={
            "method": code.method.value,
            "expiresAt": rfc3339(code.expires_at),
            "windowEndsAt": rfc3339(window.ends_at),
        },
    )
    session = replace(session, code=code, attempt=0, retry_at=None)
    return _enter(session, State.AWAITING_SCAN, now, event)


def _run(session: Session, device: Device, signal: LinkSignal, now: datetime) -> Step:
    """Move on with credentials of our own."""
    match signal:
        case LinkUp():
            session = replace(session, attempt=0, retry_at=None, connected_at=now)
            event = Event(type=EventType.SESSION_CONNECTED, data={"number": device.number.masked})
            return _enter(session, State.CONNECTED, now, event)
        case LinkDown() if session.state is State.CONNECTED:
            lost, events = _lost(session, now)
            if _unstable(lost, now):
                # The engine would be back in a moment, and lose it again.
                lost = replace(lost, retry_at=now + UNSTABLE_PAUSE)
            return _enter(lost, State.RECONNECTING, now, *events)
        case KeepAliveMissed(errors=errors) if errors >= DEAF_AFTER:
            return _retry(session, now)
        case LoggedOut():
            return _end(replace(session, device=None), EndReason.LOGGED_OUT, now)
        case CredentialsInUse():
            return _end(session, EndReason.CREDENTIALS_IN_USE, now)
        case Banned(lasts=lasts):
            return _end(session, EndReason.BANNED, now, until=now + lasts if lasts else None)
        case _:
            return Step(session=session)


def _retry(session: Session, now: datetime) -> Step:
    """Close the link and open it again after a while; a window is given up after some tries."""
    attempt = session.attempt + 1
    retry_at = now + backoff(attempt, session.bot)
    session = replace(session, attempt=attempt)
    if session.linking is not None:
        if attempt >= LINKING_ATTEMPTS:
            return _end(session, EndReason.UNREACHABLE, now)
        return _next_round(session, now, retry_at)
    events: tuple[Event, ...] = ()
    if session.state is State.CONNECTED:
        session, events = _lost(session, now)
    elif session.state is not State.RECONNECTING:
        events = (Event(type=EventType.SESSION_RECONNECTING),)
    if _unstable(session, now):
        retry_at = max(retry_at, now + UNSTABLE_PAUSE)
    return _enter(replace(session, retry_at=retry_at), State.RECONNECTING, now, *events)


def _unstable(session: Session, now: datetime) -> bool:
    """Whether the connection was lost too often within this hour."""
    since = session.losses_since
    return since is not None and since + HOUR > now and session.losses > LOSSES_AN_HOUR


def _lost(session: Session, now: datetime) -> tuple[Session, tuple[Event, ...]]:
    """Count the loss of a connection; it is told, and once an hour that there were too many."""
    since, losses = session.losses_since, session.losses + 1
    if since is None or since + HOUR <= now:
        since, losses = now, 1
    events = [Event(type=EventType.SESSION_RECONNECTING)]
    if losses == LOSSES_AN_HOUR + 1:
        data = {"losses": losses, "since": rfc3339(since)}
        events.append(Event(type=EventType.SESSION_UNSTABLE, data=data))
    return replace(session, losses=losses, losses_since=since), tuple(events)


def _evict(session: Session, by: BotId, now: datetime) -> Step:
    """Leave the session without any claim, so that the newcomer's cannot collide with one."""
    if not session.claims():
        return Step(session=session)
    session = replace(session, device=None)
    if session.claims():
        # A window that no line took up yet reserves the number: it will not be worked on.
        session = replace(session, obeyed=session.intent.no)
    return _end(session, EndReason.REPLACED_BY_POLICY, now, by=by)


def _end(
    session: Session,
    reason: EndReason,
    now: datetime,
    *,
    until: datetime | None = None,
    by: BotId | None = None,
) -> Step:
    session = replace(_at_rest(session), end=End(reason=reason, at=now, until=until))
    data = {"reason": reason.value, "remedy": reason.remedy}
    if until is not None:
        data["until"] = rfc3339(until)
    if by is not None:
        data["byBotId"] = by
    event = Event(type=EventType.SESSION_DISCONNECTED, data=data)
    return _enter(session, State.DISCONNECTED, now, event)


def _at_rest(session: Session) -> Session:
    """The session with no linking under way, and no try that failed or waits."""
    return replace(
        session,
        linking=None,
        restarted=0,
        restarted_at=None,
        code=None,
        attempt=0,
        retry_at=None,
    )


def _enter(session: Session, state: State, now: datetime, *events: Event) -> Step:
    end = session.end if state is State.DISCONNECTED else None
    since = session.since if session.state is state else now
    return Step(session=replace(session, state=state, end=end, since=since), events=events)


def backoff(attempt: int, bot: BotId) -> timedelta:
    """How long to wait before try `attempt` (from 1): 1, 2, 4 … 60 s, less up to a quarter.

    What is taken off depends on the bot and the attempt, so that bots that fell together do not
    come back together; it needs no randomness, so that deciding stays repeatable. In whole
    milliseconds, as rows keep instants: a session is the same before it is stored and after.
    """
    whole = min(timedelta(seconds=2 ** min(attempt - 1, 10)), BACKOFF_MAX)
    part = zlib.crc32(f"{bot}/{attempt}".encode()) % 1000 / 4000
    return timedelta(milliseconds=whole * (1 - part) // timedelta(milliseconds=1))


def rfc3339(moment: datetime) -> str:
    """An instant as our JSON shows it: UTC, milliseconds, `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
