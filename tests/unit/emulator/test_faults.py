from typing import Any

import pytest

from sololine.emulator.errors import InvalidFault
from sololine.emulator.faults import (
    KINDS,
    ClientOutdated,
    Drop,
    Faults,
    LoginFailure,
    Mute,
    Slow,
    Target,
    fault_from,
    words_for,
)
from sololine.emulator.people.accounts import DeviceKey

ONE = DeviceKey("447441395830", 1)
OTHER = DeviceKey("5511900000001", 1)


def test_a_fault_happens_as_often_as_it_was_ordered() -> None:
    faults = Faults()
    faults.arm(Drop(), Target(), times=2)

    assert [faults.take(Drop, ONE) for _ in range(3)] == [Drop(), Drop(), None]


def test_a_fault_without_a_number_of_times_happens_until_it_is_cleared() -> None:
    faults = Faults()
    armed = faults.arm(Drop(), Target(), times=None)

    assert all(faults.take(Drop, ONE) for _ in range(10))
    faults.clear(armed.id)
    assert faults.take(Drop, ONE) is None


def test_clearing_one_fault_leaves_the_others() -> None:
    faults = Faults()
    gone = faults.arm(Drop(), Target())
    faults.arm(Mute(), Target())

    faults.clear(gone.id)

    assert [armed.fault for armed in faults] == [Mute()]
    faults.clear()
    assert list(faults) == []


@pytest.mark.parametrize(
    ("target", "covered"),
    [
        (Target(), [ONE, OTHER, DeviceKey(ONE.number, 2), None]),
        (Target(number=ONE.number), [ONE, DeviceKey(ONE.number, 2)]),
        (Target(number=ONE.number, device=1), [ONE]),
    ],
)
def test_a_fault_is_for_everyone_a_number_or_a_device(
    target: Target, covered: list[DeviceKey | None]
) -> None:
    everyone = [ONE, OTHER, DeviceKey(ONE.number, 2), None]

    assert [key for key in everyone if target.covers(key)] == covered


def test_a_fault_of_another_kind_is_left_alone() -> None:
    faults = Faults()
    faults.arm(LoginFailure(reason=402, code=101), Target())

    assert faults.take_striking(ONE) is None
    assert faults.take(LoginFailure, ONE) == LoginFailure(reason=402, code=101)


NAMELESS = ("media_gone", "upload_refused")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NAMELESS])
def test_each_kind_can_be_ordered_in_words_and_is_shown_in_the_same(kind: str) -> None:
    fault, target, times = fault_from({"kind": kind, "number": ONE.number, "device": 1})

    armed = Faults().arm(fault, target, times)

    shown = words_for(armed)
    assert {"kind": kind, "number": ONE.number, "device": 1, "times": 1}.items() <= shown.items()
    assert isinstance(fault, KINDS[kind])


@pytest.mark.parametrize("kind", NAMELESS)
def test_what_strikes_media_is_for_everyone(kind: str) -> None:
    assert isinstance(fault_from({"kind": kind})[0], KINDS[kind])
    with pytest.raises(InvalidFault, match=f"{kind} can only be armed for everyone"):
        fault_from({"kind": kind, "number": ONE.number})


def test_a_kinds_own_words_are_read() -> None:
    words = {"kind": "login_failure", "reason": 402, "code": 101, "expire_s": 60, "times": None}

    assert fault_from(words) == (
        LoginFailure(reason=402, code=101, expire_s=60),
        Target(),
        None,
    )
    assert fault_from({"kind": "slow", "seconds": 0.5})[0] == Slow(seconds=0.5)
    assert fault_from({"kind": "client_outdated"})[0] == ClientOutdated()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({}, "a fault needs a kind, one of: drop, mute"),
        ({"kind": "flood"}, "a fault needs a kind"),
        ({"kind": "drop", "code": 3}, "drop has no code; it takes nothing of its own"),
        ({"kind": "drop", "device": 1}, "a fault for one device needs its number, too"),
        ({"kind": "drop", "number": 447}, "number must be a text of digits"),
        ({"kind": "drop", "times": -1}, "times must be a whole number, 1 or more"),
        ({"kind": "drop", "times": True}, "times must be a whole number, 1 or more"),
        ({"kind": "stream_error", "code": "503"}, "code must be a whole number, 0 or more"),
        ({"kind": "slow", "seconds": float("nan")}, "seconds must be a number from 0 to 600"),
        ({"kind": "slow", "seconds": 601}, "seconds must be a number from 0 to 600"),
    ],
)
def test_an_order_that_is_no_fault_is_refused_in_a_sentence(
    words: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidFault, match=sentence):
        fault_from(words)
