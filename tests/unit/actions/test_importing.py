from datetime import timedelta

import pytest

from sololine.actions import importing
from sololine.actions.gateway import Gateway
from sololine.actions.importing import Examined, Fate
from sololine.bus import EVENTS
from sololine.core.bot import Bot, Setup
from sololine.core.ids import DEFAULT_TENANT, BotId, TenantId, UserId
from sololine.core.listing import Listing
from sololine.core.listing_file import Entry
from sololine.core.number import Number
from sololine.core.session import State
from tests.unit.scenes import (
    NOON,
    NUMBER,
    OTHER_NUMBER,
    OTHER_TENANT,
    STRANGER,
    connected_bot,
    events_of,
    new_bot,
    session_of,
)

ACME = TenantId("acme")


def entry(
    name: str = "Support", number: str = NUMBER, *, user: str = "eva", days_ago: int = 1
) -> Entry:
    return Entry(
        line=2,
        user=UserId(user),
        name=name,
        number=Number(digits=number),
        state=State.CONNECTED,
        last_connected_at=NOON - timedelta(days=days_ago),
    )


async def imported(
    gateway: Gateway, *entries: Entry, tenant: TenantId = DEFAULT_TENANT
) -> Examined:
    """Import, after a look that must say the same."""
    looked = await importing.examine(gateway, tenant, entries)
    done = await importing.carry_out(gateway, tenant, entries)
    assert [each.fate for each in looked.judged] == [each.fate for each in done.judged]
    assert len(looked.clashes) == len(done.clashes)
    return done


def fates(done: Examined) -> list[Fate]:
    return [each.fate for each in done.judged]


async def bots_of(gateway: Gateway, tenant: TenantId = DEFAULT_TENANT) -> list[Bot]:
    async with gateway.store.read() as tx:
        return [bot for bot, _ in await tx.bots.of_tenant(tenant)]


async def listing_of(gateway: Gateway, bot: BotId) -> Listing | None:
    async with gateway.store.read() as tx:
        return await tx.listings.of_bot(bot)


async def test_a_new_bot_is_made_with_what_is_said_of_it_and_waits_for_its_phone(
    gateway: Gateway,
) -> None:
    async with gateway.bus.subscribe(EVENTS) as notices:
        done = await imported(gateway, entry())
        assert (await anext(notices)).key == DEFAULT_TENANT

    (bot,) = await bots_of(gateway)
    assert (bot.owner, bot.name, bot.setup) == ("eva", "Support", Setup.CONNECT)
    assert (fates(done), done.changes, done.clashes) == ([Fate.NEW], 1, [])
    assert await listing_of(gateway, bot.id) == Listing(
        bot=bot.id,
        tenant=DEFAULT_TENANT,
        number=Number(digits=NUMBER),
        state=State.CONNECTED,
        last_connected_at=NOON - timedelta(days=1),
    )
    assert await events_of(gateway.store, bot.id) == ["bot.created"]
    assert (await session_of(gateway.store, bot.id)).idle


async def test_a_look_changes_nothing(gateway: Gateway) -> None:
    await importing.examine(gateway, ACME, [entry()])

    async with gateway.store.read() as tx:
        assert not await tx.tenants.exists(ACME)


async def test_the_same_a_second_time_adds_nothing(gateway: Gateway) -> None:
    entries = [entry(), entry("Sales", OTHER_NUMBER), entry(user="ben", number="34600000003")]
    await imported(gateway, *entries)
    bots = await bots_of(gateway)

    done = await imported(gateway, *entries)

    assert (fates(done), done.changes) == ([Fate.SAME] * 3, 0)
    assert await bots_of(gateway) == bots


async def test_what_is_said_later_takes_the_place_of_what_was_said_before(
    gateway: Gateway,
) -> None:
    await imported(gateway, entry(days_ago=3))
    done = await imported(gateway, entry(number=OTHER_NUMBER, days_ago=1))

    assert fates(done) == [Fate.CHANGED]
    (bot,) = await bots_of(gateway)
    said = await listing_of(gateway, bot.id)
    assert said is not None
    assert said.number.digits == OTHER_NUMBER
    assert await events_of(gateway.store, bot.id) == ["bot.created"]


async def test_a_bot_that_is_there_is_found_by_its_user_and_its_name(gateway: Gateway) -> None:
    bot = await new_bot(gateway, "Support", user="eva")
    await new_bot(gateway, "Support", user="ben")

    done = await imported(gateway, entry())

    assert [(each.fate, each.bot) for each in done.judged] == [(Fate.CHANGED, bot)]
    assert await listing_of(gateway, bot) is not None


async def test_a_linked_bot_is_left_as_it_is(gateway: Gateway) -> None:
    bot = await connected_bot(gateway, NUMBER, name="Support", user="eva")
    other = await connected_bot(gateway, OTHER_NUMBER, name="Sales", user="eva")

    done = await imported(gateway, entry(), entry("Sales", "34600000003"))

    assert fates(done) == [Fate.SAME, Fate.OTHER_NUMBER]
    assert done.changes == 0
    assert [await listing_of(gateway, each) for each in (bot, other)] == [None, None]


async def test_of_namesakes_the_one_with_the_number_is_meant(gateway: Gateway) -> None:
    await imported(gateway, entry())
    await connected_bot(gateway, OTHER_NUMBER, name="Support", user="eva")
    await new_bot(gateway, "Support", user="eva")

    done = await imported(gateway, entry(days_ago=0))
    assert fates(done) == [Fate.CHANGED]
    assert fates(await imported(gateway, entry(number=OTHER_NUMBER))) == [Fate.SAME]
    assert fates(await imported(gateway, entry(number="34600000003"))) == [Fate.AMBIGUOUS]
    assert len(await bots_of(gateway)) == 3


async def test_clashes_within_the_file_and_with_bots_that_are_there_are_told(
    gateway: Gateway,
) -> None:
    holder = await connected_bot(gateway, NUMBER, caller=STRANGER)
    await imported(gateway, entry("Old", OTHER_NUMBER))

    done = await imported(
        gateway,
        entry("A", NUMBER),
        entry("B", OTHER_NUMBER, days_ago=0),
        entry("C", OTHER_NUMBER, days_ago=2),
        entry("D", "34600000003"),
    )

    first, second = done.clashes
    newest = first.parties[0]
    assert (newest.bot, newest.tenant) == (holder, OTHER_TENANT)
    assert [party.name for party in second.parties] == ["B", "Old", "C"]


async def test_a_bot_of_the_file_does_not_clash_with_what_was_said_of_it_before(
    gateway: Gateway,
) -> None:
    await imported(gateway, entry(days_ago=3))
    assert (await imported(gateway, entry(days_ago=1))).clashes == []
    bot = await connected_bot(gateway, OTHER_NUMBER, name="Sales", user="eva")
    assert (await imported(gateway, entry("Sales", OTHER_NUMBER))).clashes == []
    assert await listing_of(gateway, bot) is None


async def test_bots_go_to_the_tenant_that_is_named_which_is_made(gateway: Gateway) -> None:
    await imported(gateway, entry(), tenant=ACME)

    assert len(await bots_of(gateway, ACME)) == 1
    assert await bots_of(gateway) == []


async def test_it_is_all_or_nothing(gateway: Gateway) -> None:
    spoilt = entry("x\ud800", OTHER_NUMBER)  # no database has half a character
    with pytest.raises(Exception, match="surrogate"):
        await importing.carry_out(gateway, DEFAULT_TENANT, [entry(), spoilt])
    assert await bots_of(gateway) == []
