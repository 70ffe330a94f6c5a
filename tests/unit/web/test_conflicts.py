import httpx2
import pytest

from sololine.actions import conflicts
from sololine.actions.gateway import Gateway
from sololine.core.ids import BotId
from sololine.core.signals import LoggedOut
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    OTHER_NUMBER,
    STRANGER,
    connected_bot,
    events_of,
    listed_bot,
    move,
    new_bot,
)

PATH = "/v1/conflicts"


@pytest.fixture(autouse=True)
def no_line_will_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "SETTLED_WITHIN_S", 0)


def bots(conflict: dict[str, list[dict[str, str]]]) -> list[str]:
    return [each["botId"] for each in conflict["bots"]]


async def test_conflicts_are_shown_with_every_bot_of_the_tenants_own(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway, name="Support", user="eva")
    await listed_bot(gateway, caller=STRANGER)

    answer = await door.get(PATH)

    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "totalConnections": 2,
        "conflicts": [
            {
                "phoneNumber": "+34600000001",
                "takenElsewhere": False,
                "bots": [
                    {
                        "userId": "eva",
                        "botId": holder,
                        "botName": "Support",
                        "basis": "held",
                        "status": "CONNECTED",
                        "lastConnectedAt": "2026-05-01T12:00:00.000Z",
                    },
                    {
                        "userId": "default",
                        "botId": said,
                        "botName": "Ada",
                        "basis": "listed",
                        "status": "DISCONNECTED",
                        "lastConnectedAt": "2026-04-30T12:00:00.000Z",
                    },
                ],
            }
        ],
        "leftDevices": 0,
        "devices": [],
    }


async def test_of_another_tenants_holder_nothing_is_told_but_that_the_number_is_taken(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway, name="Secret Name", caller=STRANGER)

    answer = await door.get(PATH)
    resolved = await door.post(PATH)

    (conflict,) = answer.json()["conflicts"]
    assert (conflict["takenElsewhere"], bots(conflict)) == (True, [said])
    (done,) = resolved.json()["resolved"]
    assert done["kept"] is None
    for text in (answer.text, resolved.text):
        assert "Secret Name" not in text
        assert holder not in text


async def test_they_are_resolved_with_the_newest_kept_unless_told_otherwise(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway)

    dry = (await door.post(PATH, json={"dryRun": True})).json()
    done = (await door.post(PATH)).json()

    assert dry["dryRun"] is True
    assert {**dry, "dryRun": False} == done
    assert (done["resolved"][0]["kept"]["botId"], done["leftDevices"]) == (holder, 0)
    assert [each["botId"] for each in done["resolved"][0]["disconnected"]] == [said]
    assert done["summary"] == {
        "conflictsResolved": 1,
        "connectionsDisconnected": 1,
        "connectionsKept": 1,
    }
    assert (await door.post(PATH)).json()["resolved"] == []
    assert (await events_of(gateway.store, holder))[-1] == "conflict.resolved"


@pytest.mark.parametrize("named", [False, True])
async def test_who_is_kept_may_be_chosen(
    door: httpx2.AsyncClient, gateway: Gateway, *, named: bool
) -> None:
    said = await listed_bot(gateway)
    holder = await connected_bot(gateway)

    done = (await door.post(PATH, json={"keep": said if named else "oldest"})).json()

    assert done["resolved"][0]["kept"]["botId"] == said
    assert [each["botId"] for each in done["resolved"][0]["disconnected"]] == [holder]
    assert done["leftDevices"] == 1


async def test_devices_that_their_bots_gave_up_are_named(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    for caller in (KEY_CALLER, STRANGER):
        bot = await connected_bot(gateway, caller=caller)
        await move(gateway.store, bot, LoggedOut())
        if caller is KEY_CALLER:
            mine = bot

    told = (await door.get(PATH)).json()

    assert told["leftDevices"] == 1
    assert told["devices"] == [{"botId": mine, "since": "2026-05-01T12:00:00.000Z", "tries": 0}]


async def test_a_bot_that_is_named_must_be_ones_own(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    theirs = await new_bot(gateway, caller=STRANGER)
    for bot in (theirs, BotId("bot_x"), "newst"):
        answer = await door.post(PATH, json={"keep": bot})
        assert (answer.status_code, answer.json()["error"]) == (404, "bot_not_found")


async def test_session_checks_count_and_resolve_them(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    path = "/v1/whatsapp/session-check"
    for number in (NUMBER, NUMBER, OTHER_NUMBER, OTHER_NUMBER):
        await listed_bot(gateway, number)

    assert (await door.get(path)).json()["stats"]["duplicates"] == 2
    done = (await door.post(path)).json()
    assert (done["resolved"], done["left"]) == (2, 0)
    assert (await door.get(path)).json()["stats"]["duplicates"] == 0


async def test_figures_are_shown(door: httpx2.AsyncClient, gateway: Gateway) -> None:
    bot = await connected_bot(gateway)

    answer = await door.get("/v1/stats", params={"from": "2026-05-01", "to": "2026-05-02T00:00Z"})

    tally = {"attempts": 1, "connected": 1, "failed": 0, "successRate": 1.0}
    assert answer.json() == {
        "success": True,
        "totalConnections": 1,
        "activeConnections": 1,
        "pendingQR": 0,
        "disconnected": 0,
        "duplicates": 0,
        "from": "2026-05-01T00:00:00.000Z",
        "to": "2026-05-02T00:00:00.000Z",
        "attempts": tally,
        "perBot": [{"botId": bot, **tally}],
        "perDay": [{"day": "2026-05-01", **tally}],
        "timeToConnect": {
            "withQr": {"connected": 1, "medianMs": 0, "p90Ms": 0},
            "withExistingSession": None,
        },
    }


async def test_a_span_that_is_none_is_refused(door: httpx2.AsyncClient) -> None:
    for params in ({"from": "soon"}, {"from": "2026-05-02", "to": "2026-05-01"}):
        answer = await door.get("/v1/stats", params=params)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid_input")


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", PATH), ("GET", "/v1/stats")])
async def test_a_key_is_asked_for(door: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await door.request(method, path, headers={"x-api-key": "sl_wrong"})
    assert answer.status_code == 401
