"""The bot: what a user creates, and how far its setup has come."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from sololine.core.ids import BotId, TenantId, UserId


class Setup(StrEnum):
    """The steps of setting a bot up, in their order; each is stored, resumed and never skipped."""

    DETAILS = "details"
    TRAINING = "training"
    CONNECT = "connect"
    COMPLETE = "complete"


class BotStatus(StrEnum):
    """A bot as the outside sees it: `creating → training → connecting → active ⇄ inactive`."""

    CREATING = "creating"
    TRAINING = "training"
    CONNECTING = "connecting"
    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A bot and its owner. `setup` names the step that is to be done next."""

    id: BotId
    tenant: TenantId
    owner: UserId
    name: str
    description: str = ""
    personality: str = ""
    setup: Setup = Setup.TRAINING
    created_at: datetime

    def status(self, *, connected: bool) -> BotStatus:
        """The bot's status; only a bot whose setup is complete is active or inactive."""
        match self.setup:
            case Setup.DETAILS:
                return BotStatus.CREATING
            case Setup.TRAINING:
                return BotStatus.TRAINING
            case Setup.CONNECT:
                return BotStatus.CONNECTING
            case Setup.COMPLETE:
                return BotStatus.ACTIVE if connected else BotStatus.INACTIVE
            case _ as never:  # pragma: no cover — the type checker proves it
                assert_never(never)


def after_step(setup: Setup, done: Setup) -> Setup:
    """The step that follows when `done` is finished; finishing an earlier step changes nothing."""
    steps = list(Setup)
    return steps[min(steps.index(setup) + 1, len(steps) - 1)] if done is setup else setup
