from datetime import UTC, datetime, timedelta

import pytest

from sololine.core.claim import Policy
from sololine.core.linking import WINDOW, Code, Method, Window
from sololine.core.number import Number

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_window_is_open_for_five_minutes() -> None:
    window = Window.opened(NOW)

    assert (window.opened_at, window.ends_at) == (NOW, NOW + timedelta(minutes=5))


def test_a_window_shows_a_qr_takes_any_number_and_refuses_conflicts_unless_told_otherwise() -> None:
    assert Window.opened(NOW) == Window(
        opened_at=NOW,
        ends_at=NOW + WINDOW,
        method=Method.QR,
        number=None,
        policy=Policy.REFUSE,
        reserves=False,
    )


def test_a_window_keeps_what_was_asked_for() -> None:
    number = Number(digits="447700900123")
    window = Window.opened(NOW, method=Method.CODE, number=number, policy=Policy.REPLACE)

    assert (window.method, window.number, window.policy) == (Method.CODE, number, Policy.REPLACE)


@pytest.mark.parametrize(
    ("passed", "left"),
    [
        (timedelta(0), 300),
        (timedelta(milliseconds=1), 300),
        (timedelta(seconds=1), 299),
        (timedelta(seconds=299, milliseconds=999), 1),
        (timedelta(seconds=300), 0),
        (timedelta(days=1), 0),
    ],
)
def test_the_seconds_left_are_rounded_up_so_that_zero_means_over(
    passed: timedelta, left: int
) -> None:
    assert Window.opened(NOW).seconds_left(NOW + passed) == left


def test_a_code_shows_no_secret_when_it_is_logged() -> None:
    assert "2@secret" not in repr(Code(method=Method.QR, text="2@secret", expires_at=NOW))
