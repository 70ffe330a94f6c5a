"""The conflict: one number, and more than one bot that is said to have it, or has it.

The law leaves room for one bot a number, so two never **hold** it. What may repeat a number is
what other systems' data says of bots (`core.listing`):

    number ─┬─ held by at most one bot, which is linked with it
            └─ listed for any number of bots

A conflict is resolved by keeping one of them. Of the others, the holder is unlinked, and what is
listed is forgotten. So after it at most one bot is left with the number, and the number is claimed
by whoever held it, or by nobody.

Within a tenant, another tenant's listings count for nothing, since they take no number away. That
another tenant's bot *holds* the number counts, and nothing else is told of it: then none of the
tenant's own bots can be kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sololine.core.ids import BotId, TenantId, UserId
from sololine.core.number import Number
from sololine.core.session import State

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Basis(StrEnum):
    """What ties a bot to a number."""

    HELD = "held"
    """The bot is linked with it."""
    LISTED = "listed"
    """Another system's data says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A bot's part in a conflict.

    Attributes:
        state: of the bot's connection; of a listed bot, what its listing says.
        last_connected_at: when that was last up; None when nobody knows.
    """

    number: Number
    bot: BotId
    tenant: TenantId
    owner: UserId
    name: str
    basis: Basis
    state: State
    last_connected_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A number with all who take part, in the order in which they would be kept, newest first.

    Attributes:
        taken: another tenant's bot holds the number, and the parties are those of one tenant.
    """

    number: Number
    parties: tuple[Party, ...]
    taken: bool = False


class Keep(StrEnum):
    """Which bot keeps the number, when none is named."""

    NEWEST = "newest"
    """The one that was connected last. A holder is connected, or would be: it counts as last."""
    OLDEST = "oldest"
    """The one whose last connection is longest ago. A holder loses to any that is listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a conflict is resolved: `kept` stays, `dropped` lose the number.

    `kept` is None when another tenant's bot holds the number.
    """

    number: Number
    kept: Party | None
    dropped: tuple[Party, ...]


def conflicts_of(parties: Iterable[Party], tenant: TenantId | None = None) -> list[Conflict]:
    """The conflicts among bots, in the order of their numbers.

    With `tenant`, as that tenant may see and resolve them; else as the operator does.
    """
    by_number: dict[Number, list[Party]] = {}
    for party in parties:
        by_number.setdefault(party.number, []).append(party)
    found = []
    for number, all_parties in sorted(by_number.items()):
        own = [party for party in all_parties if tenant in (None, party.tenant)]
        taken = any(
            party.basis is Basis.HELD for party in all_parties if tenant not in (None, party.tenant)
        )
        if own and len(own) + taken > 1:
            ordered = tuple(sorted(own, key=_newest_first))
            found.append(Conflict(number=number, parties=ordered, taken=taken))
    return found


def plan(conflict: Conflict, keep: Keep | BotId) -> Plan | None:
    """Decide who stays; None when `keep` names a bot that takes no part."""
    parties = conflict.parties
    match keep:
        case Keep.NEWEST:
            kept = min(parties, key=_newest_first)
        case Keep.OLDEST:
            kept = min(parties, key=_oldest_first)
        case bot:
            named = next((party for party in parties if party.bot == bot), None)
            if named is None:
                return None
            kept = named
    if conflict.taken:
        return Plan(number=conflict.number, kept=None, dropped=parties)
    dropped = tuple(party for party in parties if party is not kept)
    return Plan(number=conflict.number, kept=kept, dropped=dropped)


def _newest_first(party: Party) -> tuple[bool, float, BotId]:
    last = party.last_connected_at or _NEVER
    return party.basis is not Basis.HELD, -last.timestamp(), party.bot


def _oldest_first(party: Party) -> tuple[bool, bool, float, BotId]:
    last = party.last_connected_at or _NEVER
    # Of whom nobody knows when it was connected, nobody knows that it was the first.
    unknown = party.last_connected_at is None
    return party.basis is Basis.HELD, unknown, last.timestamp(), party.bot
