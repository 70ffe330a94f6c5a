"""Bots in the states that lines, actions and doors are tested with, and how to wait for a change.

A line is played here by `move`: it takes a lease and says one signal after another to the session,
each in a transaction of its own, as `lines.line` does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from sololine.actions import bots, sessions
from sololine.actions.gateway import Gateway
from sololine.core.access import Caller
from sololine.core.advance import Began, Granted, LineSignal, advance
from sololine.core.backup import Restoration
from sololine.core.claim import Claim, Policy
from sololine.core.events import LoggedEvent
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId, ProcessId, TenantId, UserId
from sololine.core.linking import Method
from sololine.core.listing import Listing
from sololine.core.number import Number
from sololine.core.session import Device, Session, State
from sololine.core.signals import LinkUp, QrIssued
from sololine.store.retired import Retired
from sololine.store.store import Store
from sololine.store.transaction import Transaction

NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
OTHER_TENANT: Final = TenantId("other")
KEY_CALLER: Final = Caller(tenant=DEFAULT_TENANT)
STRANGER: Final = Caller(tenant=OTHER_TENANT)
PLAYER: Final = ProcessId("player")
NUMBER: Final = "34600000001"
OTHER_NUMBER: Final = "34600000002"
PATIENCE_S: Final = 10.0

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T | None] | T | None], what: str) -> T:
    """The first true answer of `look`, asked again and again for a bounded time."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while asyncio.get_running_loop().time() < deadline:
        found = look()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.002)
    raise AssertionError(f"not in time: {what}")


async def new_bot(
    gateway: Gateway, name: str = "Ada", *, caller: Caller = KEY_CALLER, user: str = "default"
) -> BotId:
    """A bot that was never connected."""
    return (await bots.create(gateway, caller, user=UserId(user), name=name)).bot.id


async def connect(
    gateway: Gateway,
    bot: BotId,
    *,
    caller: Caller = KEY_CALLER,
    number: str | None = None,
    method: Method = Method.QR,
    use_existing: bool | None = None,
    policy: Policy | None = None,
    auto_restart: bool | None = None,
) -> Session:
    """Ask for a connection as the API does."""
    connecting = await sessions.connect(
        gateway,
        caller,
        bot,
        user=None,
        number=number and f"+{number}",
        method=method,
        use_existing=use_existing,
        policy=policy,
        auto_restart=auto_restart,
    )
    return connecting.session


async def move(store: Store, bot: BotId, *signals: LineSignal) -> Session:
    """Play the bot's line: say signals to its session, then give the lease back."""
    lease = await store.run(lambda tx: tx.leases.take(bot, PLAYER))
    assert lease is not None, "a line runs already"
    session = None
    for signal in signals:

        async def step(tx: Transaction, signal: LineSignal = signal) -> Session:
            before = await tx.sessions.lock(bot)
            assert before is not None
            after = advance(before, signal, tx.now)
            await tx.sessions.save_life(before, after.session, lease)
            await tx.events.append(before.tenant, bot, *after.events)
            return after.session

        session = await store.run(step)
    await store.run(lambda tx: tx.leases.release(bot, lease))
    assert session is not None
    return session


def qr(text: str = "qr-1", seconds: int = 60) -> QrIssued:
    return QrIssued(code=text, valid_for=timedelta(seconds=seconds))


async def grant(store: Store, bot: BotId, number: str, *after: LineSignal) -> Session:
    """A phone accepted the link of a bot that is linking, and the number is its own."""
    session = await session_of(store, bot)
    assert session.linking is not None
    device = Device(
        id=session.linking,
        number=Number(digits=number),
        jid=f"{number}:7@s.whatsapp.net",
        lid="",
        linked_at=session.since,
    )
    return await move(store, bot, Granted(device=device), *after)


async def connected_bot(
    gateway: Gateway,
    number: str = NUMBER,
    *,
    name: str = "Ada",
    caller: Caller = KEY_CALLER,
    user: str = "default",
) -> BotId:
    """A bot that is linked with a number and connected."""
    bot = await new_bot(gateway, name, caller=caller, user=user)
    await connect(gateway, bot, caller=caller)
    await move(gateway.store, bot, Began(), qr())
    await grant(gateway.store, bot, number, LinkUp())
    return bot


async def listed_bot(
    gateway: Gateway,
    number: str = NUMBER,
    *,
    caller: Caller = KEY_CALLER,
    last: datetime | None = NOON - timedelta(days=1),
    bot: BotId | None = None,
) -> BotId:
    """A bot that another system's data says has the number."""
    bot = bot or await new_bot(gateway, caller=caller)
    listing = Listing(
        bot=bot,
        tenant=caller.tenant,
        number=Number(digits=number),
        state=State.DISCONNECTED,
        last_connected_at=last,
    )

    async def work(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        await tx.listings.put(listing)

    await gateway.store.run(work)
    return bot


async def session_of(store: Store, bot: BotId) -> Session:
    async with store.read() as tx:
        session = await tx.sessions.get(bot)
    assert session is not None
    return session


async def change_life(store: Store, bot: BotId, **changes: object) -> Session:
    """Have the session in a state that only an earlier version or a rare order leaves behind."""
    lease = await store.run(lambda tx: tx.leases.take(bot, PLAYER))
    assert lease is not None

    async def work(tx: Transaction) -> Session:
        before = await tx.sessions.lock(bot)
        assert before is not None
        after = replace(before, **changes)  # type: ignore[arg-type]  # a test knows the fields
        await tx.sessions.save_life(before, after, lease)
        await tx.leases.release(bot, lease)
        return after

    return await store.run(work)


async def holder_of(store: Store, number: str) -> Claim | None:
    async with store.read() as tx:
        return await tx.claims.holder(Number(digits=number))


async def events_of(store: Store, bot: BotId, tenant: TenantId = DEFAULT_TENANT) -> list[str]:
    """The types of the bot's events, in order."""
    return [event.type.value for event in await logged(store, bot, tenant)]


async def logged(store: Store, bot: BotId, tenant: TenantId = DEFAULT_TENANT) -> list[LoggedEvent]:
    async with store.read() as tx:
        return await tx.events.after(tenant, 0, 1000, bot=bot)


async def retired_of(store: Store, device: str) -> Retired | None:
    async with store.read() as tx:
        return await tx.retired.of(device)  # type: ignore[arg-type]  # ids are text


async def restored(store: Store, bot: BotId) -> DeviceId:
    """Let the bot's credentials have come from a backup, whose original may run."""

    async def work(tx: Transaction) -> DeviceId:
        session = await tx.sessions.lock(bot)
        assert session is not None
        assert session.device is not None
        await tx.restorations.put(
            Restoration(
                device=session.device.id,
                bot=bot,
                tenant=session.tenant,
                copied_at=tx.now,
                restored_at=tx.now,
            )
        )
        return session.device.id

    return await store.run(work)
