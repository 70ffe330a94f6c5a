import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.core.ids import BotId
from tests.unit.scenes import STRANGER, events_of, new_bot

RULES = [
    {"match": "contains", "words": ["precio", "cuánto cuesta"], "answer": "10 euros."},
    {"match": "equals", "words": ["hola"], "answer": "¡Hola!"},
]
TRAINING = {
    "personality": "patient",
    "instructions": "Sell hats.",
    "rules": RULES,
    "fallback": "I will ask.",
}


@pytest.fixture
async def bot(gateway: Gateway) -> BotId:
    return await new_bot(gateway)


@pytest.fixture
def path(bot: BotId) -> str:
    return f"/v1/bots/default/{bot}/training"


async def test_a_training_is_kept_whole_and_its_personality_is_the_bots(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId, path: str
) -> None:
    before = (await door.get(path)).json()["training"]
    put = await door.put(path, json=TRAINING)
    await door.put(path, json=TRAINING)

    shown = (await door.get(path)).json()["training"]
    of_bot = (await door.get(f"/v1/bots/default/{bot}")).json()["bot"]
    assert before == {"personality": "", "instructions": "", "rules": [], "fallback": ""}
    assert shown == put.json()["training"] == TRAINING
    assert (of_bot["personality"], of_bot["setupStep"]) == ("patient", "training")
    assert await events_of(gateway.store, bot) == ["bot.created", "bot.trained"]


async def test_a_training_can_finish_its_setup_step(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId, path: str
) -> None:
    for _ in range(2):
        assert (await door.put(path, json={**TRAINING, "done": True})).status_code == 200

    of_bot = (await door.get(f"/v1/bots/default/{bot}")).json()["bot"]
    assert (of_bot["setupStep"], of_bot["personality"]) == ("connect", "patient")
    types = await events_of(gateway.store, bot)
    assert types == ["bot.created", "bot.trained", "bot.updated"]


async def test_a_step_that_is_not_the_next_one_is_not_finished_by_training(
    door: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = await door.post("/v1/bots/create", json={"name": "Ada", "draft": True})
    path = f"/v1/bots/default/{made.json()['bot']['id']}/training"

    answer = await door.put(path, json={**TRAINING, "done": True})

    assert (answer.status_code, answer.json()["field"]) == (422, "step")
    assert (await door.get(path)).json()["training"]["rules"] == []


@pytest.mark.parametrize(
    ("text", "rule", "answer"),
    [
        ("¿Cuanto cuesta?", 0, "10 euros."),
        ("HOLA!", 1, "¡Hola!"),
        ("hola, ¿qué precio?", 0, "10 euros."),
        ("adiós", None, "I will ask."),
    ],
)
async def test_an_answer_is_tried_without_whatsapp(
    door: httpx2.AsyncClient, path: str, text: str, rule: int | None, answer: str
) -> None:
    await door.put(path, json=TRAINING)

    tried = (await door.post(f"{path}/try", json={"text": text})).json()

    assert tried == {"success": True, "wouldAnswer": True, "answer": answer, "rule": rule}


async def test_a_bot_without_rules_stays_silent(door: httpx2.AsyncClient, path: str) -> None:
    tried = (await door.post(f"{path}/try", json={"text": "hola"})).json()

    assert tried == {"success": True, "wouldAnswer": False, "answer": None, "rule": None}


RULE = RULES[0]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rules": [RULE] * 101}, "rules"),
        ({"rules": [RULE, {**RULE, "words": []}]}, "rules.1.words"),
        ({"rules": [{**RULE, "words": ["x"] * 21}]}, "rules.0.words"),
        ({"rules": [{**RULE, "words": ["?!"]}]}, "rules.0.words"),
        ({"rules": [{**RULE, "words": ["x" * 201]}]}, "rules.0.words"),
        ({"rules": [{**RULE, "answer": " "}]}, "rules.0.answer"),
        ({"rules": [{**RULE, "answer": "x" * 4097}]}, "rules.0.answer"),
        ({"rules": [{**RULE, "match": "regex"}]}, "rules.0.match"),
        ({"fallback": "x" * 4097}, "fallback"),
        ({"personality": "x" * 4001}, "personality"),
        ({"instructions": "x" * 16_001}, "instructions"),
        ({"instructions": "nul\x00"}, "instructions"),
    ],
)
async def test_a_wrong_training_changes_nothing(
    door: httpx2.AsyncClient, path: str, wrong: dict[str, object], field: str
) -> None:
    await door.put(path, json=TRAINING)

    answer = await door.put(path, json={**TRAINING, **wrong})

    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_input")
    assert answer.json()["field"] == field
    assert (await door.get(path)).json()["training"] == TRAINING


async def test_the_largest_training_fits_and_a_larger_body_does_not(
    door: httpx2.AsyncClient, path: str
) -> None:
    rule = {"match": "contains", "words": ["字" * 200] * 20, "answer": "字" * 4096}
    largest = {**TRAINING, "rules": [rule] * 100}

    fits = await door.put(path, json=largest)
    too_large = await door.put(path, json={**largest, "more": "x" * 9 * 2**20})

    assert fits.status_code == 200
    assert (too_large.status_code, too_large.json()["error"]) == (413, "body_too_large")


async def test_a_strangers_bot_is_not_taught(door: httpx2.AsyncClient, gateway: Gateway) -> None:
    foreign = await new_bot(gateway, caller=STRANGER)
    path = f"/v1/bots/default/{foreign}/training"

    for answer in (
        await door.get(path),
        await door.put(path, json=TRAINING),
        await door.post(f"{path}/try", json={"text": "x"}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "bot_not_found")
