"""A number is claimed by a bot exactly while that bot is linked with it: in one place, for all."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sololine.core.advance import Began, Granted, Looked, Refused, advance
from sololine.core.claim import ClaimKind, Policy, Refuse
from sololine.core.ids import BotId
from sololine.core.lease import Lease
from sololine.core.linking import WINDOW
from sololine.core.number import Number
from sololine.core.session import EndReason, Session, State, Wish
from sololine.core.signals import LinkUp, LoggedOut
from sololine.store.errors import Fenced, Raced, Unstorable
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import (
    NUMBER,
    OTHER_NUMBER,
    OTHER_TENANT,
    added,
    claims_of,
    device_of,
    grant,
    holder_of,
    leased,
    linked,
    linking,
    locked,
    retired_of,
    session_of,
    step,
    unlink,
    wants,
    wants_link,
)
from tests.sql import by_hand, is_sqlite


async def test_a_linked_bot_holds_its_number(store: Store) -> None:
    bot, _ = await linked(store)
    session = await session_of(store, bot)
    claim = await holder_of(store, NUMBER)
    assert claim is not None
    assert (claim.bot, claim.kind, claim.expires_at) == (bot, ClaimKind.HELD, None)
    assert await claims_of(store, bot) == session.claims() == {claim}


async def test_a_bot_that_goes_offline_keeps_its_number(store: Store) -> None:
    bot, lease = await linked(store)
    await wants(store, bot, Wish.OFFLINE)
    assert (await step(store, bot, lease, Looked())).state is State.DISCONNECTED
    claim = await holder_of(store, NUMBER)
    assert claim is not None
    assert claim.bot == bot


async def test_a_bot_that_is_unlinked_frees_its_number(store: Store) -> None:
    bot, lease = await linked(store)
    await unlink(store, bot, lease)
    assert await holder_of(store, NUMBER) is None
    await linked(store)


async def test_a_phone_that_logs_its_device_out_frees_the_number(store: Store) -> None:
    bot, lease = await linked(store)
    await step(store, bot, lease, LoggedOut())
    assert await holder_of(store, NUMBER) is None


async def test_a_second_bot_is_refused(store: Store) -> None:
    first, _ = await linked(store)
    second, lease = await linking(store)
    verdict = await grant(store, second, lease, NUMBER)
    assert isinstance(verdict, Refuse)
    assert verdict.holder.bot == first
    await step(store, second, lease, Refused(reason=EndReason.NUMBER_TAKEN, holder=first))
    assert await claims_of(store, second) == frozenset()
    assert len(await retired_of(store)) == 1


async def test_of_many_bots_that_link_one_number_at_once_one_gets_it(store: Store) -> None:
    """All have seen the number free; the losers are raced, look again and see the holder."""
    lines = [await linking(store) for _ in range(8)]
    met = asyncio.Barrier(len(lines))
    tries = 0

    async def link(bot: BotId, lease: Lease) -> BotId | None:
        first = True

        async def work(tx: Transaction) -> BotId | None:
            nonlocal first, tries
            tries += 1
            before = await locked(tx, bot)
            if await tx.claims.holder(NUMBER) is not None:
                return None
            if first and not is_sqlite(store):
                # SQLite lets only one transaction come this far.
                first = False
                await met.wait()
            device = device_of(before, NUMBER, tx.now)
            after = advance(before, Granted(device=device), tx.now).session
            await tx.sessions.save_life(before, after, lease)
            return bot

        return await store.run(work)

    winners = set(await asyncio.gather(*(link(*line) for line in lines))) - {None}
    claim = await holder_of(store, NUMBER)
    assert claim is not None
    assert winners == {claim.bot}
    for bot, _ in lines:
        session = await session_of(store, bot)
        assert (session.device is not None) == (bot == claim.bot)
    if not is_sqlite(store):
        assert tries == 2 * len(lines) - 1


async def test_work_that_is_always_raced_is_given_up(store: Store) -> None:
    await linked(store)
    bot, lease = await linking(store)

    async def blind(tx: Transaction) -> None:
        before = await locked(tx, bot)
        device = device_of(before, NUMBER, tx.now)
        after = advance(before, Granted(device=device), tx.now).session
        await tx.sessions.save_life(before, after, lease)

    with pytest.raises(Raced, match=r"^another bot has the number \+34\*+01$"):
        await store.run(blind)
    assert await session_of(store, bot) == replace(await session_of(store, bot), device=None)


async def test_an_evicted_bot_loses_number_credentials_and_lease_in_one_step(store: Store) -> None:
    old, old_lease = await linked(store)
    device = (await session_of(store, old)).device
    assert device is not None
    new, lease = await linking(store)
    await grant(store, new, lease, NUMBER, Policy.REPLACE)
    claim = await holder_of(store, NUMBER)
    assert claim is not None
    assert claim.bot == new
    session = await session_of(store, old)
    assert session.device is None
    assert session.end is not None
    assert session.end.reason is EndReason.REPLACED_BY_POLICY
    assert await retired_of(store) == {device.id}
    async with store.read() as tx:
        assert await tx.leases.of(old) is None
    with pytest.raises(Fenced):
        await step(store, old, old_lease, LinkUp())
    next_lease = await leased(store, old)
    assert next_lease.term == old_lease.term + 2


async def test_two_bots_that_evict_each_other_at_once_keep_the_law(store: Store) -> None:
    """Each locks its own session first and then the other's: the database breaks the circle."""
    one, two = await linked(store, NUMBER), await linked(store, OTHER_NUMBER)
    for bot, lease in (one, two):
        await store.run(lambda tx, bot=bot: wants_link(tx, bot, policy=Policy.REPLACE))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        await step(store, bot, lease, Looked())
    # Both gave their old device up to link anew, so each takes what is free by now, or the other's.
    results = await asyncio.gather(
        grant(store, *one, OTHER_NUMBER, Policy.REPLACE),
        grant(store, *two, OTHER_NUMBER, Policy.REPLACE),
        return_exceptions=True,
    )
    assert any(isinstance(result, Session) for result in results)
    claim = await holder_of(store, OTHER_NUMBER)
    assert claim is not None
    for bot in (one[0], two[0]):
        session = await session_of(store, bot)
        assert await claims_of(store, bot) == session.claims()
        assert (session.device is not None) == (claim.bot == bot)


async def test_a_declared_number_is_reserved_for_its_window(store: Store) -> None:
    bot = await added(store)
    session = await store.run(lambda tx: wants_link(tx, bot, NUMBER))
    claim = await holder_of(store, NUMBER)
    assert claim is not None
    assert session.intent.window is not None
    assert (claim.bot, claim.kind) == (bot, ClaimKind.RESERVED)
    assert claim.expires_at == session.intent.window.ends_at
    other = await added(store)
    with pytest.raises(Raced):
        await store.run(lambda tx: wants_link(tx, other, NUMBER))


async def test_a_reservation_expires_with_its_window_and_makes_room(store: Store) -> None:
    bot, other = await added(store), await added(store)
    await store.run(lambda tx: wants_link(tx, bot, NUMBER))
    store.shift += WINDOW + timedelta(seconds=1)
    assert await holder_of(store, NUMBER) is None
    assert await claims_of(store, bot) == frozenset()
    await store.run(lambda tx: wants_link(tx, other, NUMBER))
    claim = await holder_of(store, NUMBER)
    assert claim is not None
    assert claim.bot == other
    # The late window of the first bot ends without touching what is another's now.
    await step(store, bot, await leased(store, bot), Looked())
    assert await holder_of(store, NUMBER) == claim


async def test_a_reservation_becomes_the_claim_of_the_linked_number(store: Store) -> None:
    bot = await added(store)
    await store.run(lambda tx: wants_link(tx, bot, NUMBER))
    lease = await leased(store, bot)
    await step(store, bot, lease, Began())
    await grant(store, bot, lease, NUMBER)
    assert {claim.kind for claim in await claims_of(store, bot)} == {ClaimKind.HELD}


async def test_a_new_order_drops_the_reservation_of_the_one_before(store: Store) -> None:
    bot = await added(store)
    await store.run(lambda tx: wants_link(tx, bot, NUMBER))
    await store.run(lambda tx: wants_link(tx, bot, OTHER_NUMBER))
    assert await holder_of(store, NUMBER) is None
    await wants(store, bot, Wish.OFFLINE)
    assert await claims_of(store, bot) == frozenset()


async def test_a_bot_keeps_its_number_while_it_declares_another(store: Store) -> None:
    bot, _ = await linked(store)
    await store.run(lambda tx: wants_link(tx, bot, OTHER_NUMBER))
    kinds = {claim.number: claim.kind for claim in await claims_of(store, bot)}
    assert kinds == {NUMBER: ClaimKind.HELD, OTHER_NUMBER: ClaimKind.RESERVED}


async def test_a_number_is_one_number_across_tenants(store: Store) -> None:
    first, _ = await linked(store)
    second, lease = await linking(store, OTHER_TENANT)
    verdict = await grant(store, second, lease, NUMBER, Policy.REPLACE)
    assert isinstance(verdict, Refuse)
    assert verdict.foreign
    assert verdict.holder.bot == first


# ------------------------------------------------------------------ the law, against raw SQL


def link(bot: BotId, number: Number = NUMBER) -> str:
    return (
        f"UPDATE bot_sessions SET device_id = 'dev', number = '{number.digits}', jid = '', "
        f"lid = '', linked_at = 1 WHERE bot_id = '{bot}'"
    )


def claim(bot: BotId, number: Number = NUMBER, held: str | None = None) -> str:
    return (
        "INSERT INTO number_claims (number, bot_id, tenant_id, kind, held_number, since) VALUES "
        f"('{number.digits}', '{bot}', 'default', 'held', '{held or number.digits}', 1)"
    )


async def test_raw_sql_may_link_and_claim_together(store: Store) -> None:
    bot, other = await added(store), await added(store)
    await by_hand(store, link(bot), claim(bot))
    await by_hand(store, claim(other, OTHER_NUMBER), link(other, OTHER_NUMBER))
    assert await holder_of(store, NUMBER) is not None


async def test_raw_sql_cannot_link_without_a_claim(store: Store) -> None:
    bot = await added(store)
    with pytest.raises(Unstorable):
        await by_hand(store, link(bot))
    assert (await session_of(store, bot)).device is None


async def test_raw_sql_cannot_claim_without_a_link(store: Store) -> None:
    bot = await added(store)
    with pytest.raises(Unstorable):
        await by_hand(store, claim(bot))
    assert await holder_of(store, NUMBER) is None


async def test_raw_sql_cannot_link_with_the_claim_of_another_bot_or_number(store: Store) -> None:
    bot, other = await added(store), await added(store)
    with pytest.raises(Unstorable):
        await by_hand(store, link(bot), claim(other))
    with pytest.raises(Unstorable):
        await by_hand(store, link(bot), claim(bot, OTHER_NUMBER))
    with pytest.raises(Unstorable):
        await by_hand(store, link(bot), claim(bot, OTHER_NUMBER, held=NUMBER.digits))


async def test_raw_sql_cannot_link_two_bots_with_one_number(store: Store) -> None:
    bot, other = await added(store), await added(store)
    await by_hand(store, link(bot), claim(bot))
    with pytest.raises(Unstorable):
        await by_hand(store, link(other))
    with pytest.raises(Unstorable):
        await by_hand(store, link(other), claim(other))


async def test_raw_sql_cannot_take_a_claim_from_under_a_link(store: Store) -> None:
    bot, _ = await linked(store)
    with pytest.raises(Unstorable):
        await by_hand(store, "DELETE FROM number_claims")
    with pytest.raises(Unstorable):
        await by_hand(store, f"DELETE FROM bot_sessions WHERE bot_id = '{bot}'")
    with pytest.raises(Unstorable):
        await by_hand(
            store,
            "UPDATE number_claims SET kind = 'reserved', held_number = NULL, expires_at = 2",
        )
    with pytest.raises(Unstorable):
        await by_hand(
            store, f"UPDATE number_claims SET number = '1', held_number = '{NUMBER.digits}'"
        )


async def test_after_a_refused_commit_the_store_goes_on(store: Store) -> None:
    bot = await added(store)
    for _ in range(3):
        with pytest.raises(Unstorable):
            await by_hand(store, link(bot))
    await linked(store)


WINDOW_COLUMNS = "window_opened_at = 1, window_ends_at = 2, window_policy = 'refuse'"


@pytest.mark.parametrize(
    "nonsense",
    [
        "state = 'asleep'",
        "wish = 'rich'",
        "end_reason = 'bored', end_at = 1",
        "end_reason = 'asked'",
        "end_until = 1",
        "end_reason = 'asked', end_at = 1, state = 'connecting'",
        "number = '34600000001'",
        "device_id = 'dev'",
        "state = 'connected'",
        "linking = 'dev'",
        "code_text = 'secret'",
        "code_text = 'secret', code_method = 'qr', code_expires_at = 1",
        "window_number = '34600000001'",
        "window_opened_at = 1",
        f"{WINDOW_COLUMNS}, window_reserves = 0, window_method = 'code'",
        f"{WINDOW_COLUMNS}, window_reserves = 2, window_method = 'qr'",
        "obeyed = 1",
        "attempt = -1",
        "lease_process = 'here'",
        "lease_expires_at = 1",
    ],
)
async def test_the_database_refuses_a_session_that_makes_no_sense(
    store: Store, nonsense: str
) -> None:
    bot = await added(store)
    with pytest.raises(Unstorable):
        await by_hand(store, f"UPDATE bot_sessions SET {nonsense} WHERE bot_id = '{bot}'")


async def test_the_database_refuses_a_claim_that_makes_no_sense(store: Store) -> None:
    bot = await added(store)
    columns = "number, bot_id, tenant_id, since, kind, held_number, expires_at"
    for nonsense in ("'held', NULL, NULL", "'reserved', NULL, NULL", "'lent', NULL, 2"):
        with pytest.raises(Unstorable):
            await by_hand(
                store,
                f"INSERT INTO number_claims ({columns}) "
                f"VALUES ('1', '{bot}', 'default', 1, {nonsense})",
            )


async def test_reservations_that_expired_are_cleared_and_what_stands_is_not(store: Store) -> None:
    old, _ = await added(store), await linked(store, OTHER_NUMBER)
    await store.run(lambda tx: wants_link(tx, old, NUMBER))
    assert await store.run(lambda tx: tx.claims.clean()) == 0
    store.shift += WINDOW
    new, third = await added(store), Number(digits="34600000003")
    await store.run(lambda tx: wants_link(tx, new, third))

    assert await store.run(lambda tx: tx.claims.clean()) == 1

    assert await holder_of(store, OTHER_NUMBER) is not None
    assert await holder_of(store, third) is not None
    # Its session may end its window as if nothing had happened, and open another one.
    await wants(store, old, Wish.OFFLINE)
    await store.run(lambda tx: wants_link(tx, old, NUMBER))
    assert await holder_of(store, NUMBER) is not None
