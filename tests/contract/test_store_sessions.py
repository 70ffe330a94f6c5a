"""A session is stored as it is, half by half, and only for who may write it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sololine.core.advance import Began, LineSignal, Looked
from sololine.core.claim import ClaimKind
from sololine.core.events import Event, EventType
from sololine.core.ids import DEFAULT_TENANT, BotId
from sololine.core.session import Intent, Session, State, Wish
from sololine.core.signals import (
    Banned,
    CredentialsInUse,
    EngineStopped,
    LinkDown,
    LinkingTimedOut,
    LinkUp,
    LoggedOut,
    PairingCodeIssued,
    QrIssued,
)
from sololine.store.columns import instant, millis
from sololine.store.errors import Fenced
from sololine.store.sessions import SessionCounts
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import (
    OTHER_NUMBER,
    OTHER_TENANT,
    THERE,
    added,
    claims_of,
    grant,
    leased,
    linked,
    linking,
    locked,
    new_bot,
    new_number,
    retired_of,
    session_of,
    step,
    wants,
    wants_link,
)

CREATED = Event(type=EventType.BOT_CREATED)


async def test_a_new_bot_has_a_session_that_was_never_connected(store: Store) -> None:
    async def work(tx: Transaction) -> Session:
        bot = new_bot(tx.now)
        made = await tx.bots.add(bot)
        assert made == Session(bot=bot.id, tenant=bot.tenant, since=tx.now)
        return made

    made = await store.run(work)
    assert await session_of(store, made.bot) == made


async def test_there_is_no_session_of_an_unknown_bot(store: Store) -> None:
    async def work(tx: Transaction) -> Session | None:
        return await tx.sessions.lock(BotId("bot_unknown"))

    assert await store.run(work) is None
    async with store.read() as tx:
        assert await tx.sessions.get(BotId("bot_unknown")) is None


SIGNALS = st.sampled_from(
    [
        Began(),
        Looked(),
        QrIssued(code="2@secret", valid_for=timedelta(seconds=20)),
        PairingCodeIssued(code="ABCD1234", valid_for=timedelta(seconds=160)),
        LinkingTimedOut(),
        LinkUp(),
        LinkDown(),
        LoggedOut(),
        CredentialsInUse(),
        Banned(lasts=timedelta(hours=1)),
        EngineStopped(),
        "granted",
        "wants link",
        "wants online",
        "wants offline",
        "wants unlinked",
    ]
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(script=st.lists(SIGNALS, max_size=25))
async def test_whatever_a_line_goes_through_is_stored_with_what_follows_from_it(
    store: Store, script: list[LineSignal | str]
) -> None:
    bot = await added(store)
    lease = await leased(store, bot)
    number, declared = new_number(), new_number()
    given_up = set[str]()
    for what in script:
        before = await session_of(store, bot)
        match what:
            case "granted":
                if before.linking is None:
                    continue
                await grant(store, bot, lease, number)
            case "wants link":
                await store.run(lambda tx: wants_link(tx, bot, declared))
            case str():
                await wants(store, bot, Wish(what.removeprefix("wants ")))
            case signal:
                committed = await step(store, bot, lease, signal)
                # Whole milliseconds are stored, and the backoff is finer.
                retry_at = instant(millis(committed.retry_at))
                assert await session_of(store, bot) == replace(committed, retry_at=retry_at)
        after = await session_of(store, bot)
        given_up |= before.devices - after.devices
        assert await claims_of(store, bot) == after.claims()
        assert after.devices.isdisjoint(given_up)
        assert given_up <= await retired_of(store)
    await store.run(lambda tx: tx.bots.delete(bot))


async def test_an_intent_and_a_life_written_at_once_do_not_overwrite_each_other(
    store: Store,
) -> None:
    bot, lease = await linking(store)

    async def ask(_: int) -> None:
        await store.run(lambda tx: wants_link(tx, bot))

    async def live(_: int) -> None:
        async def work(tx: Transaction) -> None:
            before = await locked(tx, bot)
            await tx.sessions.save_life(before, replace(before, attempt=before.attempt + 1), lease)

        await store.run(work)

    await asyncio.gather(*(act(no) for no in range(10) for act in (ask, live)))
    session = await session_of(store, bot)
    assert (session.intent.no, session.attempt) == (11, 10)


async def test_save_intent_refuses_to_write_the_life(store: Store) -> None:
    bot = await added(store)

    async def work(tx: Transaction) -> None:
        before = await locked(tx, bot)
        await tx.sessions.save_intent(before, replace(before, attempt=1))

    with pytest.raises(ValueError, match=r"^save_intent writes the intent only"):
        await store.run(work)


async def test_save_life_and_evict_refuse_to_write_the_intent(store: Store) -> None:
    bot = await added(store)
    lease = await leased(store, bot)

    async def live(tx: Transaction) -> None:
        before = await locked(tx, bot)
        await tx.sessions.save_life(before, replace(before, intent=Intent(no=1)), lease)

    async def evict(tx: Transaction) -> None:
        before = await locked(tx, bot)
        await tx.sessions.evict(before, replace(before, intent=Intent(no=1)))

    for work in (live, evict):
        with pytest.raises(ValueError, match=r"^a line writes the life only"):
            await store.run(work)


async def test_a_session_that_was_not_locked_is_not_written(store: Store) -> None:
    """What rests on an unlocked reading may overwrite what somebody else has written since."""
    bot = await added(store)

    async def work(tx: Transaction) -> None:
        before = await tx.sessions.get(bot)
        assert before is not None
        await tx.sessions.save_intent(before, replace(before, intent=Intent(no=1)))

    with pytest.raises(RuntimeError, match=r"^lock the session of bot_\d+ in this transaction"):
        await store.run(work)


async def test_the_counter_of_events_is_the_last_lock(store: Store) -> None:
    """Otherwise two transactions could wait for each other in a circle."""
    bot, other = await added(store), await added(store)
    lease = await leased(store, bot)

    async def lock_late(tx: Transaction) -> None:
        await tx.events.append(DEFAULT_TENANT, bot, CREATED)
        await tx.sessions.lock(other)

    async def save_late(tx: Transaction) -> None:
        before = await locked(tx, bot)
        await tx.events.append(DEFAULT_TENANT, bot, CREATED)
        await tx.sessions.save_life(before, before, lease)

    for work in (lock_late, save_late):
        with pytest.raises(RuntimeError, match=r"before the first event is appended$"):
            await store.run(work)
    async with store.read() as tx:
        assert await tx.events.last(DEFAULT_TENANT) == 0


async def test_a_line_writes_with_its_lease(store: Store) -> None:
    bot = await added(store)
    await store.run(lambda tx: wants_link(tx, bot))
    session = await step(store, bot, await leased(store, bot), Began())
    assert session.state is State.CONNECTING
    assert await session_of(store, bot) == session


async def test_a_line_that_lost_its_lease_is_fenced(store: Store) -> None:
    bot, lease = await linking(store)
    before = await session_of(store, bot)
    store.shift += timedelta(minutes=1)
    await leased(store, bot, THERE)
    with pytest.raises(Fenced):
        await step(store, bot, lease, LinkingTimedOut())
    assert await session_of(store, bot) == before


async def test_a_line_of_an_earlier_term_is_fenced_though_the_process_is_the_same(
    store: Store,
) -> None:
    bot, lease = await linking(store)
    await leased(store, bot)
    with pytest.raises(Fenced):
        await step(store, bot, lease, Looked())


async def test_a_line_of_a_deleted_bot_is_fenced(store: Store) -> None:
    bot, lease = await linking(store)
    before = await session_of(store, bot)
    await store.run(lambda tx: tx.bots.delete(bot))

    async def work(tx: Transaction) -> None:
        assert await tx.sessions.lock(bot) is None
        await tx.sessions.save_life(before, before, lease)

    with pytest.raises(Fenced):
        await store.run(work)


async def test_a_fenced_line_undoes_nothing_and_leaves_nothing(store: Store) -> None:
    """It would otherwise take the number of its bot away, or retire its credentials."""
    bot, lease = await linked(store)
    await leased(store, bot)
    with pytest.raises(Fenced):
        await step(store, bot, lease, LoggedOut())
    assert {claim.kind for claim in await claims_of(store, bot)} == {ClaimKind.HELD}
    assert await retired_of(store) == set()


async def test_credentials_that_a_session_gives_up_are_retired(store: Store) -> None:
    bot, lease = await linked(store)
    device = (await session_of(store, bot)).device
    assert device is not None
    assert await retired_of(store) == set()
    await step(store, bot, lease, LoggedOut())
    async with store.read() as tx:
        retired = await tx.retired.of(device.id)
    assert retired is not None
    assert (retired.bot, retired.tenant, retired.tries) == (bot, DEFAULT_TENANT, 0)


async def test_sessions_are_counted_by_tenant_and_state(store: Store) -> None:
    await added(store)
    await linking(store)
    bot, lease = await linked(store)
    await step(store, bot, lease, LinkUp())
    await linked(store, OTHER_NUMBER, OTHER_TENANT)
    async with store.read() as tx:
        assert await tx.sessions.counts(DEFAULT_TENANT) == SessionCounts(
            total=3, connected=1, awaiting_scan=0, disconnected=1
        )
        assert (await tx.sessions.counts(OTHER_TENANT)).total == 1
        everywhere = await tx.sessions.counts(None)
        assert everywhere.total == (await tx.sessions.counts(DEFAULT_TENANT)).total + 1
