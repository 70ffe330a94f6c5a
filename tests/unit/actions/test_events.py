import asyncio

from sololine.actions import events
from sololine.actions.events import Filter
from sololine.actions.gateway import Gateway
from tests.unit.scenes import KEY_CALLER, PATIENCE_S, STRANGER, connect, new_bot


async def test_the_log_is_read_in_order_from_where_the_reader_is(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)

    everything = await events.after(gateway, KEY_CALLER, 0, limit=10)
    rest = await events.after(gateway, KEY_CALLER, everything.events[0]["seq"], limit=10)

    assert [event["type"] for event in everything.events] == ["bot.created", "session.requested"]
    assert [event["seq"] for event in everything.events] == [1, 2]
    assert rest.events == everything.events[1:]


async def test_a_reader_that_waits_gets_the_event_when_it_happens(gateway: Gateway) -> None:
    waiting = asyncio.ensure_future(
        events.after(gateway, KEY_CALLER, 0, limit=10, wait_s=PATIENCE_S)
    )
    await asyncio.sleep(0)
    bot = await new_bot(gateway)

    (event,) = (await waiting).events
    assert (event["type"], event["botId"]) == ("bot.created", bot)


async def test_a_reader_that_waits_in_vain_gets_nothing(gateway: Gateway) -> None:
    assert (await events.after(gateway, KEY_CALLER, 0, limit=10, wait_s=0.01)).events == []


async def test_another_tenant_reads_its_own_log(gateway: Gateway) -> None:
    bot = await new_bot(gateway)

    everything = await events.after(gateway, STRANGER, 0, limit=10)
    of_the_bot = await events.after(gateway, STRANGER, 0, limit=10, wanted=Filter.of(bot, ()))
    assert [*everything.events, *of_the_bot.events] == []
