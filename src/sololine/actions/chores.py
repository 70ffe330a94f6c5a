"""Asking a bot's line to do something now, and waiting for its answer.

    action ── chore row ──▶ line ── WhatsApp
       ▲                      │
       └── notice, row ◀──────┘

A chore lives as long as somebody waits for it: nothing is done for a caller who has left.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, assert_never

from sololine import new_ids
from sololine.actions.bots import BotWithSession
from sololine.actions.gateway import Gateway
from sololine.bus import CHORES, SESSIONS, Notice
from sololine.core.chore import LASTS, Chore, ChoreFailure, ChoreState, Task
from sololine.core.errors import (
    AccountUnnamed,
    MessageNotFound,
    NoAnswer,
    NotConnected,
    NotLinked,
    RefusedByWhatsApp,
    SololineError,
)
from sololine.core.session import Session, State
from sololine.store.transaction import Transaction

QUICKLY_S: Final = 15.0
"""Patience for what WhatsApp answers at once, or never."""


def refuse_unlinked(session: Session) -> None:
    """Raise `NotLinked` when the bot has no number."""
    if session.device is None:
        raise NotLinked


def refuse_unconnected(session: Session) -> None:
    """Raise when WhatsApp cannot be asked now: `NotLinked`, or `NotConnected`."""
    refuse_unlinked(session)
    if session.state is not State.CONNECTED:
        raise NotConnected


async def ask(
    gateway: Gateway,
    asker: BotWithSession,
    task: Task,
    *,
    patience_s: float = QUICKLY_S,
    missing: Callable[[], SololineError] = MessageNotFound,
) -> Mapping[str, Any]:
    """Have the bot's line do a task; returns the answer, whose form `core.chore` tells.

    Args:
        gateway: where the line is reached.
        asker: the bot, which the caller may use.
        task: what to do.
        patience_s: how long to wait for it.
        missing: makes the error for when WhatsApp does not know who or what is asked about.

    Raises:
        NotLinked, NotConnected: there is nobody to ask.
        NoAnswer: it was not done in time, or not for certain.
        RefusedByWhatsApp: WhatsApp does not allow it.
        AccountUnnamed: WhatsApp wants the bot's account to have a name for it.
    """
    refuse_unconnected(asker.session)
    bot = asker.bot
    chore_id = new_ids.chore()
    lasts = min(LASTS, timedelta(seconds=patience_s))

    async def write(tx: Transaction) -> None:
        await tx.chores.add(
            Chore(id=chore_id, tenant=bot.tenant, bot=bot.id, task=task, expires_at=tx.now + lasts)
        )

    await gateway.store.run(write)
    await gateway.bus.publish(Notice(topic=SESSIONS, key=bot.id))

    async def finished() -> Chore | None:
        async with gateway.store.read() as tx:
            chore = await tx.chores.get(bot.id, chore_id)
        settled = chore is None or chore.state in (ChoreState.DONE, ChoreState.FAILED)
        return chore if settled else None

    done = await gateway.wait_for(finished, patience_s, topic=CHORES)
    await gateway.store.run(lambda tx: tx.chores.drop(chore_id))
    if done is None:
        raise NoAnswer
    match done.failure:
        case None:
            return done.answer
        case ChoreFailure.NOT_CONNECTED:
            raise NoAnswer
        case ChoreFailure.NOT_FOUND:
            raise missing()
        case ChoreFailure.REFUSED:
            raise RefusedByWhatsApp
        case ChoreFailure.NO_NAME:
            raise AccountUnnamed
        case _ as never:  # pragma: no cover — the type checker proves it
            assert_never(never)
