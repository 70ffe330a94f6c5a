"""Bots in the situations that the store's tests are about, brought about as the product does it."""

import itertools
from dataclasses import replace
from datetime import datetime
from typing import Final

from sololine.core.advance import Began, Evicted, Granted, LineSignal, Looked, advance
from sololine.core.bot import Bot
from sololine.core.claim import Claim, Evict, Policy, Refuse, decide
from sololine.core.ids import DEFAULT_TENANT, DEFAULT_USER, BotId, ProcessId, TenantId, UserId
from sololine.core.lease import Lease
from sololine.core.linking import Window
from sololine.core.number import Number
from sololine.core.session import Device, Intent, Session, Wish
from sololine.store.store import Store
from sololine.store.transaction import Transaction

HERE: Final = ProcessId("here")
THERE: Final = ProcessId("there")
NUMBER: Final = Number(digits="34600000001")
OTHER_NUMBER: Final = Number(digits="34600000002")
OTHER_TENANT: Final = TenantId("other")

_serial = itertools.count(1)


def new_number() -> Number:
    return Number(digits=f"346{next(_serial):08}")


def new_bot(
    at: datetime, tenant: TenantId = DEFAULT_TENANT, owner: UserId = DEFAULT_USER, name: str = "Ada"
) -> Bot:
    return Bot(
        id=BotId(f"bot_{next(_serial):020}"), tenant=tenant, owner=owner, name=name, created_at=at
    )


async def added(
    store: Store, tenant: TenantId = DEFAULT_TENANT, owner: UserId = DEFAULT_USER
) -> BotId:
    async def work(tx: Transaction) -> BotId:
        bot = new_bot(tx.now, tenant, owner)
        await tx.bots.add(bot)
        return bot.id

    return await store.run(work)


async def session_of(store: Store, bot: BotId) -> Session:
    async with store.read() as tx:
        session = await tx.sessions.get(bot)
    assert session is not None
    return session


async def leased(store: Store, bot: BotId, process: ProcessId = HERE) -> Lease:
    lease = await store.run(lambda tx: tx.leases.take(bot, process))
    assert lease is not None
    return lease


async def locked(tx: Transaction, bot: BotId) -> Session:
    session = await tx.sessions.lock(bot)
    assert session is not None
    return session


async def wants_link(
    tx: Transaction,
    bot: BotId,
    number: Number | None = None,
    policy: Policy = Policy.REFUSE,
    restarts: int = 0,
) -> Session:
    before = await locked(tx, bot)
    window = Window.opened(
        tx.now, number=number, policy=policy, reserves=number is not None, restarts=restarts
    )
    intent = Intent(no=before.intent.no + 1, wish=Wish.ONLINE, window=window)
    after = replace(before, intent=intent)
    await tx.sessions.save_intent(before, after)
    return after


async def wants(store: Store, bot: BotId, wish: Wish) -> None:
    async def work(tx: Transaction) -> None:
        before = await locked(tx, bot)
        intent = Intent(no=before.intent.no + 1, wish=wish)
        await tx.sessions.save_intent(before, replace(before, intent=intent))

    await store.run(work)


async def step(store: Store, bot: BotId, lease: Lease, signal: LineSignal) -> Session:
    async def work(tx: Transaction) -> Session:
        before = await locked(tx, bot)
        after = advance(before, signal, tx.now).session
        await tx.sessions.save_life(before, after, lease)
        return after

    return await store.run(work)


def device_of(session: Session, number: Number, at: datetime) -> Device:
    assert session.linking is not None
    return Device(
        id=session.linking,
        number=number,
        jid=f"{number.digits}:7@s.whatsapp.net",
        lid="",
        linked_at=at,
    )


async def grant(
    store: Store, bot: BotId, lease: Lease, number: Number, policy: Policy = Policy.REFUSE
) -> Session | Refuse:
    """A phone accepted the link: what the line does then, in one transaction."""

    async def work(tx: Transaction) -> Session | Refuse:
        before = await locked(tx, bot)
        holder = await tx.claims.holder(number)
        verdict = decide(holder, bot=bot, tenant=before.tenant, policy=policy, now=tx.now)
        if isinstance(verdict, Refuse):
            return verdict
        if isinstance(verdict, Evict):
            other = await locked(tx, verdict.holder.bot)
            await tx.sessions.evict(other, advance(other, Evicted(by=bot), tx.now).session)
        device = device_of(before, number, tx.now)
        after = advance(before, Granted(device=device), tx.now).session
        await tx.sessions.save_life(before, after, lease)
        return after

    return await store.run(work)


async def linking(
    store: Store, tenant: TenantId = DEFAULT_TENANT, *, restarts: int = 0
) -> tuple[BotId, Lease]:
    """A bot whose line has begun to link."""
    bot = await added(store, tenant)
    await store.run(lambda tx: wants_link(tx, bot, restarts=restarts))
    lease = await leased(store, bot)
    await step(store, bot, lease, Began())
    return bot, lease


async def linked(
    store: Store, number: Number = NUMBER, tenant: TenantId = DEFAULT_TENANT
) -> tuple[BotId, Lease]:
    """A bot that has a number."""
    bot, lease = await linking(store, tenant)
    session = await grant(store, bot, lease, number)
    assert isinstance(session, Session)
    return bot, lease


async def unlink(store: Store, bot: BotId, lease: Lease) -> Session:
    await wants(store, bot, Wish.UNLINKED)
    return await step(store, bot, lease, Looked())


async def holder_of(store: Store, number: Number) -> Claim | None:
    async with store.read() as tx:
        return await tx.claims.holder(number)


async def claims_of(store: Store, bot: BotId) -> frozenset[Claim]:
    async with store.read() as tx:
        return await tx.claims.of_bot(bot)


async def retired_of(store: Store) -> set[str]:
    async with store.read() as tx:
        return {retired.device for retired in await tx.retired.due(1000)}
