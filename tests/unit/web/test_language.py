"""Every sentence of an answer is in the language that the request wants."""

from typing import Any

import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.clock import ManualClock
from sololine.core.advance import Began, Looked
from sololine.core.linking import WINDOW
from sololine.languages import Language
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from sololine.web.body_cap import MAX_BODY_BYTES
from tests.unit.scenes import NUMBER, STRANGER, connect, connected_bot, move, new_bot, qr

SPANISH = {"Accept-Language": "es-CO,es;q=0.9,en;q=0.8"}


async def told(
    door: httpx2.AsyncClient, method: str, path: str, language: str, body: Any = None
) -> str:
    answer = await door.request(method, path, json=body, headers={"Accept-Language": language})
    sentence: str = answer.json()["message"]
    return sentence


async def test_the_refusals_of_the_spanish_document_are_told_letter_for_letter(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    connected, pending, other = (
        await connected_bot(gateway),
        await new_bot(gateway),
        await new_bot(gateway),
    )
    await connect(gateway, pending)

    assert await told(door, "POST", f"/v1/whatsapp/connect/{connected}", "es") == (
        "Ya tienes una conexión activa de WhatsApp. "
        "Desconecta primero antes de escanear un nuevo QR."
    )
    assert await told(door, "POST", f"/v1/whatsapp/connect/{pending}", "es") == (
        "Ya tienes un código QR pendiente. Espera a que expire o escanéalo."
    )
    asked = {"botId": other, "phoneNumber": f"+{NUMBER}"}
    assert await told(door, "POST", "/v1/whatsapp/validate-connection", "es", asked) == (
        "Este número de WhatsApp ya está conectado al bot 'Ada'"
    )


async def test_a_number_of_another_tenant_is_refused_as_the_spanish_document_says(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    await connected_bot(gateway, caller=STRANGER)

    asked = {"botId": await new_bot(gateway), "phoneNumber": f"+{NUMBER}"}
    assert await told(door, "POST", "/v1/whatsapp/validate-connection", "es", asked) == (
        "Este número de WhatsApp ya está registrado en otra cuenta."
    )


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "WhatsApp number available for connection"),
        ("es", "El número de WhatsApp está disponible para conectar"),
        ("pt-BR", "O número do WhatsApp está disponível para conexão"),
        ("id-ID", "Nomor WhatsApp tersedia untuk dihubungkan"),
        ("de", "WhatsApp number available for connection"),
    ],
)
async def test_what_went_well_is_told_in_the_language_too(
    door: httpx2.AsyncClient, gateway: Gateway, language: str, sentence: str
) -> None:
    asked = {"botId": await new_bot(gateway)}

    assert await told(door, "POST", "/v1/whatsapp/validate-connection", language, asked) == sentence


@pytest.mark.parametrize(("wanted", "spoken"), [("es", "es"), ("de, pt;q=0.5", "pt"), ("", "en")])
async def test_an_answer_says_what_language_it_is_in_and_that_it_depends_on_the_request(
    door: httpx2.AsyncClient, wanted: str, spoken: str
) -> None:
    for path in ("/v1/events", "/v1/bots/default/bot_gone", "/nowhere"):
        answer = await door.get(path, headers={"Accept-Language": wanted})

        assert answer.headers["content-language"] == spoken
        assert answer.headers["vary"] == "Accept-Language"


async def test_the_specification_is_english_for_everybody(door: httpx2.AsyncClient) -> None:
    answer = await door.get("/openapi.json", headers=SPANISH)

    assert "content-language" not in answer.headers
    assert "stable `error` code" in answer.json()["info"]["description"]


async def test_programs_find_the_same_codes_and_fields_in_every_language(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await connected_bot(gateway)
    answers = [
        (await door.post(f"/v1/whatsapp/connect/{bot}", headers={"Accept-Language": each})).json()
        for each in Language
    ]

    assert len({answer.pop("message") for answer in answers}) == len(Language)
    assert all(answer == answers[0] for answer in answers)


async def test_who_asks_for_no_language_hears_the_deployments(
    gateway: Gateway, keyring: Keyring
) -> None:
    app = create_app(gateway, keyring, "1.2.3", language=Language.INDONESIAN)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sololine") as door:
        unknown = await door.get("/v1/events", headers={"Accept-Language": "de"})
        silent = await door.get("/v1/events")
        english = await door.get("/v1/events", headers={"Accept-Language": "en"})

    assert unknown.json()["message"] == silent.json()["message"]
    assert silent.json()["message"] == "Kirim kunci API Anda di header x-api-key."
    assert english.json()["message"] == "Send your API key in the header x-api-key."


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        (
            "/v1/bots/create",
            {},
            "El campo name es incorrecto: el campo es obligatorio.",
        ),
        (
            "/v1/bots/create",
            [],
            "El cuerpo de la petición es incorrecto: el valor debe ser un objeto.",
        ),
        (
            "/v1/whatsapp/connect/bot_1",
            {"method": "smoke"},
            "El campo method es incorrecto: el valor debe ser uno de estos: 'qr', 'code'.",
        ),
        (
            "/v1/whatsapp/connect/bot_1",
            {"useExistingSession": "perhaps"},
            "El campo useExistingSession es incorrecto: el valor debe ser true o false.",
        ),
        (
            "/v1/whatsapp/validate-connection",
            {"botId": "b" * 65},
            "El campo botId es incorrecto: el texto debe tener 64 caracteres como máximo.",
        ),
        (
            "/v1/bots/create",
            {"name": "a\x00"},
            "El campo name es incorrecto: contiene un carácter que ningún texto puede contener.",
        ),
        (
            "/v1/bots/bot_1/messages",
            {"to": "+34600111222"},
            (
                "El campo type es incorrecto: envía text, image, video, audio, voice, document, "
                "sticker, location, contact, poll, reaction, edit, delete o forward."
            ),
        ),
    ],
)
async def test_a_wrong_field_is_explained_in_the_language(
    door: httpx2.AsyncClient, path: str, body: Any, sentence: str
) -> None:
    whole = f"{sentence} Consulta /docs para ver lo que se espera."
    assert await told(door, "POST", path, "es", body) == whole


async def test_a_wrong_number_is_explained_in_the_language_down_to_its_remedy(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    asked = {"botId": await new_bot(gateway), "phoneNumber": "+34 12"}

    assert await told(door, "POST", "/v1/whatsapp/validate-connection", "pt", asked) == (
        "O número é curto demais para o código de país +34. "
        "Envie o código do país e o número, como +447700900123."
    )


async def test_what_is_refused_before_the_application_is_told_in_the_language(
    door: httpx2.AsyncClient,
) -> None:
    content = b'{"name": "' + b"a" * MAX_BODY_BYTES + b'"}'
    large = await door.post("/v1/bots/create", content=content, headers=SPANISH)
    broken = await door.post(
        "/v1/bots/create", content=b"{", headers={**SPANISH, "Content-Type": "application/json"}
    )

    assert large.json()["message"] == (
        f"El cuerpo supera los {MAX_BODY_BYTES} bytes. Envía menos en una petición."
    )
    assert large.headers["content-language"] == "es"
    assert broken.json()["message"] == (
        "El cuerpo no es JSON válido. Envía un objeto JSON, codificado en UTF-8."
    )


async def test_a_fault_of_ours_is_told_in_the_language(
    door: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.store, "read", lambda: 1 / 0)

    answer = await door.get("/v1/events", headers=SPANISH)

    assert answer.status_code == 500
    assert answer.json()["message"].startswith("Algo falló de nuestro lado.")
    assert answer.headers["content-language"] == "es"


async def test_a_remedy_is_told_in_the_language_beside_the_session_and_in_the_event_log(
    door: httpx2.AsyncClient, gateway: Gateway, clock: ManualClock
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    await move(gateway.store, bot, Began(), qr())
    clock.advance(WINDOW)
    await move(gateway.store, bot, Looked())

    remedy = "Conecta el bot de nuevo y escanea el QR en menos de cinco minutos."
    shown = await door.get(f"/v1/bots/default/{bot}", headers=SPANISH)
    events = await door.get("/v1/events?type=session.disconnected", headers=SPANISH)
    english = await door.get("/v1/events?type=session.disconnected")

    assert shown.json()["bot"]["connection"]["remedy"] == remedy
    assert [each["data"]["remedy"] for each in events.json()["events"]] == [remedy]
    assert "within five minutes" in english.json()["events"][0]["data"]["remedy"]


async def test_why_a_bot_cannot_connect_is_told_in_the_language(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    await connected_bot(gateway)

    checked = await door.get("/api/whatsapp/session-check", headers=SPANISH)

    assert checked.json()["reason"] == (
        "Ya tienes una conexión activa de WhatsApp. "
        "Desconecta primero antes de escanear un nuevo QR."
    )
