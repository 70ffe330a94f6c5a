"""Chats, people, groups and presence through HTTP, with a played line behind."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from sololine.actions import chores
from sololine.actions.gateway import Gateway
from sololine.core.chore import (
    CheckNumbers,
    ChoreFailure,
    ListGroups,
    MarkSeen,
    ShowContact,
    ShowGroup,
    ShowOnline,
    ShowTyping,
    Task,
)
from sololine.core.ids import BotId
from sololine.core.signals import LinkDown, TypingState
from tests.unit.fake_line import ANA, GROUP, answering, received
from tests.unit.scenes import connected_bot, move, new_bot, until

TO = "+34 600 111 222"
GROUP_TOLD = {
    "id": GROUP,
    "subject": "Family",
    "description": None,
    "createdAt": "2026-05-01T12:00:00.000Z",
    "members": [{"number": ANA, "admin": True}, {"lid": "98765@lid", "admin": False}],
}
GROUP_SHOWN = {
    **GROUP_TOLD,
    "members": [{"id": ANA, "admin": True}, {"id": "98765@lid", "admin": False}],
}

ASKING: list[tuple[str, str, Any]] = [
    ("POST", "numbers/check", {"numbers": [TO]}),
    ("GET", "contacts/34600111222", None),
    ("GET", "groups", None),
    ("GET", f"groups/{GROUP}", None),
    ("POST", "typing", {"to": TO}),
    ("POST", "seen", {"messageIds": ["msg_" + "0" * 23 + "1"]}),
    ("POST", "presence", {"online": True}),
]


@pytest.fixture
async def bot(gateway: Gateway) -> BotId:
    return await connected_bot(gateway)


def line(task: Task) -> Mapping[str, Any] | ChoreFailure:
    """What WhatsApp would say: Ana is there, and one group."""
    match task:
        case CheckNumbers(numbers=numbers):
            return {
                "numbers": [
                    {"asked": each, "onWhatsapp": True, "number": each, "businessName": "Ana's"}
                    if each == ANA
                    else {"asked": each, "onWhatsapp": False}
                    for each in numbers
                ]
            }
        case ShowContact(chat=chat) if chat == ANA:
            return {"number": ANA, "name": "Ana", "about": None, "pictureUrl": "http://x/y"}
        case ListGroups():
            return {"groups": [GROUP_TOLD]}
        case ShowGroup(chat=chat) if chat == GROUP:
            return GROUP_TOLD
        case ShowContact() | ShowGroup():
            return ChoreFailure.NOT_FOUND
        case _:
            return {}


async def asked(
    door: httpx2.AsyncClient, bot: BotId, method: str, path: str, body: Any = None
) -> httpx2.Response:
    return await door.request(method, f"/v1/bots/{bot}/{path}", json=body)


async def test_chats_are_listed_latest_first_page_by_page(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    await received(gateway, bot, no=1)
    await received(gateway, bot, no=2, chat=GROUP)
    await received(gateway, bot, no=3, chat=GROUP)

    first = (await asked(door, bot, "GET", "chats?limit=1")).json()
    second = (await asked(door, bot, "GET", f"chats?limit=1&before={first['nextBefore']}")).json()
    third = (await asked(door, bot, "GET", f"chats?limit=1&before={second['nextBefore']}")).json()

    (group,), (ana,) = first["chats"], second["chats"]
    assert (group["id"], group["group"], group["unread"]) == (GROUP, True, 2)
    assert (ana["id"], ana["group"], ana["unread"], ana["name"]) == (ANA, False, 1, "Ana")
    assert group["ref"].startswith("cht_")
    assert group["ref"] != ana["ref"]
    assert group["lastSeq"] == first["nextBefore"] > ana["lastSeq"]
    assert (third["chats"], third["nextBefore"]) == ([], None)


async def test_each_number_is_answered_as_it_was_written(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    numbers = [TO, "0034600111222", "hello", "+34600333444"]
    async with answering(gateway, bot, line) as tasks:
        answer = await asked(door, bot, "POST", "numbers/check", {"numbers": numbers})

    told = answer.json()["numbers"]
    assert [each["asked"] for each in told] == numbers
    assert [each["chat"] for each in told] == [ANA, ANA, None, None]
    assert [each["onWhatsapp"] for each in told] == [True, True, False, False]
    assert told[0]["businessName"] == "Ana's"
    assert [each["problem"] is not None for each in told] == [False, False, True, False]
    assert tasks == [CheckNumbers(numbers=(ANA, "34600333444"))], "each one once"


async def test_only_so_many_numbers_are_asked_about_at_once(
    door: httpx2.AsyncClient, bot: BotId
) -> None:
    for numbers in ([], [f"+3460011{no:04}" for no in range(51)]):
        answer = await asked(door, bot, "POST", "numbers/check", {"numbers": numbers})
        assert (answer.status_code, answer.json()["field"]) == (422, "numbers")


async def test_whatsapp_needs_not_be_asked_about_what_is_no_number(
    door: httpx2.AsyncClient, bot: BotId
) -> None:
    answer = await asked(door, bot, "POST", "numbers/check", {"numbers": ["hello"]})

    assert answer.json()["numbers"][0]["onWhatsapp"] is False


async def test_a_person_is_shown_as_whatsapp_shows_them(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    async with answering(gateway, bot, line):
        known = await asked(door, bot, "GET", "contacts/+34600111222")
        unknown = await asked(door, bot, "GET", "contacts/34600333444")
        group = await asked(door, bot, "GET", f"contacts/{GROUP}")
        nonsense = await asked(door, bot, "GET", "contacts/hello")

    assert known.json()["contact"] == {
        "chat": ANA,
        "name": "Ana",
        "about": None,
        "pictureUrl": "http://x/y",
    }
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_on_whatsapp")
    assert (group.status_code, group.json()["field"]) == (422, "number")
    assert (nonsense.status_code, nonsense.json()["error"]) == (422, "invalid_phone_number")


async def test_groups_are_shown_with_their_members(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    async with answering(gateway, bot, line):
        every = await asked(door, bot, "GET", "groups")
        one = await asked(door, bot, "GET", f"groups/{GROUP}")
        others = [
            await asked(door, bot, "GET", f"groups/{name}")
            for name in ("120363000000000002@g.us", "34600111222", "hello")
        ]

    assert every.json()["groups"] == [GROUP_SHOWN]
    assert one.json()["group"] == GROUP_SHOWN
    for answer in others:
        assert (answer.status_code, answer.json()["error"]) == (404, "group_not_found")


async def test_the_bot_is_seen_typing_and_online(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    async with answering(gateway, bot, line) as tasks:
        for body in ({"to": TO}, {"to": GROUP, "state": "recording"}):
            assert (await asked(door, bot, "POST", "typing", body)).status_code == 200
        for online in (True, False):
            body = {"online": online}
            assert (await asked(door, bot, "POST", "presence", body)).status_code == 200
        wrong = await asked(door, bot, "POST", "typing", {"to": TO, "state": "sleeping"})

    assert tasks == [
        ShowTyping(chat=ANA, state=TypingState.TYPING),
        ShowTyping(chat=GROUP, state=TypingState.RECORDING),
        ShowOnline(online=True),
        ShowOnline(online=False),
    ]
    assert (wrong.status_code, wrong.json()["field"]) == (422, "state")


async def test_being_online_without_a_name_tells_what_to_do(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    async with answering(gateway, bot, lambda _: ChoreFailure.NO_NAME):
        answer = await asked(door, bot, "POST", "presence", {"online": True})

    assert (answer.status_code, answer.json()["error"]) == (409, "account_unnamed")
    assert "Set one in WhatsApp on its phone" in answer.json()["message"]


async def test_messages_are_marked_as_seen_by_name_or_by_chat(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    first, second = [await received(gateway, bot, no=no) for no in (1, 2)]
    async with answering(gateway, bot, line) as tasks:
        named = await asked(door, bot, "POST", "seen", {"messageIds": [first.id, first.id]})
        whole = await asked(door, bot, "POST", "seen", {"chat": TO})
        nothing = await asked(door, bot, "POST", "seen", {"chat": GROUP})

    assert [each.json()["seen"] for each in (named, whole, nothing)] == [1, 2, 0]
    assert tasks == [MarkSeen(messages=(first.id,)), MarkSeen(messages=(second.id, first.id))]


async def test_what_is_to_be_seen_has_to_be_named_once(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    other_bot = await connected_bot(gateway, "34600000009")
    foreign = (await received(gateway, other_bot, no=9)).id

    answers = [
        await asked(door, bot, "POST", "seen", body)
        for body in (
            {},
            {"chat": TO, "messageIds": [foreign]},
            {"messageIds": ["msg_1"] * 101},
            {"messageIds": [foreign]},
        )
    ]

    assert [each.status_code for each in answers] == [422, 422, 422, 404]
    assert answers[3].json()["error"] == "message_not_found"


@pytest.mark.parametrize(("method", "path", "body"), ASKING)
async def test_whoever_asks_whatsapp_needs_a_bot_that_is_connected(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId, *, method: str, path: str, body: Any
) -> None:
    unlinked = await new_bot(gateway)
    await move(gateway.store, bot, LinkDown())

    offline = await asked(door, bot, method, path, body)
    without = await asked(door, unlinked, method, path, body)

    assert (offline.status_code, offline.json()["error"]) == (409, "bot_not_connected")
    assert (without.status_code, without.json()["error"]) == (409, "bot_not_linked")


@pytest.mark.parametrize(("method", "path", "body"), ASKING)
@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (ChoreFailure.NOT_CONNECTED, 504, "no_answer"),
        (ChoreFailure.REFUSED, 409, "refused_by_whatsapp"),
    ],
)
async def test_what_whatsapp_does_not_do_is_told(
    door: httpx2.AsyncClient,
    gateway: Gateway,
    bot: BotId,
    *,
    method: str,
    path: str,
    body: Any,
    failure: ChoreFailure,
    status: int,
    code: str,
) -> None:
    await received(gateway, bot)
    async with answering(gateway, bot, lambda _: failure):
        answer = await asked(door, bot, method, path, body)

    assert (answer.status_code, answer.json()["error"]) == (status, code)


async def test_a_line_that_does_not_answer_is_not_waited_for_for_ever(
    door: httpx2.AsyncClient,
    gateway: Gateway,
    bot: BotId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patience = dict(chores.ask.__kwdefaults__, patience_s=0.05)
    monkeypatch.setattr(chores.ask, "__kwdefaults__", patience)

    answer = await asked(door, bot, "POST", "presence", {"online": True})

    assert (answer.status_code, answer.json()["error"]) == (504, "no_answer")
    assert await gateway.store.run(lambda tx: tx.chores.begin(bot, 10)) == []


async def test_two_who_ask_at_once_get_each_their_own_answer(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    async with answering(gateway, bot, line):
        ana, group = await asyncio.gather(
            asked(door, bot, "GET", "contacts/34600111222"),
            asked(door, bot, "GET", f"groups/{GROUP}"),
        )

    assert ana.json()["contact"]["name"] == "Ana"
    assert group.json()["group"]["subject"] == "Family"


async def test_a_finished_chore_leaves_no_row(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    async with answering(gateway, bot, line):
        await asked(door, bot, "GET", "groups")

    async def none_left() -> bool:
        async with gateway.store.read() as tx:
            return not await tx.chores.waiting(bot)

    await until(none_left, "the chore to go")
