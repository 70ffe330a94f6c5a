"""What people say is stored once, told of once, and changes what it is meant to change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from sololine.core.chat import PersonId
from sololine.core.content import (
    Context,
    Deletion,
    Edit,
    File,
    Quoted,
    Reaction,
    Target,
    Text,
    Undecryptable,
    Unsupported,
    text_of,
)
from sololine.core.events import EventType
from sololine.core.ids import BotId
from sololine.core.media import MediaKind, Place, Uploaded
from sololine.core.message import Message, Origin, Status
from sololine.core.session import State
from sololine.core.signals import (
    Receipt,
    ReceiptKind,
    Received,
    Typing,
    TypingState,
    Unreadable,
    Where,
)
from sololine.core.training import Match, Rule, Training
from sololine.lines.inbox import ANSWERS_AT_MOST
from sololine.media_files import MediaFiles
from sololine.store import messages as messages_store
from sololine.store.errors import Raced
from sololine.store.message_rows import added_columns
from sololine.store.messages import Messages
from tests.sql import seen
from tests.unit.lines.stage import Stage
from tests.unit.lines.talk import (
    ANA,
    ANA_JID,
    BEA,
    BEA_JID,
    GROUP,
    Online,
    deletion,
    edit,
    form,
    online,
    reaction,
)
from tests.unit.scenes import NUMBER, connect, logged, new_bot, until

SECOND = timedelta(seconds=1)


@pytest.fixture
async def bot(stage: Stage) -> Online:
    return await online(stage)


async def only(bot: Online) -> Message:
    (message,) = await bot.messages()
    return message


# ---------------------------------------------------------------------- messages


async def test_a_message_is_stored_with_its_event_and_its_chat(bot: Online) -> None:
    whatsapp_id = bot.says("hola")
    await bot.heard()

    message = await only(bot)
    assert message.content == Text(text="hola")
    assert (message.chat, message.sender, message.sender_name) == (ANA, ANA, "Ana")
    assert (message.origin, message.status) == (Origin.CONTACT, Status.RECEIVED)
    assert message.whatsapp_id == whatsapp_id
    assert message.sender_jid == ANA_JID
    assert message.at == bot.stage.clock.now()
    assert await bot.events() == [("message.received", message.id)]
    assert (await logged(bot.store, bot.bot))[-1].seq == message.seq
    chat = await bot.chat(ANA)
    assert (chat.name, chat.jid, chat.unread, chat.last_seq) == ("Ana", ANA_JID, 1, message.seq)
    assert await bot.form(message.id) == form("hola")


async def test_who_listens_is_told_after_the_commit(bot: Online) -> None:
    async with bot.stage.bus.subscribe("events") as notices:
        bot.says("hola")
        notice = await anext(notices)
        assert notice.key == "default"
        await only(bot)


async def test_events_show_nothing_of_what_was_said(bot: Online) -> None:
    bot.says("a secret")
    await bot.heard()

    event = (await logged(bot.store, bot.bot))[-1]
    assert event.data["chat"] == "+44********23"
    assert "secret" not in str(event.data)


async def test_what_comes_twice_is_stored_and_told_once(bot: Online) -> None:
    for _ in range(3):
        bot.says("hola", id="AAAA")
    await bot.heard()
    bot.says("hola", id="AAAA")
    await bot.heard()

    assert len(await bot.messages()) == len(await bot.events()) == 1
    assert (await bot.chat(ANA)).unread == 1


async def test_what_waits_is_stored_in_one_transaction(bot: Online) -> None:
    await bot.stage.quiet()
    with seen(bot.store) as sight:
        for number in range(150):
            bot.says(f"{number}", sender=f"4477009{number:05}@s.whatsapp.net")
        await until(lambda: _count(bot, 150), "all are stored")

    assert sight.commits == 1
    assert len(sight.statements) <= 10, sight.statements
    assert [text_of(each.content) for each in await bot.messages()] == list(map(str, range(150)))
    await until(lambda: not bot.stage.whatsapp.kept[bot.device], "the engine may forget them")


async def _count(bot: Online, wanted: int) -> bool:
    return len(await bot.messages()) == wanted


async def test_the_engine_repeats_what_a_line_had_not_stored_when_it_died(stage: Stage) -> None:
    bot = await online(stage)
    await bot.line.kill()
    stage.whatsapp.tell(
        bot.device,
        Received(id="A1", where=Where(chat=ANA_JID, sender=ANA_JID), at_s=1, message=form("hola")),
    )
    again = await stage.line(bot.bot)
    await stage.opened(bot.device)
    await again.heard()

    assert text_of((await only(bot)).content) == "hola"
    await until(lambda: not stage.whatsapp.kept[bot.device], "the engine knows that it is stored")


async def test_what_was_said_before_the_link_ended_is_stored(bot: Online) -> None:
    bot.says("first")
    bot.stage.whatsapp.drop(bot.device)
    bot.says("second")
    bot.stage.whatsapp.unlink(bot.device)
    await bot.line.ended()

    assert [text_of(each.content) for each in await bot.messages()] == ["first", "second"]


async def test_a_refused_phones_messages_are_not_the_bots(stage: Stage) -> None:
    """The number belongs to another bot; what its people say is none of this one's business."""
    holder = await online(stage)
    bot = await _linking(stage)
    link = await stage.showing(bot)
    assert link.code is not None
    stage.whatsapp.scan(link.code, NUMBER)
    stage.whatsapp.receive(link.device, form("hola"), ANA_JID)
    line = stage.lines[-1]
    await line.ended()

    async with stage.store.read() as tx:
        assert await tx.messages.page(bot, chat=None, before=None, limit=9) == []
    assert (await stage.session(holder.bot)).state is State.CONNECTED


async def _linking(stage: Stage) -> BotId:
    bot = await new_bot(stage.gateway, "Second")
    await connect(stage.gateway, bot)
    await stage.line(bot)
    return bot


async def test_the_phones_own_messages_are_the_bots(bot: Online) -> None:
    bot.says("from the phone", f"{NUMBER}@s.whatsapp.net", chat=ANA_JID, from_me=True)
    await bot.heard()

    message = await only(bot)
    assert (message.chat, message.sender, message.from_me) == (ANA, None, True)
    assert message.origin is Origin.PHONE
    chat = await bot.chat(ANA)
    assert (chat.unread, chat.last_seq, chat.name) == (0, message.seq, "")


async def test_a_group_has_its_own_chat_and_names_who_speaks(bot: Online) -> None:
    bot.says("hola", chat=GROUP)
    await bot.heard()

    message = await only(bot)
    assert (message.chat, message.sender) == (GROUP, ANA)
    assert (await bot.chat(GROUP)).name == "", "Ana is not the group's name"


@pytest.mark.parametrize(
    "chat", ["status@broadcast", "123@broadcast", "120363000000000001@newsletter"]
)
async def test_what_is_no_conversation_is_left_out(bot: Online, chat: str) -> None:
    bot.says("hola", chat=chat)
    bot.stage.whatsapp.tell(
        bot.device, Typing(where=Where(chat=chat, sender=ANA_JID), state=TypingState.TYPING)
    )
    await bot.heard()

    assert (await bot.messages(), await bot.events()) == ([], [])
    assert not bot.stage.whatsapp.kept[bot.device]


async def test_a_message_that_says_nothing_to_people_is_left_out(bot: Online) -> None:
    bot.stage.whatsapp.receive(bot.device, b"", ANA_JID)
    await bot.heard()

    assert await bot.messages() == []


async def test_a_malformed_message_is_stored_as_such(bot: Online) -> None:
    bot.stage.whatsapp.receive(bot.device, b"\xff\xff", ANA_JID)
    bot.says("hola")
    await bot.heard()

    malformed, readable = await bot.messages()
    assert malformed.content == Unsupported(name="malformed")
    assert text_of(readable.content) == "hola"


@pytest.mark.parametrize("whatsapp_id", ["", "\x00", "A" * 1000])
async def test_an_id_that_cannot_be_one_is_left_out(bot: Online, whatsapp_id: str) -> None:
    where = Where(chat=ANA_JID, sender=ANA_JID)
    said = Received(id=whatsapp_id, where=where, at_s=1, message=form("hola"))
    bot.stage.whatsapp.tell(bot.device, said)
    await bot.heard()

    assert await bot.messages() == []


async def test_a_name_and_a_time_that_cannot_be_do_no_harm(bot: Online) -> None:
    where = Where(chat=ANA_JID, sender=ANA_JID)
    said = Received(
        id="A1",
        where=where,
        at_s=1 << 60,
        sender_name="A\x00na\n" + "x" * 999,
        message=form("hola"),
    )
    bot.stage.whatsapp.tell(bot.device, said)
    await bot.heard()

    message = await only(bot)
    assert message.sender_name.startswith("Anax")
    assert len(message.sender_name) == 200
    assert message.at == bot.stage.clock.now()


async def test_what_was_undecryptable_takes_its_place_when_it_is_repeated(bot: Online) -> None:
    whatsapp_id = bot.stage.whatsapp.receive_unreadable(bot.device, ANA_JID)
    bot.says("next")
    await bot.heard()
    first, _ = await bot.messages()
    assert first.content == Undecryptable()
    bot.says("hola", id=whatsapp_id)
    bot.stage.whatsapp.tell(
        bot.device,
        Unreadable(id=whatsapp_id, where=Where(chat=ANA_JID, sender=ANA_JID), at_s=1),
    )
    await bot.heard()

    again, _ = await bot.messages()
    assert again == replace(first, content=Text(text="hola"))
    assert await bot.told(first.id) == ["message.received", "message.received"]
    assert await bot.form(first.id) == form("hola")
    assert (await bot.chat(ANA)).unread == 2


async def test_a_change_that_could_not_be_read_takes_effect_when_it_can(bot: Online) -> None:
    """And no rule answers it."""
    first = bot.says("first")
    await bot.heard()
    await bot.train(ALWAYS)
    unread = [bot.stage.whatsapp.receive_unreadable(bot.device, ANA_JID) for _ in range(3)]
    await bot.heard()
    for whatsapp_id, content in zip(
        unread,
        (reaction(first, "👍"), edit(first, "second"), deletion(first)),
        strict=True,
    ):
        bot.says(content, id=whatsapp_id)
        await bot.heard()

    earlier, *changes = await bot.messages()
    assert earlier.deleted_at is not None
    assert "second" not in repr([each.content for each in changes])
    assert [type_ for type_, _ in await bot.events()][-3:] == [
        "message.reaction",
        "message.edited",
        "message.deleted",
    ]
    assert await bot.form(earlier.id) is None


async def test_nobody_else_takes_an_undecryptable_messages_place(bot: Online) -> None:
    whatsapp_id = bot.stage.whatsapp.receive_unreadable(bot.device, ANA_JID)
    bot.says("hola", BEA_JID, id=whatsapp_id)
    await bot.heard()

    assert (await only(bot)).content == Undecryptable()


async def test_a_quote_names_the_message_from_the_bots_side(bot: Online) -> None:
    quoted = Quoted(to=Target(whatsapp_id="Q1", sender=f"{NUMBER}@s.whatsapp.net"), text="what?")
    said = form("that", context=Context(quoted=quoted))
    bot.stage.whatsapp.receive(bot.device, said, ANA_JID)
    await bot.heard()

    found = (await only(bot)).context.quoted
    assert found is not None
    assert (found.to.whatsapp_id, found.to.from_me, found.text) == ("Q1", True, "what?")


async def test_a_batch_that_loses_a_race_is_stored_once(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, races = Messages.add, iter([True])

    async def raced(self: Messages, *said: object) -> None:
        await add(self, *said)  # type: ignore[arg-type]
        if next(races, False):
            raise Raced

    monkeypatch.setattr(Messages, "add", raced)
    bot.says("hola")
    await bot.heard()
    await until(lambda: _count(bot, 1), "it is stored")

    assert len(await bot.events()) == 1


# ---------------------------------------------------------------------- people


async def test_a_lid_is_the_number_behind_it_once_that_is_known(bot: Online) -> None:
    """At first only the LID is known; the old chat stays, what follows goes to the number's."""
    lid = "98765@lid"
    bot.says("who am I", lid)
    await bot.heard()
    _tell(bot, "B1", Where(chat=lid, chat_other=ANA_JID, sender=lid, sender_other=ANA_JID))
    bot.says("still me", lid)
    await bot.heard()

    assert [(each.chat, each.sender) for each in await bot.messages()] == [
        (lid, lid),
        (ANA, ANA),
        (ANA, ANA),
    ]
    chat = await bot.chat(ANA)
    assert (chat.jid, chat.lid) == (ANA_JID, lid)
    assert (await bot.chat(lid)).jid == lid


async def test_a_lid_is_known_after_a_restart_too(stage: Stage) -> None:
    bot = await online(stage)
    lid = "98765@lid"
    _tell(bot, "B1", Where(chat=ANA_JID, chat_other=lid, sender=ANA_JID, sender_other=lid))
    await bot.heard()
    await bot.line.kill()
    bot.line = await stage.line(bot.bot)
    await stage.opened(bot.device)
    bot.says("me again", lid)
    bot.says("in the group", lid, chat=GROUP)
    await until(lambda: _count(bot, 3), "all are stored")

    assert [each.sender for each in await bot.messages()] == [ANA] * 3


async def test_mentions_are_people(bot: Online) -> None:
    lid = "98765@lid"
    _tell(bot, "B1", Where(chat=ANA_JID, chat_other=lid, sender=ANA_JID, sender_other=lid))
    said = form("@98765 @447700900124", mentions=(lid, BEA_JID))
    bot.stage.whatsapp.receive(bot.device, said, BEA_JID, chat=GROUP)
    await bot.heard()

    *_, message = await bot.messages()
    assert message.context.mentions == (PersonId(ANA), PersonId(BEA))


def _tell(bot: Online, whatsapp_id: str, where: Where) -> None:
    at_s = int(bot.stage.clock.now().timestamp())
    said = Received(id=whatsapp_id, where=where, at_s=at_s, message=form("hola"))
    bot.stage.whatsapp.tell(bot.device, said)


# ---------------------------------------------------------------------- changes


async def test_an_edit_changes_the_text_of_the_message(bot: Online) -> None:
    whatsapp_id = bot.says("helo")
    await bot.heard()
    bot.says(edit(whatsapp_id, "hello"), at=bot.stage.clock.now() + SECOND)
    await bot.heard()

    message, row = await bot.messages()
    assert message.content == Text(text="hello")
    assert message.edited_at == bot.stage.clock.now() + SECOND
    assert isinstance(row.content, Edit)
    assert row.content.text == "", "the text stands in one place"
    assert await bot.form(row.id) is None
    assert await bot.told(message.id) == ["message.received", "message.edited"]
    assert await bot.told(row.id) == []
    assert (await bot.chat(ANA)).unread == 1


async def test_an_edit_in_the_same_batch_changes_it_too_and_once(bot: Online) -> None:
    whatsapp_id = bot.says("helo")
    for _ in range(2):
        bot.says(edit(whatsapp_id, "hello"), id="E1")
    await bot.heard()

    assert text_of((await bot.messages())[0].content) == "hello"
    assert [type_ for type_, _ in await bot.events()] == ["message.received", "message.edited"]


async def test_an_older_edit_changes_nothing(bot: Online) -> None:
    whatsapp_id = bot.says("one")
    bot.says(edit(whatsapp_id, "three"), at=bot.stage.clock.now() + 2 * SECOND)
    bot.says(edit(whatsapp_id, "two"), at=bot.stage.clock.now() + SECOND)
    await bot.heard()

    assert text_of((await bot.messages())[0].content) == "three"


@pytest.mark.parametrize("change", ["edit", "delete"])
async def test_only_the_author_changes_a_message(bot: Online, change: str) -> None:
    """In groups too, where WhatsApp lets admins delete: who is one, the bot cannot know."""
    whatsapp_id = bot.says("mine", chat=GROUP)
    await bot.heard()
    by_other = (
        edit(whatsapp_id, "yours", from_me=False, sender=ANA_JID)
        if change == "edit"
        else deletion(whatsapp_id, from_me=False, sender=ANA_JID)
    )
    bot.says(by_other, BEA_JID, chat=GROUP)
    bot.says(edit(whatsapp_id, "yours"), chat=ANA_JID)  # the author, elsewhere
    await bot.heard()

    message, attempt, _ = await bot.messages()
    assert message.content == Text(text="mine")
    assert (message.edited_at, message.deleted_at) == (None, None)
    assert await bot.told(attempt.id) == ["message.received"]
    assert attempt.kind.value == change


async def test_a_change_of_a_message_that_nobody_knows_stands_for_itself(bot: Online) -> None:
    bot.says(edit("unknown", "new text"))
    await bot.heard()

    message = await only(bot)
    assert text_of(message.content) == "new text"
    assert await bot.events() == [("message.received", message.id)]


async def test_the_phone_may_edit_and_delete_what_the_bot_sent(bot: Online) -> None:
    queued = await bot.queue("helo")
    sent = await bot.settled(queued)
    assert sent.whatsapp_id is not None
    me = f"{NUMBER}@s.whatsapp.net"
    bot.says(edit(sent.whatsapp_id, "hello"), me, chat=ANA_JID, from_me=True)
    await bot.heard()
    assert text_of((await bot.message(queued)).content) == "hello"
    bot.says(deletion(sent.whatsapp_id), me, chat=ANA_JID, from_me=True)
    await bot.heard()

    assert (await bot.message(queued)).deleted_at is not None


async def test_of_a_deleted_message_nothing_is_left(stage: Stage, tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "media")
    bot = await online(stage, media=files)
    uploaded = Uploaded(
        url="https://mmg.whatsapp.net/x",
        direct_path="/x",
        media_key=b"k" * 32,
        sha256=b"s" * 32,
        encrypted_sha256=b"e" * 32,
        size=5,
    )
    picture = File(kind=MediaKind.IMAGE, mime_type="image/png", caption="look", size=5)
    said = form(picture, file=uploaded)
    whatsapp_id = stage.whatsapp.receive(bot.device, said, ANA_JID)
    await bot.heard()
    received = await only(bot)
    assert isinstance(received.content, File)
    assert received.content.media is not None
    assert await _place(bot, received) is Place.REMOTE
    draft = files.new(received.content.media)
    draft.write_bytes(b"12345")
    files.keep(draft, received.content.media)
    for _ in range(2):
        bot.says(deletion(whatsapp_id))
    await bot.heard()

    message, row, _ = await bot.messages()
    assert message.content == File(kind=MediaKind.IMAGE, mime_type="image/png")
    assert message.deleted_at is not None
    assert await bot.form(message.id) is None
    assert await _place(bot, received) is Place.GONE
    assert not files.exists(received.content.media)
    assert isinstance(row.content, Deletion)
    assert (await bot.told(message.id)).count("message.deleted") == 1


async def _place(bot: Online, message: Message) -> Place | None:
    assert isinstance(message.content, File)
    assert message.content.media is not None
    async with bot.store.read() as tx:
        media = await tx.media.get(bot.bot, message.content.media)
    return media.place if media else None


async def test_an_edited_and_deleted_message_leaves_no_text_anywhere(bot: Online) -> None:
    whatsapp_id = bot.says("one secret")
    bot.says(edit(whatsapp_id, "another secret"))
    bot.says(deletion(whatsapp_id))
    await bot.heard()

    messages = await bot.messages()
    assert "secret" not in "".join(text_of(each.content) for each in messages)
    assert [await bot.form(each.id) for each in messages] == [None] * 3


async def test_a_reaction_has_a_row_of_its_own(bot: Online) -> None:
    queued = await bot.settled(await bot.queue("hi"))
    assert queued.whatsapp_id is not None
    bot.says(reaction(queued.whatsapp_id, "👍"))
    await bot.heard()

    row = (await bot.messages())[-1]
    assert isinstance(row.content, Reaction)
    assert (row.content.emoji, row.content.to.from_me) == ("👍", True)
    assert await bot.told(row.id) == ["message.reaction"]
    async with bot.store.read() as tx:
        found = await tx.messages.reactions(bot.bot, [queued.whatsapp_id])
    assert [each.id for each in found[queued.whatsapp_id]] == [row.id]


# ---------------------------------------------------------------------- receipts, typing


async def test_receipts_move_a_message_forward_and_never_back(bot: Online) -> None:
    sent = await bot.settled(await bot.queue("hi"))
    assert sent.whatsapp_id is not None
    at = bot.stage.clock.now()
    for kind, later in (
        (ReceiptKind.READ, 2),
        (ReceiptKind.DELIVERED, 1),
        (ReceiptKind.READ, 3),
        (ReceiptKind.PLAYED, 4),
    ):
        bot.stage.whatsapp.confirm(
            bot.device, kind, sent.whatsapp_id, sender=ANA_JID, at=at + later * SECOND
        )
    await bot.heard()

    message = await bot.message(sent.id)
    assert message.status is Status.PLAYED
    assert message.times["read"] == at + 2 * SECOND
    assert await bot.told(sent.id) == [
        "message.queued",
        "message.sent",
        "message.read",
        "message.played",
    ]


async def test_a_receipt_of_ones_own_device_is_no_delivery(bot: Online) -> None:
    sent = await bot.settled(await bot.queue("hi"))
    where = Where(chat=ANA_JID, sender=f"{NUMBER}@s.whatsapp.net", from_me=True)
    receipt = Receipt(
        kind=ReceiptKind.DELIVERED, ids=(str(sent.whatsapp_id),), where=where, at_s=1_700_000_000
    )
    bot.stage.whatsapp.tell(bot.device, receipt)
    await bot.heard()

    assert (await bot.message(sent.id)).status is Status.SENT


async def test_a_receipt_that_comes_before_the_outcome_waits_for_it(bot: Online) -> None:
    """Told while the message still hangs between the worlds."""
    whatsapp = bot.stage.whatsapp
    whatsapp.send_takes = timedelta(milliseconds=100)
    queued = await bot.queue("hi")
    at = bot.stage.clock.now()
    next_id = "3EB0000000000000000001"
    whatsapp.confirm(bot.device, ReceiptKind.DELIVERED, next_id, sender=ANA_JID, at=at)
    await bot.heard()
    assert (await bot.message(queued)).status is Status.QUEUED

    message = await bot.settled(queued)
    assert message.whatsapp_id == next_id
    assert message.status is Status.DELIVERED
    assert await bot.told(queued) == ["message.queued", "message.sent", "message.delivered"]


async def test_reading_on_the_phone_marks_the_chat_as_seen(bot: Online) -> None:
    bot.says("one")
    bot.says("two")
    await bot.heard()
    assert (await bot.chat(ANA)).unread == 2
    bot.stage.whatsapp.confirm(bot.device, ReceiptKind.READ_SELF, "x", sender=ANA_JID)
    bot.says("three")
    await bot.heard()

    assert (await bot.chat(ANA)).unread == 1


async def test_typing_is_told_without_numbers_and_the_chat_says_whose_they_are(
    bot: Online,
) -> None:
    bot.stage.whatsapp.type(bot.device, TypingState.RECORDING, ANA_JID)
    await bot.heard()

    event = (await logged(bot.store, bot.bot))[-1]
    chat = await bot.chat(ANA)
    assert event.type is EventType.CHAT_TYPING
    assert event.data == {
        "chatRef": chat.ref,
        "chat": "+44********23",
        "sender": "+44********23",
        "state": "recording",
    }
    assert (chat.typing_by, chat.typing_since, chat.last_seq) == (ANA, event.seq, 0)
    assert await bot.messages() == []

    bot.says("hola")
    bot.stage.whatsapp.type(bot.device, TypingState.PAUSED, ANA_JID)
    await bot.heard()
    later = (await logged(bot.store, bot.bot))[-1]
    assert (later.type, later.data["chatRef"]) == (EventType.CHAT_TYPING, chat.ref)
    assert (await bot.chat(ANA)).typing_since == event.seq, "nobody else typed"


async def test_the_chat_knows_since_when_nobody_else_types_in_it(bot: Online) -> None:
    for sender in (ANA_JID, BEA_JID, BEA_JID, ANA_JID, "9@unknown"):
        where = Where(chat=GROUP, sender=sender)
        bot.stage.whatsapp.tell(bot.device, Typing(where=where, state=TypingState.TYPING))
        await bot.heard()
    first, *others = [
        each for each in await logged(bot.store, bot.bot) if each.type is EventType.CHAT_TYPING
    ]

    chat = await bot.chat(GROUP)
    assert {each.data["chatRef"] for each in (first, *others)} == {chat.ref}
    assert "sender" not in others[-1].data
    assert (chat.typing_by, chat.typing_since) == ("", others[-1].seq)

    for sender in (BEA_JID, ANA_JID, ANA_JID):
        where = Where(chat=GROUP, sender=sender)
        bot.stage.whatsapp.tell(bot.device, Typing(where=where, state=TypingState.PAUSED))
    await bot.heard()
    chat = await bot.chat(GROUP)
    *_, before_last, _ = await logged(bot.store, bot.bot)
    assert (chat.typing_by, chat.typing_since) == (ANA, before_last.seq)


# ---------------------------------------------------------------------- rules

HOURS = Training(
    rules=(Rule(match=Match.CONTAINS, words=("hours",), answer="We open at nine."),), fallback=""
)
ALWAYS = Training(fallback="I am a bot.")


async def test_a_rule_answers_once_and_the_answer_is_sent(bot: Online) -> None:
    await bot.train(HOURS)
    for _ in range(2):
        bot.says("your HOURS?", id="A1")
    bot.says("never mind")
    await bot.heard()
    bot.says("your HOURS?", id="A1")
    await bot.heard()

    asked, reply = (await bot.messages())[0], (await bot.messages())[2]
    assert (await bot.settled(reply.id)).status is Status.SENT
    assert (reply.origin, reply.answers, reply.context.quoted) == (Origin.RULE, asked.id, None)
    assert bot.sent_texts() == ["We open at nine."]
    assert await bot.told(reply.id) == ["message.queued", "message.sent"]


async def test_only_what_contacts_write_themselves_now_is_answered(bot: Online) -> None:
    await bot.train(ALWAYS)
    known = bot.says("first")
    await bot.heard()
    before = len(await bot.messages())
    bot.says("in a group", chat=GROUP)
    bot.says("mine", f"{NUMBER}@s.whatsapp.net", chat=ANA_JID, from_me=True)
    bot.says("old", at=bot.stage.clock.now() - timedelta(days=1, seconds=1))
    bot.says(reaction(known, "👍", from_me=True))
    bot.says(edit(known, "changed"))
    bot.stage.whatsapp.receive_unreadable(bot.device, BEA_JID)
    await bot.heard()

    assert [each.origin for each in await bot.messages()].count(Origin.RULE) == 1
    assert len(await bot.messages()) == before + 6


async def test_what_could_not_be_read_is_answered_when_it_can_be(bot: Online) -> None:
    await bot.train(HOURS)
    whatsapp_id = bot.stage.whatsapp.receive_unreadable(bot.device, ANA_JID)
    await bot.heard()
    bot.says("hours?", id=whatsapp_id)
    await bot.heard()

    await until(lambda: bot.sent_texts() == ["We open at nine."], "it is answered")


async def test_two_bots_do_not_talk_for_ever(bot: Online) -> None:
    await bot.train(ALWAYS)
    for number in range(4):
        bot.says(f"{number}")
        await bot.heard()
    for number in range(8):
        bot.says(f"again {number}")
    bot.says("another chat", BEA_JID)
    await bot.heard()
    rules = [each for each in await bot.messages() if each.origin is Origin.RULE]
    assert [each.chat for each in rules].count(ANA) == ANSWERS_AT_MOST
    assert [each.chat for each in rules].count(BEA) == 1

    bot.stage.clock.advance(timedelta(minutes=1, seconds=1))
    bot.says("a minute later")
    await bot.heard()
    assert [each.origin for each in await bot.messages()].count(Origin.RULE) == ANSWERS_AT_MOST + 2


async def test_nor_do_they_talk_slowly_for_ever(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sololine.lines.inbox.ANSWERS_A_DAY", 7)
    await bot.train(ALWAYS)

    async def answers_within(minutes: int) -> int:
        for minute in range(minutes):
            for _ in range(3):
                bot.says(f"{minute}")
            await bot.heard()
            bot.stage.clock.advance(timedelta(minutes=1, seconds=1))
        return [each.origin for each in await bot.messages()].count(Origin.RULE)

    # What a batch brings is held against the minute only, so the day's number is passed by a few.
    assert await answers_within(3) == 9
    assert await answers_within(1) == 9
    bot.stage.clock.advance(timedelta(days=1))
    assert await answers_within(1) == 12


async def test_a_bot_without_rules_stays_silent(bot: Online) -> None:
    bot.says("hello?")
    await bot.heard()

    assert [each.origin for each in await bot.messages()] == [Origin.CONTACT]


# ---------------------------------------------------------------------- what cannot be stored


async def test_what_the_database_refuses_does_not_hold_up_the_rest(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the engine would repeat the batch for ever."""
    monkeypatch.setattr(messages_store, "added_columns", _refused_if("poison"))
    for text in ("before", "poison", "after"):
        bot.says(text)
    await bot.heard()

    before, refused, after = await bot.messages()
    assert [text_of(each.content) for each in (before, after)] == ["before", "after"]
    assert (refused.content, refused.sender_name) == (Unsupported(name="unstorable"), "")
    assert await bot.form(refused.id) is None
    assert [type_ for type_, _ in await bot.events()] == ["message.received"] * 3
    assert not bot.stage.whatsapp.kept[bot.device]
    assert not bot.line.task.done()


async def test_what_leaves_no_row_at_all_is_logged_and_settled(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages_store, "added_columns", _refused_if("poison", "unstorable"))
    with structlog.testing.capture_logs() as logged:
        bot.says("poison")
        bot.says("after")
        await bot.heard()

    (after,) = await bot.messages()
    assert text_of(after.content) == "after"
    assert [each["event"] for each in logged if each["log_level"] == "error"] == [
        "signal not stored"
    ]
    assert "poison" not in repr(logged)
    assert not bot.stage.whatsapp.kept[bot.device]


def _refused_if(*words: str) -> Callable[[Message], dict[str, Any]]:
    """Rows that no database takes, for messages with one of these words in them."""

    def columns(message: Message) -> dict[str, Any]:
        row = added_columns(message)
        return {**row, "seq": None} if any(word in row["content"] for word in words) else row

    return columns


async def test_addresses_and_receipts_of_strangers_do_no_harm(bot: Online) -> None:
    queued = await bot.queue()
    sent = await bot.settled(queued)
    where = Where(chat=ANA_JID, sender=ANA_JID)
    odd = Where(chat="1\x00@lid", sender="\ud800@lid")
    for ids, place in (
        (("\x00", "A" * 1000, str(sent.whatsapp_id)), where),
        (("A\x00B",), odd),
        (tuple(f"R{number}" for number in range(70_000)), where),
    ):
        bot.stage.whatsapp.tell(
            bot.device, Receipt(kind=ReceiptKind.DELIVERED, ids=ids, where=place, at_s=1)
        )
    bot.stage.whatsapp.receive(bot.device, form("hola"), "\x00@lid", chat=GROUP)
    await bot.heard()

    assert (await bot.message(queued)).status is Status.DELIVERED
    assert len(await bot.messages()) == 2
    assert not bot.line.task.done()
