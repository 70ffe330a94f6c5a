"""Media are rows that say what a file is and where its bytes are."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sololine.core.content import File
from sololine.core.ids import BotId, MediaId
from sololine.core.media import Media, MediaKind, Place
from sololine.store import connection as module
from sololine.store.errors import Raced, Unstorable
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.contract.store_scenes import added
from tests.contract.store_talk import file_of, stored


async def kept(store: Store, bot: BotId, count: int = 1) -> list[Media]:
    async def work(tx: Transaction) -> list[Media]:
        media = [file_of(bot, tx.now) for _ in range(count)]
        await tx.media.add(media)
        return media

    return await store.run(work)


def carrying(media: MediaId) -> dict[str, File]:
    return {"content": File(kind=MediaKind.IMAGE, media=media, mime_type="image/png")}


async def test_a_file_is_read_as_it_was_written(store: Store) -> None:
    bot, other = await added(store), await added(store)

    async def work(tx: Transaction) -> Media:
        media = file_of(bot, tx.now, file_name="ünï\x00.png", sha256="00ff", place=Place.GONE)
        await tx.media.add([media])
        return media

    media = await store.run(work)
    async with store.read() as tx:
        assert await tx.media.get(bot, media.id) == replace(media, file_name="ünï.png")
        assert await tx.media.get(other, media.id) is None


async def test_files_are_found_by_their_ids(store: Store) -> None:
    bot, other = await added(store), await added(store)
    one, two, three = await kept(store, bot, 3)
    async with store.read() as tx:
        assert await tx.media.many(bot, [one.id, three.id, MediaId("med_no")]) == {
            one.id: one,
            three.id: three,
        }
        assert await tx.media.many(bot, []) == {}
        assert await tx.media.many(other, [two.id]) == {}


async def test_a_file_that_was_fetched_is_stored_and_known_by_its_hash(store: Store) -> None:
    bot = await added(store)
    media, untouched = await kept(store, bot, 2)
    fetched = replace(media, place=Place.STORED, size=2**40, sha256="ff", mime_type="image/webp")
    await store.run(lambda tx: tx.media.save(fetched))
    async with store.read() as tx:
        assert await tx.media.get(bot, media.id) == fetched
        assert await tx.media.get(bot, untouched.id) == untouched


async def test_a_file_knows_the_first_message_that_carries_it(store: Store) -> None:
    bot, other = await added(store), await added(store)
    media, alone = await kept(store, bot, 2)
    first, _ = await stored(store, bot, carrying(media.id), carrying(media.id))
    async with store.read() as tx:
        assert await tx.media.message_of(bot, media.id) == first.id
        assert await tx.media.message_of(bot, alone.id) is None
        assert await tx.media.message_of(other, media.id) is None


async def test_no_message_carries_a_file_that_is_not_there(store: Store) -> None:
    bot = await added(store)
    with pytest.raises(Unstorable):
        await stored(store, bot, carrying(MediaId("med_no")))


async def test_an_id_is_taken_once(store: Store) -> None:
    bot = await added(store)
    media = await kept(store, bot)
    with pytest.raises(Raced):
        await store.run(lambda tx: tx.media.add(media))


A_DAY = timedelta(days=1)


async def test_it_is_known_which_files_any_bot_has(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASKED_AT_ONCE", 2)
    mine, theirs = await kept(store, await added(store), 3), await kept(store, await added(store))
    ids = {media.id for media in (*mine, *theirs)}
    async with store.read() as tx:
        assert await tx.media.known([*sorted(ids), MediaId("med_no")]) == ids
        assert await tx.media.known([]) == set()


async def test_old_files_that_no_message_carries_are_forgotten(store: Store) -> None:
    bot = await added(store)
    used, unused, other = await kept(store, bot, 3)
    await stored(store, bot, carrying(used.id))
    store.shift += A_DAY
    (young,) = await kept(store, bot)

    async def drop(tx: Transaction) -> list[MediaId]:
        return await tx.media.drop_unused(tx.now - A_DAY / 2, 1)

    dropped = {*await store.run(drop), *await store.run(drop)}
    assert dropped == {unused.id, other.id}
    assert await store.run(drop) == []
    async with store.read() as tx:
        assert await tx.media.known([used.id, unused.id, young.id]) == {used.id, young.id}


async def test_a_message_and_the_end_of_its_file_do_not_miss_each_other(store: Store) -> None:
    """Whoever is second finds the message, and keeps the file, or finds no file to carry."""
    bot = await added(store)
    (media,) = await kept(store, bot)
    store.shift += A_DAY

    async def drop(tx: Transaction) -> list[MediaId]:
        return await tx.media.drop_unused(tx.now, 9)

    sent, _ = await asyncio.gather(
        stored(store, bot, carrying(media.id)), store.run(drop), return_exceptions=True
    )
    async with store.read() as tx:
        kept_file = await tx.media.get(bot, media.id) is not None
    assert kept_file is not isinstance(sent, BaseException)
