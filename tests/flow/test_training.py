"""What a bot was taught, it answers by itself: once, and not for ever."""

import asyncio
from typing import Any

from sololine.lines.inbox import ANSWERS_AT_MOST
from tests.flow.bot import Bot
from tests.flow.house import Server
from tests.flow.phone import Group, Phone

RULES = [
    {"match": "contains", "words": ["price", "cuánto cuesta"], "answer": "10 euros."},
    {"match": "equals", "words": ["hello"], "answer": "Hello! How can I help?"},
]


async def teach(bot: Bot, **words: Any) -> None:
    path = f"/v1/bots/default/{bot.id}/training"
    await bot.server.ask("PUT", path, words)


async def test_a_bot_answers_by_its_rules_on_whatsapp(
    talking: Server, number: str, ana: Phone
) -> None:
    bot = await Bot.linked(talking, number)
    await teach(bot, rules=RULES, fallback="A person will answer.", personality="Friendly.")
    tried = await talking.ask(
        "POST", f"/v1/bots/default/{bot.id}/training/try", {"text": "¿Cuanto  CUESTA?"}
    )
    assert (tried["wouldAnswer"], tried["answer"], tried["rule"]) == (True, "10 euros.", 0)
    for text, wanted in (
        ("What is the PRICE?", "10 euros."),
        ("hello", "Hello! How can I help?"),
        ("something else", "A person will answer."),
    ):
        sent = await ana.say(bot.number, text)
        asked = await bot.received(sent)
        letter = await ana.letter(lambda letter, wanted=wanted: letter["text"] == wanted)
        answer = (await bot.about("message.sent", letter["id"]))["message"]
        assert (answer["origin"], answer["answers"]) == ("rule", asked["id"])
    await teach(bot)
    await bot.received(await ana.say(bot.number, "hello"))
    await ana.letter_of(await bot.say(ana.number, "That was all"))
    assert len(await ana.inbox()) == 4


async def test_a_message_is_answered_once_however_often_it_comes(
    talking: Server, number: str, ana: Phone, ben: Phone
) -> None:
    """And neither what the own phone says nor what is said in a group is answered."""
    bot = await Bot.linked(talking, number)
    await teach(bot, rules=RULES)
    await talking.whatsapp.fault(kind="duplicate_delivery", number=bot.phone.digits, times=2)
    await ana.say(bot.number, "hello")
    await bot.received(await bot.phone.say(ana.number, "hello"))
    group = await Group.of(ana, ben, bot.phone)
    await bot.received(await ben.say(group.chat, "hello"))
    await bot.received(await ben.say(bot.number, "no rule for this"))
    await ana.letter_of(await bot.say(ana.number, "end"))
    answers = [letter["text"] for letter in await ana.inbox() if not letter["own"]]
    assert answers.count("Hello! How can I help?") == 1
    assert await ben.inbox() == []


async def test_two_bots_do_not_talk_for_ever(talking: Server, number: str) -> None:
    one = await Bot.linked(talking, number)
    other = await Bot.linked(talking, f"{number[:-1]}{(int(number[-1]) + 1) % 10}")
    for bot in (one, other):
        await teach(bot, fallback=f"I am {bot.id}. And you?")
    await one.say(other.number, "hello")

    async def silence() -> int:
        before = -1
        while before != (now := len(await one.messages()) + len(await other.messages())):
            before = now
            await asyncio.sleep(2)  # nothing tells that nobody says anything
        return now

    assert await asyncio.wait_for(silence(), 60) > 4
    for bot in (one, other):
        by_rule = [each for each in await bot.messages() if each["origin"] == "rule"]
        assert 0 < len(by_rule) <= ANSWERS_AT_MOST
