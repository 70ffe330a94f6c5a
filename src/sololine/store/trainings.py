"""Trainings: what bots were taught; a bot without a row was taught nothing yet.

The personality stands with the bot, whose row is older than trainings.
"""

import json
from typing import Final

from sqlalchemy import bindparam, delete, select, text, update

from sololine.core.coding import ClosedUnion
from sololine.core.ids import BotId
from sololine.core.training import Rule, Training
from sololine.store.columns import json_list
from sololine.store.connection import Connection
from sololine.store.tables import bots, trainings

RULES: Final = ClosedUnion("type", Rule, lenient=True)

_GET: Final = (
    select(bots.c.personality, trainings.c.instructions, trainings.c.rules, trainings.c.fallback)
    .join_from(bots, trainings, trainings.c.bot_id == bots.c.id, isouter=True)
    .where(bots.c.id == bindparam("bot"))
)
_PERSONALITY: Final = update(bots).where(bots.c.id == bindparam("bot"))
_PUT: Final = text(
    "INSERT INTO trainings (bot_id, instructions, rules, fallback)"
    " VALUES (:bot_id, :instructions, :rules, :fallback)"
    " ON CONFLICT (bot_id) DO UPDATE SET instructions = excluded.instructions,"
    " rules = excluded.rules, fallback = excluded.fallback"
)
_DROP: Final = delete(trainings).where(trainings.c.bot_id == bindparam("bot"))


class Trainings:
    """The trainings, as a transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, bot: BotId) -> Training:
        """What the bot was taught; an empty training when it was taught nothing, or is gone."""
        row = await self._connection.row(_GET, {"bot": bot})
        if row is None:
            return Training()
        if row["rules"] is None:
            return Training(personality=row["personality"])
        return Training(
            personality=row["personality"],
            instructions=row["instructions"],
            rules=tuple(RULES.from_json(rule) for rule in json.loads(row["rules"])),
            fallback=row["fallback"],
        )

    async def put(self, bot: BotId, training: Training) -> None:
        """Teach a bot, whose session this transaction has locked: nothing of before is left."""
        self._connection.needs_lock(bot)
        await self._connection.change(
            _PERSONALITY, {"bot": bot, "personality": training.personality}
        )
        values = {
            "bot_id": bot,
            "instructions": training.instructions,
            "rules": json_list(RULES.to_json(rule) for rule in training.rules),
            "fallback": training.fallback,
        }
        await self._connection.change(_PUT, values)


async def drop(connection: Connection, bot: BotId) -> None:
    """Delete the training of a bot that is being deleted."""
    await connection.change(_DROP, {"bot": bot})
