"""Conflicts: numbers that are listed for one bot, and listed for or held by another one.

Two bots never hold one number, so each conflict has a listing in it, and is looked for from there.
A holder whose unlinking was ordered counts no more, though its line has yet to do it.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, distinct, exists, func, or_, select

from sololine.core.conflict import Basis, Party
from sololine.core.ids import TenantId
from sololine.core.number import Number
from sololine.core.session import State, Wish
from sololine.store.columns import Row, instant
from sololine.store.connection import Connection
from sololine.store.tables import bot_sessions, bots, listings

_said: Final = listings.c
_held: Final = bot_sessions.c
_other: Final = listings.alias("other")

_STAYS: Final = or_(_held.wish != Wish.UNLINKED.value, _held.intent_no == _held.obeyed)
_HELD_BY_ANOTHER: Final = exists().where(
    _held.number == _said.number, _held.bot_id != _said.bot_id, _STAYS
)
_SAID_OF_ANOTHER: Final = exists().where(
    _other.c.number == _said.number, _other.c.bot_id != _said.bot_id
)
_OF_TENANT: Final = _said.tenant_id == bindparam("tenant")
_SAID_OF_ANOTHER_OWN: Final = exists().where(
    _other.c.number == _said.number,
    _other.c.bot_id != _said.bot_id,
    _other.c.tenant_id == bindparam("tenant"),
)
_CONTESTED: Final = or_(_SAID_OF_ANOTHER, _HELD_BY_ANOTHER)
_CONTESTED_OWN: Final = (_OF_TENANT, or_(_SAID_OF_ANOTHER_OWN, _HELD_BY_ANOTHER))


def _listed(*where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            *(_said.number, _said.bot_id, _said.tenant_id, bots.c.owner, bots.c.name, _said.state),
            _said.last_connected_at.label("last"),
        )
        .join(bots, bots.c.id == _said.bot_id)
        .where(*where)
    )


def _holding(*where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            *(_held.number, _held.bot_id, _held.tenant_id, bots.c.owner, bots.c.name, _held.state),
            func.coalesce(_held.connected_at, _held.linked_at).label("last"),
        )
        .join(bots, bots.c.id == _held.bot_id)
        .where(_STAYS, *where)
    )


_ALL: Final = (
    _listed(_CONTESTED),
    _holding(_held.number.in_(select(_said.number))),
)
_OWN: Final = (
    _listed(*_CONTESTED_OWN),
    _holding(_held.number.in_(select(_said.number).where(_OF_TENANT))),
)
_OF_NUMBER: Final = (
    _listed(_said.number == bindparam("digits")),
    _holding(_held.number == bindparam("digits")),
)
_COUNT: Final = select(func.count(distinct(_said.number)).label("contested"))
_COUNT_ALL: Final = _COUNT.where(_CONTESTED)
_COUNT_OWN: Final = _COUNT.where(*_CONTESTED_OWN)

_LEAVING: Final = (
    select(func.count().label("leaving"))
    .select_from(bot_sessions)
    .where(_held.number.is_not(None), ~_STAYS)
)
_LEAVING_OWN: Final = _LEAVING.where(_held.tenant_id == bindparam("tenant"))

_Statements = tuple[Select[Any], Select[Any]]


class Conflicts:
    """The conflicts, as a transaction sees them: the parties that `core.conflict` looks at."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def parties(self, tenant: TenantId | None = None) -> list[Party]:
        """All bots that may take part in a conflict: of a tenant's, or of all.

        With `tenant`, other tenants' bots are there as far as they hold a number that is listed for
        one of its own.
        """
        if tenant is None:
            return await self._parties(_ALL, {})
        return await self._parties(_OWN, {"tenant": tenant})

    async def parties_of(self, number: Number) -> list[Party]:
        """All bots that have the number, or are said to have it."""
        return await self._parties(_OF_NUMBER, {"digits": number.digits})

    async def count(self, tenant: TenantId | None = None) -> int:
        """How many numbers are in conflict: among a tenant's bots, or among all."""
        (row,) = await self._connection.rows_of(tenant, _COUNT_ALL, _COUNT_OWN)
        return int(row["contested"])

    async def leaving(self, tenant: TenantId | None = None) -> int:
        """How many holders were told to unlink, and have not done it yet."""
        (row,) = await self._connection.rows_of(tenant, _LEAVING, _LEAVING_OWN)
        return int(row["leaving"])

    async def _parties(self, statements: _Statements, values: Row) -> list[Party]:
        return [
            _party(row, basis)
            for basis, statement in zip((Basis.LISTED, Basis.HELD), statements, strict=True)
            for row in await self._connection.rows(statement, values)
        ]


def _party(row: Row, basis: Basis) -> Party:
    return Party(
        number=Number(digits=row["number"]),
        bot=row["bot_id"],
        tenant=row["tenant_id"],
        owner=row["owner"],
        name=row["name"],
        basis=basis,
        state=State(row["state"]),
        last_connected_at=instant(row["last"]),
    )
