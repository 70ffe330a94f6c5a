"""Files that messages carry: taken in from callers and from URLs, fetched from WhatsApp on demand.

    upload, base64, URL ──▶ draft on disk ── sniffed, hashed ──▶ file ──▶ row
                              └── whatever fails leaves nothing behind

A file gets its row in the transaction that accepts what needs it; until then it is only `Taken`.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from sololine import new_ids
from sololine.actions import chores
from sololine.actions.bots import BotWithSession, owned
from sololine.actions.gateway import Gateway
from sololine.core.access import Caller
from sololine.core.chore import FetchMedia
from sololine.core.errors import (
    InvalidInput,
    MediaGone,
    MediaNotFound,
    MediaTooLarge,
    UrlNotAllowed,
    UrlUnreachable,
)
from sololine.core.ids import BotId, MediaId, MessageId, UserId
from sololine.core.media import Media, Place, labelled
from sololine.core.sentence import Sentence
from sololine.media_files import MediaFiles
from sololine.media_type import HEAD_BYTES, sniff
from sololine.outward import ForbiddenAddress, InvalidUrl, OutwardError, TooLarge
from sololine.store.transaction import Transaction

FETCHED_WITHIN_S: Final = 60.0
"""How long a caller waits for a file that WhatsApp keeps."""

URL_WITHIN_S: Final = 30.0
"""How long a file may take to come from a URL."""


@dataclass(slots=True, kw_only=True)
class Taken:
    """A file that is in the data folder, and deleted again unless somebody needs it.

    Attributes:
        needed: set by whoever has written the file's row, once that is committed.
    """

    id: MediaId
    mime_type: str
    size: int
    sha256: str
    file_name: str = field(repr=False)
    needed: bool = False


Pieces = AsyncIterator[bytes]
"""The bytes of a file, as they come in."""


@asynccontextmanager
async def taken_in(
    gateway: Gateway, pieces: Pieces, *, file_name: str, declared: str | None
) -> AsyncIterator[Taken]:
    """Keep a file whose bytes come in pieces, for as long as the context is open or it is needed.

    Args:
        gateway: where files are kept.
        pieces: its bytes; not read on once they are too many.
        file_name: what its sender calls it.
        declared: the type that its sender says it has; the bytes have the last word.

    Raises:
        MediaTooLarge, InvalidInput: it is too large, or empty.
    """
    async with _drafted(gateway) as (media, draft):
        size, digest = await _written(pieces, draft, gateway.media_max_bytes)
        taken = Taken(
            id=media,
            mime_type=await _type_of(draft, file_name, declared),
            size=size,
            sha256=digest,
            file_name=labelled(file_name),
        )
        async with _kept(gateway, draft, taken):
            yield taken


@asynccontextmanager
async def fetched_from(gateway: Gateway, url: str, *, file_name: str) -> AsyncIterator[Taken]:
    """Keep a file that a URL leads to; as `taken_in`.

    Raises:
        UrlNotAllowed, UrlUnreachable, MediaTooLarge, InvalidInput: it could not be had.
    """
    assert gateway.outward is not None  # noqa: S101 — who opens doors hands in a way out
    async with _drafted(gateway) as (media, draft):
        try:
            got = await gateway.outward.fetch(url, draft, gateway.media_max_bytes, URL_WITHIN_S)
        except TooLarge as error:
            raise MediaTooLarge(max_bytes=gateway.media_max_bytes) from error
        except (ForbiddenAddress, InvalidUrl) as error:
            raise UrlNotAllowed(error.sentence, field="media.url") from error
        except OutwardError as error:
            raise UrlUnreachable(error.sentence, field="media.url") from error
        name = labelled(file_name or url.partition("?")[0].partition("#")[0])
        taken = Taken(
            id=media,
            mime_type=await _type_of(draft, name, got.mime_type or None),
            size=got.size,
            sha256=got.sha256,
            file_name=name,
        )
        async with _kept(gateway, draft, taken):
            yield taken


async def upload(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    *,
    user: UserId | None,
    pieces: Pieces,
    file_name: str = "",
    declared: str | None = None,
) -> Media:
    """Take a file in, to be sent later.

    Raises:
        As `taken_in`, and for a bot that the caller may not use.
    """
    async with gateway.store.read() as tx:
        await owned(tx, caller, bot, user)
    async with taken_in(gateway, pieces, file_name=file_name, declared=declared) as taken:

        async def work(tx: Transaction) -> Media:
            has = await owned(tx, caller, bot, user)
            media = row_of(taken, has, tx)
            await tx.media.add([media])
            return media

        media = await gateway.store.run(work)
        taken.needed = True
    return media


def row_of(taken: Taken, has: BotWithSession, tx: Transaction) -> Media:
    """The row of a file that was taken in for a bot."""
    return Media(
        id=taken.id,
        tenant=has.bot.tenant,
        bot=has.bot.id,
        mime_type=taken.mime_type,
        size=taken.size,
        sha256=taken.sha256,
        file_name=taken.file_name,
        place=Place.STORED,
        created_at=tx.now,
    )


async def opened(
    gateway: Gateway, caller: Caller, bot: str, media: str, *, user: UserId | None
) -> tuple[Media, Path]:
    """A file of the bot's and the path of its bytes, which are fetched from WhatsApp if need be.

    Raises:
        MediaNotFound, MediaGone: there is no such file, or nobody has it any more.
        NotLinked, NotConnected, NoAnswer: it has to be fetched, and cannot be now.
    """
    async with gateway.store.read() as tx:
        asker = await owned(tx, caller, bot, user)
    return await stored(gateway, asker, MediaId(media))


async def stored(gateway: Gateway, asker: BotWithSession, media: MediaId) -> tuple[Media, Path]:
    """As `opened`, for a bot that the caller may use."""
    files = files_of(gateway)
    found, message = await _look(gateway, asker.bot.id, media)
    if found.place is Place.STORED and await asyncio.to_thread(files.exists, found.id):
        return found, files.path(found.id)
    if found.place is Place.GONE or message is None:
        raise MediaGone
    await chores.ask(
        gateway,
        asker,
        FetchMedia(media=found.id, message=message),
        patience_s=FETCHED_WITHIN_S,
        missing=MediaGone,
    )
    found, _ = await _look(gateway, asker.bot.id, media)
    if not await asyncio.to_thread(files.exists, found.id):
        raise MediaGone
    return found, files.path(found.id)


def files_of(gateway: Gateway) -> MediaFiles:
    """Where the files are kept."""
    assert gateway.media is not None  # noqa: S101 — who opens doors hands in a place for files
    return gateway.media


async def _look(gateway: Gateway, bot: BotId, media: MediaId) -> tuple[Media, MessageId | None]:
    async with gateway.store.read() as tx:
        found = await tx.media.get(bot, media)
        if found is None:
            raise MediaNotFound
        return found, await tx.media.message_of(bot, media)


@asynccontextmanager
async def _drafted(gateway: Gateway) -> AsyncIterator[tuple[MediaId, Path]]:
    media = new_ids.media()
    draft = await asyncio.to_thread(files_of(gateway).new, media)
    try:
        yield media, draft
    finally:
        draft.unlink(missing_ok=True)


_R = TypeVar("_R")


async def _on_disk(act: Callable[..., _R], *arguments: Any) -> _R:
    """Do something on a thread, to its end: who is cancelled cleans up after it, not beside it."""
    doing = asyncio.ensure_future(asyncio.to_thread(act, *arguments))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise


async def _written(pieces: Pieces, draft: Path, max_bytes: int) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with ExitStack() as opened:
        # Entered on the thread, so that it is closed whenever this is cancelled.
        out = await _on_disk(lambda: opened.enter_context(draft.open("xb")))
        async for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                raise MediaTooLarge(max_bytes=max_bytes)
            digest.update(piece)
            await _on_disk(out.write, piece)
    return size, digest.hexdigest()


@asynccontextmanager
async def _kept(gateway: Gateway, draft: Path, taken: Taken) -> AsyncIterator[None]:
    if taken.size == 0:
        raise InvalidInput(Sentence("The file is empty. Send one with bytes in it."), field="media")
    files = files_of(gateway)
    try:
        await _on_disk(files.keep, draft, taken.id)
        yield
    finally:
        if not taken.needed:
            files.delete(taken.id)


async def _type_of(draft: Path, file_name: str, declared: str | None) -> str:
    def head() -> bytes:
        with draft.open("rb") as source:
            return source.read(HEAD_BYTES)

    return sniff(await asyncio.to_thread(head), labelled(file_name), declared)
