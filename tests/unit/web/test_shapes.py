from datetime import UTC, datetime

import pytest

from sololine.web.shapes import Connect, Instant, Shape, camel


@pytest.mark.parametrize(
    ("snake", "expected"),
    [
        ("success", "success"),
        ("window_ends_at", "windowEndsAt"),
        ("bot_id", "botId"),
        ("qr_url", "qrUrl"),
        ("a_1_b", "a1B"),
        ("", ""),
    ],
)
def test_names_of_python_become_names_of_json(snake: str, expected: str) -> None:
    assert camel(snake) == expected


class Moment(Shape):
    happened_at: Instant


def test_instants_leave_as_utc_with_milliseconds_and_a_z() -> None:
    moment = Moment(happened_at=datetime(2026, 5, 1, 12, 0, 0, 123_456, tzinfo=UTC))

    shown = moment.model_dump(by_alias=True, mode="json")

    assert shown == {"happenedAt": "2026-05-01T12:00:00.123Z"}


def test_unknown_fields_are_ignored_so_that_older_servers_take_newer_clients() -> None:
    assert Connect.model_validate({"somethingNew": 1}) == Connect()


def test_a_body_may_be_written_in_either_case() -> None:
    assert Connect.model_validate({"phone_number": "1"}) == Connect(phone_number="1")
