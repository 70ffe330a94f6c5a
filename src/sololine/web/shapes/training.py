"""Training as JSON."""

from typing import Literal

from pydantic import Field

from sololine.core.training import Match
from sololine.web.shapes.base import Shape, Text


class RuleShape(Shape):
    """Answer when one of the words matches."""

    match: Match = Match.CONTAINS
    words: list[Text] = Field(examples=[["price", "how much"]])
    answer: Text = Field(examples=["It costs 10 euros."])


class TrainingShape(Shape):
    """What a bot knows of itself, and how it answers by itself."""

    personality: Text = ""
    instructions: Text = ""
    rules: list[RuleShape] = Field(default=[], description="Tried in their order.")
    fallback: Text = Field(default="", description="The answer when no rule matches.")


class NewTraining(TrainingShape):
    """The training to put in the place of the one that is there."""

    done: bool = Field(default=False, description="Finish the setup step `training`, too.")


class OneTraining(Shape):
    """A bot's training."""

    success: Literal[True] = True
    training: TrainingShape


class TextToTry(Shape):
    """What somebody might write to the bot."""

    text: Text = Field(examples=["How much is it?"])


class Tried(Shape):
    """What the bot would answer; nothing was sent."""

    success: Literal[True] = True
    would_answer: bool
    answer: str | None
    rule: int | None = Field(description="Place of the rule, from 0; null for the fallback.")
