"""What is queued is sent in its order, once, and every message comes to an outcome."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import pytest

from sololine.actions import sessions
from sololine.core.chat import ChatId, PersonId, Touch
from sololine.core.claim import Policy
from sololine.core.content import (
    Content,
    Context,
    Deletion,
    Edit,
    File,
    Location,
    Poll,
    Quoted,
    Reaction,
    Target,
    Text,
    Undecryptable,
)
from sololine.core.ids import DEFAULT_TENANT, MediaId, MessageId
from sololine.core.media import Media, MediaKind, Place
from sololine.core.message import Failure, Message, Status
from sololine.core.session import State
from sololine.engine.port import GroupInfo, LinkClosed, NotSent, Registered, SendRefused
from sololine.lines import line as line_module
from sololine.lines import outbox as module
from sololine.lines import switchboard as switchboard_module
from sololine.lines.drafts import Draft
from sololine.lines.line import Line
from sololine.lines.pace import BURST
from sololine.media_files import MediaFiles
from sololine.store.leases import Leases
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from sololine.wire.content import forward, read
from tests.fakes.engine import Fate, ScriptedLink
from tests.sql import seen
from tests.unit.lines.stage import Stage
from tests.unit.lines.talk import (
    ANA,
    ANA_JID,
    BEA,
    BEA_JID,
    GROUP,
    Online,
    form,
    online,
    queue,
    text_in,
)
from tests.unit.scenes import KEY_CALLER, NUMBER, connect, new_bot, until

T = TypeVar("T")
STRANGER: Final = ChatId("447700900666")


@pytest.fixture
async def bot(stage: Stage) -> Online:
    return await online(stage)


async def outcomes(bot: Online, queued: list[MessageId]) -> list[Message]:
    return [await bot.settled(each) for each in queued]


# ---------------------------------------------------------------------- each outcome


async def test_a_message_is_sent_at_once_and_keeps_what_whatsapp_calls_it(bot: Online) -> None:
    queued = await bot.queue("hi")
    message = await bot.settled(queued)

    (taken,) = bot.stage.whatsapp.sent
    assert (taken.to, text_in(taken.message)) == (ANA_JID, "hi")
    assert (message.status, message.whatsapp_id) == (Status.SENT, taken.id)
    assert message.sending_since is None
    assert list(message.times) == ["queued", "sent"]
    assert message.times["sent"] == message.at
    assert await bot.form(queued) == taken.message
    assert await bot.told(queued) == ["message.queued", "message.sent"]


async def test_who_waits_for_the_outcome_is_told(bot: Online) -> None:
    async with bot.stage.bus.subscribe("events") as notices:
        queued = await bot.queue("hi")
        assert (await anext(notices)).key == "default"
        assert (await bot.message(queued)).status is Status.SENT


async def test_a_refused_message_fails_with_its_reason(bot: Online) -> None:
    bot.stage.whatsapp.fates.append(SendRefused(Failure.REFUSED))
    message = await bot.settled(await bot.queue("hi"))

    assert (message.status, message.failure) == (Status.FAILED, Failure.REFUSED)
    assert await bot.told(message.id) == ["message.queued", "message.failed"]
    assert await bot.form(message.id) is None


async def test_a_group_that_the_bot_is_not_in_is_a_failure(bot: Online) -> None:
    message = await bot.settled(await bot.queue("hi", GROUP))
    assert message.failure is Failure.NOT_IN_GROUP
    bot.stage.whatsapp.groups[GROUP] = GroupInfo(jid=GROUP, subject="Us")

    assert (await bot.settled(await bot.queue("hi", GROUP))).status is Status.SENT


async def test_a_number_that_is_not_on_whatsapp_is_a_failure(bot: Online) -> None:
    bot.stage.whatsapp.strangers.add(STRANGER)
    message = await bot.settled(await bot.queue("hi", STRANGER))

    assert message.failure is Failure.NOT_ON_WHATSAPP
    assert bot.stage.whatsapp.sent == []


async def test_a_number_is_looked_up_once_in_the_spelling_that_whatsapp_has(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Brazilian mobile, whose account is older than its ninth digit."""
    chat = ChatId("5531987654321")
    link = bot.stage.whatsapp.links[bot.device]
    bot.stage.whatsapp.strangers.add(chat)
    asked = []
    found = link.on_whatsapp

    async def on_whatsapp(numbers: list[str]) -> object:
        asked.append(list(numbers))
        return await found(numbers)

    monkeypatch.setattr(link, "on_whatsapp", on_whatsapp)
    await outcomes(bot, [await bot.queue("hi", chat) for _ in range(3)])

    assert asked == [["553187654321", "5531987654321"]]
    assert {taken.to for taken in bot.stage.whatsapp.sent} == {"553187654321@s.whatsapp.net"}
    known = await bot.chat(chat)
    assert (known.jid, known.lid) == ("553187654321@s.whatsapp.net", "9553187654321@lid")


async def test_a_chat_that_is_known_is_not_looked_up(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def touch(tx: Transaction) -> None:
        await tx.chats.touch(bot.bot, DEFAULT_TENANT, [Touch(id=ANA, jid="other@s.whatsapp.net")])

    await bot.store.run(touch)
    monkeypatch.delattr(type(bot.stage.whatsapp.links[bot.device]), "on_whatsapp")
    await bot.settled(await bot.queue("hi"))
    await bot.settled(await bot.queue("hi", ChatId("98765@lid")))

    assert [taken.to for taken in bot.stage.whatsapp.sent] == ["other@s.whatsapp.net", "98765@lid"]


async def test_a_link_that_ends_while_sending_leaves_the_message_uncertain(bot: Online) -> None:
    bot.stage.whatsapp.fates.append(Fate.DIES_TAKEN)
    queued = [await bot.queue("first"), await bot.queue("second")]
    await bot.back()
    first, second = await outcomes(bot, queued)

    assert (first.status, second.status) == (Status.UNCERTAIN, Status.SENT)
    assert bot.sent_texts() == ["first", "second"], "it is not sent again"
    assert await bot.told(first.id) == ["message.queued", "message.uncertain"]


async def test_a_message_that_whatsapp_never_answers_is_uncertain(bot: Online) -> None:
    bot.stage.whatsapp.fates.append(Fate.HANGS)
    queued = await bot.queue("hi")
    await _begun(bot, queued)
    bot.stage.whatsapp.give_up(bot.device)

    assert (await bot.settled(queued)).status is Status.UNCERTAIN


async def _begun(bot: Online, queued: MessageId) -> None:
    async def begun() -> bool:
        return (await bot.message(queued)).sending_since is not None

    await until(begun, "it is being sent")
    await asyncio.sleep(0.01)


async def test_what_was_certainly_not_sent_is_sent_when_the_link_is_up(bot: Online) -> None:
    bot.stage.whatsapp.fates.extend([NotSent("the link is down"), NotSent("still down")])
    queued = [await queue(bot.store, bot.bot, text) for text in ("first", "second")]
    bot.line.look()
    for _ in range(2):
        await bot.stage.hours.asleep()
        assert (await bot.message(queued[0])).sending_since is None
        bot.stage.hours.wake()
    first, second = await outcomes(bot, queued)

    assert [first.status, second.status] == [Status.SENT] * 2
    assert bot.sent_texts() == ["first", "second"]
    assert await bot.told(first.id) == ["message.queued", "message.sent"]


async def test_messages_wait_for_the_link(stage: Stage) -> None:
    bot = await online(stage)
    stage.whatsapp.drop(bot.device, back=False)
    await stage.reached(bot.bot, State.RECONNECTING)
    queued = [await bot.queue(f"{number}") for number in range(3)]
    await stage.quiet()
    assert stage.whatsapp.sent == []
    stage.whatsapp.come_back(bot.device)
    await outcomes(bot, queued)

    assert bot.sent_texts() == ["0", "1", "2"]


async def test_what_waited_for_a_line_is_sent_by_the_next(stage: Stage) -> None:
    bot = await online(stage)
    await bot.line.kill()
    queued = await bot.queue("hi")
    bot.line = await stage.line(bot.bot)

    assert (await bot.settled(queued)).status is Status.SENT


async def test_fifty_in_a_row_keep_their_order_though_some_fail(bot: Online) -> None:
    """Of the failures, five are no hold-up for the others; one transaction a message."""
    whatsapp = bot.stage.whatsapp
    whatsapp.strangers.add(STRANGER)
    bot.says("so that the number is known")
    await bot.heard()
    whatsapp.drop(bot.device, back=False)
    await bot.stage.reached(bot.bot, State.RECONNECTING)
    failing = {7, 8, 23, 30, 49}
    queued = [await bot.queue(f"{n}" if n not in failing else Undecryptable()) for n in range(50)]
    await bot.stage.quiet()
    with seen(bot.store) as sight:
        whatsapp.come_back(bot.device)
        done = await outcomes(bot, queued)

    assert {n for n, each in enumerate(done) if each.status is Status.FAILED} == failing
    assert {each.failure for each in done} == {None, Failure.UNSENDABLE}
    assert bot.sent_texts() == [f"{n}" for n in range(50) if n not in failing]
    assert sight.commits <= 50 + 5, "a transaction for each, the last outcome, and the step up"
    whole = await bot.events()
    sent = [about for type_, about in whole if type_ in {"message.sent", "message.failed"}]
    assert sent == queued


# ---------------------------------------------------------------------- what is sent


async def test_what_refers_to_a_message_names_it_as_whatsapp_does(bot: Online) -> None:
    """In a group, by the address under which its author was heard there."""
    bot.stage.whatsapp.groups[GROUP] = GroupInfo(jid=GROUP, subject="Us")
    bot.says("so that the number is known")
    asked = bot.says("what?", "98765@lid", chat=GROUP)
    await bot.heard()
    target = Target(whatsapp_id=asked)
    await outcomes(
        bot,
        [
            await bot.queue(Reaction(to=target, emoji="👍"), GROUP),
            await bot.queue("that", GROUP, context=Context(quoted=Quoted(to=target))),
        ],
    )

    reaction, answer = map(read, bot.sent())
    assert reaction is not None
    assert isinstance(reaction.content, Reaction)
    assert reaction.content.to == Target(whatsapp_id=asked, sender="98765@lid")
    assert answer is not None
    assert answer.context.quoted is not None
    assert answer.context.quoted.to == Target(whatsapp_id=asked, sender="98765@lid")
    assert answer.context.quoted.text == "what?"


async def test_a_quote_of_ones_own_message_names_oneself(bot: Online) -> None:
    own = await bot.settled(await bot.queue("one"))
    quoted = Quoted(to=Target(whatsapp_id=str(own.whatsapp_id), from_me=True))
    await bot.settled(await bot.queue("two", context=Context(quoted=quoted)))

    answer = read(bot.sent()[-1])
    assert answer is not None
    assert answer.context.quoted is not None
    assert answer.context.quoted.to.sender == f"{NUMBER}@s.whatsapp.net"


async def test_mentions_are_addressed(bot: Online) -> None:
    context = Context(mentions=(PersonId(BEA), PersonId("98765@lid")))
    await bot.settled(await bot.queue("@447700900124 @98765", context=context))

    said = read(bot.sent()[0])
    assert said is not None
    assert said.mentions == (BEA_JID, "98765@lid")


@pytest.mark.parametrize(
    "content",
    [
        Location(latitude=1.5, longitude=2.5, name="Here"),
        Poll(question="When?", options=("now", "later")),
        Text(text="words"),
    ],
)
async def test_other_kinds_are_sent_as_they_are(bot: Online, content: Content) -> None:
    await bot.settled(await bot.queue(content))

    said = read(bot.sent()[0])
    assert said is not None
    assert said.content == content


async def test_an_edit_that_was_sent_changes_the_message(bot: Online) -> None:
    sent = await bot.settled(await bot.queue("helo"))
    of = Target(whatsapp_id=str(sent.whatsapp_id), from_me=True)
    edit = await bot.settled(await bot.queue(Edit(of=of, text="hello")))

    message = await bot.message(sent.id)
    assert message.content == Text(text="hello")
    assert message.edited_at == edit.at
    assert edit.content == Edit(of=edit.content.of, text="")  # type: ignore[union-attr]
    assert text_in(bot.sent()[-1]) == "hello"
    assert await bot.told(sent.id) == ["message.queued", "message.sent", "message.edited"]
    assert await bot.told(edit.id) == ["message.queued", "message.sent"]


async def test_a_deletion_that_was_sent_empties_the_message_and_keeps_the_clients_file(
    stage: Stage, tmp_path: Path
) -> None:
    bot, media = await _with_file(stage, tmp_path)
    sent = await bot.settled(await bot.queue(_picture(media)))
    of = Target(whatsapp_id=str(sent.whatsapp_id), from_me=True)
    await bot.settled(await bot.queue(Deletion(of=of)))

    message = await bot.message(sent.id)
    assert message.deleted_at is not None
    assert message.content == File(kind=MediaKind.IMAGE, mime_type="image/png")
    assert await bot.form(sent.id) is None
    assert media.path.exists()


async def test_an_edit_that_fails_changes_nothing(bot: Online) -> None:
    sent = await bot.settled(await bot.queue("helo"))
    bot.stage.whatsapp.fates.append(SendRefused(Failure.REFUSED))
    of = Target(whatsapp_id=str(sent.whatsapp_id), from_me=True)
    edit = await bot.settled(await bot.queue(Edit(of=of, text="hello")))

    assert (await bot.message(sent.id)).content == Text(text="helo")
    assert isinstance(edit.content, Edit)
    assert edit.content.text == "hello"


async def test_what_is_passed_on_goes_in_the_form_it_came_with(bot: Online) -> None:
    bot.says("pass it on")
    await bot.heard()
    again = forward(form("pass it on"))
    queued = await bot.queue("pass it on", BEA, form=again, context=Context(forwarded=True))
    await bot.settled(queued)

    assert bot.sent() == [again]


async def test_what_cannot_be_written_fails_alone(
    bot: Online, monkeypatch: pytest.MonkeyPatch, said: list[dict[str, object]]
) -> None:
    """Also when the mistake is ours; then the log says so, and not what the message says."""
    write = module.form_of

    def form_of(draft: Draft, now: datetime) -> bytes:
        if draft.content == Text(text="our mistake"):
            raise ZeroDivisionError
        return write(draft, now)

    monkeypatch.setattr(module, "form_of", form_of)
    contents = [Undecryptable(), "our mistake", "next"]
    done = await outcomes(bot, [await bot.queue(content) for content in contents])

    assert [each.failure for each in done] == [Failure.UNSENDABLE, Failure.UNSENDABLE, None]
    assert bot.sent_texts() == ["next"]
    (entry,) = [each for each in said if each["event"] == "message not written"]
    assert "mistake" not in str(entry)


# ---------------------------------------------------------------------- files


class Kept:
    """A file in the data folder, and its row."""

    def __init__(self, id_: MediaId, path: Path) -> None:
        self.id = id_
        self.path = path


async def _with_file(
    stage: Stage, tmp_path: Path, *, place: Place = Place.STORED
) -> tuple[Online, Kept]:
    files = MediaFiles(tmp_path / "media")
    bot = await online(stage, media=files)
    id_ = MediaId("med_0123456789abcdef01234567")
    draft = files.new(id_)
    draft.write_bytes(b"picture")
    path = files.keep(draft, id_)
    media = Media(
        id=id_,
        tenant=DEFAULT_TENANT,
        bot=bot.bot,
        mime_type="image/png",
        size=7,
        sha256="",
        place=place,
        created_at=stage.clock.now(),
    )
    await stage.store.run(lambda tx: tx.media.add([media]))
    return bot, Kept(id_, path)


def _picture(media: Kept) -> File:
    return File(kind=MediaKind.IMAGE, media=media.id, mime_type="image/png", size=7, caption="look")


async def test_a_file_is_given_to_whatsapp_before_its_message(stage: Stage, tmp_path: Path) -> None:
    bot, media = await _with_file(stage, tmp_path)
    message = await bot.settled(await bot.queue(_picture(media)))

    assert message.status is Status.SENT
    assert list(stage.whatsapp.files.values()) == [b"picture"]
    said = read(bot.sent()[0])
    assert said is not None
    assert isinstance(said.content, File)
    assert (said.content.caption, said.content.size) == ("look", 7)


async def test_a_file_that_whatsapp_does_not_take_is_a_failure(
    stage: Stage, tmp_path: Path
) -> None:
    bot, media = await _with_file(stage, tmp_path)
    stage.whatsapp.refuses_files = True
    queued = [await bot.queue(_picture(media)), await bot.queue("next")]
    first, second = await outcomes(bot, queued)

    assert first.failure is Failure.MEDIA_REFUSED
    assert second.status is Status.SENT


@pytest.mark.parametrize("lost", ["row", "file", "place", "folder"])
async def test_a_file_that_is_gone_cannot_be_sent(stage: Stage, tmp_path: Path, lost: str) -> None:
    place = Place.GONE if lost == "place" else Place.STORED
    bot, media = await _with_file(stage, tmp_path, place=place)
    content = _picture(media)
    if lost == "file":
        media.path.unlink()
    if lost == "row":
        content = File(kind=MediaKind.IMAGE, mime_type="image/png")
    if lost == "folder":
        await bot.line.kill()
        bot.line = await stage.line(bot.bot)
    first, second = await outcomes(bot, [await bot.queue(content), await bot.queue("next")])

    assert first.failure is Failure.UNSENDABLE
    assert second.status is Status.SENT


async def test_a_link_that_ends_during_an_upload_leaves_no_doubt(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message was not begun, so it simply waits."""
    bot, media = await _with_file(stage, tmp_path)
    link = type(stage.whatsapp.links[bot.device])
    upload = link.upload
    ended = []

    async def dies(self: object, file: Path, kind: MediaKind) -> object:
        if not ended:
            ended.append(True)
            stage.whatsapp.crash(bot.device)
            raise LinkClosed("the link ended")
        return await upload(self, file, kind)  # type: ignore[arg-type]

    monkeypatch.setattr(link, "upload", dies)
    queued = await bot.queue(_picture(media))
    await bot.back()
    message = await bot.settled(queued)

    assert message.status is Status.SENT
    assert await bot.told(message.id) == ["message.queued", "message.sent"]


async def test_a_file_that_never_gets_through_holds_nothing_up_for_ever(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is its number asked about again each time."""
    bot, media = await _with_file(stage, tmp_path)
    tries: list[str] = []

    async def upload(_: object, _file: Path, _kind: MediaKind) -> object:
        tries.append("upload")
        raise LinkClosed("whatsapp did not do it")

    look_up = ScriptedLink.on_whatsapp

    async def on_whatsapp(self: ScriptedLink, numbers: Sequence[str]) -> list[Registered]:
        tries.append("look up")
        return await look_up(self, numbers)

    monkeypatch.setattr(ScriptedLink, "upload", upload)
    monkeypatch.setattr(ScriptedLink, "on_whatsapp", on_whatsapp)
    queued = await bot.queue(_picture(media))
    behind = await bot.queue("behind it")
    for _ in range(module.UPLOADS - 1):
        await stage.hours.asleep()
        stage.hours.wake()
    failed, sent = await outcomes(bot, [queued, behind])

    assert (failed.failure, sent.status) == (Failure.MEDIA_REFUSED, Status.SENT)
    assert tries == ["look up"] + ["upload"] * module.UPLOADS


async def test_a_mistake_of_ours_before_sending_fails_one_message(
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: list[dict[str, object]],
) -> None:
    bot, media = await _with_file(stage, tmp_path)

    async def upload(_: object, _file: Path, _kind: MediaKind) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(ScriptedLink, "upload", upload)
    failed, sent = await outcomes(
        bot, [await bot.queue(_picture(media)), await bot.queue("behind it")]
    )

    assert (failed.failure, sent.status) == (Failure.UNSENDABLE, Status.SENT)
    assert [each["event"] for each in said if each["log_level"] == "error"] == [
        "message not prepared"
    ]


# ---------------------------------------------------------------------- pace


async def test_a_long_queue_leaves_at_the_bots_pace(stage: Stage) -> None:
    bot = await online(stage, sends_per_minute=60)
    bot.says("so that the number is known")
    await bot.heard()
    queued = [await bot.queue(f"{number}") for number in range(BURST + 3)]
    await until(lambda: len(bot.sent()) == BURST, "a burst leaves at once")
    await bot.settled(queued[BURST - 1])
    await stage.hours.pass_(timedelta(seconds=0.9))
    await stage.quiet()
    assert len(bot.sent()) == BURST

    await stage.hours.pass_(timedelta(seconds=0.2))
    await until(lambda: len(bot.sent()) == BURST + 1, "then one in a second")
    await bot.settled(queued[BURST])
    await stage.hours.pass_(timedelta(seconds=2))
    await outcomes(bot, queued)
    assert bot.sent_texts() == [f"{number}" for number in range(BURST + 3)]


# ---------------------------------------------------------------------- unlinking


async def _waiting(bot: Online) -> list[MessageId]:
    bot.stage.whatsapp.drop(bot.device, back=False)
    await bot.stage.reached(bot.bot, State.RECONNECTING)
    return [await bot.queue(f"{number}") for number in range(2)]


async def _unlinked(bot: Online, queued: list[MessageId]) -> None:
    for message in await outcomes(bot, queued):
        assert message.failure is Failure.UNLINKED
        assert await bot.told(message.id) == ["message.queued", "message.failed"]
    assert bot.sent_texts() == []


async def test_what_waits_fails_when_the_phone_removes_the_device(bot: Online) -> None:
    queued = await _waiting(bot)
    bot.stage.whatsapp.unlink(bot.device)
    await bot.line.ended()

    await _unlinked(bot, queued)


async def test_what_waits_fails_when_the_bot_is_unlinked_while_no_line_runs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order stands in the row; the line that obeys it fails them in the same transaction."""
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    bot = await online(stage)
    await bot.line.kill()
    queued = [await bot.queue("one"), await bot.queue("two")]
    await sessions.disconnect(stage.gateway, KEY_CALLER, bot.bot, user=None, unlink=True)
    bot.line = await stage.line(bot.bot)
    await bot.line.ended()

    await _unlinked(bot, queued)


async def test_what_waits_fails_when_the_bot_gets_a_fresh_link(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    bot = await online(stage)
    await sessions.disconnect(stage.gateway, KEY_CALLER, bot.bot, user=None, unlink=False)
    bot.line.look()
    await bot.line.ended()
    queued = [await bot.queue("for the old number")]
    await connect(stage.gateway, bot.bot, use_existing=False)
    await stage.line(bot.bot)

    await _unlinked(bot, queued)


async def test_what_waits_keeps_waiting_while_the_bot_is_only_offline(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    bot = await online(stage)
    await sessions.disconnect(stage.gateway, KEY_CALLER, bot.bot, user=None, unlink=False)
    bot.line.look()
    await bot.line.ended()
    queued = await bot.queue("later")
    assert (await bot.message(queued)).status is Status.QUEUED
    await connect(stage.gateway, bot.bot, use_existing=True)
    bot.line = await stage.line(bot.bot)

    assert (await bot.settled(queued)).status is Status.SENT


async def test_an_evicted_bots_messages_fail_and_what_it_was_sending_is_uncertain(
    stage: Stage,
) -> None:
    """Its line can write nothing any more, so the newcomer's transaction does."""
    object.__setattr__(stage.gateway, "policy", Policy.REPLACE)
    bot = await online(stage)
    stage.whatsapp.fates.append(Fate.HANGS_TAKEN)
    sending = await bot.queue("being sent")
    await _begun(bot, sending)
    waiting = await bot.queue("waiting")
    newcomer = await new_bot(stage.gateway, "Second")
    await connect(stage.gateway, newcomer)
    await stage.line(newcomer, "there")
    await stage.scanned(newcomer, NUMBER)
    await stage.reached(newcomer, State.CONNECTED)

    assert (await bot.message(sending)).status is Status.UNCERTAIN
    assert (await bot.message(waiting)).failure is Failure.UNLINKED
    assert await bot.told(sending) == ["message.queued", "message.uncertain"]
    bot.line.look()
    await bot.line.ended()
    assert (await bot.message(sending)).status is Status.UNCERTAIN
    assert bot.sent_texts() == ["being sent"]


async def test_what_is_being_sent_is_settled_before_a_line_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    bot = await online(stage)
    stage.whatsapp.fates.append(Fate.HANGS)
    sending = await bot.queue("being sent")
    await _begun(bot, sending)
    await sessions.disconnect(stage.gateway, KEY_CALLER, bot.bot, user=None, unlink=False)
    bot.line.look()
    await bot.line.ended()

    assert (await bot.message(sending)).status is Status.UNCERTAIN


async def test_a_line_that_ends_does_not_wait_for_ever_for_an_outcome(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its link is still open, to be logged out; no other line will ever find the message."""
    monkeypatch.setattr(line_module, "FINISH_S", 0.02)
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)
    bot = await online(stage)
    stage.whatsapp.fates.append(Fate.HANGS)
    sending = await bot.queue("being sent")
    await _begun(bot, sending)
    await sessions.disconnect(stage.gateway, KEY_CALLER, bot.bot, user=None, unlink=True)
    bot.line.look()
    await bot.line.ended()

    assert (await bot.message(sending)).status is Status.UNCERTAIN
    assert await bot.told(sending) == ["message.queued", "message.uncertain"]


async def test_a_process_that_stops_lets_what_is_being_sent_come_to_an_outcome(
    stage: Stage,
) -> None:
    bot = await online(stage)
    await bot.line.kill()
    stage.whatsapp.send_takes = timedelta(milliseconds=50)
    async with stage.process():
        await stage.opened(bot.device)
        first = await bot.queue("first")
        await stage.gateway.tell(DEFAULT_TENANT, bot.bot)
        await _begun(bot, first)
        second = await bot.queue("second")

    assert (await bot.message(first)).status is Status.SENT
    assert (await bot.message(second)).status is Status.QUEUED
    assert (await bot.message(second)).sending_since is None


async def test_a_message_whose_notice_was_lost_is_sent_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the API's process dies after its commit."""
    for pause in ("SWEEP_EVERY_S", "REMINDED_EVERY_S"):
        monkeypatch.setattr(switchboard_module, pause, 0.01)
    bot = await online(stage)
    await bot.line.kill()
    async with stage.process():
        await bot.settled(await queue(stage.store, bot.bot, "found as the line begins"))
        lost = await queue(stage.store, bot.bot, "not told of")

        assert (await bot.settled(lost)).status is Status.SENT


async def test_a_message_is_sent_at_its_notice_and_nothing_else_is_looked_at(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = 3600
    for pause in ("SWEEP_EVERY_S", "REMINDED_EVERY_S"):
        monkeypatch.setattr(switchboard_module, pause, never)
    bot = await online(stage)
    await bot.line.kill()
    looked = list[str]()
    async with stage.process():
        await bot.settled(await queue(stage.store, bot.bot, "found as the line begins"))
        monkeypatch.setattr(Line, "look", lambda _: looked.append("at the session"))
        monkeypatch.setattr(Leases, "candidates", lambda *_: looked.append("for lines"))
        told = await queue(stage.store, bot.bot, "told of")
        await stage.gateway.tell_queued(DEFAULT_TENANT, bot.bot)

        assert (await bot.settled(told)).status is Status.SENT
    assert not looked


# ---------------------------------------------------------------------- crashes


class DyingStore:
    """The store of a process that dies at one of its transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dies_at: int | None = None
        self.after = False
        self.died = asyncio.Event()
        self.runs = 0

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self.runs += 1
        dies = self.dies_at is not None and self.runs >= self.dies_at
        if dies and not (self.after and self.runs == self.dies_at):
            await self._die()
        found = await self._store.run(work)
        if dies:
            await self._die()
        return found

    async def _die(self) -> None:
        self.died.set()
        await asyncio.Event().wait()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        async with self._store.read() as tx:
            yield tx


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("turn", range(1, 7))
async def test_a_crash_at_any_transaction_sends_nothing_twice_and_loses_nothing(
    stage: Stage, turn: int, *, after: bool
) -> None:
    """Killed before the turn's transaction, or between its commit and what follows from it."""
    dying = DyingStore(stage.store)
    bot = await online(stage, store=dying)  # type: ignore[arg-type]
    bot.says("so that the number is known")
    await bot.heard()
    await stage.quiet()
    dying.dies_at, dying.after = dying.runs + turn, after
    queued = [await bot.queue(f"{number}") for number in range(4)]
    if turn <= 5:
        await asyncio.wait_for(dying.died.wait(), 10)
    await bot.line.kill()

    bot.line = await stage.line(bot.bot)
    done = await outcomes(bot, queued)

    texts = bot.sent_texts()
    assert len(texts) == len(set(texts)), "nothing is sent twice"
    assert texts == sorted(texts)
    for number, message in enumerate(done):
        assert message.sending_since is None
        assert message.status in {Status.SENT, Status.UNCERTAIN}
        if message.status is Status.SENT:
            assert f"{number}" in texts
        last = {Status.SENT: "message.sent", Status.UNCERTAIN: "message.uncertain"}
        assert await bot.told(message.id) == ["message.queued", last[message.status]]
    doubted = [message for message in done if message.status is Status.UNCERTAIN]
    assert len(doubted) <= 1
    if turn == 1:
        # Before its first turn is committed nothing is in doubt; after, the message it took up is.
        assert len(doubted) == int(after)


@pytest.mark.parametrize("fate", [Fate.HANGS, Fate.HANGS_TAKEN])
async def test_a_crash_while_sending_leaves_the_message_uncertain_and_told_once(
    stage: Stage, fate: Fate
) -> None:
    bot = await online(stage)
    stage.whatsapp.fates.append(fate)
    queued = [await bot.queue("first"), await bot.queue("second")]
    await _begun(bot, queued[0])
    await bot.line.kill()
    for _ in range(2):
        bot.line = await stage.line(bot.bot)
        first, second = await outcomes(bot, queued)
        await bot.line.kill()

    assert (first.status, second.status) == (Status.UNCERTAIN, Status.SENT)
    assert bot.sent_texts() == (["second"] if fate is Fate.HANGS else ["first", "second"])
    assert await bot.told(first.id) == ["message.queued", "message.uncertain"]


async def test_one_message_costs_two_transactions_of_few_statements(bot: Online) -> None:
    bot.says("so that the number is known")
    await bot.heard()
    await bot.stage.quiet()
    with seen(bot.store) as sight:
        bot.line.look()
        await bot.settled(await bot.queue("hi"))
        await bot.stage.quiet()

    accepted = 4  # the commit of the test itself, and those of `quiet`
    assert sight.commits <= 2 + 1 + accepted
    assert len(sight.statements) <= 4 + 12, sight.statements
