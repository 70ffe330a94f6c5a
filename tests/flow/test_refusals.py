"""The four refusals before a QR, and what each tells; through HTTP, as users see it."""

from tests.flow.house import Server, WhatsApp, other_tenant


async def test_a_connected_bot_is_refused_a_new_qr(
    server: Server, phones: WhatsApp, number: str
) -> None:
    bot = await server.bot()
    await server.link(bot, number)
    for body in ({}, {"useExistingSession": False}):
        answer = await server.answer("POST", f"/v1/whatsapp/connect/{bot}", body)
        assert answer.status_code == 409
        told = answer.json()
        assert told["success"] is False
        assert told["error"] == "already_connected"
        assert told["canConnect"] is False
        assert "Disconnect first" in told["message"]


async def test_a_pending_qr_refuses_another_connect_with_the_seconds_left(server: Server) -> None:
    bot = await server.bot()
    first = await server.connect(bot)
    answer = await server.answer("POST", f"/v1/whatsapp/connect/{bot}")
    assert answer.status_code == 409
    told = answer.json()
    assert told["error"] == "qr_pending"
    assert told["windowEndsAt"] == first["windowEndsAt"]
    assert 290 <= told["secondsLeft"] <= 300
    assert f"{told['secondsLeft']} seconds" in told["message"]


async def test_a_number_of_ones_own_tenant_is_refused_with_the_holders_name(
    server: Server, phones: WhatsApp, number: str
) -> None:
    holder = await server.bot("Customer Support Bot", user="ana")
    other = await server.bot("Other", user="ben")
    await server.link(holder, number)
    device = f"{number.lstrip('+')}:37@s.whatsapp.net"
    for path, body in (
        ("/v1/whatsapp/validate-connection", {"botId": other, "userId": "ben"}),
        (f"/v1/whatsapp/connect/{other}", {"userId": "ben"}),
        (f"/v1/whatsapp/connect/{other}", {"userId": "ben", "validateOnly": True}),
    ):
        answer = await server.answer("POST", path, {**body, "phoneNumber": device})
        assert answer.status_code == 409
        told = answer.json()
        connected_at = told["conflictingBot"].pop("connectedAt")
        assert connected_at.endswith("Z")
        assert told == {
            "success": False,
            "canConnect": False,
            "error": "whatsapp_already_connected",
            "message": "This WhatsApp number is already connected to bot 'Customer Support Bot'",
            "conflictingBot": {"botId": holder, "botName": "Customer Support Bot"},
        }


async def test_a_number_of_another_tenant_is_refused_without_a_word_about_it(
    server: Server, phones: WhatsApp, number: str
) -> None:
    """Held or only reserved by the other tenant: the answers are the same, byte for byte."""
    held, reserved = number, f"+33{number[3:]}"
    foreign = await other_tenant(server, number)
    holder = await foreign.bot("Secret Name")
    await foreign.link(holder, held)
    waiting = await foreign.bot("Also Secret")
    await foreign.connect(waiting, phoneNumber=reserved)
    bot = await server.bot()
    answers = set()
    for taken in (held, reserved):
        answer = await server.answer(
            "POST",
            "/v1/whatsapp/validate-connection",
            {"botId": bot, "userId": "default", "phoneNumber": taken},
        )
        assert answer.status_code == 409
        answers.add(answer.content)
        connect = await server.answer("POST", f"/v1/whatsapp/connect/{bot}", {"phoneNumber": taken})
        assert connect.content == answer.content
    (told,) = answers
    assert told == (
        b'{"success":false,"error":"whatsapp_already_connected",'
        b'"message":"This WhatsApp number is already registered in another account.",'
        b'"canConnect":false}'
    )


async def test_a_scan_of_another_tenants_number_is_refused_under_every_policy(
    replacing: Server, phones: WhatsApp, number: str
) -> None:
    foreign = await other_tenant(replacing, number)
    holder = await foreign.bot("Secret Name")
    await foreign.link(holder, number)
    bot = await replacing.bot()
    await replacing.connect(bot)
    await phones.scan(number, await replacing.qr(bot))
    ended = await replacing.event("session.disconnected", bot)
    assert ended["data"]["reason"] == "number_taken"
    page = await replacing.ask("GET", "/v1/events", params={"limit": 1000})
    assert "Secret Name" not in str(page)
    assert holder not in str(page)
    assert (await foreign.session(holder))["whatsappConnected"] is True


async def test_a_free_number_may_be_connected(server: Server, number: str) -> None:
    bot = await server.bot()
    asked = {"botId": bot, "userId": "default", "phoneNumber": number}
    answer = await server.ask("POST", "/v1/whatsapp/validate-connection", asked)
    assert answer == {
        "success": True,
        "canConnect": True,
        "message": "WhatsApp number available for connection",
    }
    only = await server.ask(
        "POST", f"/v1/whatsapp/connect/{bot}", {"validateOnly": True, "phoneNumber": number}
    )
    assert only == answer
    assert (await server.session(bot))["connection"]["state"] == "disconnected"


async def test_session_check_tells_who_may_connect_and_how_many_do(
    own_server: Server, phones: WhatsApp, number: str
) -> None:
    before = await own_server.ask("GET", "/api/whatsapp/session-check")
    assert before["canConnect"] is True
    assert before["existingConnection"] is None
    bot = await own_server.bot()
    await own_server.link(bot, number)
    after = await own_server.ask("GET", "/api/whatsapp/session-check", params={"userId": "default"})
    assert after["canConnect"] is False
    assert after["existingConnection"]["status"] == "CONNECTED"
    assert after["existingConnection"]["phoneNumber"] == number.lstrip("+")
    assert after["existingConnection"]["isConnected"] is True
    assert after["stats"] == {
        "totalConnections": 1,
        "activeConnections": 1,
        "pendingQR": 0,
        "disconnected": 0,
        "duplicates": 0,
    }


async def test_the_qr_comes_as_json_svg_and_png_with_its_times(server: Server) -> None:
    bot = await server.bot()
    await server.connect(bot)
    path = f"/v1/whatsapp/qr/{bot}"
    shown = await server.ask("GET", path, params={"wait": 20})
    assert shown["method"] == "qr"
    assert shown["expiresAt"] < shown["windowEndsAt"]
    assert shown["qrImage"].startswith("data:image/png;base64,")
    svg = await server.answer("GET", path, params={"format": "svg"})
    assert svg.headers["content-type"] == "image/svg+xml"
    assert svg.text.startswith("<?xml")
    png = await server.answer("GET", path, headers={"accept": "image/png"})
    assert png.content.startswith(b"\x89PNG")
    for picture in (svg, png):
        assert picture.headers["cache-control"] == "no-store"


async def test_the_refusals_are_told_in_the_callers_language(
    server: Server, phones: WhatsApp, number: str
) -> None:
    bot, other = await server.bot("Ventas"), await server.bot()
    spanish = {"accept-language": "es-CO"}

    await server.link(bot, number)
    path = f"/v1/whatsapp/connect/{bot}"
    connected = await server.answer("POST", path, headers=spanish)
    body = {"botId": other, "phoneNumber": number}
    taken = await server.answer("POST", "/v1/whatsapp/validate-connection", body, headers=spanish)
    await server.connect(other)
    path = f"/v1/whatsapp/connect/{other}"
    pending = await server.answer("POST", path, headers=spanish)

    answers = [connected, taken, pending]
    assert [answer.json()["message"] for answer in answers] == [
        (
            "Ya tienes una conexión activa de WhatsApp. "
            "Desconecta primero antes de escanear un nuevo QR."
        ),
        "Este número de WhatsApp ya está conectado al bot 'Ventas'",
        "Ya tienes un código QR pendiente. Espera a que expire o escanéalo.",
    ]
    assert {answer.headers["content-language"] for answer in answers} == {"es"}
