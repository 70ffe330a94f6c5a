from collections.abc import AsyncIterator

import pytest

from sololine.actions import bots, media
from sololine.actions.bots import NAME_MAX, TEXT_MAX
from sololine.actions.gateway import Gateway
from sololine.core.access import Caller
from sololine.core.advance import Began, Looked
from sololine.core.bot import Setup
from sololine.core.errors import (
    BotNotFound,
    InvalidInput,
    NotAllowed,
    StillLinked,
    UserMismatch,
)
from sololine.core.ids import DEFAULT_TENANT, BotId, UserId, is_bot_id
from sololine.core.signals import LinkUp
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    OTHER_NUMBER,
    STRANGER,
    connect,
    connected_bot,
    events_of,
    grant,
    holder_of,
    move,
    new_bot,
    qr,
    session_of,
)

ANA = UserId("ana")
BEN = UserId("ben")
ANA_HERSELF = Caller(tenant=DEFAULT_TENANT, user=ANA)


async def test_a_bot_belongs_to_whom_the_key_names_or_else_to_the_default_user(
    gateway: Gateway,
) -> None:
    named = await bots.create(gateway, KEY_CALLER, user=ANA, name="Ada")
    unnamed = await bots.create(gateway, KEY_CALLER, user=None, name="Ada")

    assert (named.bot.owner, unnamed.bot.owner) == (ANA, UserId("default"))
    assert is_bot_id(named.bot.id)
    assert named.bot.id != unnamed.bot.id


async def test_a_person_creates_bots_for_nobody_else(gateway: Gateway) -> None:
    mine = await bots.create(gateway, ANA_HERSELF, user=None, name="Ada")

    assert mine.bot.owner == ANA
    with pytest.raises(NotAllowed):
        await bots.create(gateway, ANA_HERSELF, user=BEN, name="Ada")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " \t"},
        {"name": "x" * (NAME_MAX + 1)},
        {"name": "nul\x00"},
        {"description": "x" * (TEXT_MAX + 1)},
        {"personality": "x" * (TEXT_MAX + 1)},
    ],
)
async def test_a_bot_with_wrong_details_is_not_created(
    gateway: Gateway, wrong: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await bots.create(gateway, KEY_CALLER, user=None, **{"name": "Ada", **wrong})

    assert raised.value.field in wrong
    assert (await bots.of_user(gateway, KEY_CALLER, None)).bots == []


async def test_the_longest_details_that_are_allowed_are_kept_whole(gateway: Gateway) -> None:
    name, text = "ñ" * NAME_MAX, "字" * TEXT_MAX
    bot = await bots.create(
        gateway, KEY_CALLER, user=None, name=f"  {name}\n", description=text, personality=text
    )

    (found,) = (await bots.of_user(gateway, KEY_CALLER, None)).bots
    assert found == bot
    assert (found.bot.name, found.bot.description, found.bot.personality) == (name, text, text)


async def test_a_bot_is_renamed_but_never_to_nothing(gateway: Gateway) -> None:
    bot = await new_bot(gateway)

    changed = await bots.update(
        gateway, KEY_CALLER, bot, user=None, changes={"name": " Eve ", "personality": ""}
    )
    with pytest.raises(InvalidInput, match="needs a name"):
        await bots.update(gateway, KEY_CALLER, bot, user=None, changes={"name": "  "})

    assert changed.bot.name == "Eve"


async def test_a_change_that_changes_nothing_is_no_event(gateway: Gateway) -> None:
    bot = await new_bot(gateway)

    await bots.update(gateway, KEY_CALLER, bot, user=None, changes={"name": "Ada"})
    await bots.finish_step(gateway, KEY_CALLER, bot, user=None, step=Setup.DETAILS)

    assert await events_of(gateway.store, bot) == ["bot.created"]


@pytest.mark.parametrize(
    ("caller", "user", "refusal"),
    [
        (STRANGER, None, BotNotFound),
        (KEY_CALLER, BEN, UserMismatch),
        (ANA_HERSELF, BEN, NotAllowed),
    ],
)
async def test_who_may_not_use_a_bot_changes_nothing_of_it(
    gateway: Gateway, caller: Caller, user: UserId | None, refusal: type[Exception]
) -> None:
    bot = await new_bot(gateway, user="ana")

    for attempt in (
        bots.update(gateway, caller, bot, user=user, changes={"name": "Eve"}),
        bots.finish_step(gateway, caller, bot, user=user, step=Setup.TRAINING),
        bots.delete(gateway, caller, bot, user=user),
    ):
        with pytest.raises(refusal):
            await attempt

    assert await events_of(gateway.store, bot) == ["bot.created"]


async def test_setup_steps_are_finished_in_order_and_the_last_one_by_a_phone(
    gateway: Gateway,
) -> None:
    made = await bots.create(gateway, KEY_CALLER, user=None, name="Ada", draft=True)
    bot = made.bot.id

    async def finish(step: Setup) -> Setup:
        has = await bots.finish_step(gateway, KEY_CALLER, bot, user=None, step=step)
        return has.bot.setup

    with pytest.raises(InvalidInput, match="details comes first"):
        await finish(Setup.TRAINING)
    assert await finish(Setup.DETAILS) is Setup.TRAINING
    assert await finish(Setup.DETAILS) is Setup.TRAINING
    assert await finish(Setup.TRAINING) is Setup.CONNECT
    for by_phone in (Setup.CONNECT, Setup.COMPLETE):
        with pytest.raises(InvalidInput, match="when a phone has scanned"):
            await finish(by_phone)


async def test_a_bot_that_was_connected_before_its_training_is_complete_after_it(
    gateway: Gateway,
) -> None:
    bot = await connected_bot(gateway)

    has = await bots.finish_step(gateway, KEY_CALLER, bot, user=None, step=Setup.TRAINING)

    assert has.bot.setup is Setup.COMPLETE


async def test_a_bot_with_a_number_or_a_window_is_not_deleted(gateway: Gateway) -> None:
    linked = await connected_bot(gateway)
    waiting = await new_bot(gateway)
    await connect(gateway, waiting)
    linking = await new_bot(gateway)
    await connect(gateway, linking)
    await move(gateway.store, linking, Began(), qr())

    for bot in (linked, waiting, linking):
        with pytest.raises(StillLinked):
            await bots.delete(gateway, KEY_CALLER, bot, user=None)

    assert await holder_of(gateway.store, NUMBER) is not None


async def test_a_deleted_bot_is_gone_and_its_events_stay(gateway: Gateway) -> None:
    bot = await new_bot(gateway)

    await bots.delete(gateway, KEY_CALLER, bot, user=None)

    with pytest.raises(BotNotFound):
        await bots.delete(gateway, KEY_CALLER, bot, user=None)
    assert await events_of(gateway.store, bot) == ["bot.created", "bot.deleted"]


async def test_a_deleted_bots_files_go_with_it_and_no_other(gateway: Gateway) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"bytes"

    deleted, other = await new_bot(gateway), await new_bot(gateway)
    first, second = [
        await media.upload(gateway, KEY_CALLER, bot, user=None, pieces=pieces())
        for bot in (deleted, other)
    ]
    await bots.delete(gateway, KEY_CALLER, deleted, user=None)

    files = media.files_of(gateway)
    assert [files.exists(each.id) for each in (first, second)] == [False, True]


async def test_bots_are_listed_page_by_page_for_their_owner_alone(gateway: Gateway) -> None:
    for name in ("a", "b", "c"):
        await bots.create(gateway, KEY_CALLER, user=ANA, name=name)
    await bots.create(gateway, KEY_CALLER, user=BEN, name="d")

    first = await bots.of_user(gateway, KEY_CALLER, ANA, limit=2)
    second = await bots.of_user(gateway, ANA_HERSELF, None, after=first.next_after, limit=2)

    assert (len(first.bots), len(second.bots)) == (2, 1)
    assert second.next_after is None
    assert {each.bot.name for each in first.bots + second.bots} == {"a", "b", "c"}
    with pytest.raises(NotAllowed):
        await bots.of_user(gateway, ANA_HERSELF, BEN)


async def test_a_page_after_a_bot_of_nobody_is_refused(gateway: Gateway) -> None:
    with pytest.raises(InvalidInput) as raised:
        await bots.of_user(gateway, KEY_CALLER, None, after="bot_00000000000000000000")

    assert raised.value.field == "after"


async def test_a_bot_and_its_session_are_read_as_one(gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    await move(gateway.store, bot, Began(), qr())
    await grant(gateway.store, bot, OTHER_NUMBER, LinkUp(), Looked())

    async with gateway.store.read() as tx:
        found = await bots.owned(tx, KEY_CALLER, bot, None)
    assert found.session == await session_of(gateway.store, bot)
    async with gateway.store.read() as tx:
        with pytest.raises(BotNotFound):
            await bots.owned(tx, KEY_CALLER, BotId("bot_x"), None)
