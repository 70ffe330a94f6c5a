from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.conflict import Basis, Conflict, Keep, Party, Plan, conflicts_of, plan
from sololine.core.ids import BotId, TenantId, UserId
from sololine.core.number import Number
from sololine.core.session import State

NUMBER: Final = Number(digits="34600000001")
OTHER: Final = Number(digits="34600000002")
HOME, AWAY = TenantId("home"), TenantId("away")
NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)


def party(
    bot: str,
    hours_ago: float | None = 0,
    *,
    basis: Basis = Basis.LISTED,
    number: Number = NUMBER,
    tenant: TenantId = HOME,
) -> Party:
    return Party(
        number=number,
        bot=BotId(bot),
        tenant=tenant,
        owner=UserId("eva"),
        name=bot,
        basis=basis,
        state=State.DISCONNECTED,
        last_connected_at=None if hours_ago is None else NOON - timedelta(hours=hours_ago),
    )


def bots(parties: tuple[Party, ...]) -> list[str]:
    return [each.bot for each in parties]


def only(*parties: Party, tenant: TenantId | None = None) -> Conflict:
    (conflict,) = conflicts_of(parties, tenant)
    return conflict


def resolved(conflict: Conflict, keep: Keep | str) -> Plan:
    found = plan(conflict, keep if isinstance(keep, Keep) else BotId(keep))
    assert found is not None
    return found


def test_a_number_of_one_bot_is_no_conflict() -> None:
    assert conflicts_of([party("a"), party("b", number=OTHER)]) == []


def test_two_bots_of_one_number_are_a_conflict_however_the_number_was_spelt() -> None:
    mexico = Number(digits="5215512345678"), Number(digits="525512345678")
    conflict = only(*(party(f"bot_{no}", number=each) for no, each in enumerate(mexico)))
    assert bots(conflict.parties) == ["bot_0", "bot_1"]


def test_conflicts_come_in_the_order_of_their_numbers_and_the_newest_first() -> None:
    found = conflicts_of(
        [
            party("a", 3, number=OTHER),
            party("b", 2),
            party("c", 1, number=OTHER),
            party("d", None),
            party("e", 1),
        ]
    )
    assert [(each.number, bots(each.parties)) for each in found] == [
        (NUMBER, ["e", "b", "d"]),
        (OTHER, ["c", "a"]),
    ]


def test_the_newest_is_who_was_connected_last() -> None:
    conflict = only(party("a", 5), party("b", 1), party("c", None))
    found = resolved(conflict, Keep.NEWEST)
    assert found.kept is not None
    assert (found.number, found.kept.bot, bots(found.dropped)) == (NUMBER, "b", ["a", "c"])


def test_a_holder_is_the_newest_whatever_is_said_of_others() -> None:
    conflict = only(party("a", 0), party("b", 100, basis=Basis.HELD))
    kept = resolved(conflict, Keep.NEWEST).kept
    assert kept is not None
    assert kept.bot == "b"


def test_the_oldest_is_who_was_connected_first_as_far_as_that_is_known() -> None:
    conflict = only(party("a", 5), party("b", 1), party("c", None))
    kept = resolved(conflict, Keep.OLDEST).kept
    assert kept is not None
    assert kept.bot == "a"


def test_a_holder_loses_to_the_oldest() -> None:
    conflict = only(party("a", 1), party("b", 100, basis=Basis.HELD), party("c", None))
    found = resolved(conflict, Keep.OLDEST)
    assert found.kept is not None
    assert (found.kept.bot, bots(found.dropped)) == ("a", ["b", "c"])


def test_a_bot_that_is_named_stays_and_one_that_takes_no_part_decides_nothing() -> None:
    conflict = only(party("a", 5), party("b", 1, basis=Basis.HELD))
    found = resolved(conflict, "a")
    assert found.kept is not None
    assert (found.kept.bot, bots(found.dropped)) == ("a", ["b"])
    assert plan(conflict, BotId("c")) is None


@pytest.mark.parametrize("keep", [Keep.NEWEST, Keep.OLDEST])
def test_of_two_that_nothing_tells_apart_the_same_one_stays_each_time(keep: Keep) -> None:
    one, other = party("a", None), party("b", None)
    assert resolved(only(one, other), keep) == resolved(only(other, one), keep)


def test_a_tenant_does_not_see_what_is_said_of_others_bots() -> None:
    """A listing takes no number away, so it is none of their business."""
    parties = [party("a"), party("b", tenant=AWAY)]
    assert len(conflicts_of(parties)) == 1
    assert conflicts_of(parties, HOME) == []
    assert conflicts_of([party("a", basis=Basis.HELD), party("b", tenant=AWAY)], HOME) == []


def test_a_tenant_sees_that_a_number_is_taken_and_not_by_whom() -> None:
    parties = [party("a"), party("b", tenant=AWAY, basis=Basis.HELD)]
    conflict = only(*parties, tenant=HOME)
    assert (conflict.taken, bots(conflict.parties)) == (True, ["a"])


@pytest.mark.parametrize("keep", [Keep.NEWEST, Keep.OLDEST, "a"])
def test_nobody_of_a_tenant_keeps_a_number_that_is_taken(keep: Keep | str) -> None:
    parties = [party("a"), party("c"), party("b", tenant=AWAY, basis=Basis.HELD)]
    found = resolved(only(*parties, tenant=HOME), keep)
    assert (found.kept, bots(found.dropped)) == (None, ["a", "c"])


def test_the_operator_sees_and_resolves_across_tenants() -> None:
    parties = [party("a", 0), party("b", 9, tenant=AWAY, basis=Basis.HELD)]
    conflict = only(*parties)
    assert not conflict.taken
    kept = resolved(conflict, Keep.NEWEST).kept
    assert kept is not None
    assert kept.tenant == AWAY


@st.composite
def houses(draw: st.DrawFn) -> list[Party]:
    """Bots, each listed with a number or holding one; nobody holds what another one holds."""
    taken = set[Number]()
    found = []
    for no in range(draw(st.integers(0, 7))):
        number = draw(st.sampled_from([NUMBER, OTHER]))
        holds = number not in taken and draw(st.booleans())
        if holds:
            taken.add(number)
        found.append(
            party(
                f"bot_{no}",
                draw(st.none() | st.integers(0, 5)),
                basis=Basis.HELD if holds else Basis.LISTED,
                number=number,
                tenant=draw(st.sampled_from([HOME, AWAY])),
            )
        )
    return found


@given(
    house=houses(),
    keep=st.sampled_from([Keep.NEWEST, Keep.OLDEST, "bot_0", "bot_1"]),
    tenant=st.sampled_from([None, HOME, AWAY]),
)
def test_what_is_resolved_is_no_conflict_any_more_and_nobody_is_lost_untold(
    house: list[Party], keep: Keep | str, tenant: TenantId | None
) -> None:
    conflicts = conflicts_of(house, tenant)
    plans = [plan(each, keep if isinstance(keep, Keep) else BotId(keep)) for each in conflicts]
    dropped = [each for found in plans if found for each in found.dropped]
    rest = [each for each in house if each not in dropped]

    unresolved = [each for each, found in zip(conflicts, plans, strict=True) if found is None]
    assert conflicts_of(rest, tenant) == unresolved
    for conflict, found in zip(conflicts, plans, strict=True):
        if found is not None:
            told = {*found.dropped, *([found.kept] if found.kept else [])}
            assert told == set(conflict.parties)
            assert conflict.taken is (found.kept is None)
    holders = [each for each in dropped if each.basis is Basis.HELD]
    assert not holders or keep is not Keep.NEWEST
    assert all(tenant in (None, each.tenant) for each in dropped)
