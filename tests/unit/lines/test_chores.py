"""Chores are done with the open link and answered, or fail at once."""

import asyncio
import hashlib
import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sololine.bus import CHORES
from sololine.core.chat import ChatId
from sololine.core.chore import (
    LASTS,
    CheckNumbers,
    Chore,
    ChoreFailure,
    ChoreState,
    FetchMedia,
    ListGroups,
    MarkSeen,
    ShowContact,
    ShowGroup,
    ShowOnline,
    ShowTyping,
    Task,
)
from sololine.core.content import Content, File
from sololine.core.ids import DEFAULT_TENANT, ChoreId
from sololine.core.media import Media, MediaKind, Place, Uploaded
from sololine.core.message import Message
from sololine.core.session import State
from sololine.core.signals import TypingState
from sololine.engine.port import GroupInfo, LinkClosed, Member, NoName, Profile
from sololine.lines.chores import AT_ONCE
from sololine.media_files import MediaFiles
from sololine.store.transaction import Transaction
from tests.fakes.engine import Fate, ScriptedLink, Shown
from tests.unit.lines.stage import Stage
from tests.unit.lines.talk import ANA, ANA_JID, BEA, BEA_JID, GROUP, Online, deletion, form, online
from tests.unit.scenes import until

BYTES = b"the picture"
_serial = itertools.count(1)


@pytest.fixture
def files(tmp_path: Path) -> MediaFiles:
    return MediaFiles(tmp_path / "media")


@pytest.fixture
async def bot(stage: Stage, files: MediaFiles) -> Online:
    return await online(stage, media=files)


async def asked(bot: Online, task: Task) -> ChoreId:
    """Write a chore down as the API does."""
    chore = ChoreId(f"cho_{next(_serial):024x}")

    async def work(tx: Transaction) -> None:
        row = Chore(
            id=chore, tenant=DEFAULT_TENANT, bot=bot.bot, task=task, expires_at=tx.now + LASTS
        )
        await tx.chores.add(row)

    await bot.store.run(work)
    return chore


async def over(bot: Online, chore: ChoreId) -> Chore:
    """The chore, once it is over."""

    async def look() -> Chore | None:
        async with bot.store.read() as tx:
            found = await tx.chores.get(bot.bot, chore)
        assert found is not None
        return found if found.state in {ChoreState.DONE, ChoreState.FAILED} else None

    return await until(look, "the chore is over")


async def do(bot: Online, task: Task) -> Chore:
    chore = await asked(bot, task)
    bot.line.look()
    return await over(bot, chore)


async def answer(bot: Online, task: Task) -> dict[str, Any]:
    chore = await do(bot, task)
    assert chore.failure is None
    return dict(chore.answer)


# ---------------------------------------------------------------------- life


async def test_who_waits_for_a_chore_is_told(bot: Online) -> None:
    async with bot.stage.bus.subscribe(CHORES) as notices:
        chore = await asked(bot, ShowOnline(online=True))
        bot.line.look()
        notice = await anext(notices)

    assert notice.key == chore
    assert (await over(bot, chore)).state is ChoreState.DONE


async def test_a_chore_fails_at_once_when_the_link_is_not_up(bot: Online) -> None:
    bot.stage.whatsapp.drop(bot.device, back=False)
    await bot.stage.reached(bot.bot, State.RECONNECTING)
    chore = await do(bot, ListGroups())

    assert chore.failure is ChoreFailure.NOT_CONNECTED


async def test_chores_that_waited_for_a_line_are_not_done_without_a_link(stage: Stage) -> None:
    bot = await online(stage)
    await bot.line.kill()
    chore = await asked(bot, ListGroups())
    stage.whatsapp.silent = True
    bot.line = await stage.line(bot.bot)
    bot.line.look()

    assert (await over(bot, chore)).failure is ChoreFailure.NOT_CONNECTED


async def test_what_a_line_had_begun_when_it_died_is_void_and_told(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang(monkeypatch)
    chore = await asked(bot, ListGroups())
    bot.line.look()
    await begun(bot, chore)
    await bot.line.kill()
    async with bot.stage.bus.subscribe(CHORES) as notices:
        bot.line = await bot.stage.line(bot.bot)
        assert (await anext(notices)).key == chore

    assert (await over(bot, chore)).failure is ChoreFailure.NOT_CONNECTED


async def test_a_link_that_ends_fails_what_was_asked_of_it(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang(monkeypatch)
    chore = await asked(bot, ListGroups())
    bot.line.look()
    await begun(bot, chore)
    bot.stage.whatsapp.unlink(bot.device)
    await bot.line.ended()

    assert (await over(bot, chore)).failure is ChoreFailure.NOT_CONNECTED


def hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have WhatsApp not answer for groups."""

    async def groups(self: ScriptedLink) -> list[GroupInfo]:
        self._whatsapp.fates.append(Fate.HANGS)
        await self.send(ANA_JID, b"")
        raise AssertionError

    monkeypatch.setattr(ScriptedLink, "groups", groups)


async def begun(bot: Online, chore: ChoreId) -> None:
    async def look() -> bool:
        async with bot.store.read() as tx:
            found = await tx.chores.get(bot.bot, chore)
        return found is not None and found.state is ChoreState.BEGUN

    await until(look, "the chore is begun")
    await asyncio.sleep(0.01)


async def test_a_few_are_done_at_once_and_all_in_the_end(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = most = 0

    async def groups(self: ScriptedLink) -> list[GroupInfo]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return []

    monkeypatch.setattr(ScriptedLink, "groups", groups)
    chores = [await asked(bot, ListGroups()) for _ in range(3 * AT_ONCE)]
    bot.line.look()

    assert {(await over(bot, each)).state for each in chores} == {ChoreState.DONE}
    assert most == AT_ONCE


async def test_a_mistake_of_ours_ends_the_chore_and_not_the_line(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def groups(self: ScriptedLink) -> list[GroupInfo]:
        raise ZeroDivisionError

    monkeypatch.setattr(ScriptedLink, "groups", groups)

    assert (await do(bot, ListGroups())).failure is ChoreFailure.NOT_CONNECTED
    assert (await do(bot, ShowOnline(online=True))).state is ChoreState.DONE


# ---------------------------------------------------------------------- people and groups


async def test_numbers_are_checked_in_every_spelling(bot: Online) -> None:
    brazilian, stranger = "5531987654321", "447700900666"
    bot.stage.whatsapp.strangers |= {brazilian, stranger}

    assert await answer(bot, CheckNumbers(numbers=(stranger, brazilian, ANA))) == {
        "numbers": [
            {"asked": stranger, "onWhatsapp": False},
            {
                "asked": brazilian,
                "onWhatsapp": True,
                "number": brazilian,
                "lid": "9553187654321@lid",
            },
            {"asked": ANA, "onWhatsapp": True, "number": ANA, "lid": f"9{ANA}@lid"},
        ]
    }


async def test_a_contact_is_shown(bot: Online) -> None:
    bot.stage.whatsapp.profiles[ANA_JID] = Profile(
        name="Ana", about="at work", picture_url="https://pps.whatsapp.net/x"
    )
    assert await answer(bot, ShowContact(chat=ANA)) == {
        "number": ANA,
        "name": "Ana",
        "about": "at work",
        "pictureUrl": "https://pps.whatsapp.net/x",
    }
    assert await answer(bot, ShowContact(chat=ChatId("98765@lid"))) == {
        "number": None,
        "name": None,
        "about": None,
        "pictureUrl": None,
    }


async def test_nobody_is_shown_for_a_number_that_is_not_on_whatsapp(bot: Online) -> None:
    bot.stage.whatsapp.strangers.add(ANA)

    assert (await do(bot, ShowContact(chat=ANA))).failure is ChoreFailure.NOT_FOUND


async def test_groups_are_shown_with_their_members_and_chats_get_their_names(bot: Online) -> None:
    group = GroupInfo(
        jid=GROUP,
        subject="Us",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        members=(
            Member(jid="98765@lid", other=ANA_JID, admin=True),
            Member(jid="98766@lid"),
        ),
    )
    bot.stage.whatsapp.groups[GROUP] = group
    shown = {
        "id": GROUP,
        "subject": "Us",
        "description": None,
        "createdAt": "2026-01-02T00:00:00.000Z",
        "members": [{"number": ANA, "admin": True}, {"lid": "98766@lid", "admin": False}],
    }
    assert await answer(bot, ListGroups()) == {"groups": [shown]}
    async with bot.store.read() as tx:
        assert await tx.chats.get(bot.bot, GROUP) is None, "nothing was said there"
    bot.says("hola", chat=GROUP)
    await bot.heard()
    assert await answer(bot, ShowGroup(chat=GROUP)) == shown
    assert (await bot.chat(GROUP)).name == "Us"


async def test_a_group_that_the_bot_is_not_in_is_not_found(bot: Online) -> None:
    assert (await do(bot, ShowGroup(chat=GROUP))).failure is ChoreFailure.NOT_FOUND


# ---------------------------------------------------------------------- presence, reading


async def test_typing_and_being_online_are_shown(bot: Online) -> None:
    await answer(bot, ShowTyping(chat=ANA, state=TypingState.RECORDING))
    await answer(bot, ShowOnline(online=True))
    await answer(bot, ShowOnline(online=False))

    assert bot.stage.whatsapp.shown == [
        Shown(device=bot.device, what="recording", chat=ANA_JID),
        Shown(device=bot.device, what="online"),
        Shown(device=bot.device, what="offline"),
    ]


async def test_nobody_is_shown_online_without_a_name(
    bot: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def show_online(_: ScriptedLink, *, online: bool) -> None:
        raise NoName(str(online))

    monkeypatch.setattr(ScriptedLink, "show_online", show_online)
    done = await do(bot, ShowOnline(online=True))

    assert (done.state, done.failure) == (ChoreState.FAILED, ChoreFailure.NO_NAME)


async def test_what_was_seen_is_told_to_each_sender_in_each_chat(bot: Online) -> None:
    first, second = bot.says("one"), bot.says("two")
    in_group = bot.says("three", "98765@lid", chat=GROUP)
    bot.says("mine", "34600000001@s.whatsapp.net", chat=ANA_JID, from_me=True)
    other = bot.says("unseen", BEA_JID)
    await bot.heard()
    seen = tuple(each.id for each in await bot.messages() if each.whatsapp_id != other)
    await answer(bot, MarkSeen(messages=seen))

    told = {(each.chat, each.sender): each.ids for each in bot.stage.whatsapp.shown}
    assert {key: set(ids) for key, ids in told.items()} == {
        (ANA_JID, ANA_JID): {first, second},
        (GROUP, "98765@lid"): {in_group},
    }
    assert {each.what for each in bot.stage.whatsapp.shown} == {"read"}
    assert [(await bot.chat(chat)).unread for chat in (ANA, GROUP, BEA)] == [0, 0, 1]


async def test_a_voice_note_counts_as_played(bot: Online) -> None:
    message = await received(bot, voice())
    await answer(bot, MarkSeen(messages=(message.id,)))

    assert [each.what for each in bot.stage.whatsapp.shown] == ["read", "played"]


# ---------------------------------------------------------------------- files


def voice() -> File:
    return File(kind=MediaKind.VOICE, mime_type="audio/ogg; codecs=opus", seconds=3)


def picture() -> File:
    return File(kind=MediaKind.IMAGE, mime_type="image/png")


async def received(bot: Online, content: Content, *, kept: bytes | None = BYTES) -> Message:
    """A message with a file that WhatsApp keeps, or does not any more."""
    path = f"/v/{next(_serial)}.enc"
    if kept is not None:
        bot.stage.whatsapp.files[path] = kept
    uploaded = Uploaded(
        url=f"https://mmg.whatsapp.net{path}",
        direct_path=path,
        media_key=b"k" * 32,
        sha256=hashlib.sha256(BYTES).digest(),
        encrypted_sha256=b"e" * 32,
        size=len(BYTES),
    )
    whatsapp_id = bot.stage.whatsapp.receive(
        bot.device, form(content, file=uploaded), ANA_JID, at=bot.stage.clock.now()
    )
    await bot.heard()
    return next(each for each in await bot.messages() if each.whatsapp_id == whatsapp_id)


def fetch(message: Message) -> FetchMedia:
    assert isinstance(message.content, File)
    assert message.content.media is not None
    return FetchMedia(media=message.content.media, message=message.id)


async def media_of(bot: Online, message: Message) -> Media:
    async with bot.store.read() as tx:
        found = await tx.media.get(bot.bot, fetch(message).media)
    assert found is not None
    return found


async def test_a_file_is_fetched_once(
    bot: Online, files: MediaFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await received(bot, picture())
    assert (await media_of(bot, message)).place is Place.REMOTE
    expected = {
        "mediaId": fetch(message).media,
        "size": len(BYTES),
        "sha256": hashlib.sha256(BYTES).hexdigest(),
    }
    assert await answer(bot, fetch(message)) == expected
    media = await media_of(bot, message)
    assert (media.place, media.size, media.sha256) == (
        Place.STORED,
        expected["size"],
        expected["sha256"],
    )
    assert files.path(media.id).read_bytes() == BYTES

    monkeypatch.delattr(ScriptedLink, "download")
    assert await answer(bot, fetch(message)) == expected


@pytest.mark.parametrize("kept", [None, b"another file"])
async def test_a_file_that_whatsapp_does_not_have_any_more_is_gone(
    bot: Online, files: MediaFiles, kept: bytes | None
) -> None:
    message = await received(bot, picture(), kept=kept)
    for _ in range(2):
        assert (await do(bot, fetch(message))).failure is ChoreFailure.NOT_FOUND

    assert (await media_of(bot, message)).place is Place.GONE
    assert nothing_in(files)


async def test_a_link_that_ends_leaves_the_file_where_it_was(
    bot: Online, files: MediaFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await received(bot, picture())

    async def download(self: ScriptedLink, form: bytes, file: Path) -> None:
        await asyncio.to_thread(file.write_bytes, b"half of it")
        raise LinkClosed

    monkeypatch.setattr(ScriptedLink, "download", download)
    assert (await do(bot, fetch(message))).failure is ChoreFailure.NOT_CONNECTED
    assert (await media_of(bot, message)).place is Place.REMOTE
    assert nothing_in(files)


async def test_a_file_whose_message_is_deleted_meanwhile_is_not_kept(
    bot: Online, files: MediaFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await received(bot, picture())
    download = ScriptedLink.download

    async def slowly(self: ScriptedLink, form: bytes, file: Path) -> None:
        await download(self, form, file)
        bot.says(deletion(str(message.whatsapp_id)))
        await bot.heard()

    monkeypatch.setattr(ScriptedLink, "download", slowly)
    assert (await do(bot, fetch(message))).failure is ChoreFailure.NOT_FOUND
    assert nothing_in(files)


async def test_nothing_is_fetched_without_a_folder(stage: Stage) -> None:
    bot = await online(stage)
    message = await received(bot, picture())

    assert (await do(bot, fetch(message))).failure is ChoreFailure.NOT_CONNECTED


async def test_files_are_fetched_at_arrival_when_the_operator_wants_it(
    stage: Stage, files: MediaFiles
) -> None:
    bot = await online(stage, media=files, media_at_arrival=True, media_max_bytes=len(BYTES))
    message = await received(bot, picture())

    async def stored() -> bool:
        return (await media_of(bot, message)).place is Place.STORED

    await until(stored, "the file is fetched")
    gone = await received(bot, picture(), kept=None)

    async def given_up() -> bool:
        return (await media_of(bot, gone)).place is Place.GONE

    await until(given_up, "the file is given up")
    assert (await received(bot, picture())).id, "the line lives on"


async def test_too_large_a_file_waits_until_it_is_asked_for(
    stage: Stage, files: MediaFiles
) -> None:
    bot = await online(stage, media=files, media_at_arrival=True, media_max_bytes=len(BYTES) - 1)
    message = await received(bot, picture())
    await stage.quiet()
    assert (await media_of(bot, message)).place is Place.REMOTE

    await answer(bot, fetch(message))
    assert (await media_of(bot, message)).place is Place.STORED


def nothing_in(files: MediaFiles) -> bool:
    return not files._folder.exists() or list(files._folder.iterdir()) == []
