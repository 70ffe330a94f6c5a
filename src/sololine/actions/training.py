"""Teaching bots: what they know of themselves, and the rules by which they answer."""

from dataclasses import replace
from typing import Final

from sololine.actions.bots import TEXT_MAX as BOT_TEXT_MAX
from sololine.actions.bots import after_finishing, owned
from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS, Notice
from sololine.core.access import Caller
from sololine.core.bot import Setup
from sololine.core.errors import InvalidInput
from sololine.core.events import Event, EventType
from sololine.core.ids import UserId
from sololine.core.sentence import Sentence
from sololine.core.training import (
    RULES_MAX,
    TEXT_MAX,
    WORDS_MAX,
    Answer,
    Rule,
    Training,
    answer,
    plain,
)
from sololine.store.transaction import Transaction

INSTRUCTIONS_MAX: Final = 16_000
WORD_MAX: Final = 200


async def of(gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None) -> Training:
    """What the bot was taught."""
    async with gateway.store.read() as tx:
        has = await owned(tx, caller, bot, user)
        return await tx.trainings.get(has.bot.id)


async def teach(
    gateway: Gateway,
    caller: Caller,
    bot: str,
    training: Training,
    *,
    user: UserId | None,
    done: bool = False,
) -> Training:
    """Put a training in the place of the one that the bot had.

    With `done` the setup step `training` is finished with it.

    Raises:
        InvalidInput: something in it is too long, empty or too much.
    """
    training = _checked(training)

    async def work(tx: Transaction) -> None:
        had = await owned(tx, caller, bot, user, lock=True)
        happened = []
        if await tx.trainings.get(had.bot.id) != training:
            await tx.trainings.put(had.bot.id, training)
            happened.append(Event(type=EventType.BOT_TRAINED))
        if done:
            has = after_finishing(had, Setup.TRAINING)
            if has.bot.setup is not had.bot.setup:
                await tx.bots.update(replace(has.bot, personality=training.personality))
                happened.append(Event(type=EventType.BOT_UPDATED))
        await tx.events.append(had.bot.tenant, had.bot.id, *happened)

    await gateway.store.run(work)
    await gateway.bus.publish(Notice(topic=EVENTS, key=caller.tenant))
    return training


async def tried(
    gateway: Gateway, caller: Caller, bot: str, text: str, *, user: UserId | None
) -> Answer | None:
    """What the bot would answer to a text, without WhatsApp; None for nothing."""
    return answer(await of(gateway, caller, bot, user=user), text)


def _checked(training: Training) -> Training:
    """The training without space around its texts.

    Raises:
        InvalidInput: with the field that is wrong; rules are counted from 0.
    """
    if len(training.rules) > RULES_MAX:
        raise InvalidInput(
            Sentence(
                "There are {count} {field}; at most {most} are possible.",
                count=len(training.rules),
                field="rules",
                most=RULES_MAX,
            ),
            field="rules",
        )
    return Training(
        personality=_text(training.personality, "personality", BOT_TEXT_MAX),
        instructions=_text(training.instructions, "instructions", INSTRUCTIONS_MAX),
        rules=tuple(_rule(rule, f"rules.{place}") for place, rule in enumerate(training.rules)),
        fallback=_text(training.fallback, "fallback", TEXT_MAX),
    )


def _rule(rule: Rule, field: str) -> Rule:
    words = tuple(_text(word, f"{field}.words", WORD_MAX) for word in rule.words)
    if not 1 <= len(words) <= WORDS_MAX:
        raise InvalidInput(
            Sentence(
                "A rule has 1 to {most} words or phrases, not {count}.",
                most=WORDS_MAX,
                count=len(words),
            ),
            field=f"{field}.words",
        )
    if not all(plain(word) for word in words):
        raise InvalidInput(
            Sentence(
                "A word of the rule has neither letters nor digits, so nothing could match it."
            ),
            field=f"{field}.words",
        )
    text = _text(rule.answer, f"{field}.answer", TEXT_MAX)
    if not text:
        raise InvalidInput(
            Sentence("A rule needs an answer. Write what the bot says then."),
            field=f"{field}.answer",
        )
    return replace(rule, words=words, answer=text)


def _text(text: str, field: str, longest: int) -> str:
    text = text.strip()
    if len(text) > longest:
        raise InvalidInput(
            Sentence(
                "The field {field} has {count} characters; at most {longest} are possible.",
                field=field,
                count=len(text),
                longest=longest,
            ),
            field=field,
        )
    return text
