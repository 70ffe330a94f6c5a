"""One step of a line: gather facts, decide, and write down all that follows, in one transaction."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sololine.core.advance import (
    Began,
    Evicted,
    Granted,
    LineSignal,
    Looked,
    Order,
    Refused,
    Step,
    advance,
)
from sololine.core.bot import Setup
from sololine.core.claim import Claim, Evict, Grant, Refuse, decide
from sololine.core.errors import InvalidNumber
from sololine.core.events import Event
from sololine.core.ids import BotId, ChoreId
from sololine.core.lease import Lease
from sololine.core.message import Failure, Status
from sololine.core.number import from_jid
from sololine.core.session import Device, EndReason, Session, State
from sololine.core.signals import Linked
from sololine.lines.changes import Changes
from sololine.lines.pen import fenced
from sololine.store.errors import Raced
from sololine.store.transaction import Transaction

RETIRING: Final = timedelta(seconds=30)
"""How long a line has a device that it gave up to itself, before a sweep may take it over."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a step's transaction made durable."""

    before: Session
    after: Session
    orders: tuple[Order, ...]
    events: tuple[Event, ...]
    evicted: BotId | None
    due_in: float | None
    told: bool
    """Whether anything was logged, of the session or of messages."""
    void: tuple[ChoreId, ...]
    """Chores that a line which is gone had begun."""


async def commit(tx: Transaction, bot: BotId, lease: Lease, signal: LineSignal) -> Committed | None:
    """Let `signal` happen to the bot's session; None when the bot is deleted.

    Raises:
        Fenced: the lease is no longer held in this term.
        Raced: another transaction was faster; the step is to be done again.
    """
    before = await tx.sessions.lock(bot)
    if before is None:
        return None
    await fenced(tx, bot, lease)
    evicted: BotId | None = None
    lost: tuple[Event, ...] = ()
    changes = Changes(before.tenant, bot)
    began = isinstance(signal, Began)
    if began:
        await doubt(tx, changes)
    if isinstance(signal, Linked):
        holder, signal = await _judge(tx, before, signal)
        if holder is not None and isinstance(signal, Granted) and signal.evicted is not None:
            evicted = signal.evicted
            lost = await _evict(tx, holder, bot)
    step = advance(before, signal, tx.now)
    if step.session.restarted > before.restarted:
        step = await _with_number(tx, before, step)
    if step.session != before:
        await tx.sessions.save_life(before, step.session, lease)
    for device in before.devices - step.session.devices:
        await tx.retired.take(device, lease.process, RETIRING)
    if step.session.state is State.CONNECTED and before.state is not State.CONNECTED:
        await _complete_setup(tx, bot)
    if before.device is not None and step.session.device != before.device:
        await _disown(tx, changes)
    # The tenant's counter is the last lock of a transaction, so events come last.
    if evicted is not None and lost:
        await tx.events.append(before.tenant, evicted, *lost)
    if step.events:
        await tx.events.append(before.tenant, bot, *step.events)
    if evicted is not None:
        # Its line is fenced off, so it cannot settle what it was sending.
        left = Changes(before.tenant, evicted)
        await doubt(tx, left)
        await _disown(tx, left)
        await left.write(tx)
    await changes.write(tx)
    void = await tx.chores.void(bot) if began else []
    due = step.session.due()
    return Committed(
        before=before,
        after=step.session,
        orders=step.orders,
        events=step.events,
        evicted=evicted,
        due_in=max(0.0, (due - tx.now).total_seconds()) if due is not None else None,
        told=bool(step.events) or changes.told,
        void=tuple(void),
    )


async def _judge(
    tx: Transaction, session: Session, linked: Linked
) -> tuple[Claim | None, LineSignal]:
    """Whether the number that was just linked may be the session's, and whose it is till now."""
    window = session.taken_up
    if window is None or session.linking is None:
        return None, Looked()
    try:
        number = from_jid(linked.jid)
    except InvalidNumber:
        # Without a number there is nothing to claim, so nothing that keeps a second bot away.
        return None, Refused(reason=EndReason.NUMBER_MISMATCH)
    if window.number is not None and window.number != number:
        return None, Refused(reason=EndReason.NUMBER_MISMATCH)
    holder = await tx.claims.holder(number)
    verdict = decide(
        holder, bot=session.bot, tenant=session.tenant, policy=window.policy, now=tx.now
    )
    device = Device(
        id=session.linking, number=number, jid=linked.jid, lid=linked.lid, linked_at=tx.now
    )
    match verdict:
        case Grant():
            return None, Granted(device=device)
        case Evict(holder=other):
            return other, Granted(device=device, evicted=other.bot)
        case Refuse(holder=other, foreign=foreign):
            told = None if foreign else other.bot
            return other, Refused(reason=EndReason.NUMBER_TAKEN, holder=told)


async def _with_number(tx: Transaction, before: Session, step: Step) -> Step:
    """The step of a window that begins anew, unless its number is another bot's by now.

    Its reservation has expired with the window, so another bot may have come in between.
    """
    window = step.session.taken_up
    if window is None or window.number is None or not window.reserves:
        return step
    holder = await tx.claims.holder(window.number)
    if holder is None or holder.bot == before.bot:
        return step
    told = holder.bot if holder.tenant == before.tenant else None
    return advance(before, Refused(reason=EndReason.NUMBER_TAKEN, holder=told), tx.now)


async def _evict(tx: Transaction, claim: Claim, newcomer: BotId) -> tuple[Event, ...]:
    """Take the number from its holder, in the newcomer's transaction; returns its events."""
    holder = await tx.sessions.lock(claim.bot)
    if holder is None or all(each.number != claim.number for each in holder.claims()):
        raise Raced(f"the holder of {claim.number.masked} has just let it go")
    step = advance(holder, Evicted(by=newcomer), tx.now)
    await tx.sessions.evict(holder, step.session)
    return step.events


async def doubt(tx: Transaction, changes: Changes) -> None:
    """Nobody will ever hear what came of the messages that were being sent."""
    for message in await tx.messages.sending(changes.bot):
        changes.move(message, Status.UNCERTAIN, tx.now)


async def _disown(tx: Transaction, changes: Changes) -> None:
    """What waits to be sent was meant for the number that the bot no longer has."""
    for message in await tx.messages.fail_waiting(changes.bot):
        if message.sending_since is None:
            changes.fail(message, Failure.UNLINKED, tx.now)


async def _complete_setup(tx: Transaction, bot_id: BotId) -> None:
    """A bot whose last open step was connecting is complete once it was connected."""
    bot = await tx.bots.get(bot_id)
    if bot is not None and bot.setup is Setup.CONNECT:
        await tx.bots.update(replace(bot, setup=Setup.COMPLETE))
