"""The documents that programs are generated from are sound, and every door has all its names."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi.openapi.models import OpenAPI

from sololine.actions.gateway import Gateway
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from tests.unit.scenes import new_bot

VERBS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture
def document(gateway: Gateway, keyring: Keyring) -> dict[str, Any]:
    return create_app(gateway, keyring, "1.2.3").openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for verb in VERBS & item.keys():
            yield verb, path, item[verb]


def references(part: Any) -> Iterator[str]:
    match part:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for each in part.values():
                yield from references(each)
        case list():
            for each in part:
                yield from references(each)


def test_the_document_is_an_openapi_document_that_hangs_together(document: dict[str, Any]) -> None:
    OpenAPI.model_validate(document)

    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == "1.2.3"
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == names
    operation_ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(operation_ids)) == len(operation_ids)


def test_every_operation_says_what_it_does_and_declares_its_path(document: dict[str, Any]) -> None:
    for verb, path, operation in operations(document):
        assert operation["description"].endswith("."), (verb, path)
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        declared = {
            each["name"] for each in operation.get("parameters", []) if each["in"] == "path"
        }
        assert declared == named, (verb, path)


def test_every_operation_documents_the_refusals_it_may_answer(document: dict[str, Any]) -> None:
    for verb, path, operation in operations(document):
        told = {int(status) for status in operation["responses"]}
        if path.startswith("/health/"):
            assert not told & set(range(400, 500))
            continue
        if path == "/metrics":
            assert told == {200, 401}
            continue
        expected = {401, 422}
        # The log and what follows it are the tenant's: no user is named, none can be wrong.
        if not path.startswith(("/v1/events", "/v1/webhooks")):
            expected |= {403}
        if "{botId}" in path or "{webhookId}" in path:
            expected |= {404}
        if "requestBody" in operation:
            expected |= {400, 413}
        refusals = told & set(range(400, 500))
        # Which bot is meant may also stand in the body, and what is refused by the state of
        # things is tested with each operation.
        possible = {403, 404, 409}
        if path.endswith(("/messages", "/media", "/media/{mediaId}")):
            possible |= {410, 413, 415}
        assert expected <= refusals <= expected | possible, (verb, path)


def test_every_refusal_is_documented_in_its_one_shape(document: dict[str, Any]) -> None:
    for verb, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith("4"):
                shape = answer["content"]["application/json"]["schema"]
                assert shape == {"$ref": "#/components/schemas/Problem"}, (verb, path, status)


def test_every_operation_but_health_names_both_ways_to_send_a_key(
    document: dict[str, Any],
) -> None:
    for verb, path, operation in operations(document):
        asked = [name for each in operation.get("security", []) for name in each]
        expected = [] if path.startswith("/health/") else ["APIKeyHeader", "HTTPBearer"]
        assert sorted(asked) == expected, (verb, path)


def test_every_field_of_json_is_camel_case(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert "_" not in field, (name, field)


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1", "/api"])
async def test_the_whatsapp_door_has_three_names(
    door: httpx2.AsyncClient, gateway: Gateway, prefix: str
) -> None:
    bot = await new_bot(gateway)

    answer = await door.post(f"{prefix}/whatsapp/connect/{bot}")

    assert answer.status_code == 202
    assert answer.json()["qrUrl"] == f"{prefix}/whatsapp/qr/{bot}"


async def test_the_other_doors_have_two(door: httpx2.AsyncClient) -> None:
    paths = ("/v1/bots/x", "/api/v1/bots/x", "/v1/events", "/api/v1/events")
    statuses = [(await door.get(path)).status_code for path in (*paths, "/api/bots/x")]

    assert statuses == [200, 200, 200, 200, 404]


async def test_every_operation_asks_for_a_key_before_anything_else(
    door: httpx2.AsyncClient, document: dict[str, Any]
) -> None:
    del door.headers["x-api-key"]

    for verb, path, _ in operations(document):
        if not path.startswith("/health/"):
            answer = await door.request(verb.upper(), path)
            assert answer.status_code == 401, (verb, path)
