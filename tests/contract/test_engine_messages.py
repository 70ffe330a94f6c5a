"""What every engine promises of messages and files, held against each of them."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sololine.core.chat import address_of, chat_of, person_of
from sololine.core.media import MediaKind, Uploaded
from sololine.core.message import Failure
from sololine.core.signals import (
    EngineStopped,
    LinkDown,
    LinkUp,
    Receipt,
    ReceiptKind,
    Received,
    Typing,
    TypingState,
    Unreadable,
    Where,
)
from sololine.emulator.phones.letters import e2e
from sololine.engine.port import Link, LinkClosed, NoSuch, NotSent, Profile, SendRefused
from tests.contract.engine_worlds import (
    DEADLINE_S,
    DEVICE,
    NUMBER,
    Heard,
    World,
    linked_up,
    opened,
    written,
)

asyncio.set_event_loop(None)

ANA, BEA = "5511900000001", "5511900000002"
TO_ANA = address_of(ANA)


@pytest.fixture(params=["scripted", "neonize"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(request.param, tmp_path) as world:
        yield world


def text_of(received: Received) -> str:
    return str(e2e.Message.FromString(received.message).conversation)


def chat(where: Where) -> str | None:
    return chat_of(where.chat, where.chat_other)


def sender(where: Where) -> str | None:
    return person_of(where.sender, where.sender_other)


async def met(world: World) -> tuple[Link, Heard]:
    """A link whose number has exchanged a message with Ana."""
    link, heard = await linked_up(world)
    await world.write(ANA, written("hello"))
    await heard.next(Received)
    return link, heard


def image(file: Uploaded) -> bytes:
    raw: bytes = e2e.Message(
        imageMessage=e2e.ImageMessage(
            URL=file.url,
            directPath=file.direct_path,
            mediaKey=file.media_key,
            fileEncSHA256=file.encrypted_sha256,
            fileSHA256=file.sha256,
            fileLength=file.size,
            mimetype="image/jpeg",
        )
    ).SerializeToString()
    return raw


async def stored(world: World, content: bytes) -> Path:
    file = world.media / "med_1"
    await asyncio.to_thread(file.write_bytes, content)
    return file


async def test_a_message_reaches_a_person_under_the_id_that_is_told(world: World) -> None:
    link, _ = await met(world)
    sent = await link.send(TO_ANA, written("hi"))
    assert await world.got(ANA, 1) == [(sent.id, "hi")]


async def test_messages_to_one_person_keep_their_order(world: World) -> None:
    link, _ = await met(world)
    texts = [str(number) for number in range(20)]
    await asyncio.gather(*(link.send(TO_ANA, written(text)) for text in texts))
    assert [text for _, text in await world.got(ANA, len(texts))] == texts


async def test_what_a_person_writes_is_heard_with_its_author(world: World) -> None:
    _, heard = await linked_up(world)
    message = await world.write(ANA, written("hola"))
    received = await heard.next(Received)
    assert (received.id, text_of(received)) == (message, "hola")
    assert (chat(received.where), sender(received.where)) == (ANA, ANA)
    assert not received.where.from_me
    assert 1_700_000_000 < received.at_s < 10_000_000_000


async def test_what_the_bots_own_phone_writes_is_heard_as_its_own(world: World) -> None:
    _, heard = await linked_up(world)
    await world.write_on_own_phone(ANA, written("from the phone"))
    received = await heard.next(Received)
    assert text_of(received) == "from the phone"
    assert received.where.from_me
    assert chat(received.where) == ANA
    assert sender(received.where) == NUMBER


async def test_a_group_is_written_to_and_heard(world: World) -> None:
    link, heard = await linked_up(world)
    group = world.found_group(ANA, BEA)
    await world.write(ANA, written("to all"), group=group)
    received = await heard.next(Received)
    assert text_of(received) == "to all"
    assert (chat(received.where), sender(received.where)) == (group, ANA)
    sent = await link.send(group, written("to all, too"))
    assert (sent.id, "to all, too") in await world.got(BEA, 1)


async def test_a_group_that_the_bot_is_not_in_refuses_for_certain(world: World) -> None:
    link, _ = await linked_up(world)
    group = world.found_group(ANA, BEA)
    world.leave_group(group)
    with pytest.raises(SendRefused) as refused:
        await link.send(group, written("hi"))
    assert refused.value.failure is Failure.NOT_IN_GROUP
    with pytest.raises(NoSuch):
        await link.group(group)


async def test_a_number_that_is_not_on_whatsapp_refuses_for_certain(world: World) -> None:
    link, _ = await linked_up(world)
    with pytest.raises(SendRefused) as refused:
        await link.send(address_of(world.stranger()), written("hi"))
    assert refused.value.failure is Failure.NOT_ON_WHATSAPP


async def test_a_message_that_whatsapp_refuses_is_not_sent_for_certain(world: World) -> None:
    link, _ = await met(world)
    world.refuse_next()
    with pytest.raises(SendRefused) as refused:
        await link.send(TO_ANA, written("hi"))
    assert refused.value.failure is Failure.REFUSED


async def test_without_a_connection_nothing_is_sent_for_certain(world: World) -> None:
    link, _ = await met(world)
    await link.close()
    with pytest.raises(NotSent):
        await link.send(TO_ANA, written("hi"))
    with pytest.raises(NotSent):
        await link.groups()


async def test_a_link_that_dies_while_it_sends_leaves_the_outcome_open(world: World) -> None:
    link, heard = await met(world)
    world.hang_next()
    sending = asyncio.create_task(link.send(TO_ANA, written("hi")))
    await world.got(ANA, 1)
    world.crash(link)
    with pytest.raises(LinkClosed) as closed:
        await sending
    assert not isinstance(closed.value, NotSent)
    await heard.next(EngineStopped)


async def test_a_link_is_closed_while_a_message_hangs(world: World) -> None:
    link, _ = await met(world)
    world.hang_next()
    sending = asyncio.create_task(link.send(TO_ANA, written("hi")))
    await world.got(ANA, 1)
    async with asyncio.timeout(10):
        await link.close()
    with pytest.raises(LinkClosed):
        await sending


async def test_receipts_tell_how_far_a_message_came(world: World) -> None:
    link, heard = await met(world)
    sent = await link.send(TO_ANA, written("hi"))
    for kind in (ReceiptKind.DELIVERED, ReceiptKind.READ, ReceiptKind.PLAYED):
        await world.confirm(ANA, kind, sent.id)
        receipt = await heard.next(Receipt)
        assert (receipt.kind, receipt.ids) == (kind, (sent.id,))
        assert (chat(receipt.where), sender(receipt.where)) == (ANA, ANA)
        assert 1_700_000_000 < receipt.at_s < 10_000_000_000


async def test_what_cannot_be_read_is_told_without_its_text(world: World) -> None:
    _, heard = await met(world)
    await world.write_unreadably(ANA)
    unreadable = await heard.next(Unreadable)
    assert (chat(unreadable.where), sender(unreadable.where)) == (ANA, ANA)
    assert 1_700_000_000 < unreadable.at_s < 10_000_000_000


async def test_it_is_heard_when_people_type_and_speak(world: World) -> None:
    _, heard = await met(world)
    for state in (TypingState.TYPING, TypingState.RECORDING, TypingState.PAUSED):
        await world.type(ANA, state)
        typing = await heard.next(Typing)
        assert typing.state is state
        assert chat(typing.where) == ANA


async def test_people_see_what_the_bot_does_in_their_chat(world: World) -> None:
    link, _ = await met(world)
    for state in (TypingState.TYPING, TypingState.RECORDING, TypingState.PAUSED):
        await link.show_typing(TO_ANA, state)
        await world.saw(ANA, state.value)


async def test_a_bot_whose_phone_has_a_name_is_seen_online(world: World) -> None:
    link, _ = await met(world)
    world.present(NUMBER, Profile(name="House"))
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                await link.show_online(online=True)
            except NotSent:  # the name has not arrived yet
                await asyncio.sleep(0.01)
            else:
                break
    await link.show_online(online=False)


@pytest.mark.parametrize("played", [False, True])
async def test_people_see_that_their_message_was_read_or_played(
    world: World, *, played: bool
) -> None:
    link, heard = await linked_up(world)
    message = await world.write(ANA, written("look"))
    received = await heard.next(Received)
    await link.mark_read(received.where.chat, received.where.sender, [message], played=played)
    await world.saw(ANA, "played" if played else "read")


async def test_numbers_are_looked_up_in_the_order_asked(world: World) -> None:
    link, _ = await met(world)
    nobody = world.stranger()
    found = await link.on_whatsapp([nobody, ANA])
    assert [(each.asked, each.jid) for each in found] == [(nobody, None), (ANA, TO_ANA)]
    assert found[1].lid.endswith("@lid")
    assert await link.on_whatsapp([]) == []


async def test_a_person_shows_a_profile(world: World) -> None:
    link, heard = await linked_up(world)
    world.present(ANA, Profile(name="Ana"))
    await world.write(ANA, written("hello"))
    assert (await heard.next(Received)).sender_name == "Ana"
    async with asyncio.timeout(DEADLINE_S):
        while (await link.profile(TO_ANA)).name != "Ana":  # noqa: ASYNC110 — a stranger's pace
            await asyncio.sleep(0.01)
    with pytest.raises(NoSuch):
        await link.profile(address_of(world.stranger()))


async def test_groups_are_listed_with_their_members(world: World) -> None:
    link, _ = await linked_up(world)
    assert await link.groups() == []
    group = world.found_group(ANA, BEA)
    (listed,) = await link.groups()
    assert (listed.jid, listed.subject) == (group, "The house")
    members = {person_of(each.jid, each.other): each.admin for each in listed.members}
    assert members == {ANA: True, BEA: False, NUMBER: False}
    assert await link.group(group) == listed


async def test_a_file_goes_up_and_comes_down_unchanged(world: World) -> None:
    link, _ = await linked_up(world)
    content = os.urandom(300_000)
    uploaded = await link.upload(await stored(world, content), MediaKind.IMAGE)
    assert uploaded.sha256 == hashlib.sha256(content).digest()
    assert uploaded.size == len(content)
    fetched = world.media / ".med_2.part"
    await link.download(image(uploaded), fetched)
    assert await asyncio.to_thread(fetched.read_bytes) == content


async def test_a_file_that_is_gone_leaves_nothing(world: World) -> None:
    link, _ = await linked_up(world)
    uploaded = await link.upload(await stored(world, b"a picture"), MediaKind.IMAGE)
    world.lose_files()
    fetched = world.media / "med_2"
    with pytest.raises(NoSuch):
        await link.download(image(uploaded), fetched)
    assert not await asyncio.to_thread(fetched.exists)


async def test_a_file_that_whatsapp_does_not_take_is_refused(world: World) -> None:
    link, _ = await linked_up(world)
    world.refuse_files()
    with pytest.raises(SendRefused) as refused:
        await link.upload(await stored(world, b"a picture"), MediaKind.IMAGE)
    assert refused.value.failure is Failure.MEDIA_REFUSED


async def test_what_is_not_settled_is_heard_again_after_a_crash(world: World) -> None:
    link, heard = await linked_up(world)
    await world.write(ANA, written("one"))
    await heard.next(Received)
    await world.type(ANA, TypingState.TYPING)
    await heard.next(Typing)
    await world.write(ANA, written("two"))
    await heard.next(Received)
    await world.write(ANA, written("three"))
    await heard.next(Received)
    link.settled(2)  # one, and the typing
    await link.groups()  # an order behind it
    world.crash(link)
    await heard.next(EngineStopped)
    again = Heard()
    link = await world.engine.resume(DEVICE, again)
    await again.next(LinkUp)
    told = [text_of(each) for each in again.signals if isinstance(each, Received)]
    assert told[-2:] == ["two", "three"]
    link.settled(len(told))
    await link.groups()
    await link.close()
    last = Heard()
    await world.engine.resume(DEVICE, last)
    await last.next(LinkUp)
    assert Received not in last.kinds


async def test_what_was_said_dies_with_the_credentials(world: World) -> None:
    link, heard = await linked_up(world)
    await world.write(ANA, written("one"))
    await heard.next(Received)
    await link.close()
    await world.engine.forget(DEVICE)
    _, again = await linked_up(world)
    assert Received not in again.kinds


async def test_a_link_that_came_back_carries_messages(world: World) -> None:
    link, heard = await met(world)
    world.drop(DEVICE, NUMBER)
    await heard.next(LinkDown)
    await heard.next(LinkUp)
    sent = await link.send(TO_ANA, written("here again"))
    assert await world.got(ANA, 1) == [(sent.id, "here again")]


@pytest.mark.parametrize(
    "strange",
    [
        b"\xf3\xfa\x01\x08\x01\xf4\xfa\x01",  # a group, which nobody writes any more, in field 4014
        b"\x60\x01",  # a number where a message belongs
    ],
    ids=["a group", "another kind"],
)
async def test_bytes_that_nobody_would_write_do_not_end_the_link(
    world: World, strange: bytes
) -> None:
    """Anybody who knows a bot's number can send them."""
    _, heard = await met(world)
    await world.write(ANA, strange)
    await world.write(ANA, written("still there?"))
    async with asyncio.timeout(DEADLINE_S):
        while text_of(await heard.next(Received)) != "still there?":
            pass
    assert EngineStopped not in heard.kinds


async def test_a_file_is_fetched_from_whatsapp_alone(world: World) -> None:
    """Its writer chooses the address; it may be one of the server's own network."""
    link, _ = await linked_up(world)
    uploaded = await link.upload(await stored(world, b"a picture"), MediaKind.IMAGE)
    asked: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as trap:
        port = trap.sockets[0].getsockname()[1]
        for at, path in enumerate((uploaded.direct_path, f"@127.0.0.1:{port}/x", "")):
            lure = replace(uploaded, url=f"http://127.0.0.1:{port}/x", direct_path=path)
            with contextlib.suppress(NoSuch, LinkClosed):
                await link.download(image(lure), world.media / f"med_{at + 2}")
    assert asked == []
