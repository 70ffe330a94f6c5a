import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from sololine.core import errors
from sololine.core.ids import BotId
from sololine.core.sentence import Sentence
from sololine.languages import Language
from sololine.web.problems import body_of, install, refusal, status_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

ONE_OF_EACH: list[errors.SololineError] = [
    errors.InvalidInput(Sentence("The file is empty. Send one with bytes in it."), field="media"),
    errors.InvalidNumber(Sentence("The number is too short. {remedy}", remedy="+447700900123")),
    errors.NotFound(Sentence("There is no such bot. List your bots to find its id.")),
    errors.BotNotFound("bot_x"),
    errors.NotAuthenticated(),
    errors.NotAllowed(Sentence("You can only act for yourself. Send your own id as userId.")),
    errors.UserMismatch(),
    errors.Conflict(Sentence("The bot is being disconnected.")),
    errors.AlreadyConnected(connected_at=NOON),
    errors.LinkingPending(ends_at=NOON, seconds_left=7),
    errors.NumberTaken(),
    errors.OtherNumberLinked(),
    errors.StillLinked(),
    errors.HeldBack(),
    errors.NoCode(preparing=True),
    errors.UrlNotAllowed(Sentence("The URL must begin with https:// or http://."), field="url"),
    errors.UrlUnreachable(Sentence("The server did not answer in time."), field="url"),
    errors.MediaTooLarge(max_bytes=10),
    errors.MediaUnsuitable(Sentence("Send a smaller one."), mime_type="image/png"),
    errors.MessageNotFound(),
    errors.MediaNotFound(),
    errors.NotOnWhatsApp(),
    errors.GroupNotFound(),
    errors.MediaGone(),
    errors.NoAnswer(),
    errors.NotOwnMessage(),
    errors.NotLinked(),
    errors.NotConnected(),
    errors.NotSentYet(),
    errors.RefusedByWhatsApp(),
    errors.AccountUnnamed(),
    errors.IdempotencyMismatch(),
    errors.WebhookNotFound(),
    errors.DeliveryNotFound(),
    errors.TooMany(
        Sentence("There are {limit} webhooks already. Delete one that you need no more.", limit=20),
        limit=20,
    ),
]
STATUS = {
    errors.InvalidInput: 422,
    errors.NotFound: 404,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.Conflict: 409,
    errors.MediaGone: 410,
    errors.MediaTooLarge: 413,
    errors.MediaUnsuitable: 415,
    errors.NoAnswer: 504,
}


def below(kind: type[errors.SololineError]) -> Iterator[type[errors.SololineError]]:
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


def test_the_list_above_has_one_of_each_error_there_is() -> None:
    assert {type(error) for error in ONE_OF_EACH} == set(below(errors.SololineError))


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = list(below(errors.SololineError))

    assert len({kind.code for kind in kinds}) == len(kinds)
    assert errors.SololineError.code not in {kind.code for kind in kinds}
    assert all("code" in vars(kind) for kind in kinds)


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: error.code)
def test_an_error_has_the_status_of_its_branch(error: errors.SololineError) -> None:
    (branch,) = [kind for kind in STATUS if isinstance(error, kind)]

    assert status_of(error) == STATUS[branch]


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: error.code)
def test_every_error_can_be_told_as_json(error: errors.SololineError) -> None:
    told = json.loads(json.dumps(body_of(error.code, error.message, error.fields())))

    assert (told["success"], told["error"]) == (False, error.code)
    assert told["message"] == error.message == str(error)


def test_the_fields_of_an_error_are_camel_case_with_utc_instants_at_every_depth() -> None:
    error = errors.NumberTaken(bot=BotId("bot_1"), bot_name="Support", connected_at=NOON)

    assert body_of("code", "sentence", error.fields()) == {
        "success": False,
        "error": "code",
        "message": "sentence",
        "canConnect": False,
        "conflictingBot": {
            "botId": "bot_1",
            "botName": "Support",
            "connectedAt": "2026-05-01T12:00:00.000Z",
        },
    }


@pytest.mark.parametrize("language", [Language.SPANISH, Language.PORTUGUESE, Language.INDONESIAN])
@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: error.code)
def test_every_error_is_told_in_the_readers_language(
    error: errors.SololineError, language: Language
) -> None:
    told, english = (
        json.loads(bytes(refusal(error, each).body)) for each in (language, Language.ENGLISH)
    )

    assert english.pop("message") == error.message
    assert told.pop("message") != error.message
    assert told == english


@pytest.fixture
def failing() -> FastAPI:
    """An application of ours whose routes fail in one way each."""
    app = FastAPI()
    install(app)

    @app.get("/secret")
    async def secret() -> None:
        raise RuntimeError("the key is 12345")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "I am a teapot.")

    @app.get("/numbered")
    async def numbered(limit: int) -> int:
        return limit

    return app


async def asked(app: FastAPI, path: str, method: str = "GET") -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sololine") as client:
        return await client.request(method, path)


async def test_a_fault_goes_out_bare_with_an_id_that_leads_to_the_log(
    failing: FastAPI, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answers = [await asked(failing, "/secret") for _ in range(2)]

    told = [answer.json() for answer in answers]
    assert [answer.status_code for answer in answers] == [500, 500]
    assert all(each["error"] == "internal_error" for each in told)
    assert not any("12345" in answer.text for answer in answers)
    assert told[0]["trace"] != told[1]["trace"]
    logs = caplog.text + str(vars(caplog.records[0]) if caplog.records else "")
    captured = capsys.readouterr()
    assert told[0]["trace"] in logs + captured.out + captured.err


async def test_what_the_framework_refuses_has_our_shape_too(failing: FastAPI) -> None:
    lost, wrong_verb, teapot = await asyncio.gather(
        asked(failing, "/nowhere"), asked(failing, "/secret", "PUT"), asked(failing, "/teapot")
    )

    assert (lost.status_code, lost.json()["error"]) == (404, "not_found")
    assert (wrong_verb.status_code, wrong_verb.json()["error"]) == (405, "method_not_allowed")
    assert wrong_verb.headers["allow"] == "GET"
    assert (teapot.status_code, teapot.json()) == (
        418,
        {
            "success": False,
            "error": "http_error",
            "message": "This request cannot be answered (HTTP 418). See /docs.",
        },
    )


async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(failing: FastAPI) -> None:
    answer = await asked(failing, "/numbered?limit=hunter2")

    told = answer.json()
    assert answer.status_code == 422
    assert (told["error"], told["field"]) == ("invalid_input", "limit")
    assert "hunter2" not in answer.text
    assert told["message"].endswith("See /docs for what is expected.")


async def test_who_is_not_known_is_told_how_to_say_who_it_is(door: httpx2.AsyncClient) -> None:
    del door.headers["x-api-key"]

    answer = await door.get("/v1/events")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["message"] == "Send your API key in the header x-api-key."
