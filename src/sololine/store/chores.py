"""Chores: what bots' lines are asked to do once (see `core/chore.py`), a row each for a minute."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from sololine.core.chore import TASKS, Chore, ChoreFailure, ChoreState
from sololine.core.ids import BotId, ChoreId
from sololine.store.columns import Row, instant, json_data, json_text, millis
from sololine.store.connection import Connection
from sololine.store.tables import chores

_row: Final = chores.c

_ADD: Final = insert(chores)
# A query of its own (CTE): PostgreSQL might do one within IN once a row, and begin too many.
_open: Final = (
    select(_row.id)
    .where(
        _row.bot_id == bindparam("bot"),
        _row.state == ChoreState.OPEN.value,
        _row.expires_at > bindparam("now"),
    )
    .order_by(_row.expires_at, _row.id)
    .limit(bindparam("page"))
    .with_for_update(skip_locked=True)
    .cte("open")
)
_BEGIN: Final = (
    update(chores)
    .where(_row.id.in_(select(_open.c.id)))
    .values(state=ChoreState.BEGUN.value)
    .returning(*_row)
)
_WAITING: Final = (
    select(_row.id)
    .where(
        _row.bot_id == bindparam("bot"),
        _row.state == ChoreState.OPEN.value,
        _row.expires_at > bindparam("now"),
    )
    .limit(1)
)
_END: Final = update(chores).where(
    _row.id == bindparam("chore"),
    _row.state.in_((ChoreState.OPEN.value, ChoreState.BEGUN.value)),
)
_VOID: Final = (
    update(chores)
    .where(_row.bot_id == bindparam("bot"), _row.state == ChoreState.BEGUN.value)
    .values(state=ChoreState.FAILED.value, failure=ChoreFailure.NOT_CONNECTED.value)
    .returning(_row.id)
)
_GET: Final = select(chores).where(_row.bot_id == bindparam("bot"), _row.id == bindparam("chore"))
_DROP_ONE: Final = delete(chores).where(_row.id == bindparam("chore"))
_CLEAN: Final = delete(chores).where(_row.expires_at <= bindparam("now"))
_DROP: Final = delete(chores).where(_row.bot_id == bindparam("bot"))


class Chores:
    """The chores, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, chore: Chore) -> None:
        """Ask the line of a bot to do something.

        Raises:
            Raced: the bot is gone.
        """
        await self._connection.add(_ADD, _columns(chore))

    async def waiting(self, bot: BotId) -> bool:
        """Whether there is anything that `begin` would take."""
        values = {"bot": bot, "now": millis(self._connection.now)}
        return await self._connection.row(_WAITING, values) is not None

    async def begin(self, bot: BotId, limit: int) -> list[Chore]:
        """Take open chores that may still be done, the oldest first; they are begun with this."""
        self._connection.comes_last()
        values = {"bot": bot, "now": millis(self._connection.now), "page": limit}
        rows = await self._connection.rows(_BEGIN, values)
        return sorted(map(_chore, rows), key=lambda chore: (chore.expires_at, chore.id))

    async def done(self, chore: ChoreId, answer: Mapping[str, Any]) -> None:
        """Note what came of a chore; too late when it is over already."""
        await self._end(chore, state=ChoreState.DONE.value, answer=json_text(answer))

    async def failed(self, chore: ChoreId, failure: ChoreFailure) -> None:
        """Note why nothing came of a chore; too late when it is over already."""
        await self._end(chore, state=ChoreState.FAILED.value, failure=failure.value)

    async def get(self, bot: BotId, chore: ChoreId) -> Chore | None:
        """The bot's chore with this id."""
        row = await self._connection.row(_GET, {"bot": bot, "chore": chore})
        return _chore(row) if row else None

    async def drop(self, chore: ChoreId) -> None:
        """Forget a chore: its answer was read, or nobody waits for it any more."""
        self._connection.comes_last()
        await self._connection.change(_DROP_ONE, {"chore": chore})

    async def void(self, bot: BotId) -> list[ChoreId]:
        """Fail what was begun by a line that is gone; returns the chores, whose askers wait."""
        self._connection.comes_last()
        return [row["id"] for row in await self._connection.rows(_VOID, {"bot": bot})]

    async def clean(self, now: datetime) -> int:
        """Forget all chores that expired by then, in whatever state; returns how many."""
        self._connection.comes_last()
        return await self._connection.change(_CLEAN, {"now": millis(now)})

    async def _end(self, chore: ChoreId, **values: str) -> None:
        self._connection.comes_last()
        await self._connection.change(_END, {"chore": chore, **values})


async def drop(connection: Connection, bot: BotId) -> None:
    """Delete all chores of a bot that is being deleted."""
    await connection.change(_DROP, {"bot": bot})


def _columns(chore: Chore) -> dict[str, Any]:
    return {
        "id": chore.id,
        "bot_id": chore.bot,
        "tenant_id": chore.tenant,
        "task": json_text(TASKS.to_json(chore.task)),
        "state": chore.state.value,
        "answer": json_text(chore.answer),
        "failure": chore.failure.value if chore.failure else None,
        "expires_at": millis(chore.expires_at),
    }


def _chore(row: Row) -> Chore:
    failure = row["failure"]
    return Chore(
        id=row["id"],
        tenant=row["tenant_id"],
        bot=row["bot_id"],
        task=TASKS.from_json(json_data(row["task"])),
        state=ChoreState(row["state"]),
        answer=json_data(row["answer"]),
        failure=ChoreFailure(failure) if failure else None,
        expires_at=instant(row["expires_at"]),
    )
