from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sololine.core.claim import Claim, ClaimKind, Evict, Grant, Policy, Refuse, decide
from sololine.core.ids import BotId, TenantId
from sololine.core.number import Number

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BOT = BotId("bot_asking")
TENANT = TenantId("acme")
HELD = Claim(
    number=Number(digits="447700900123"),
    bot=BotId("bot_holding"),
    tenant=TENANT,
    kind=ClaimKind.HELD,
    since=NOW - timedelta(days=1),
)
RESERVED = replace(HELD, kind=ClaimKind.RESERVED, expires_at=NOW + SECOND)
STANDING = pytest.mark.parametrize("holder", [HELD, RESERVED], ids=["held", "reserved"])
ANY_POLICY = pytest.mark.parametrize("policy", Policy)


# ---------------------------------------------------------------- who wins


@ANY_POLICY
def test_a_free_number_is_granted(policy: Policy) -> None:
    assert decide(None, bot=BOT, tenant=TENANT, policy=policy, now=NOW) == Grant()


@STANDING
@ANY_POLICY
def test_a_bot_is_granted_what_it_claims_already(holder: Claim, policy: Policy) -> None:
    assert decide(holder, bot=holder.bot, tenant=TENANT, policy=policy, now=NOW) == Grant()


@ANY_POLICY
@pytest.mark.parametrize("tenant", [TENANT, TenantId("globex")])
def test_a_number_whose_reservation_expired_is_free(tenant: TenantId, policy: Policy) -> None:
    expired = replace(RESERVED, expires_at=NOW)

    assert decide(expired, bot=BOT, tenant=tenant, policy=policy, now=NOW) == Grant()


@STANDING
def test_a_second_bot_is_refused_a_number_that_its_tenant_already_uses(holder: Claim) -> None:
    assert decide(holder, bot=BOT, tenant=TENANT, policy=Policy.REFUSE, now=NOW) == Refuse(
        holder=holder, foreign=False
    )


@STANDING
def test_a_replacing_bot_evicts_the_one_that_its_tenant_uses(holder: Claim) -> None:
    assert decide(holder, bot=BOT, tenant=TENANT, policy=Policy.REPLACE, now=NOW) == Evict(
        holder=holder
    )


@STANDING
@ANY_POLICY
def test_a_number_never_leaves_its_tenant(holder: Claim, policy: Policy) -> None:
    other = TenantId("globex")

    assert decide(holder, bot=BOT, tenant=other, policy=policy, now=NOW) == Refuse(
        holder=holder, foreign=True
    )


# ---------------------------------------------------------------- how long a claim stands


def test_a_held_claim_stands_for_ever() -> None:
    assert HELD.stands(NOW + timedelta(days=10_000))


def test_a_reservation_stands_until_its_window_is_over() -> None:
    assert RESERVED.stands(NOW)
    assert not RESERVED.stands(NOW + SECOND)


# ---------------------------------------------------------------- policies


@pytest.mark.parametrize(
    ("setting", "wish", "policy"),
    [
        (Policy.REPLACE, None, Policy.REPLACE),
        (Policy.REPLACE, Policy.REPLACE, Policy.REPLACE),
        (Policy.REPLACE, Policy.REFUSE, Policy.REFUSE),
        (Policy.REFUSE, None, Policy.REFUSE),
        (Policy.REFUSE, Policy.REFUSE, Policy.REFUSE),
        (Policy.REFUSE, Policy.REPLACE, Policy.REFUSE),
    ],
)
def test_a_request_may_ask_for_less_than_the_setting_but_not_for_more(
    setting: Policy, wish: Policy | None, policy: Policy
) -> None:
    assert setting.narrowed(wish) is policy


def test_a_claim_shows_no_number_when_it_is_logged() -> None:
    assert HELD.number.digits not in repr(HELD)
