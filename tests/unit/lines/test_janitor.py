"""What the janitor clears away, and what it leaves alone."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sololine import new_ids
from sololine.actions import sessions
from sololine.core.advance import Began
from sololine.core.chore import CheckNumbers, Chore
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId, MediaId
from sololine.core.linking import WINDOW
from sololine.core.media import Media, Place
from sololine.core.session import EndReason, State, Wish
from sololine.core.signals import Linked
from sololine.lines import janitor as module
from sololine.lines.janitor import GRACE, UNUSED_FOR, Janitor, Swept
from sololine.media_files import MediaFiles
from tests.fakes.engine import ScriptedEngine
from tests.unit.lines.stage import Stage
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    OTHER_NUMBER,
    connect,
    connected_bot,
    events_of,
    holder_of,
    move,
    new_bot,
    qr,
    session_of,
    until,
)

KEPT = timedelta(days=90)
FOLDER = "the-folder"
Make = Callable[..., Janitor]


@pytest.fixture
def make(stage: Stage, media_folder: Path) -> Make:
    """Makes a janitor of a folder that the database is bound to."""

    def made(**changes: object) -> Janitor:
        parts = {
            "store": stage.store,
            "bus": stage.bus,
            "attempts_kept": KEPT,
            "folder": FOLDER,
            "engine": ScriptedEngine(stage.whatsapp),
            "media": MediaFiles(media_folder),
        }
        return Janitor(**{**parts, **changes})  # type: ignore[arg-type]

    return made


@pytest.fixture(autouse=True)
async def bound(stage: Stage) -> None:
    await stage.store.run(lambda tx: tx.deployment.bind(FOLDER))


async def swept(janitor: Janitor) -> Swept:
    """What one round clears; that a dry run says the same, and a second round finds nothing."""
    dry = await janitor.sweep(dry_run=True)
    done = await janitor.sweep()
    assert dry == done
    assert await janitor.sweep() == Swept()
    return done


# ---------------------------------------------------------------------- rows


async def test_where_nothing_is_left_behind_nothing_is_cleared(stage: Stage, make: Make) -> None:
    bot = await connected_bot(stage.gateway)
    lease = await stage.lease(bot)
    await connect(stage.gateway, await new_bot(stage.gateway), number=OTHER_NUMBER)

    assert await swept(make()) == Swept()

    async with stage.store.read() as tx:
        assert await tx.leases.of(bot) == lease
    assert (await session_of(stage.store, bot)).state is State.CONNECTED


async def test_a_window_that_is_over_is_ended_where_no_line_runs(stage: Stage, make: Make) -> None:
    asked, begun = await new_bot(stage.gateway), await new_bot(stage.gateway)
    await connect(stage.gateway, asked, number=NUMBER)
    await connect(stage.gateway, begun)
    await move(stage.store, begun, Began(), qr())
    stage.clock.advance(WINDOW)
    assert (await make().sweep()).windows == 0, "a line has a moment to do it"
    stage.clock.advance(GRACE)

    assert (await swept(make())).windows == 2

    for bot in (asked, begun):
        session = await session_of(stage.store, bot)
        assert session.end is not None
        assert session.end.reason is EndReason.WINDOW_OVER
        assert (await events_of(stage.store, bot))[-1] == "session.disconnected"
        async with stage.store.read() as tx:
            assert await tx.leases.of(bot) is None
    assert await holder_of(stage.store, NUMBER) is None


async def test_what_a_running_line_has_to_do_is_left_to_it(stage: Stage, make: Make) -> None:
    connected, linking = await connected_bot(stage.gateway), await new_bot(stage.gateway)
    await connect(stage.gateway, linking)
    stage.clock.advance(WINDOW + GRACE)
    for bot in (connected, linking):
        await stage.lease(bot)

    assert await swept(make()) == Swept()


async def test_a_connection_that_nobody_keeps_is_shown_as_lost(stage: Stage, make: Make) -> None:
    bot = await connected_bot(stage.gateway)

    assert (await swept(make())).states == 1

    session = await session_of(stage.store, bot)
    assert (session.state, session.device is not None) == (State.RECONNECTING, True)
    assert (await events_of(stage.store, bot))[-1] == "session.reconnecting"
    assert await holder_of(stage.store, NUMBER) is not None


async def test_an_order_that_came_meanwhile_is_left_to_a_line(stage: Stage, make: Make) -> None:
    bot = await new_bot(stage.gateway)
    await connect(stage.gateway, bot)
    stage.clock.advance(WINDOW + GRACE)
    janitor = make()
    write_down = janitor._write_down

    async def late(bot: BotId) -> bool:
        await connect(stage.gateway, bot)
        return await write_down(bot)

    janitor._write_down = late  # type: ignore[method-assign]
    assert (await janitor.sweep()).windows == 0

    session = await session_of(stage.store, bot)
    assert (session.intent.no, session.obeyed, session.intent.wish) == (2, 0, Wish.ONLINE)


async def test_reservations_chores_and_old_attempts_are_cleared(stage: Stage, make: Make) -> None:
    bot = await connected_bot(stage.gateway)
    await stage.lease(bot)
    asked = await new_bot(stage.gateway)
    await connect(stage.gateway, asked, number=OTHER_NUMBER)
    await stage.lease(asked)

    async def ask(tx: object) -> None:
        chore = Chore(
            id=new_ids.chore(),
            tenant=DEFAULT_TENANT,
            bot=bot,
            task=CheckNumbers(numbers=(NUMBER,)),
            expires_at=stage.clock.now() + timedelta(minutes=1),
        )
        await tx.chores.add(chore)  # type: ignore[attr-defined]

    await stage.store.run(ask)
    stage.clock.advance(WINDOW)
    for each in (bot, asked):
        await stage.lease(each)
    assert await swept(make()) == Swept(reservations=1, chores=1)

    stage.clock.advance(KEPT)
    for each in (bot, asked):
        await stage.lease(each)
    assert await swept(make()) == Swept(attempts=1)
    async with stage.store.read() as tx:
        assert await tx.attempts.of_bot(bot) == []


async def test_several_that_sweep_at_once_clear_each_thing_once(stage: Stage, make: Make) -> None:
    for number in (NUMBER, OTHER_NUMBER):
        await connected_bot(stage.gateway, number)
    asked = await new_bot(stage.gateway)
    await connect(stage.gateway, asked)
    stage.clock.advance(WINDOW + GRACE)

    rounds = await asyncio.gather(*(make().sweep() for _ in range(4)))

    assert sum(each.states for each in rounds) == 2
    assert sum(each.windows for each in rounds) == 1


# ---------------------------------------------------------------------- files


async def device_of(stage: Stage, bot: BotId) -> DeviceId:
    device = (await session_of(stage.store, bot)).device
    assert device is not None
    return device.id


async def test_credentials_that_no_row_knows_are_forgotten(stage: Stage, make: Make) -> None:
    bot = await connected_bot(stage.gateway)
    await stage.lease(bot)
    used, left = await device_of(stage, bot), DeviceId("dev_left_1_1")
    stage.whatsapp.credentials = dict.fromkeys((used, left), Linked(jid="", lid="", platform=""))

    assert await swept(make()) == Swept(credentials=1)

    assert list(stage.whatsapp.credentials) == [used]


async def test_credentials_that_wait_to_be_logged_out_are_kept(stage: Stage, make: Make) -> None:
    bot = await connected_bot(stage.gateway)
    device = await device_of(stage, bot)
    stage.whatsapp.credentials = {device: Linked(jid="", lid="", platform="")}
    async with stage.process():
        stage.whatsapp.silent = True
        stage.whatsapp.confirms_logouts = False
        await sessions.disconnect(stage.gateway, KEY_CALLER, bot, user=None)

    assert (await make().sweep()).credentials == 0
    assert device in stage.whatsapp.credentials


def left_behind(folder: Path) -> list[Path]:
    """A file, a draft and something of somebody else's, all untouched for long."""
    folder.mkdir(exist_ok=True)
    file = folder / new_ids.media()
    paths = [file, folder / f".{file.name}.00ff.part", folder / "notes.txt"]
    for path in paths:
        path.touch()
        os.utime(path, (0, 0))
    return paths


async def test_media_that_no_row_knows_are_deleted(
    stage: Stage, make: Make, media_folder: Path
) -> None:
    bot = await new_bot(stage.gateway)
    file, draft, other = left_behind(media_folder)
    known, known_draft, _ = left_behind(media_folder)
    young = media_folder / new_ids.media()
    young.touch()
    await add_media(stage, bot, MediaId(known.name))

    assert await swept(make()) == Swept(media=3)

    assert [path.exists() for path in (file, draft, known_draft)] == [False] * 3
    assert [path.exists() for path in (other, known, young)] == [True] * 3


async def add_media(stage: Stage, bot: BotId, media: MediaId) -> None:
    file = Media(
        id=media,
        tenant=DEFAULT_TENANT,
        bot=bot,
        mime_type="image/png",
        size=1,
        sha256="",
        file_name="",
        place=Place.STORED,
        created_at=stage.clock.now(),
    )
    await stage.store.run(lambda tx: tx.media.add([file]))


async def test_an_upload_that_no_message_used_is_forgotten_with_its_file(
    stage: Stage, make: Make, media_folder: Path
) -> None:
    bot, file = await new_bot(stage.gateway), left_behind(media_folder)[0]
    file.touch()
    await add_media(stage, bot, MediaId(file.name))
    assert await swept(make()) == Swept(media=1), "the draft"
    stage.clock.advance(UNUSED_FOR)
    assert await swept(make()) == Swept()
    stage.clock.advance(timedelta(seconds=1))

    assert await swept(make()) == Swept(media=1)

    assert not file.exists()


def test_a_file_that_cannot_be_deleted_does_not_hold_up_the_rest(media_folder: Path) -> None:
    file, draft, _ = left_behind(media_folder)
    file.unlink()
    file.mkdir()

    module._delete(MediaFiles(media_folder), [MediaId(file.name)], [draft])

    assert (file.exists(), draft.exists()) == (True, False)


@pytest.mark.parametrize("folder", [None, "another-folder"])
async def test_files_of_another_databases_folder_are_left_alone(
    stage: Stage, make: Make, media_folder: Path, folder: str | None
) -> None:
    """As when somebody starts us with the wrong database: it would know none of them."""
    paths = left_behind(media_folder)
    stage.whatsapp.credentials = {DeviceId("dev_left_1_1"): Linked(jid="", lid="", platform="")}

    assert await swept(make(folder=folder)) == Swept()

    assert all(path.exists() for path in paths)
    assert len(stage.whatsapp.credentials) == 1


async def test_a_part_that_is_not_there_is_not_cleared(stage: Stage, make: Make) -> None:
    """As in a process that keeps no files, or a command where no engine runs."""
    assert await swept(make(engine=None, media=None)) == Swept()


# ---------------------------------------------------------------------- every five minutes


async def test_it_sweeps_every_five_minutes_whatever_fails(
    stage: Stage, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await connected_bot(stage.gateway)
    janitor = make(sleep=stage.hours.sleep)
    sweep, swept_at, fails = janitor.sweep, list[float](), True

    async def noted() -> Swept:
        nonlocal fails
        swept_at.append(stage.hours.now)
        if fails:
            fails = False
            raise OSError("the database is away")
        return await sweep()

    monkeypatch.setattr(janitor, "sweep", noted)
    began = stage.hours.now
    async with janitor.running():
        for count in (1, 2):
            await stage.hours.asleep()
            stage.hours.wake()
            await until(lambda count=count: len(swept_at) == count, "it has swept")
        await stage.reached(bot, State.RECONNECTING)
    assert swept_at == [began + 300, began + 600]
