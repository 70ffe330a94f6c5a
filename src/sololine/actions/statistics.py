"""How sessions are doing now, and how attempts to connect went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sololine.actions.gateway import Gateway
from sololine.core.errors import InvalidInput
from sololine.core.ids import TenantId
from sololine.core.sentence import Sentence
from sololine.core.statistics import BotTally, DayTally, Tally, TimeToConnect, total
from sololine.store.sessions import SessionCounts

USUAL_SPAN: Final = timedelta(days=30)
BOTS_MAX: Final = 1000
"""Bots that are told of one by one: those with the most attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Figures of a tenant, or of all.

    Attributes:
        duplicates: numbers that several bots are said to have, and devices that lost theirs.
        since, until: the span of time in which the attempts began.
        times: how long it took to connect: True with a QR or code, False with a bot's credentials.
    """

    counts: SessionCounts
    duplicates: int
    since: datetime
    until: datetime
    attempts: Tally
    by_bot: Sequence[BotTally]
    by_day: Sequence[DayTally]
    times: Mapping[bool, TimeToConnect]


async def look(
    gateway: Gateway,
    tenant: TenantId | None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Statistics:
    """The figures as they are now; attempts of the last `USUAL_SPAN` unless told otherwise.

    Raises:
        InvalidInput: the span ends before it begins.
    """
    async with gateway.store.read() as tx:
        end = until or tx.now
        begin = since or end - USUAL_SPAN
        if begin >= end:
            raise InvalidInput(
                Sentence("The span ends before it begins. Let from be before to."), field="to"
            )
        by_day = await tx.attempts.by_day(tenant, begin, end)
        return Statistics(
            counts=await tx.sessions.counts(tenant),
            duplicates=await tx.conflicts.count(tenant) + await tx.retired.waiting(tenant),
            since=begin,
            until=end,
            attempts=total(by_day),
            by_bot=await tx.attempts.by_bot(tenant, begin, end, BOTS_MAX),
            by_day=by_day,
            times=await tx.attempts.times(tenant, begin, end),
        )
