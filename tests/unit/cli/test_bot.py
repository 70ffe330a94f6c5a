import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_service import FakeService

CONNECT = "/api/v1/whatsapp/connect/bot_1"
DISCONNECT = "/api/v1/whatsapp/disconnect/bot_1"


def bot(name: str, **changes: object) -> dict[str, object]:
    connection = {"state": "disconnected", "endReason": None}
    return {"id": f"bot_{name}", "name": name, "phoneNumber": None, "connection": connection} | (
        changes
    )


def test_creating_a_bot_prints_its_id_and_nothing_else(run: Run, service: FakeService) -> None:
    service.answers("POST", "/api/v1/bots/create", {"bot": {"id": "bot_1"}}, 201)

    result = run("bot", "create", "Support", "--user", "ana")

    assert (result.exit_code, result.output) == (0, "bot_1\n")
    assert service.bodies("POST", "/api/v1/bots/create") == [{"name": "Support", "userId": "ana"}]
    assert service.keys == ["the-key"]


def test_the_list_shows_where_each_connection_stands(run: Run, service: FakeService) -> None:
    ended = {"state": "disconnected", "endReason": "number_taken"}
    up = {"state": "connected", "endReason": None}
    bots = [bot("a", connection=ended), bot("b", connection=up, phoneNumber="+34600111222")]
    service.answers("GET", "/api/v1/bots/default", {"bots": bots, "nextAfter": None})

    result = run("bot", "list")

    assert result.output.splitlines() == [
        "bot_a  a  disconnected (number_taken)  no number",
        "bot_b  b  connected  +34600111222",
    ]


def test_a_long_list_is_shown_to_its_end(run: Run, service: FakeService) -> None:
    path = "/api/v1/bots/ana"
    service.answers("GET", path, {"bots": [bot("a")], "nextAfter": "bot_a"})
    service.answers("GET", path, {"bots": [bot("b")], "nextAfter": None})

    result = run("bot", "list", "--user", "ana")

    assert [line.split()[0] for line in result.output.splitlines()] == ["bot_a", "bot_b"]
    assert [query for _, _, query, _ in service.asked] == [{}, {"after": "bot_a"}]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ([], {"method": "qr"}),
        (["--code", "--number", "+34"], {"method": "code", "phoneNumber": "+34"}),
        (["--fresh"], {"method": "qr", "useExistingSession": False}),
        (["--policy", "refuse"], {"method": "qr", "conflictPolicy": "refuse"}),
    ],
)
def test_connecting_asks_for_what_was_typed(
    run: Run, service: FakeService, options: list[str], body: dict[str, object]
) -> None:
    service.answers("POST", CONNECT, {"message": "Scan the QR."}, 202)

    result = run("bot", "connect", "bot_1", *options)

    assert (result.exit_code, result.output) == (0, "Scan the QR.\n")
    assert service.bodies("POST", CONNECT) == [body]


@pytest.mark.parametrize(("options", "unlink"), [([], True), (["--keep-number"], False)])
def test_disconnecting_frees_the_number_unless_it_is_kept(
    run: Run, service: FakeService, *, options: list[str], unlink: bool
) -> None:
    service.answers("POST", DISCONNECT, {"message": "The bot is disconnected."})

    result = run("bot", "disconnect", "bot_1", *options)

    assert (result.exit_code, result.output) == (0, "The bot is disconnected.\n")
    assert service.bodies("POST", DISCONNECT) == [{"unlink": unlink}]


def test_an_id_with_strange_letters_stays_one_part_of_the_address(
    run: Run, service: FakeService
) -> None:
    service.answers("POST", "/api/v1/whatsapp/connect/a%2F..%2Fb%3Fc", {"message": "ok"})

    assert run("bot", "connect", "a/../b?c").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("bot", "create", "Support"),
        ("bot", "list"),
        ("bot", "connect", "bot_1"),
        ("bot", "disconnect", "bot_1"),
    ],
)
def test_a_refusal_is_told_in_its_own_words(
    run: Run, service: FakeService, words: tuple[str, ...]
) -> None:
    refusal = {"success": False, "error": "conflict", "message": "Not now."}
    for method, path in (
        ("POST", "/api/v1/bots/create"),
        ("GET", "/api/v1/bots/default"),
        ("POST", CONNECT),
        ("POST", DISCONNECT),
    ):
        service.answers(method, path, refusal, 409)

    result = run(*words)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Not now.\n")
