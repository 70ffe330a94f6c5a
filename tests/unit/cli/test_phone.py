import pytest

from sololine.cli import phone
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_service import FakeService

NUMBER = "+34 (600) 111.222"
DIGITS = "34600111222"
QR = "/api/v1/whatsapp/qr/bot_1"
EVENTS = "/api/v1/events"
SCAN = f"/whatsapp/phones/{DIGITS}/scan"
CODE = f"/whatsapp/phones/{DIGITS}/code"


def event(seq: int, type_: str, **data: str) -> dict[str, object]:
    return {"seq": seq, "type": type_, "botId": "bot_1", "data": data}


def page(*events: dict[str, object], last: int) -> dict[str, object]:
    return {"events": list(events), "last": last}


def shows(service: FakeService, *, qr: str | None = None, code: str | None = None) -> None:
    """The bot shows this; the log ends at 7."""
    method = "qr" if qr else "code"
    service.answers("GET", QR, {"method": method, "qr": qr, "pairingCode": code})
    service.answers("GET", EVENTS, page(event(7, "session.qr"), last=7))
    service.answers("GET", EVENTS, page(last=7))
    service.answers("POST", SCAN, {})
    service.answers("POST", CODE, {})


def test_a_number_may_be_written_as_people_do(run: Run, service: FakeService) -> None:
    service.answers("POST", "/whatsapp/phones", {}, 201)

    result = run("phone", "add", NUMBER)

    assert (result.exit_code, result.output) == (0, f"+{DIGITS} has a phone.\n")
    assert service.bodies("POST", "/whatsapp/phones") == [{"number": DIGITS}]


def test_a_phone_may_be_named_as_it_is_added(run: Run, service: FakeService) -> None:
    service.answers("POST", "/whatsapp/phones", {}, 201)

    run("phone", "add", NUMBER, "--name", "Ana")

    assert service.bodies("POST", "/whatsapp/phones") == [{"number": DIGITS, "name": "Ana"}]


@pytest.mark.parametrize("number", ["", "six hundred", "+", "٣٤٦٠٠١١١٢٢٢", "34600/111"])
def test_what_is_no_number_is_refused_before_anybody_is_asked(
    run: Run, service: FakeService, number: str
) -> None:
    result = run("phone", "add", number)

    assert result.exit_code == 2
    assert "country code" in result.output
    assert service.asked == []


def test_phones_and_their_devices_are_listed_as_a_phone_would(
    run: Run, service: FakeService
) -> None:
    found = [
        {"device": 1, "name": "Sololine", "online": True},
        {"device": 12, "name": "Desktop", "online": False},
    ]
    service.answers("GET", "/whatsapp/phones", {"phones": [{"number": DIGITS}, {"number": "49"}]})
    service.answers("GET", f"/whatsapp/phones/{DIGITS}/devices", {"devices": found})
    service.answers("GET", f"/whatsapp/phones/{DIGITS}/devices", {"devices": []})

    assert run("phone", "list").output == f"+{DIGITS}\n+49\n"
    assert run("phone", "devices", DIGITS).output.splitlines() == [
        "  1  Sololine  active",
        " 12  Desktop  inactive",
    ]
    assert run("phone", "devices", DIGITS).output == "No linked devices.\n"


def test_a_device_is_removed_by_its_number_in_the_list(run: Run, service: FakeService) -> None:
    service.answers("DELETE", f"/whatsapp/phones/{DIGITS}/devices/12", b"", 204)

    result = run("phone", "unlink", DIGITS, "12")

    assert (result.exit_code, result.output) == (0, f"Device 12 was removed from +{DIGITS}.\n")


@pytest.mark.parametrize(
    ("options", "body", "whom"),
    [
        ([], {"kind": "drop", "times": 1}, "everyone"),
        (["--number", NUMBER], {"kind": "drop", "times": 1, "number": DIGITS}, f"+{DIGITS}"),
        (["--times", "3", "--reason", "401"], {"kind": "drop", "times": 3, "reason": 401}, "every"),
    ],
)
def test_a_fault_is_ordered_for_whom_and_as_often_as_was_typed(
    run: Run, service: FakeService, options: list[str], body: dict[str, object], whom: str
) -> None:
    service.answers("POST", "/whatsapp/faults", body, 201)

    result = run("phone", "fault", "drop", *options)

    assert result.output.startswith(f"drop is armed for {whom}")
    assert service.bodies("POST", "/whatsapp/faults") == [body]


def test_a_fault_that_whatsapp_does_not_know_is_refused_in_its_words(
    run: Run, service: FakeService
) -> None:
    service.answers("POST", "/whatsapp/faults", {"message": "there is no fault 'flood'"}, 422)

    result = run("phone", "fault", "flood")

    assert (result.exit_code, result.stderr) == (1, "there is no fault 'flood'\n")


def test_all_faults_are_taken_back_at_once(run: Run, service: FakeService) -> None:
    service.answers("DELETE", "/whatsapp/faults", b"", 204)

    assert run("phone", "heal").output == "No fault is armed.\n"
    assert [verb for verb, *_ in service.asked] == ["DELETE"]


def test_a_scan_is_followed_until_the_bot_is_connected(run: Run, service: FakeService) -> None:
    shows(service, qr="secret")
    service.answers("GET", EVENTS, page(event(8, "session.linked"), last=8))
    service.answers("GET", EVENTS, page(event(9, "session.connected"), last=9))

    result = run("phone", "scan", NUMBER, "--bot", "bot_1")

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"+{DIGITS} scanned the QR.",
        "The bot bot_1 is connected.",
    ]
    assert service.bodies("POST", SCAN) == [{"qr": "secret"}]
    afters = [query["after"] for verb, path, query, _ in service.asked if path == EVENTS]
    assert afters == ["0", "7", "7", "8"], "nothing before the scan counts, nothing after is missed"


def test_a_typed_code_is_followed_as_a_scan_is(run: Run, service: FakeService) -> None:
    shows(service, code="ABCD-1234")
    service.answers("GET", EVENTS, page(event(8, "session.connected"), last=8))

    result = run("phone", "code", NUMBER, "--bot", "bot_1")

    assert result.exit_code == 0
    assert result.output.splitlines()[0] == f"+{DIGITS} took the code."
    assert service.bodies("POST", CODE) == [{"code": "ABCD-1234"}]


def test_a_refused_scan_fails_with_the_reason_and_the_remedy(
    run: Run, service: FakeService
) -> None:
    shows(service, qr="secret")
    over = event(9, "session.disconnected", reason="number_taken", remedy="Use another number.")
    service.answers("GET", EVENTS, page(event(8, "conflict.refused"), over, last=9))

    result = run("phone", "scan", NUMBER, "--bot", "bot_1")

    assert result.exit_code == 1
    assert result.stderr == "The bot was not connected: number_taken. Use another number.\n"


@pytest.mark.parametrize(
    ("verb", "shown", "says"),
    [
        ("scan", {"code": "ABCD-1234"}, "method code: it shows no qr"),
        ("code", {"qr": "secret"}, "method qr: it shows no pairingCode"),
    ],
)
def test_a_phone_cannot_scan_a_code_nor_type_a_qr(
    run: Run, service: FakeService, verb: str, shown: dict[str, str], says: str
) -> None:
    shows(service, **shown)

    result = run("phone", verb, NUMBER, "--bot", "bot_1")

    assert result.exit_code == 1
    assert says in result.stderr
    assert service.bodies("POST", SCAN) == service.bodies("POST", CODE) == []


def test_a_bot_that_shows_nothing_is_told_in_the_services_words(
    run: Run, service: FakeService
) -> None:
    service.answers("GET", EVENTS, page(last=0))
    service.answers("GET", QR, {"message": "This bot has no open linking window."}, 409)

    result = run("phone", "scan", NUMBER, "--bot", "bot_1")

    assert (result.exit_code, result.stderr) == (1, "This bot has no open linking window.\n")


def test_a_phone_that_does_not_exist_is_told_in_whatsapps_words(
    run: Run, service: FakeService
) -> None:
    shows(service, qr="secret")
    service._answers["POST", SCAN].clear()
    service.answers("POST", SCAN, {"error": "unknown_phone", "message": "no such phone"}, 404)

    result = run("phone", "scan", NUMBER, "--bot", "bot_1")

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "no such phone\n")


def test_a_bot_that_is_never_heard_of_again_ends_the_wait(run: Run, service: FakeService) -> None:
    shows(service, qr="secret")

    result = run("phone", "scan", NUMBER, "--bot", "bot_1")

    assert result.exit_code == 1
    assert result.stderr.startswith("Nothing more was heard of the bot.")
    assert len([path for _, path, _, _ in service.asked if path == EVENTS]) == 2 + phone._LOOKS


def test_a_fault_is_ordered_for_one_phone_or_for_everyone(run: Run, service: FakeService) -> None:
    service.answers("POST", "/whatsapp/faults", {}, 201)

    one = run("phone", "fault", "login_failure", "--number", NUMBER, "--reason", "402")
    everyone = run("phone", "fault", "drop", "--times", "3")

    assert one.output == f"login_failure is armed for +{DIGITS}.\n"
    assert everyone.output == "drop is armed for everyone.\n"
    assert service.bodies("POST", "/whatsapp/faults") == [
        {"kind": "login_failure", "times": 1, "number": DIGITS, "reason": 402},
        {"kind": "drop", "times": 3},
    ]


def test_healing_takes_every_fault_back(run: Run, service: FakeService) -> None:
    service.answers("DELETE", "/whatsapp/faults", {}, 204)

    assert run("phone", "heal").output == "No fault is armed.\n"
