"""Media: what files bots have; the bytes are in the data folder."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, insert, select, update

from sololine.core.ids import BotId, MediaId, MessageId
from sololine.core.media import Media as File
from sololine.core.media import Place
from sololine.store.columns import Row, instant, millis, plain
from sololine.store.connection import Connection
from sololine.store.tables import media, messages

_row: Final = media.c
_OF_BOT: Final = _row.bot_id == bindparam("bot")

_ADD: Final = insert(media)
_GET: Final = select(media).where(_OF_BOT, _row.id == bindparam("media"))
_MANY: Final = select(media).where(_OF_BOT, _row.id.in_(bindparam("media", expanding=True)))
_SAVE: Final = update(media).where(_row.id == bindparam("media"), _OF_BOT)
_IDS: Final = select(_row.id).where(_OF_BOT, _row.place == Place.STORED.value)
_KNOWN: Final = select(_row.id).where(_row.id.in_(bindparam("media", expanding=True)))
_unused: Final = (
    select(_row.id)
    .where(
        _row.created_at < bindparam("before"),
        ~exists().where(messages.c.media_id == _row.id),
    )
    .order_by(_row.id)
    .limit(bindparam("page"))
    .with_for_update(skip_locked=True)
    .cte("unused")
)
_DROP_UNUSED: Final = delete(media).where(_row.id.in_(select(_unused.c.id))).returning(_row.id)
_MESSAGE_OF: Final = (
    select(messages.c.id)
    .where(messages.c.media_id == bindparam("media"), messages.c.bot_id == bindparam("bot"))
    .order_by(messages.c.seq)
    .limit(1)
)
_DROP: Final = delete(media).where(_OF_BOT)


class Media:
    """The media, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, media: Sequence[File]) -> None:
        """Store new files of a bot.

        Raises:
            Raced: one of the ids is taken, or the bot is gone.
        """
        if media:
            await self._connection.add(_ADD, *(_added_columns(file) for file in media))

    async def get(self, bot: BotId, media: MediaId) -> File | None:
        """The bot's file with this id."""
        row = await self._connection.row(_GET, {"bot": bot, "media": media})
        return _file(row) if row else None

    async def many(self, bot: BotId, ids: Collection[MediaId]) -> dict[MediaId, File]:
        """The bot's files with these ids, as far as there are any."""
        if not ids:
            return {}
        rows = await self._connection.rows(_MANY, {"bot": bot, "media": sorted(ids)})
        return {row["id"]: _file(row) for row in rows}

    async def stored(self, bot: BotId) -> list[MediaId]:
        """The bot's files whose bytes are in the data folder."""
        return [row["id"] for row in await self._connection.rows(_IDS, {"bot": bot})]

    async def known(self, media: Collection[MediaId]) -> set[MediaId]:
        """Those of the files that some bot has."""
        rows = await self._connection.rows_among(_KNOWN, "media", media)
        return {row["id"] for row in rows}

    async def drop_unused(self, before: datetime, limit: int) -> list[MediaId]:
        """Forget files from before then that no message carries; returns which, `limit` at most."""
        self._connection.comes_last()
        values = {"before": millis(before), "page": limit}
        return [row["id"] for row in await self._connection.rows(_DROP_UNUSED, values)]

    async def save(self, media: File) -> None:
        """Store what changed of a file."""
        self._connection.comes_last()
        values = {"media": media.id, "bot": media.bot, **_saved_columns(media)}
        await self._connection.change(_SAVE, values)

    async def message_of(self, bot: BotId, media: MediaId) -> MessageId | None:
        """The first message that carries the file; None when none does."""
        row = await self._connection.row(_MESSAGE_OF, {"bot": bot, "media": media})
        return row["id"] if row else None


async def drop(connection: Connection, bot: BotId) -> None:
    """Delete all media of a bot that is being deleted; its messages are gone before."""
    await connection.change(_DROP, {"bot": bot})


def _added_columns(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "bot_id": file.bot,
        "tenant_id": file.tenant,
        "created_at": millis(file.created_at),
        **_saved_columns(file),
    }


def _saved_columns(file: File) -> dict[str, Any]:
    return {
        "mime_type": plain(file.mime_type),
        "size": file.size,
        "sha256": file.sha256,
        "file_name": plain(file.file_name),
        "place": file.place.value,
    }


def _file(row: Row) -> File:
    return File(
        id=row["id"],
        tenant=row["tenant_id"],
        bot=row["bot_id"],
        mime_type=row["mime_type"],
        size=row["size"],
        sha256=row["sha256"],
        file_name=row["file_name"],
        place=Place(row["place"]),
        created_at=instant(row["created_at"]),
    )
