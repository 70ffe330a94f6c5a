import asyncio

import pytest

from sololine.core.ids import DeviceId
from sololine.core.signals import LinkDown, LinkUp, Typing, TypingState, Where
from sololine.lines.mailbox import BATCH, Chatted, Look, Mailbox, OpenLink, Said

ANA = Typing(where=Where(chat="ana", sender="ana"), state=TypingState.TYPING)
BEA = Typing(where=Where(chat="bea", sender="bea"), state=TypingState.TYPING)


def link() -> OpenLink:
    return OpenLink(device=DeviceId("dev_1"), linked=True, granted=True)


async def test_what_people_say_comes_in_batches_that_end_at_what_happens_to_the_link() -> None:
    mailbox, by = Mailbox(), link()
    for signal in (ANA, BEA, LinkDown(), ANA, LinkUp()):
        mailbox.put(signal, by)

    assert [await mailbox.take(None) for _ in range(4)] == [
        Chatted((ANA, BEA), by),
        Said(LinkDown(), by),
        Chatted((ANA,), by),
        Said(LinkUp(), by),
    ]
    assert mailbox.empty


async def test_a_batch_is_of_one_link_and_has_an_end() -> None:
    mailbox, first, second = Mailbox(), link(), link()
    for _ in range(BATCH + 1):
        mailbox.put(ANA, first)
    mailbox.put(ANA, second)

    batches = [await mailbox.take(None) for _ in range(3)]
    assert [len(each.signals) for each in batches if isinstance(each, Chatted)] == [BATCH, 1, 1]


async def test_a_look_comes_first_and_once() -> None:
    mailbox, by = Mailbox(), link()
    mailbox.put(ANA, by)
    mailbox.look()
    mailbox.look()

    assert await mailbox.take(None) == Look()
    assert await mailbox.take(None) == Chatted((ANA,), by)
    assert mailbox.empty


async def test_taking_waits_for_something_or_until_the_time_is_up() -> None:
    mailbox = Mailbox()
    with pytest.raises(TimeoutError):
        await mailbox.take(asyncio.get_running_loop().time())
    taking = asyncio.ensure_future(mailbox.take(None))
    await asyncio.sleep(0)
    assert mailbox.idle
    mailbox.look()

    assert await taking == Look()
    assert not mailbox.idle


async def test_the_rest_is_what_people_said() -> None:
    mailbox, by = Mailbox(), link()
    for signal in (ANA, LinkDown(), BEA):
        mailbox.put(signal, by)
    mailbox.look()

    assert mailbox.rest() == [Chatted((ANA,), by), Chatted((BEA,), by)]
    assert mailbox.empty
