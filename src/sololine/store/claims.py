"""Claims: rows that follow from sessions (`Session.claims`) and are written with them only."""

from typing import Final

from sqlalchemy import bindparam, delete, or_, select, text

from sololine.core.claim import Claim, ClaimKind
from sololine.core.ids import BotId
from sololine.core.number import Number
from sololine.core.session import Session
from sololine.store.columns import Row, instant, millis
from sololine.store.connection import Connection
from sololine.store.errors import Raced
from sololine.store.tables import number_claims

_STANDS: Final = or_(
    number_claims.c.expires_at.is_(None), number_claims.c.expires_at > bindparam("now")
)
_HOLDER: Final = select(number_claims).where(number_claims.c.number == bindparam("digits"), _STANDS)
_OF_BOT: Final = select(number_claims).where(number_claims.c.bot_id == bindparam("bot"), _STANDS)

# By bot and kind too: a reservation that expired may be somebody else's by now.
_RELEASE: Final = delete(number_claims).where(
    number_claims.c.number == bindparam("digits"),
    number_claims.c.bot_id == bindparam("bot"),
    number_claims.c.kind == bindparam("firmness"),
)
_MAKE_ROOM: Final = delete(number_claims).where(
    number_claims.c.number == bindparam("digits"), number_claims.c.expires_at <= bindparam("now")
)
# Whoever inserts the same number at the same time is waited for, and then seen.
_TAKE: Final = text(
    "INSERT INTO number_claims"
    " (number, bot_id, tenant_id, kind, held_number, since, expires_at)"
    " VALUES (:number, :bot_id, :tenant_id, :kind, :held_number, :since, :expires_at)"
    " ON CONFLICT DO NOTHING"
)
# Skips what somebody works on: a reservation that is renewed or taken is no litter.
_expired: Final = (
    select(number_claims.c.number)
    .where(number_claims.c.expires_at <= bindparam("now"))
    .order_by(number_claims.c.number)
    .with_for_update(skip_locked=True)
    .cte("expired")
)
_CLEAN: Final = (
    delete(number_claims)
    .where(
        number_claims.c.number.in_(select(_expired.c.number)),
        number_claims.c.expires_at <= bindparam("now"),
    )
    .returning(number_claims.c.number)
)
_DROP: Final = delete(number_claims).where(number_claims.c.bot_id == bindparam("bot"))


class Claims:
    """The claims, as a transaction sees them; expired reservations are not seen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def holder(self, number: Number) -> Claim | None:
        """The claim on a number; what follows from it is checked again when claims are written."""
        row = await self._connection.row(
            _HOLDER, {"digits": number.digits, "now": millis(self._connection.now)}
        )
        return _claim(row) if row else None

    async def of_bot(self, bot: BotId) -> frozenset[Claim]:
        """The claims of a bot: at most one of each kind."""
        rows = await self._connection.rows(
            _OF_BOT, {"bot": bot, "now": millis(self._connection.now)}
        )
        return frozenset(map(_claim, rows))

    async def clean(self) -> int:
        """Delete reservations that expired; returns how many. Nobody sees them any more."""
        self._connection.claims()
        return len(await self._connection.rows(_CLEAN, {"now": millis(self._connection.now)}))


async def reconcile(connection: Connection, before: Session, after: Session) -> None:
    """Make the rows of a session's claims follow its change.

    Raises:
        Raced: another bot has one of the numbers.
    """
    old, new = before.claims(), after.claims()
    # In the order of the numbers, so that two transactions do not wait for each other in a circle.
    for claim in sorted(old - new, key=_digits):
        await connection.change(
            _RELEASE,
            {"digits": claim.number.digits, "bot": claim.bot, "firmness": claim.kind.value},
        )
    for claim in sorted(new - old, key=_digits):
        digits = claim.number.digits
        await connection.change(_MAKE_ROOM, {"digits": digits, "now": millis(connection.now)})
        taken = await connection.change(
            _TAKE,
            {
                "number": digits,
                "bot_id": claim.bot,
                "tenant_id": claim.tenant,
                "kind": claim.kind.value,
                "held_number": digits if claim.kind is ClaimKind.HELD else None,
                "since": millis(claim.since),
                "expires_at": millis(claim.expires_at),
            },
        )
        if not taken:
            raise Raced(f"another bot has the number {claim.number.masked}")


async def drop(connection: Connection, bot: BotId) -> None:
    """Delete all claims of a bot that is being deleted."""
    await connection.change(_DROP, {"bot": bot})


def _digits(claim: Claim) -> str:
    return claim.number.digits


def _claim(row: Row) -> Claim:
    return Claim(
        number=Number(digits=row["number"]),
        bot=row["bot_id"],
        tenant=row["tenant_id"],
        kind=ClaimKind(row["kind"]),
        since=instant(row["since"]),
        expires_at=instant(row["expires_at"]),
    )
