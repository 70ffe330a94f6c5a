"""Finding numbers that more than one bot is said to have, and leaving each to one of them.

    detect ──▶ conflicts ── plan ──▶ one transaction a number ──▶ intents, events
                                                                     │ notice, or the next sweep
                                                                     ▼
                                            the dropped holder's line logs its device out

Devices that lost their number and still stand on a phone are looked for, and hurried, with them.
All of it is done for one tenant, or (`tenant` None) for the operator across all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sololine.actions.bots import owned
from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS, EVERYTHING, SESSIONS, Notice
from sololine.core.access import Caller
from sololine.core.conflict import Conflict, Keep, Party, Plan, conflicts_of, plan
from sololine.core.events import Event, EventType
from sololine.core.ids import BotId, TenantId
from sololine.core.number import Number
from sololine.core.session import Intent, Session, Wish
from sololine.store.errors import Raced
from sololine.store.retired import Retired
from sololine.store.transaction import Transaction

SETTLED_WITHIN_S: Final = 5.0
"""How long resolving waits for lines to end sessions and log devices out."""

DEVICES_MAX: Final = 100
"""Devices that a report names one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found.

    Attributes:
        total: sessions there are, connected or not.
        left: devices that lost their number, or are about to, and may still stand on a phone.
        devices: those of them whose session has given them up, `DEVICES_MAX` at most.
    """

    total: int
    conflicts: list[Conflict]
    left: int
    devices: list[Retired]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done, or would be.

    Attributes:
        plans: how each conflict was resolved, in the order of the numbers.
        ended: bots whose session was told to end.
        gone: devices that left their phone meanwhile.
        left: as in `Report`, in the end.
    """

    plans: list[Plan]
    ended: list[BotId]
    gone: int
    left: int


async def detect(gateway: Gateway, tenant: TenantId | None) -> Report:
    """Look for conflicts; changes nothing."""
    async with gateway.store.read() as tx:
        return Report(
            total=(await tx.sessions.counts(tenant)).total,
            conflicts=conflicts_of(await tx.conflicts.parties(tenant), tenant),
            left=await _left(tx, tenant),
            devices=await tx.retired.list(tenant, DEVICES_MAX),
        )


async def chosen(gateway: Gateway, caller: Caller, keep: str) -> Keep | BotId:
    """Which bot a caller wants to be kept: `newest`, `oldest`, or one of its own by the id.

    Raises:
        BotNotFound: it is none of these.
    """
    if keep in list(Keep):
        return Keep(keep)
    async with gateway.store.read() as tx:
        return (await owned(tx, caller, keep, None)).bot.id


async def resolve(
    gateway: Gateway,
    tenant: TenantId | None,
    keep: Keep | BotId = Keep.NEWEST,
    *,
    dry_run: bool = False,
) -> Outcome:
    """Leave each number to one bot, and have what the others have of it end.

    Each number is a transaction of its own, which looks again at who takes part. So whoever is
    killed in between goes on where he was, and of several at once each conflict is resolved by one.

    Args:
        gateway: where to look.
        tenant: whose conflicts; None for all.
        keep: which bot stays; conflicts that a named bot takes no part in are left alone.
        dry_run: only say what would be done.
    """
    found = await detect(gateway, tenant)
    if dry_run:
        would = [plan(conflict, keep) for conflict in found.conflicts]
        plans = [each for each in would if each is not None]
        return Outcome(plans=plans, ended=[], gone=0, left=found.left)
    plans, ended = list[Plan](), list[Session]()
    for conflict in found.conflicts:
        number = conflict.number

        async def work(
            tx: Transaction, number: Number = number
        ) -> tuple[Plan, list[Session]] | None:
            return await _resolve_one(tx, number, tenant, keep)

        resolved = await gateway.store.run(work)
        if resolved is None:
            continue
        plans.append(resolved[0])
        ended += resolved[1]
        for told in {each.tenant for each in (*resolved[0].dropped, *conflict.parties)}:
            await gateway.bus.publish(Notice(topic=EVENTS, key=told))
        for session in resolved[1]:
            await gateway.bus.publish(Notice(topic=SESSIONS, key=session.bot))
    tried = await log_out_left(gateway, tenant)
    return replace(tried, plans=plans, ended=[session.bot for session in ended])


async def log_out_left(gateway: Gateway, tenant: TenantId | None) -> Outcome:
    """Have devices that wait to be logged out tried now; waits for it up to `SETTLED_WITHIN_S`."""
    async with gateway.store.read() as tx:
        before = await _left(tx, tenant)
    left = await _hurry(gateway, tenant) if before else 0
    return Outcome(plans=[], ended=[], gone=max(0, before - left), left=left)


async def _hurry(gateway: Gateway, tenant: TenantId | None) -> int:
    await gateway.store.run(lambda tx: tx.retired.hurry(tenant))
    await gateway.bus.publish(Notice(topic=SESSIONS, key=EVERYTHING))

    async def none_left() -> bool | None:
        async with gateway.store.read() as tx:
            return await _left(tx, tenant) == 0 or None

    if await gateway.wait_for(none_left, SETTLED_WITHIN_S, topic=EVENTS):
        return 0
    async with gateway.store.read() as tx:
        return await _left(tx, tenant)


async def _left(tx: Transaction, tenant: TenantId | None) -> int:
    return await tx.retired.waiting(tenant) + await tx.conflicts.leaving(tenant)


async def _resolve_one(
    tx: Transaction, number: Number, tenant: TenantId | None, keep: Keep | BotId
) -> tuple[Plan, list[Session]] | None:
    """Resolve one number's conflict as it stands now; None when there is none to resolve.

    One that would unlink a bot which is held back stays: see `core.backup`.

    Returns what was decided, and the sessions that were told to end.

    Raises:
        Raced: somebody joined between the look and the locks.
    """
    sessions: dict[BotId, Session] = {}
    seen = await tx.conflicts.parties_of(number)
    # In the order of the bots, so that two that resolve do not wait for each other in a circle.
    for bot in sorted(party.bot for party in seen):
        session = await tx.sessions.lock(bot)
        if session is not None:
            sessions[bot] = session
    conflicts = conflicts_of(await tx.conflicts.parties_of(number), tenant)
    decided = plan(conflicts[0], keep) if conflicts else None
    if decided is None:
        return None
    if any(party.bot not in sessions for party in decided.dropped):
        raise Raced("another bot came to have the number")
    ended = [
        session
        for session in (sessions[party.bot] for party in decided.dropped)
        if _uses(session, number)
    ]
    for session in ended:
        if session.device is not None and await tx.restorations.held_back(session.device.id):
            return None  # unlinking it would log its original out, wherever that runs
    for party in decided.dropped:
        await tx.listings.forget(party.bot)
    for session in ended:
        intent = Intent(no=session.intent.no + 1, wish=Wish.UNLINKED)
        await tx.sessions.save_intent(session, replace(session, intent=intent))
    for told, own in sorted(_by_tenant(decided).items()):
        await tx.events.append(told, own[0].bot, _event(decided, told))
    return decided, ended


def _uses(session: Session, number: Number) -> bool:
    """Whether the session has to end for its bot to lose the number.

    So it is when the bot is linked with it, and when it is linking, with a phone that nobody knows
    yet. What a bot does with another number is not in question.
    """
    if session.intent.wish is Wish.UNLINKED and not session.idle:
        return False  # it ends already
    if session.device is not None:
        return session.device.number == number
    return not session.idle


def _by_tenant(decided: Plan) -> Mapping[TenantId, list[Party]]:
    """The parties of each tenant, the kept one first."""
    parties: dict[TenantId, list[Party]] = {}
    for party in (*([decided.kept] if decided.kept else []), *decided.dropped):
        parties.setdefault(party.tenant, []).append(party)
    return parties


def _event(decided: Plan, tenant: TenantId) -> Event:
    """What the tenant is told: nothing of other tenants' bots."""
    kept = decided.kept
    return Event(
        type=EventType.CONFLICT_RESOLVED,
        data={
            "number": decided.number.masked,
            **({"keptBotId": kept.bot} if kept and kept.tenant == tenant else {}),
            "droppedBotIds": [party.bot for party in decided.dropped if party.tenant == tenant],
        },
    )
