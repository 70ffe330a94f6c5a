"""The claim: number → bot, and who wins when two bots want the same number.

The law: **a number is claimed by a bot exactly while that bot is linked with it.** Such a claim is
`held`. Beside it stands the `reserved` claim of a number that a bot declared for its linking
window: it keeps others from declaring the same number, and it expires with the window.

Across tenants a number is never given away, whatever the policy.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from sololine.core.ids import BotId, TenantId
from sololine.core.number import Number


class Policy(StrEnum):
    """What happens when a bot links a number that another bot of the same tenant has."""

    REFUSE = "refuse"
    """The newcomer is refused and its device logged out of the phone."""
    REPLACE = "replace"
    """The newcomer gets the number; the other bot's device is logged out of the phone."""

    def narrowed(self, wish: "Policy | None") -> "Policy":
        """The policy of one request: a request may ask for less than the setting, not for more."""
        return Policy.REFUSE if wish is Policy.REFUSE else self


class ClaimKind(StrEnum):
    """How firmly a claim stands."""

    RESERVED = "reserved"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A bot's right to a number.

    Attributes:
        since: when the bot linked the number, or declared it.
        expires_at: the end of the linking window for a reserved claim; None for a held one.
    """

    number: Number
    bot: BotId
    tenant: TenantId
    kind: ClaimKind
    since: datetime
    expires_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether the claim still counts; an expired reservation does not."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The number is free for the caller, or already its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evict:
    """The caller gets the number, and `holder` loses it."""

    holder: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The number stays with `holder`; `foreign` when that is another tenant's bot."""

    holder: Claim
    foreign: bool


Verdict = Grant | Evict | Refuse


def decide(
    holder: Claim | None, *, bot: BotId, tenant: TenantId, policy: Policy, now: datetime
) -> Verdict:
    """Decide whether `bot` may have the number that `holder` claims."""
    if holder is None or holder.bot == bot or not holder.stands(now):
        return Grant()
    if holder.tenant != tenant:
        return Refuse(holder=holder, foreign=True)
    match policy:
        case Policy.REFUSE:
            return Refuse(holder=holder, foreign=False)
        case Policy.REPLACE:
            return Evict(holder=holder)
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)
