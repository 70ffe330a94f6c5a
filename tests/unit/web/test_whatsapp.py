import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.clock import ManualClock
from sololine.core.advance import Began, Looked
from sololine.core.claim import Policy
from sololine.core.linking import WINDOW, Method
from sololine.core.session import State
from sololine.core.signals import LinkDown, PairingCodeIssued
from tests.unit.scenes import (
    NUMBER,
    OTHER_NUMBER,
    connect,
    connected_bot,
    move,
    new_bot,
    qr,
    session_of,
)

CODE_SHAPE = {
    "success",
    "botId",
    "method",
    "qr",
    "qrImage",
    "pairingCode",
    "expiresAt",
    "windowEndsAt",
    "autoRestart",
}


async def test_connecting_a_new_bot_answers_where_its_qr_will_be(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)

    answer = await door.post(f"/v1/whatsapp/connect/{bot}", json={})

    assert answer.status_code == 202
    assert answer.json() == {
        "success": True,
        "canConnect": True,
        "botId": bot,
        "status": "connecting",
        "message": "Scan the QR with the phone within five minutes.",
        "usesExistingSession": False,
        "method": "qr",
        "windowEndsAt": "2026-05-01T12:05:00.000Z",
        "qrUrl": f"/v1/whatsapp/qr/{bot}",
        "autoRestart": False,
        "willReplace": None,
    }


async def test_connecting_by_code_says_what_to_do_with_it(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    asked = {"method": "code", "phoneNumber": f"+{NUMBER}"}

    answer = await door.post(f"/v1/whatsapp/connect/{bot}", json=asked)

    assert answer.json()["method"] == "code"
    assert answer.json()["message"] == "Type the code into the phone within five minutes."


async def test_a_code_takes_the_place_of_the_qr_in_the_same_window(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    opened = await door.post(f"/v1/whatsapp/connect/{bot}", json={"autoRestart": True})
    asked = {"method": "code", "phoneNumber": f"+{NUMBER}"}
    answer = await door.post(f"/api/whatsapp/switch/{bot}", json=asked)
    told = answer.json()

    assert answer.status_code == 202
    assert (told["method"], told["autoRestart"]) == ("code", True)
    assert told["windowEndsAt"] == opened.json()["windowEndsAt"]
    assert told["qrUrl"] == f"/api/whatsapp/qr/{bot}"
    nothing_open = await door.post(
        f"/v1/whatsapp/switch/{await new_bot(gateway)}", json={"method": "qr"}
    )
    assert (nothing_open.status_code, nothing_open.json()["error"]) == (409, "no_qr")


async def test_connecting_a_bot_that_is_connected_already_is_told_so_or_taken_for_done(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    """Who asks for the existing session has it; who does not, asked for something else."""
    bot = await connected_bot(gateway)
    path = f"/v1/whatsapp/connect/{bot}"

    existing = await door.post(path, json={"useExistingSession": True})
    other = await door.post(path)

    assert existing.status_code == 202
    told = existing.json()
    assert (told["status"], told["usesExistingSession"]) == ("connected", True)
    assert (told["qrUrl"], told["method"], told["windowEndsAt"]) == (None, None, None)
    assert (other.status_code, other.json()["error"]) == (409, "already_connected")


async def test_a_connect_that_will_replace_a_bot_names_it_beforehand(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    holder = await connected_bot(gateway, name="Support")
    bot = await new_bot(gateway)
    object.__setattr__(gateway, "policy", Policy.REPLACE)
    path, asked = f"/v1/whatsapp/connect/{bot}", {"phoneNumber": f"+{NUMBER}"}

    narrowed = await door.post(path, json={**asked, "conflictPolicy": "refuse"})
    answer = await door.post(path, json=asked)

    assert narrowed.status_code == 409
    assert answer.json()["willReplace"] == {"botId": holder, "botName": "Support"}


async def test_validating_only_writes_nothing(door: httpx2.AsyncClient, gateway: Gateway) -> None:
    bot = await new_bot(gateway)
    before = await session_of(gateway.store, bot)

    answer = await door.post(f"/v1/whatsapp/connect/{bot}", json={"validateOnly": True})

    assert answer.status_code == 200
    assert answer.json()["canConnect"] is True
    assert await session_of(gateway.store, bot) == before


async def test_a_disconnect_that_nobody_has_done_yet_says_so(
    door: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sololine.actions.conflicts.SETTLED_WITHIN_S", 0.01)
    bot = await connected_bot(gateway)

    answer = await door.post(f"/v1/whatsapp/disconnect/{bot}")

    assert answer.json() == {
        "success": True,
        "botId": bot,
        "status": "connected",
        "numberFreed": False,
        "message": "The bot is being disconnected.",
    }


async def test_disconnecting_what_was_never_connected_is_no_mistake(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)

    answer = await door.post(f"/v1/whatsapp/disconnect/{bot}", json={"unlink": False})

    assert answer.json()["status"] == "disconnected"
    assert answer.json()["numberFreed"] is True
    assert answer.json()["message"] == "The bot is disconnected."


async def test_a_qr_comes_in_the_form_that_was_asked_for(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot)
    await move(gateway.store, bot, Began(), qr("secret"))
    path = f"/v1/whatsapp/qr/{bot}"

    told = await door.get(path)
    by_accept = [
        await door.get(path, headers={"accept": kind})
        for kind in ("image/svg+xml", "image/png,*/*", "text/html,image/*")
    ]
    by_word = await door.get(path, params={"format": "json"}, headers={"accept": "image/png"})
    wrong = await door.get(path, params={"format": "jpeg"})

    assert told.json().keys() == CODE_SHAPE
    assert told.json()["qr"] == "secret"
    assert told.json()["expiresAt"] == "2026-05-01T12:01:00.000Z"
    kinds = [answer.headers["content-type"] for answer in by_accept]
    assert kinds == ["image/svg+xml", "image/png", "application/json"]
    assert by_word.json() == told.json()
    assert wrong.status_code == 422
    for answer in (told, *by_accept, by_word):
        assert answer.headers["cache-control"] == "no-store"


async def test_a_pairing_code_has_no_picture_whatever_was_asked_for(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot = await new_bot(gateway)
    await connect(gateway, bot, number=NUMBER, method=Method.CODE)
    issued = PairingCodeIssued(code="ABCD-1234", valid_for=WINDOW)
    await move(gateway.store, bot, Began(), issued)

    answer = await door.get(f"/v1/whatsapp/qr/{bot}", params={"format": "png"})

    told = answer.json()
    assert told.keys() == CODE_SHAPE
    assert (told["method"], told["pairingCode"]) == ("code", "ABCD-1234")
    assert (told["qr"], told["qrImage"]) == (None, None)


@pytest.mark.parametrize("body", [{"userId": "ben"}, {"userId": "x" * 256}])
async def test_somebody_elses_bot_is_not_connected(
    door: httpx2.AsyncClient, gateway: Gateway, body: dict[str, str]
) -> None:
    bot = await new_bot(gateway, user="ana")

    answer = await door.post(f"/v1/whatsapp/connect/{bot}", json=body)

    assert answer.status_code == (403 if body["userId"] == "ben" else 422)
    assert (await session_of(gateway.store, bot)).intent.no == 0


async def test_the_session_check_names_every_state_in_the_documents_words(
    door: httpx2.AsyncClient, gateway: Gateway, clock: ManualClock
) -> None:
    path = "/v1/whatsapp/session-check"
    seen = {}
    bot = await new_bot(gateway)

    async def look() -> dict[str, object]:
        told = (await door.get(path, params={"botId": bot})).json()
        state = (await session_of(gateway.store, bot)).state
        seen[state] = (
            told["existingConnection"]["status"],
            told["canConnect"],
            told["error"],
        )
        return told

    await look()
    await connect(gateway, bot)
    await move(gateway.store, bot, Began())
    await look()
    await move(gateway.store, bot, qr())
    pending = await look()
    clock.advance(WINDOW)
    linked = bot
    bot = await connected_bot(gateway, OTHER_NUMBER)
    connected = await look()
    await move(gateway.store, bot, LinkDown())
    await look()

    assert seen == {
        State.DISCONNECTED: ("DISCONNECTED", True, None),
        State.CONNECTING: ("CONNECTING", False, "qr_pending"),
        State.AWAITING_SCAN: ("QR_PENDING", False, "qr_pending"),
        State.CONNECTED: ("CONNECTED", False, "already_connected"),
        State.RECONNECTING: ("RECONNECTING", False, "already_connected"),
    }
    assert pending["stats"]["pendingQR"] == 1
    assert "300 seconds" in pending["reason"]
    assert connected["stats"]["totalConnections"] == 2
    assert connected["existingConnection"]["phoneNumber"] == OTHER_NUMBER
    over = (await door.get(path, params={"botId": linked})).json()
    assert over["canConnect"] is True


async def test_the_session_check_of_a_user_looks_at_the_session_that_changed_last(
    door: httpx2.AsyncClient, gateway: Gateway, clock: ManualClock
) -> None:
    none = (await door.get("/v1/whatsapp/session-check")).json()
    first = await new_bot(gateway)
    clock.advance(WINDOW)
    second = await new_bot(gateway)
    newest = (await door.get("/v1/whatsapp/session-check")).json()
    clock.advance(WINDOW)
    await connect(gateway, first)
    await move(gateway.store, first, Began())
    changed = (await door.get("/v1/whatsapp/session-check")).json()

    assert (none["existingConnection"], none["canConnect"]) == (None, True)
    assert newest["existingConnection"]["botId"] == second
    assert changed["existingConnection"]["botId"] == first


async def test_the_events_of_one_bot_can_be_read_alone_and_in_pieces(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bot, other = await new_bot(gateway), await new_bot(gateway)
    await connect(gateway, bot)
    await connect(gateway, other)

    first = (await door.get("/v1/events", params={"botId": bot, "limit": 1})).json()
    second = (await door.get("/v1/events", params={"botId": bot, "after": first["last"]})).json()
    third = (await door.get("/v1/events", params={"botId": bot, "after": second["last"]})).json()

    assert [each["type"] for each in first["events"] + second["events"]] == [
        "bot.created",
        "session.requested",
    ]
    assert {each["botId"] for each in first["events"] + second["events"]} == {bot}
    assert (third["events"], third["last"]) == ([], second["last"])


async def test_a_number_is_checked_for_a_bot_before_it_connects(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    holder, bot = await connected_bot(gateway, name="Support"), await new_bot(gateway)
    path = "/v1/whatsapp/validate-connection"

    free = await door.post(path, json={"botId": bot, "phoneNumber": f"+{OTHER_NUMBER}"})
    taken = await door.post(path, json={"botId": bot, "phoneNumber": f"{NUMBER}:7@s.whatsapp.net"})
    busy = await door.post(path, json={"botId": holder})
    nobody = await door.post(path, json={"botId": "bot_x"})

    assert free.json() == {
        "success": True,
        "canConnect": True,
        "message": "WhatsApp number available for connection",
    }
    assert (taken.status_code, taken.json()["conflictingBot"]["botId"]) == (409, holder)
    assert (busy.status_code, busy.json()["error"]) == (409, "already_connected")
    assert nobody.status_code == 404


async def test_conflicts_are_resolved_on_request_and_what_is_left_is_told(
    door: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sololine.actions.sessions.SETTLED_WITHIN_S", 0)
    path = "/v1/whatsapp/session-check"
    none = (await door.post(path)).json()
    bot = await connected_bot(gateway)
    await door.post(f"/v1/whatsapp/disconnect/{bot}")
    await move(gateway.store, bot, Looked())
    left = (await door.post(path)).json()

    assert none == {
        "success": True,
        "resolved": 0,
        "left": 0,
        "message": "There are no conflicts.",
    }
    assert (left["resolved"], left["left"]) == (0, 1)
    assert "tried again" in left["message"]
    assert (await door.get(path)).json()["stats"]["duplicates"] == 1
