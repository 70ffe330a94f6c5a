import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_service import FakeService

NUMBER = "+34 600 111 222"
DIGITS = "34600111222"
OTHER = "5511900000001"
PHONE = f"/whatsapp/phones/{DIGITS}"
MESSAGES = f"{PHONE}/messages"
INBOX = f"{PHONE}/inbox"


@pytest.fixture
def sending(service: FakeService) -> FakeService:
    service.answers("POST", MESSAGES, {"id": "3A01", "chat": "x"}, 201)
    return service


def letter(letter_id: str, **words: Any) -> dict[str, Any]:
    at = "2026-11-21T10:00:00+00:00"
    return {"id": letter_id, "from": OTHER, "at": at, "group": None, **words}


def test_a_text_goes_to_a_number(run: Run, sending: FakeService) -> None:
    result = run("phone", "send", NUMBER, f"+{OTHER}", "hola")

    assert (result.exit_code, result.output) == (0, "3A01\n")
    assert sending.bodies("POST", MESSAGES) == [{"type": "text", "text": "hola", "to": OTHER}]


def test_a_bot_is_written_to_under_the_number_the_service_knows(
    run: Run, sending: FakeService
) -> None:
    bot = {"bot": {"phoneNumber": f"+{OTHER}"}}
    sending.answers("GET", "/api/v1/bots/default/bot_1", bot)
    sending.answers("GET", "/api/v1/bots/ann/bot_1", bot)

    run("phone", "send", NUMBER, "bot_1", "hola")
    run("phone", "send", NUMBER, "bot_1", "hola", "--user", "ann")

    assert [body["to"] for body in sending.bodies("POST", MESSAGES)] == [OTHER, OTHER]


def test_a_bot_without_a_number_cannot_be_written_to(run: Run, sending: FakeService) -> None:
    sending.answers("GET", "/api/v1/bots/default/bot_1", {"bot": {"phoneNumber": None}})

    result = run("phone", "send", NUMBER, "bot_1", "hola")

    assert result.exit_code == 1
    assert "connect it and scan its QR" in result.stderr
    assert sending.bodies("POST", MESSAGES) == []


@pytest.mark.parametrize("group", ["120363354166281721", "120363354166281721@g.us"])
def test_a_group_is_written_to_by_id_or_address(run: Run, sending: FakeService, group: str) -> None:
    run("phone", "send", NUMBER, group, "hola")

    assert sending.bodies("POST", MESSAGES)[0]["to"] == group


@pytest.mark.parametrize(
    ("kind", "name", "mime_type"),
    [
        ("image", "sun.jpg", "image/jpeg"),
        ("video", "sea.mp4", "video/mp4"),
        ("audio", "song.mp3", "audio/mpeg"),
        ("voice", "note.ogg", None),
        ("document", "bill.pdf", "application/pdf"),
        ("document", "what.ever", None),
        ("sticker", "cat.webp", "image/webp"),
    ],
)
def test_a_file_is_sent_with_its_name_and_type(
    run: Run, sending: FakeService, kind: str, name: str, mime_type: str | None
) -> None:
    file = Path(name)
    file.write_bytes(b"\x00content")

    result = run("phone", "send", NUMBER, OTHER, "look", f"--{kind}", name)

    assert result.exit_code == 0
    [body] = sending.bodies("POST", MESSAGES)
    assert base64.b64decode(body.pop("data")) == b"\x00content"
    if mime_type is not None:
        assert body.pop("mimeType") == mime_type
    assert body == {"type": kind, "fileName": name, "caption": "look", "to": OTHER}


@pytest.mark.parametrize(
    ("options", "order"),
    [
        (
            ["--location", "41.38,-2.17"],
            {"type": "location", "latitude": 41.38, "longitude": -2.17},
        ),
        (
            ["--contact", f"Ana: B:{NUMBER}", "--contact", "Bo:+4930"],
            {
                "type": "contact",
                "contacts": [
                    {"name": "Ana: B", "number": DIGITS},
                    {"name": "Bo", "number": "4930"},
                ],
            },
        ),
        (
            ["--poll", "Tea?", "--option", "yes", "--option", "no"],
            {"type": "poll", "question": "Tea?", "options": ["yes", "no"], "selectable": 1},
        ),
        (
            ["--poll", "Which?", "--option", "a", "--option", "b", "--many"],
            {"type": "poll", "question": "Which?", "options": ["a", "b"], "selectable": 0},
        ),
        (
            ["hola", "--reply-to", "3EB0", "--forwarded"],
            {"type": "text", "text": "hola", "replyTo": "3EB0", "forwarded": True},
        ),
    ],
)
def test_everything_else_has_an_option(
    run: Run, sending: FakeService, options: list[str], order: dict[str, Any]
) -> None:
    result = run("phone", "send", NUMBER, OTHER, *options)

    assert result.exit_code == 0, result.output
    assert sending.bodies("POST", MESSAGES) == [order | {"to": OTHER}]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "say something"),
        (["--location", "1,2", "--poll", "?"], "one thing at a time"),
        (["--location", "here"], "LATITUDE,LONGITUDE"),
        (["--location", "1,2,3"], "LATITUDE,LONGITUDE"),
        (["--contact", "Ana"], "NAME:NUMBER"),
        (["--contact", "Ana:none"], "country code"),
        (["--image", "missing.jpg"], "does not exist"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anybody_is_asked(
    run: Run, sending: FakeService, options: list[str], says: str
) -> None:
    result = run("phone", "send", NUMBER, OTHER, *options)

    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())
    assert sending.asked == []


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["react", "3EB0", "👍"], {"type": "reaction", "target": "3EB0", "emoji": "👍"}),
        (["react", "3EB0", ""], {"type": "reaction", "target": "3EB0", "emoji": ""}),
        (["edit", "3A00", "new"], {"type": "edit", "target": "3A00", "text": "new"}),
        (["delete", "3A00"], {"type": "delete", "target": "3A00"}),
    ],
)
def test_what_is_said_about_a_message_needs_only_its_id(
    run: Run, sending: FakeService, words: list[str], order: dict[str, Any]
) -> None:
    verb, *rest = words

    assert run("phone", verb, NUMBER, *rest).output == "3A01\n"
    assert sending.bodies("POST", MESSAGES) == [order]


def test_messages_are_read_or_played_by_id(run: Run, service: FakeService) -> None:
    service.answers("POST", f"{PHONE}/read", b"", 204)
    service.answers("POST", f"{PHONE}/played", b"", 204)

    assert run("phone", "read", NUMBER, "A", "B").exit_code == 0
    assert run("phone", "read", NUMBER, "C", "--played").exit_code == 0

    assert service.bodies("POST", f"{PHONE}/read") == [{"ids": ["A", "B"]}]
    assert service.bodies("POST", f"{PHONE}/played") == [{"ids": ["C"]}]


@pytest.mark.parametrize(
    ("options", "state"),
    [([], "composing"), (["--recording"], "recording"), (["--stop"], "paused")],
)
def test_typing_begins_and_stops(
    run: Run, service: FakeService, options: list[str], state: str
) -> None:
    service.answers("POST", f"{PHONE}/typing", b"", 204)

    assert run("phone", "typing", NUMBER, OTHER, *options).exit_code == 0
    assert service.bodies("POST", f"{PHONE}/typing") == [{"chat": OTHER, "state": state}]


SAID: list[tuple[dict[str, Any], str]] = [
    ({"type": "text", "text": "hola"}, "hola"),
    (
        {"type": "image", "media": {"mimeType": "image/jpeg", "size": 7}, "caption": "sun"},
        "[image image/jpeg, 7 bytes] sun",
    ),
    (
        {"type": "voice", "media": {"mimeType": "audio/ogg", "size": 7}},
        "[voice audio/ogg, 7 bytes]",
    ),
    ({"type": "location", "location": {"latitude": 1.5, "longitude": 2}}, "[location 1.5, 2]"),
    ({"type": "contact", "contact": {"name": "Ana"}}, "[contact Ana]"),
    ({"type": "contact", "contacts": [{"name": "Ana"}, {"name": "Bo"}]}, "[contact Ana, Bo]"),
    ({"type": "poll", "poll": {"question": "Tea?", "options": ["a", "b"]}}, "[poll] Tea? a | b"),
    ({"type": "reaction", "reaction": {"id": "3A", "emoji": "👍"}}, "[reaction to 3A] 👍"),
    ({"type": "reaction", "reaction": {"id": "3A", "emoji": ""}}, "[reaction to 3A] taken back"),
    (
        {"type": "edit", "target": {"id": "3A"}, "new": {"type": "text", "text": "new"}},
        "[edit of 3A] new",
    ),
    ({"type": "delete", "target": {"id": "3A"}}, "[deleted 3A]"),
    ({"type": "unknown", "field": "x"}, "[unknown]"),
]


@pytest.mark.parametrize(("words", "shown"), SAID)
def test_the_inbox_shows_what_came_a_line_each(
    run: Run, service: FakeService, words: dict[str, Any], shown: str
) -> None:
    service.answers("GET", INBOX, {"letters": [letter("3EB0", **words)]})
    service.answers("GET", INBOX, {"letters": []})

    line = run("phone", "inbox", NUMBER).output

    assert line.endswith(f":00:00  +{OTHER}  {shown}  (3EB0)\n")


def test_the_inbox_tells_groups_and_takes_page_after_page(run: Run, service: FakeService) -> None:
    first = letter("A", type="text", text="one") | {"group": "120363"}
    service.answers("GET", INBOX, {"letters": [first]})
    service.answers("GET", INBOX, {"letters": [letter("B", type="text", text="two")]})
    service.answers("GET", INBOX, {"letters": []})

    lines = run("phone", "inbox", NUMBER).output.splitlines()

    assert f"+{OTHER} in 120363  one" in lines[0]
    assert [query.get("after", "") for _, _, query, _ in service.asked] == ["", "A", "B"]


def test_the_inbox_is_json_for_programs(run: Run, service: FakeService) -> None:
    came = letter("A", type="text", text="día")
    service.answers("GET", INBOX, {"letters": [came]})
    service.answers("GET", INBOX, {"letters": []})

    [line] = run("phone", "inbox", NUMBER, "--json").output.splitlines()

    assert json.loads(line) == came
    assert "día" in line


def test_the_inbox_is_followed_until_the_sandbox_ends(run: Run, service: FakeService) -> None:
    service.answers("GET", INBOX, {"letters": []})
    service.answers("GET", INBOX, {"letters": [letter("A", type="text", text="one")]})
    service.answers("GET", INBOX, {"letters": [letter("B", type="text", text="two")]})
    service.answers("GET", INBOX, {"message": "over"}, 503)

    result = run("phone", "inbox", NUMBER, "--follow")

    assert len(result.stdout.splitlines()) == 2
    assert (result.exit_code, result.stderr) == (1, "over\n")
    asked = [(query.get("after", ""), query["wait"]) for _, _, query, _ in service.asked]
    assert asked == [("", "0"), ("", "25"), ("A", "25"), ("B", "25")]


def test_a_file_that_came_is_saved_as_it_is(run: Run, service: FakeService, tmp_path: Path) -> None:
    service.answers("GET", f"{INBOX}/3EB0/file", b"\xff\x00[]")
    file = tmp_path / "got.bin"

    result = run("phone", "save", NUMBER, "3EB0", str(file))

    assert (result.exit_code, file.read_bytes()) == (0, b"\xff\x00[]")
    assert result.output.startswith("4 bytes are in ")


def test_a_file_that_is_gone_is_told_in_whatsapps_words(
    run: Run, service: FakeService, tmp_path: Path
) -> None:
    service.answers("GET", f"{INBOX}/3EB0/file", {"message": "it has no file"}, 404)

    result = run("phone", "save", NUMBER, "3EB0", str(tmp_path / "got.bin"))

    assert (result.exit_code, result.stderr) == (1, "it has no file\n")
    assert not (tmp_path / "got.bin").exists()


def test_a_phone_is_named_and_shown(run: Run, service: FakeService, tmp_path: Path) -> None:
    service.answers("PUT", f"{PHONE}/profile", {})
    (tmp_path / "me.jpg").write_bytes(b"jpeg")

    plain = run("phone", "name", NUMBER, "Ana")
    run("phone", "name", NUMBER, "Ana", "--about", "busy", "--picture", str(tmp_path / "me.jpg"))

    assert plain.output == f"+{DIGITS} is called Ana.\n"
    assert service.bodies("PUT", f"{PHONE}/profile") == [
        {"name": "Ana"},
        {"name": "Ana", "about": "busy", "picture": base64.b64encode(b"jpeg").decode()},
    ]


@pytest.mark.parametrize("state", ["offline", "online"])
def test_a_phone_goes_offline_and_comes_back(run: Run, service: FakeService, state: str) -> None:
    service.answers("PUT", f"{PHONE}/online", b"", 204)

    assert run("phone", state, NUMBER).output == f"+{DIGITS} is {state}.\n"
    assert service.bodies("PUT", f"{PHONE}/online") == [{"online": state == "online"}]
