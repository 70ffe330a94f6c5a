"""Bad input gets a 4xx with a stable code and a sentence; nothing is left behind."""

from collections.abc import AsyncIterator

import pytest

from tests.flow.house import Server, other_tenant

BOTS = "/v1/bots/create"
VALIDATE = "/v1/whatsapp/validate-connection"


@pytest.mark.parametrize(
    "number",
    ["", "   ", "hola", "12", "+999123456789", "600111222", "120363@g.us", "123:4@lid", "9" * 201],
)
async def test_a_wrong_number_is_named_as_such(server: Server, number: str) -> None:
    bot = await server.bot()
    body = {"botId": bot, "phoneNumber": number}
    if not number.strip():
        # Nothing was declared: the check is about the bot alone.
        assert (await server.answer("POST", VALIDATE, body)).status_code == 200
        return
    answer = await server.answer("POST", VALIDATE, body)
    assert answer.status_code == 422
    told = answer.json()
    assert told["error"] in ("invalid_phone_number", "invalid_input")
    assert told["field"] == "phoneNumber"
    assert told["message"].endswith(".")
    if len(number) > 3:
        assert number not in told["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/whatsapp/connect/{bot}"),
        ("POST", "/v1/whatsapp/disconnect/{bot}"),
        ("GET", "/v1/whatsapp/qr/{bot}"),
        ("GET", "/v1/bots/default/{bot}"),
        ("DELETE", "/v1/bots/default/{bot}"),
        ("GET", "/v1/whatsapp/session-check?botId={bot}"),
    ],
)
async def test_unknown_and_foreign_bots_are_told_apart_by_nobody(
    server: Server, method: str, path: str
) -> None:
    foreign = await (await other_tenant(server, "acme")).bot("Secret")
    bodies = []
    for bot in (foreign, foreign[:-1] + ("0" if foreign[-1] != "0" else "1")):
        answer = await server.answer(method, path.format(bot=bot))
        assert answer.status_code == 404
        assert answer.json()["error"] == "bot_not_found"
        bodies.append(answer.text.replace(bot, "BOT"))
    assert bodies[0] == bodies[1]


async def test_a_bot_of_another_user_is_not_for_this_one(server: Server) -> None:
    bot = await server.bot(user="ana")
    answer = await server.answer("POST", f"/v1/whatsapp/connect/{bot}", {"userId": "ben"})
    assert answer.status_code == 403
    assert answer.json()["error"] == "user_mismatch"


@pytest.mark.parametrize("key", [None, "", "wrong", "x" * 5000])
async def test_without_a_good_key_nothing_is_answered(server: Server, key: str | None) -> None:
    assert server.api is not None
    async with server.client(str(server.api.base_url), key or "") as api:
        if key is None:
            del api.headers["x-api-key"]
        answer = await api.get("/v1/bots/default")
    assert answer.status_code == 401
    assert answer.json()["error"] == "not_authenticated"


async def test_broken_json_is_named_as_such(server: Server) -> None:
    assert server.api is not None
    answer = await server.api.post(
        BOTS, content=b'{"name": ', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_json"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": 5},
        {"name": "x" * 101},
        {"name": "ok", "description": "x" * 4001},
        {"name": "nul\x00"},
        [],
        None,
        "text",
    ],
)
async def test_a_bot_without_proper_details_is_not_created(server: Server, body: object) -> None:
    before = len((await server.ask("GET", "/v1/bots/default"))["bots"])
    answer = await server.answer("POST", BOTS, body)
    assert answer.status_code == 422
    told = answer.json()
    assert told["error"] == "invalid_input"
    assert told["message"].endswith(".")
    assert len((await server.ask("GET", "/v1/bots/default"))["bots"]) == before


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_a_megabyte_is_refused_while_it_comes(
    server: Server, *, chunked: bool
) -> None:
    assert server.api is not None
    body = b'{"name": "' + b"x" * 2**20 + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 2**14):
            yield body[start : start + 2**14]

    answer = await server.api.post(
        BOTS,
        content=pieces() if chunked else body,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == "body_too_large"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/v1/bots/create", 405, "method_not_allowed"),
        ("GET", "/v1/events?after=-1", 422, "invalid_input"),
        ("GET", "/v1/events?after=x", 422, "invalid_input"),
        ("GET", "/v1/bots/default?limit=0", 422, "invalid_input"),
    ],
)
async def test_wrong_addresses_answer_in_the_same_shape(
    server: Server, method: str, path: str, status: int, code: str
) -> None:
    answer = await server.answer(method, path)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["error"] == code


async def test_a_code_needs_the_number_it_is_made_for(server: Server) -> None:
    bot = await server.bot()
    answer = await server.answer("POST", f"/v1/whatsapp/connect/{bot}", {"method": "code"})
    assert answer.status_code == 422
    assert answer.json()["field"] == "phoneNumber"
    assert (await server.session(bot))["connection"]["windowEndsAt"] is None


async def test_the_documents_and_the_pages_are_served_without_other_hosts(server: Server) -> None:
    openapi = await server.ask("GET", "/openapi.json")
    assert "/v1/whatsapp/connect/{botId}" in openapi["paths"]
    page = await server.answer("GET", "/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert await server.ask("GET", "/health/live") == {"status": "ok"}
    assert (await server.ask("GET", "/health/ready"))["parts"]["store"]["status"] == "ok"
