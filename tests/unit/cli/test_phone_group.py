from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_service import FakeService

NUMBER = "+34 600 111 222"
DIGITS = "34600111222"
GROUPS = "/whatsapp/groups"
TRIP = {"id": "120363", "subject": "Trip", "members": [DIGITS, "4930"]}


def test_a_group_is_made_and_its_id_printed(run: Run, service: FakeService) -> None:
    service.answers("POST", GROUPS, TRIP, 201)

    result = run("phone", "group", "create", NUMBER, "Trip", "+49 30", "44")

    assert (result.exit_code, result.output) == (0, "120363\n")
    assert service.bodies("POST", GROUPS) == [
        {"creator": DIGITS, "subject": "Trip", "members": ["4930", "44"]}
    ]


@pytest.mark.parametrize(
    ("words", "asked", "body"),
    [
        (["add", "120363", "+4930"], "POST 120363/members", {"members": ["4930"]}),
        (["remove", "120363", "+4930"], "POST 120363/removed", {"members": ["4930"]}),
        (["rename", "120363", "Trip"], "PATCH 120363", {"subject": "Trip"}),
    ],
)
def test_a_member_changes_the_group_and_sees_it(
    run: Run, service: FakeService, words: list[str], asked: str, body: dict[str, Any]
) -> None:
    verb, *rest = words
    method, path = asked.split(" ")
    service.answers(method, f"{GROUPS}/{path}", TRIP)

    result = run("phone", "group", verb, NUMBER, *rest)

    assert result.output == f"120363  Trip  +{DIGITS}, +4930\n"
    assert service.bodies(method, f"{GROUPS}/{path}") == [{"by": DIGITS, **body}]


def test_groups_are_listed_also_when_everybody_left(run: Run, service: FakeService) -> None:
    empty = {"id": "1203", "subject": "Ghosts", "members": []}
    service.answers("GET", GROUPS, {"groups": [TRIP, empty]})

    assert run("phone", "group", "list").output.splitlines() == [
        f"120363  Trip  +{DIGITS}, +4930",
        "1203  Ghosts  nobody",
    ]


def test_a_group_that_does_not_exist_is_told_in_whatsapps_words(
    run: Run, service: FakeService
) -> None:
    service.answers("PATCH", f"{GROUPS}/1", {"message": "there is no group of this id"}, 404)

    result = run("phone", "group", "rename", NUMBER, "1", "x")

    assert (result.exit_code, result.stderr) == (1, "there is no group of this id\n")
