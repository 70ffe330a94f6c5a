from datetime import UTC, datetime

import pytest

from sololine.core.access import Caller, may_use
from sololine.core.bot import Bot
from sololine.core.errors import BotNotFound, NotAllowed, UserMismatch
from sololine.core.ids import DEFAULT_USER, BotId, TenantId, UserId

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
ANN, BEN = UserId("ann"), UserId("ben")
KEY, PERSON = Caller(tenant=ACME), Caller(tenant=ACME, user=ANN)
BOT = Bot(
    id=BotId("bot_0123456789abcdefghij"),
    tenant=ACME,
    owner=ANN,
    name="Support",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("caller", "named", "user"),
    [(KEY, None, DEFAULT_USER), (KEY, BEN, BEN), (PERSON, None, ANN), (PERSON, ANN, ANN)],
)
def test_a_request_is_about_the_user_it_names_or_the_callers_own(
    caller: Caller, named: UserId | None, user: UserId
) -> None:
    assert caller.acting_for(named) == user


def test_a_person_acts_for_nobody_else() -> None:
    with pytest.raises(NotAllowed, match="act for yourself"):
        PERSON.acting_for(BEN)


def test_what_concerns_a_whole_tenant_is_for_its_key_to_ask() -> None:
    assert KEY.whole_tenant() == ACME
    with pytest.raises(NotAllowed, match="its API key"):
        PERSON.whole_tenant()


@pytest.mark.parametrize(
    ("caller", "user"), [(KEY, None), (KEY, ANN), (PERSON, None), (PERSON, ANN)]
)
def test_a_bot_may_be_used_for_its_owner(caller: Caller, user: UserId | None) -> None:
    assert may_use(caller, BOT, BOT.id, user) is BOT


@pytest.mark.parametrize("user", [None, ANN, BEN])
def test_another_tenants_bot_is_not_told_from_one_that_does_not_exist(user: UserId | None) -> None:
    refusals = []
    for bot in (None, BOT):
        with pytest.raises(BotNotFound) as refused:
            may_use(Caller(tenant=GLOBEX), bot, BOT.id, user)
        refusals.append(refused.value.message)

    assert refusals[0] == refusals[1]


def test_a_key_that_names_another_user_than_the_owner_learns_that() -> None:
    with pytest.raises(UserMismatch):
        may_use(KEY, BOT, BOT.id, BEN)


def test_a_person_may_not_use_another_persons_bot() -> None:
    with pytest.raises(UserMismatch):
        may_use(Caller(tenant=ACME, user=BEN), BOT, BOT.id, None)


def test_a_person_may_not_use_a_bot_in_another_persons_name() -> None:
    with pytest.raises(NotAllowed):
        may_use(PERSON, BOT, BOT.id, BEN)
