"""Messages between a client and phones, stanza by stanza."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from sololine.emulator.errors import PhoneOffline, UnknownGroup, UnknownPhone
from sololine.emulator.faults import (
    AckError,
    CorruptMessage,
    DropBeforeAck,
    DuplicateDelivery,
    NoAck,
    Target,
)
from sololine.emulator.mail.post import participant_hash
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.phones.handset import MAX_RETRIES
from sololine.emulator.phones.letters import text
from sololine.emulator.phones.mailbox import ReceiptKind
from sololine.emulator.phones.phone import Phone
from sololine.emulator.server import Emulator
from sololine.wire.jid import GROUP_SERVER, LID_SERVER, USER_SERVER, Jid
from sololine.wire.node import Node
from sololine.wire.signal.errors import UndecryptableMessage
from tests.unit.emulator.client import Client, Keys, connected, link, logged_in

BOT, ANA = "447441395830", "5511900000001"
TO_BOT = Jid(BOT, USER_SERVER)
KEY = DeviceKey(BOT, 1)


@pytest.fixture
def ana(emulator: Emulator) -> Phone:
    return emulator.phones.add(ANA)


@pytest.fixture
async def keys(emulator: Emulator) -> Keys:
    return await link(emulator, BOT)


@pytest.fixture
async def client(emulator: Emulator, ana: Phone, keys: Keys) -> AsyncIterator[Client]:
    """A client that is online and can write to Ana's phone and to its own."""
    async with logged_in(emulator, keys) as client:
        await client.fetch(lid(ana), lid(emulator.phones[BOT]))
        yield client


def lid(phone: Phone, device: int = 0) -> Jid:
    return Jid(phone.lid, LID_SERVER, device)


def waiting(emulator: Emulator) -> list[str]:
    return [s.text("id") for s in emulator.exchange.delivery.waiting.stanzas(KEY)]


async def test_a_phones_message_names_its_writer_both_ways(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    emulator.exchange.profiles.rename(ANA, "Ana")

    sent = await ana.send(TO_BOT, text("hello"))
    stanza = await client.next("message")

    assert sent.startswith("3A")
    assert len(sent) == 20
    assert stanza.text("id") == sent
    assert stanza.jid("from") == lid(ana)
    assert stanza.jid("sender_pn") == Jid(ANA, USER_SERVER)
    assert (stanza.text("addressing_mode"), stanza.text("notify")) == ("lid", "Ana")
    assert (stanza.text("type"), stanza.need("enc").text("v")) == ("text", "2")
    assert client.read(stanza).conversation == "hello"


async def test_a_phone_set_to_numbers_is_addressed_by_its_number(
    ana: Phone, client: Client
) -> None:
    ana.by_number = True

    await ana.send(TO_BOT, text("hello"))
    stanza = await client.next("message")

    assert stanza.jid("from") == Jid(ANA, USER_SERVER)
    assert stanza.jid("sender_lid") == lid(ana)


async def test_a_clients_message_is_acknowledged_then_told_to_have_come(
    ana: Phone, client: Client
) -> None:
    sent = await client.write(lid(ana), text("hi"), lid(ana))
    ack, receipt = await client.receive(), await client.receive()

    assert ack.summary == "ack class=message"
    assert (ack.text("id"), ack.jid("from"), "error" in ack.attrs) == (sent, lid(ana), False)
    assert (receipt.tag, receipt.text("id"), receipt.jid("from")) == ("receipt", sent, lid(ana))
    assert "type" not in receipt.attrs
    [letter] = ana.inbox
    assert (letter.id, letter.message.conversation, letter.own) == (sent, "hi", False)
    assert letter.chat == letter.sender.bare


async def test_a_phone_that_sends_no_receipts_says_nothing(ana: Phone, client: Client) -> None:
    ana.sends_receipts = False

    await client.write(lid(ana), text("hi"), lid(ana))
    await client.next("ack")

    assert (await client.ask("w:p", "get")).text("type") == "result"
    assert len(ana.inbox) == 1


async def test_a_message_that_is_repeated_is_acknowledged_again_and_delivered_once(
    ana: Phone, client: Client
) -> None:
    part = Node.make("to", {"jid": lid(ana)}, client.enc(lid(ana), text("hi")))
    attrs = {"id": "3EB0", "to": lid(ana), "type": "text"}
    stanza = Node.make("message", attrs, Node.make("participants", content=part))

    await client.send(stanza)
    await client.send(stanza)

    assert (await client.next("ack")).text("id") == (await client.next("ack")).text("id")
    assert [letter.id for letter in ana.inbox] == ["3EB0"]


async def test_the_own_phone_gets_the_copy_of_what_a_companion_writes(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    own = emulator.phones[BOT]
    copy = text("")
    copy.Clear()
    copy.deviceSentMessage.destinationJID = str(lid(ana))
    copy.deviceSentMessage.message.conversation = "hi"
    parts = [
        Node.make("to", {"jid": lid(ana)}, client.enc(lid(ana), text("hi"))),
        Node.make("to", {"jid": lid(own)}, client.enc(lid(own), copy)),
    ]
    attrs = {"id": "3EB0", "to": lid(ana), "type": "text"}

    await client.send(Node.make("message", attrs, Node.make("participants", content=parts)))
    await client.next("ack")

    [letter] = own.inbox
    assert (letter.own, letter.chat, letter.message.conversation) == (True, lid(ana), "hi")
    assert letter.sender == lid(own, 1)


async def test_a_companion_gets_the_copy_of_what_its_phone_writes(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    own = emulator.phones[BOT]

    await own.send(Jid(ANA, USER_SERVER), text("from the phone"))
    stanza = await client.next("message")

    assert (stanza.jid("from"), stanza.jid("recipient")) == (lid(own), lid(ana))
    assert stanza.jid("peer_recipient_pn") == Jid(ANA, USER_SERVER)
    assert client.read(stanza).deviceSentMessage.message.conversation == "from the phone"
    assert [letter.message.conversation for letter in ana.inbox] == ["from the phone"]


async def test_a_group_message_from_a_phone_brings_its_key_the_first_time(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    group = emulator.exchange.groups.create(ANA, "The group", [BOT])

    await ana.send(group.jid, text("hello all"))
    first = await client.next("message")
    await ana.send(group.jid, text("again"))
    second = await client.next("message")

    assert (first.jid("from"), first.jid("participant")) == (group.jid, lid(ana))
    assert first.jid("participant_pn") == Jid(ANA, USER_SERVER)
    assert [enc.text("type") for enc in first.named("enc")] == ["pkmsg", "skmsg"]
    assert [enc.text("type") for enc in second.named("enc")] == ["skmsg"]
    assert client.read(first).conversation == "hello all"
    assert client.read(second).conversation == "again"


async def test_who_left_a_group_does_not_get_its_next_key(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    emulator.phones.add("5511900000002")
    group = emulator.exchange.groups.create(ANA, "The group", [BOT, "5511900000002"])
    other = await link(emulator, "5511900000002")
    await ana.send(group.jid, text("to three"))
    client.read(await client.next("message"))

    emulator.exchange.groups.remove(group.id, ANA, ["5511900000002"])
    await ana.send(group.jid, text("to two"))
    stanza = await client.next("message")

    assert [enc.text("type") for enc in stanza.named("enc")] == ["pkmsg", "skmsg"]
    assert client.read(stanza).conversation == "to two"
    assert other.jid is not None
    key = DeviceKey(other.jid.user, other.jid.device)
    kinds = [s.tag for s in emulator.exchange.delivery.waiting.stanzas(key)]
    assert kinds.count("message") == 1


async def test_a_hash_of_other_devices_than_a_group_has_is_noted(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    group = emulator.exchange.groups.create(ANA, "The group", [BOT])
    bot = emulator.phones[BOT]
    right = participant_hash([lid(ana), lid(bot), lid(bot, 1)])
    for phash in (right, "2:AAAAAAAA"):
        attrs = {"id": phash, "to": group.jid, "type": "text", "phash": phash}
        await client.send(Node.make("message", attrs))

    acks = [await client.next("ack") for _ in range(2)]

    assert [ack.attrs.get("phash") for ack in acks] == [None, right]
    assert emulator.unknown == ["a message to a group with the phash of other devices than it has"]
    emulator.unknown.clear()


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (Jid("15550000000", USER_SERVER), "404"),
        (Jid("120363000000000009", GROUP_SERVER), "404"),
        (Jid("status", "broadcast"), "405"),
    ],
)
async def test_a_message_that_goes_nowhere_is_refused_and_noted(
    emulator: Emulator, client: Client, to: Jid, code: str
) -> None:
    await client.send(Node.make("message", {"id": "1", "to": to, "type": "text"}))

    assert (await client.next("ack")).text("error") == code
    assert len(emulator.unknown) == 1
    assert to.user not in emulator.unknown[0]


async def test_a_group_is_closed_to_who_is_not_its_member(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    emulator.phones.add("5511900000002")
    group = emulator.exchange.groups.create(ANA, "The group", ["5511900000002"])

    await client.send(Node.make("message", {"id": "1", "to": group.jid, "type": "text"}))

    assert (await client.next("ack")).text("error") == "403"


async def test_a_phone_writes_to_chats_that_exist_only(ana: Phone) -> None:
    with pytest.raises(UnknownPhone):
        await ana.send(Jid("15550000000", USER_SERVER), text("hello"))
    with pytest.raises(UnknownGroup):
        await ana.send(Jid("120363000000000009", GROUP_SERVER), text("hello"))
    ana.online = False
    with pytest.raises(PhoneOffline, match="put it online first"):
        await ana.send(Jid(ANA, USER_SERVER), text("hello"))


# What waits


async def test_what_came_while_a_client_was_away_comes_at_its_login_in_order(
    emulator: Emulator, ana: Phone, keys: Keys
) -> None:
    sent = [await ana.send(TO_BOT, text(str(number))) for number in range(3)]

    async with connected(emulator, keys, keys.login) as client:
        success, preview = await client.receive(), await client.receive()
        stanzas = [await client.receive() for _ in range(3)]
        done = await client.receive()

    assert success.tag == "success"
    counted = preview.need("offline_preview")
    assert (counted.text("count"), counted.text("message")) == ("3", "3")
    assert [stanza.text("id") for stanza in stanzas] == sent
    assert all("offline" in stanza.attrs for stanza in stanzas)
    assert [client.read(stanza).conversation for stanza in stanzas] == ["0", "1", "2"]
    assert done.need("offline").text("count") == "3"


async def test_what_was_not_answered_comes_again_at_the_next_login(
    emulator: Emulator, ana: Phone, keys: Keys
) -> None:
    async with logged_in(emulator, keys) as client:
        first = await ana.send(TO_BOT, text("answered"))
        second = await ana.send(TO_BOT, text("read, not answered"))
        stanza = await client.next("message")
        await client.next("message")
        await client.confirm(stanza, "inactive")
        await client.next("ack")

    assert waiting(emulator) == [second]
    assert first not in waiting(emulator)
    async with connected(emulator, keys, keys.login) as client:
        assert (await client.next("message")).text("id") == second


async def test_a_message_a_client_cannot_use_is_answered_with_an_ack(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    sent = await ana.send(TO_BOT, text("hello"))
    stanza = await client.next("message")
    attrs = {"class": "message", "id": sent, "to": stanza.jid("from"), "error": 491}

    await client.send(Node.make("ack", attrs))
    await client.ask("w:p", "get")

    assert waiting(emulator) == []


async def test_receipts_wait_until_they_are_acknowledged(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    sent = await client.write(lid(ana), text("hi"), lid(ana))
    receipt = await client.next("receipt")
    assert waiting(emulator) == [sent]

    await client.send(Node.make("ack", {"class": "receipt", "id": sent, "to": receipt.jid("from")}))
    await client.ask("w:p", "get")

    assert waiting(emulator) == []


async def test_nothing_waits_for_a_device_that_was_unlinked(
    emulator: Emulator, ana: Phone, keys: Keys
) -> None:
    await ana.send(TO_BOT, text("hello"))

    emulator.phones[BOT].unlink(1)

    assert waiting(emulator) == []


async def test_what_waits_outlives_the_emulator(tmp_path: Path) -> None:
    async with Emulator(tmp_path / "folder") as first:
        keys = await link(first, BOT)
        ana = first.phones.add(ANA)
        sent = [await ana.send(TO_BOT, text(str(number))) for number in range(3)]
        ana.online = False
        ana.sends_receipts = False

    async with Emulator(tmp_path / "folder") as second:
        assert waiting(second) == sent
        ana = second.phones[ANA]
        assert (ana.online, ana.sends_receipts, ana.by_number) == (False, False, False)
        assert [letter.id for letter in ana.sent] == sent
        async with connected(second, keys, keys.login) as client:
            said = [client.read(await client.next("message")) for _ in range(3)]
            # Its sessions are the same: what the client begins on them can be read.
            await client.next("ib")
            await client.fetch(lid(second.phones[BOT]))
            ana.online = True
            await client.write(lid(ana), text("back"), lid(ana))
            [letter] = await ana.received()

    assert [message.conversation for message in said] == ["0", "1", "2"]
    assert letter.message.conversation == "back"


async def test_a_phone_that_was_away_reads_and_confirms_when_it_is_back(
    ana: Phone, client: Client
) -> None:
    ana.online = False
    sent = await client.write(lid(ana), text("hi"), lid(ana))
    await client.next("ack")
    assert ana.inbox == ()

    ana.online = True

    assert [letter.id for letter in ana.inbox] == [sent]
    assert (await client.next("receipt")).text("id") == sent


# What goes wrong


async def test_a_refused_message_reaches_nobody(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    emulator.exchange.arm(AckError(code=463), Target(number=BOT))

    await client.write(lid(ana), text("hi"), lid(ana))

    assert (await client.next("ack")).text("error") == "463"
    assert ana.inbox == ()


async def test_a_message_may_arrive_without_its_sender_being_told(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    emulator.exchange.arm(NoAck(), Target(number=BOT))

    sent = await client.write(lid(ana), text("hi"), lid(ana))

    assert (await client.receive()).summary == "receipt"
    assert [letter.id for letter in ana.inbox] == [sent]


async def test_a_connection_may_break_between_a_message_and_its_ack(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    emulator.exchange.arm(DropBeforeAck(), Target(number=BOT))

    sent = await client.write(lid(ana), text("hi"), lid(ana))

    with pytest.raises(ConnectionClosed):
        await client.next("ack")
    assert [letter.id for letter in ana.inbox] == [sent]


async def test_a_message_may_come_twice(emulator: Emulator, ana: Phone, client: Client) -> None:
    emulator.exchange.arm(DuplicateDelivery(), Target(number=BOT))

    sent = await ana.send(TO_BOT, text("hi"))

    ids = [(await client.next("message")).text("id") for _ in range(2)]
    assert ids == [sent, sent]


async def retry(client: Client, stanza: Node, count: int, *, keys: bool = False) -> None:
    """Ask for a message again, as a client does that cannot read it."""
    wish = {"count": count, "id": stanza.text("id"), "t": stanza.text("t"), "v": 1}
    content = [Node.make("retry", wish), Node.make("registration", content=b"\0\0\0\7")]
    if keys:
        bundle = client.keys.signal.bundle()
        assert bundle.prekey_id is not None
        signed = [
            Node.make("id", content=bundle.signed_prekey_id.to_bytes(3, "big")),
            Node.make("value", content=bundle.signed_prekey),
            Node.make("signature", content=bundle.signature),
        ]
        once = [
            Node.make("id", content=bundle.prekey_id.to_bytes(3, "big")),
            Node.make("value", content=bundle.prekey),
        ]
        given = [
            Node.make("identity", content=bundle.identity),
            Node.make("key", content=once),
            Node.make("skey", content=signed),
        ]
        content.append(Node.make("keys", content=given))
    attrs = {"id": stanza.text("id"), "to": stanza.jid("from"), "type": "retry"}
    if "participant" in stanza.attrs:
        attrs["participant"] = stanza.jid("participant")
    if "recipient" in stanza.attrs:
        attrs["recipient"] = stanza.jid("recipient")
    await client.send(Node.make("receipt", attrs, content))


@pytest.mark.parametrize("given", [False, True], ids=["from a bundle", "with the keys given"])
async def test_a_spoilt_message_comes_again_when_asked_for(
    emulator: Emulator, ana: Phone, client: Client, *, given: bool
) -> None:
    emulator.exchange.arm(CorruptMessage(), Target(number=BOT))
    sent = await ana.send(TO_BOT, text("hello"))
    spoilt = await client.next("message")
    with pytest.raises(UndecryptableMessage):
        client.read(spoilt)

    await retry(client, spoilt, 1, keys=given)
    again = await client.next("message")

    assert (again.text("id"), again.jid("from")) == (sent, lid(ana))
    assert (again.need("enc").text("type"), again.need("enc").text("count")) == ("pkmsg", "1")
    assert client.read(again).conversation == "hello"


async def test_a_spoilt_group_message_comes_again_with_the_groups_key(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    group = emulator.exchange.groups.create(ANA, "The group", [BOT])
    emulator.exchange.arm(CorruptMessage(), Target(number=BOT))
    await ana.send(group.jid, text("hello all"))

    await retry(client, await client.next("message"), 1)
    again = await client.next("message")
    await ana.send(group.jid, text("next"))

    assert (again.jid("from"), again.jid("participant")) == (group.jid, lid(ana))
    assert client.read(again).conversation == "hello all"
    assert client.read(await client.next("message")).conversation == "next"


async def test_a_spoilt_copy_comes_again_as_a_copy(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    emulator.exchange.arm(CorruptMessage(), Target(number=BOT))
    await emulator.phones[BOT].send(Jid(ANA, USER_SERVER), text("mine"))

    await retry(client, await client.next("message"), 1)
    again = await client.next("message")

    assert again.jid("recipient") == lid(ana)
    assert client.read(again).deviceSentMessage.message.conversation == "mine"
    assert len(ana.inbox) == 1


async def test_a_message_is_sent_again_five_times_at_most(ana: Phone, client: Client) -> None:
    await ana.send(TO_BOT, text("hello"))
    stanza = await client.next("message")
    for count in range(1, MAX_RETRIES + 3):
        await retry(client, stanza, min(count, MAX_RETRIES))

    came = 0
    while (await client.receive()).tag != "iq":
        came += 1
        if came == 2 * MAX_RETRIES + 2:  # the acks, and five messages
            await client.send(
                Node.make("iq", {"id": "end", "xmlns": "w:p", "type": "get", "to": TO_BOT})
            )

    assert came == 2 * MAX_RETRIES + 2


async def test_a_phone_asks_again_for_what_it_cannot_read(ana: Phone, client: Client) -> None:
    await client.write(lid(ana), text("whole"), lid(ana))
    await client.next("receipt")
    part = client.enc(lid(ana), text("spoilt"))
    attrs = {"id": "3EB0", "to": lid(ana), "type": "text"}
    spoilt = Node.make(
        "enc", part.attrs, part.data[:-9] + bytes([part.data[-9] ^ 1]) + part.data[-8:]
    )
    to = Node.make("to", {"jid": lid(ana)}, spoilt)
    await client.send(Node.make("message", attrs, Node.make("participants", content=to)))

    wish = await client.next("receipt")
    again = {**attrs, "device_fanout": "false"}
    enc = client.enc(lid(ana), text("whole again"), count="1")
    await client.send(Node.make("message", again, enc))

    assert (wish.text("type"), wish.text("id"), wish.jid("from")) == ("retry", "3EB0", lid(ana))
    assert wish.need("retry").text("count") == "1"
    assert wish.need("registration").data
    letters = await ana.received(2)
    assert [letter.message.conversation for letter in letters] == ["whole", "whole again"]


@pytest.mark.parametrize("kind", ["msg", "frskmsg"])
async def test_a_phone_lives_on_after_what_no_phone_could_read(
    emulator: Emulator, ana: Phone, client: Client, kind: str
) -> None:
    class Nothing:
        def SerializeToString(self) -> bytes:  # noqa: N802 — as messages have it
            return b"\xff"

    await client.write(lid(ana), text("whole"), lid(ana))
    await client.next("receipt")
    part = client.enc(lid(ana), Nothing())
    attrs = part.attrs if kind == "msg" else {**part.attrs, "type": kind}
    to = Node.make("to", {"jid": lid(ana)}, Node.make("enc", attrs, part.data))
    head = {"id": "3EB0", "to": lid(ana), "type": "text"}
    await client.send(Node.make("message", head, Node.make("participants", content=to)))

    assert (await client.next("receipt")).text("type") == "retry"
    await client.write(lid(ana), text("whole again"), lid(ana))
    assert len(await ana.received(2)) == 2
    assert emulator.unknown == []


# Receipts, typing, presence


async def test_reading_is_told_to_who_wrote_and_to_the_readers_other_devices(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    sent = [await ana.send(TO_BOT, text(str(number))) for number in range(2)]
    for _ in sent:
        await client.next("message")
    items = Node.make("list", content=Node.make("item", {"id": sent[1]}))
    attrs = {"id": sent[0], "to": lid(ana), "type": "read", "t": 1700000000}

    await client.send(Node.make("receipt", attrs, items))
    ack = await client.next("ack")

    assert (ack.text("class"), ack.text("type"), ack.text("id")) == ("receipt", "read", sent[0])
    read = [r for r in ana.receipts if r.kind is ReceiptKind.READ]
    assert [(r.id, r.by, r.at.timestamp()) for r in read] == [
        (message_id, lid(emulator.phones[BOT], 1), 1700000000) for message_id in sent
    ]
    assert {r.kind for r in emulator.phones[BOT].receipts} == {ReceiptKind.READ_SELF}


async def test_a_phone_that_reads_tells_the_writer_and_its_own_companions(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    own = emulator.phones[BOT]
    sent = await ana.send(TO_BOT, text("hello"))
    await client.next("message")

    await own.read([sent], Jid(ANA, USER_SERVER))
    told = await client.next("receipt")

    assert (told.text("type"), told.text("id")) == ("read-self", sent)
    assert (told.jid("from"), told.jid("recipient")) == (lid(own), lid(ana))
    assert (0, ReceiptKind.READ) in {(r.by.device, r.kind) for r in ana.receipts}


async def test_what_is_heard_of_a_group_names_who_it_was(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    group = emulator.exchange.groups.create(ANA, "The group", [BOT])
    sent = await ana.send(group.jid, text("hello all"))
    stanza = await client.next("message")

    await client.confirm(stanza, "inactive")
    await client.next("ack")

    bot = emulator.phones[BOT]
    heard = {(r.id, r.chat, r.by) for r in ana.receipts}
    assert heard == {(sent, group.jid, lid(bot)), (sent, group.jid, lid(bot, 1))}


async def test_a_receipt_of_a_kind_nobody_knows_is_noted(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    attrs = {"id": "1", "to": lid(ana), "type": "enchanted"}
    await client.send(Node.make("receipt", attrs))
    await client.next("ack")

    assert emulator.unknown == ["receipt type=enchanted"]


async def test_an_unavailable_device_is_seen_to_leave(
    emulator: Emulator, ana: Phone, keys: Keys
) -> None:
    async with logged_in(emulator, keys) as client:
        await client.send(Node.make("presence", {"type": "available", "name": "Bot"}))
        await client.send(Node.make("presence", {"type": "subscribe", "to": lid(ana)}))
        away = await client.next("presence")
        ana.open_whatsapp()
        there = await client.next("presence")
        assert ana.sees(TO_BOT)

    assert (away.text("type"), away.jid("from")) == ("unavailable", lid(ana))
    assert "type" not in there.attrs
    async with asyncio.timeout(5):
        while ana.sees(TO_BOT):  # noqa: ASYNC110 — the end of a connection is not announced
            await asyncio.sleep(0.01)


async def test_typing_of_a_kind_nobody_knows_is_noted(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    await client.send(Node.make("chatstate", {"to": lid(ana)}, Node.make("singing")))
    await client.ask("w:p", "get")

    assert emulator.unknown == ["chatstate / singing"]


async def test_who_was_told_somebodys_devices_is_told_when_they_change(
    emulator: Emulator, ana: Phone, client: Client
) -> None:
    asked = Node.make(
        "usync",
        {"sid": "1", "mode": "query", "context": "message"},
        [
            Node.make("query", content=Node.make("devices", {"version": 2})),
            Node.make("list", content=Node.make("user", {"jid": lid(ana)})),
        ],
    )
    await client.ask("usync", "get", asked)

    await link(emulator, ANA)
    news = await client.next("notification")

    assert (news.text("type"), news.jid("from")) == ("devices", lid(ana))
    assert news.child("update") is not None
