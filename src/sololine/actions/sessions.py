"""Connecting bots and disconnecting them: writes intents, waits for lines, never runs one.

connect ── refuse early ── open the window ── reserve the declared number ──▶ intent, event
│ notice
▼
a line obeys
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sololine.actions.bots import BotWithSession, owned
from sololine.actions.gateway import Gateway
from sololine.core.access import Caller
from sololine.core.bot import Bot
from sololine.core.claim import Claim, Evict, Grant, Policy, Refuse, decide
from sololine.core.errors import (
    AlreadyConnected,
    Conflict,
    HeldBack,
    InvalidInput,
    InvalidNumber,
    LinkingPending,
    NoCode,
    NumberTaken,
    OtherNumberLinked,
)
from sololine.core.events import Event, EventType
from sololine.core.ids import UserId
from sololine.core.linking import RESTARTS, Code, Method, Window
from sololine.core.number import Number, parse
from sololine.core.sentence import Sentence
from sololine.core.session import Intent, Session, State, Wish
from sololine.store.sessions import SessionCounts
from sololine.store.transaction import Transaction

SETTLED_WITHIN_S: Final = 5.0
"""How long a disconnect waits for the line to have done it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """The answer to a connect.

    Attributes:
        window: the linking window, or None when the bot's own credentials are used.
        evicts: the bot of the same tenant that will lose the number if this one links it.
    """

    bot: Bot
    session: Session
    window: Window | None
    evicts: Bot | None = None


async def connect(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    *,
    user: UserId | None,
    number: str | None = None,
    method: Method = Method.QR,
    use_existing: bool | None = None,
    policy: Policy | None = None,
    auto_restart: bool | None = None,
    validate_only: bool = False,
) -> Connecting:
    """Ask for a bot's connection, after everything that can be refused now was refused.

    A bot that is not linked always gets a fresh window. A linked one resumes its own credentials,
    unless `use_existing` is False: then it is unlinked and gets a fresh window. With
    `auto_restart` the window begins anew when it is over, `RESTARTS` times; None leaves that to the
    setting. With `validate_only` nothing is written.

    Raises:
        AlreadyConnected, LinkingPending, NumberTaken: the four refusals before a QR.
        OtherNumberLinked: the bot's own credentials are of another number than the declared one.
        HeldBack: the bot was restored, and its original may still run.
        InvalidNumber, InvalidInput: the declared number is none, or is missing for a code.
        BotNotFound, UserMismatch, NotAllowed: the caller may not use this bot.
    """
    declared = _declared(gateway, number, method)
    narrowed = gateway.policy.narrowed(policy)
    restarts = gateway.auto_restart if auto_restart is None else auto_restart

    async def work(tx: Transaction) -> Connecting:
        had = await owned(tx, caller, bot, user, lock=not validate_only)
        session = had.session
        resumes = session.device is not None and use_existing is not False
        if resumes and use_existing and _on_its_way(session):
            _refuse_other_number(session, declared)
            return Connecting(bot=had.bot, session=session, window=None)
        await _refuse_held_back(tx, session)
        refuse_if_busy(session, tx.now)
        holder = await tx.claims.holder(declared) if declared else None
        evicted = await _admitted(tx, had.bot, holder, narrowed)
        window = None
        if not resumes:
            window = Window.opened(
                tx.now,
                method=method,
                number=declared,
                policy=narrowed,
                reserves=declared is not None and evicted is None,
                restarts=RESTARTS if restarts else 0,
            )
        else:
            _refuse_other_number(session, declared)
        intent = Intent(no=session.intent.no + 1, wish=Wish.ONLINE, window=window)
        after = replace(session, intent=intent)
        if not validate_only:
            await tx.sessions.save_intent(session, after)
            requested = Event(type=EventType.SESSION_REQUESTED, data={"wanted": intent.wish.value})
            await tx.events.append(caller.tenant, had.bot.id, requested)
        return Connecting(bot=had.bot, session=after, window=window, evicts=evicted)

    if validate_only:
        async with gateway.store.read() as tx:
            return await work(tx)
    connecting = await gateway.store.run(work)
    await gateway.tell(caller.tenant, connecting.bot.id)
    return connecting


async def switch(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    *,
    user: UserId | None,
    method: Method,
    number: str | None = None,
) -> Connecting:
    """Show a QR instead of a pairing code, or the other way round, within the open window.

    The window keeps its end. What was shown is void, and what replaces it comes from a fresh
    linking worker. A declared number stays declared unless `number` is another one. What is as
    wished already changes nothing.

    Raises:
        NoCode: no window is open.
        NumberTaken: the number belongs to another bot, and the window's policy keeps it there.
        InvalidNumber, InvalidInput: the declared number is none, or is missing for a code.
        BotNotFound, UserMismatch, NotAllowed: the caller may not use this bot.
    """

    async def work(tx: Transaction) -> Connecting:
        had = await owned(tx, caller, bot, user, lock=True)
        session = had.session
        open_window = session.window(tx.now)
        if open_window is None:
            raise NoCode(preparing=False)
        declared = open_window.number
        if number is not None or declared is None:
            declared = _declared(gateway, number, method)
        holder = await tx.claims.holder(declared) if declared else None
        evicted = await _admitted(tx, had.bot, holder, open_window.policy)
        window = replace(
            open_window,
            method=method,
            number=declared,
            reserves=declared is not None and evicted is None,
        )
        if window == open_window:
            return Connecting(bot=had.bot, session=session, window=window, evicts=evicted)
        intent = Intent(no=session.intent.no + 1, wish=Wish.ONLINE, window=window)
        after = replace(session, intent=intent)
        await tx.sessions.save_intent(session, after)
        return Connecting(bot=had.bot, session=after, window=window, evicts=evicted)

    switched = await gateway.store.run(work)
    await gateway.tell(caller.tenant, switched.bot.id)
    return switched


async def validate(
    gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None, number: str | None
) -> None:
    """Return when a fresh connect of `number` would not be refused now, under any policy.

    Raises:
        As `connect`.
    """
    await connect(
        gateway,
        caller,
        bot,
        user=user,
        number=number,
        use_existing=False,
        policy=Policy.REFUSE,
        validate_only=True,
    )


async def disconnect(
    gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None, unlink: bool = True
) -> Session:
    """Disconnect a bot and wait until its line has done it, or `SETTLED_WITHIN_S` passed.

    With `unlink` the device leaves the phone's list and the number is free; without, the bot only
    goes offline and keeps its number. Disconnecting what is not connected changes nothing.

    Raises:
        HeldBack: the bot was restored, and unlinking it would log its original out.
    """
    wish = Wish.UNLINKED if unlink else Wish.OFFLINE

    async def work(tx: Transaction) -> tuple[Bot, Session]:
        had = await owned(tx, caller, bot, user, lock=True)
        session = had.session
        if unlink:
            await _refuse_held_back(tx, session)
        nothing_to_end = session.idle and session.device is None
        if not nothing_to_end and session.intent.wish is not wish:
            after = replace(session, intent=Intent(no=session.intent.no + 1, wish=wish))
            await tx.sessions.save_intent(session, after)
            session = after
        return had.bot, session

    asked, session = await gateway.store.run(work)
    await gateway.tell(caller.tenant, asked.id)

    async def settled() -> Session | None:
        async with gateway.store.read() as tx:
            now = await tx.sessions.get(asked.id)
        return now if now is None or now.obeyed >= session.intent.no else None

    return await gateway.wait_for(settled, SETTLED_WITHIN_S) or session


async def code(
    gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None, wait_s: float = 0
) -> tuple[Code, Window]:
    """Return what the bot's owner shows to the phone now, and the window it belongs to.

    Waits up to `wait_s` seconds for a code that is being prepared.

    Raises:
        AlreadyConnected: there is nothing to scan any more.
        NoCode: there is no code now.
    """
    seen: Session | None = None

    async def look() -> tuple[Code, Window] | Session | None:
        nonlocal seen
        async with gateway.store.read() as tx:
            had = await owned(tx, caller, bot, user)
            seen, now = had.session, tx.now
        window = seen.window(now)
        if window is not None and seen.code is not None and now < seen.code.expires_at:
            return seen.code, window
        preparing = window is not None
        return None if preparing else seen

    found = await gateway.wait_for(look, wait_s)
    if isinstance(found, tuple):
        return found
    assert seen is not None  # noqa: S101 — `look` ran at least once
    if seen.device is not None and seen.state is not State.DISCONNECTED:
        raise AlreadyConnected(connected_at=seen.connected_at)
    raise NoCode(preparing=found is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a session check answers: whether a connect would be refused, and why.

    Attributes:
        bot: the bot that was looked at; None when the user has none.
        refusal: what a connect would answer now; None when it would begin.
        counts: the tenant's sessions.
        duplicates: numbers that several of the tenant's bots are said to have, and devices that a
            phone may still list beside the one bot that has its number.
    """

    bot: BotWithSession | None
    refusal: Conflict | None
    counts: SessionCounts
    duplicates: int


async def check(
    gateway: Gateway, caller: Caller, *, user: UserId | None, bot: str | None = None
) -> Check:
    """Look at a bot's session, or (without `bot`) at the user's one that changed last."""
    owner = caller.acting_for(user)
    async with gateway.store.read() as tx:
        if bot is not None:
            found: BotWithSession | None = await owned(tx, caller, bot, user)
        else:
            rows = await tx.bots.of_user(caller.tenant, owner, limit=500)
            latest = max(rows, key=lambda row: row[1].since, default=None)
            found = latest and BotWithSession(bot=latest[0], session=latest[1], now=tx.now)
        counts = await tx.sessions.counts(caller.tenant)
        duplicates = await tx.conflicts.count(caller.tenant)
        duplicates += await tx.retired.waiting(caller.tenant)
        refusal: Conflict | None = None
        if found is not None:
            try:
                await _refuse_held_back(tx, found.session)
                refuse_if_busy(found.session, tx.now)
            except Conflict as conflict:
                refusal = conflict
    return Check(bot=found, refusal=refusal, counts=counts, duplicates=duplicates)


def refuse_if_busy(session: Session, now: datetime) -> None:
    """Raise when the bot is connected, on its way to it, or has an open linking window."""
    window = session.window(now)
    if window is not None:
        raise LinkingPending(ends_at=window.ends_at, seconds_left=window.seconds_left(now))
    if session.device is not None and _on_its_way(session):
        raise AlreadyConnected(connected_at=session.connected_at)


async def _refuse_held_back(tx: Transaction, session: Session) -> None:
    """Raise when the bot's own credentials may be in use elsewhere, for all that we know."""
    if session.device is not None and await tx.restorations.held_back(session.device.id):
        raise HeldBack


def _refuse_other_number(session: Session, declared: Number | None) -> None:
    """Raise when a number was declared, and the bot's own credentials are of another one."""
    if declared is not None and session.device is not None and session.device.number != declared:
        raise OtherNumberLinked


def _on_its_way(session: Session) -> bool:
    """Whether the bot's own credentials are used, or are about to be."""
    untouched = session.obeyed < session.intent.no
    return session.intent.wish is Wish.ONLINE and (
        untouched or session.state is not State.DISCONNECTED
    )


async def _admitted(tx: Transaction, bot: Bot, holder: Claim | None, policy: Policy) -> Bot | None:
    """Return the bot that will lose the number after the scan, if any.

    Raises:
        NumberTaken: naming the holder when it is of the same tenant, and nothing otherwise.
    """
    match decide(holder, bot=bot.id, tenant=bot.tenant, policy=policy, now=tx.now):
        case Grant():
            return None
        case Refuse(foreign=True):
            raise NumberTaken
        case Refuse(holder=taken):
            named = await tx.bots.get(taken.bot)
            raise NumberTaken(
                bot=taken.bot, bot_name=named.name if named else "", connected_at=taken.since
            )
        case Evict(holder=evicted):
            return await tx.bots.get(evicted.bot)


def _declared(gateway: Gateway, number: str | None, method: Method) -> Number | None:
    if number is not None and number.strip():
        try:
            return parse(number, gateway.region)
        except InvalidNumber as error:
            raise InvalidNumber(error.message, field="phoneNumber") from error
    if method is Method.CODE:
        raise InvalidInput(
            Sentence("A pairing code is made for one number. Send it in the field phoneNumber."),
            field="phoneNumber",
        )
    return None
