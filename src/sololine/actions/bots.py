"""What users do with bots, apart from connecting them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog

from sololine import new_ids
from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS, Notice
from sololine.core.access import Caller, may_use
from sololine.core.bot import Bot, Setup, after_step
from sololine.core.errors import InvalidInput, StillLinked
from sololine.core.events import Event, EventType
from sololine.core.ids import BotId, MediaId, UserId
from sololine.core.sentence import Sentence
from sololine.core.session import Session
from sololine.media_files import MediaFiles
from sololine.store.transaction import Transaction

log = structlog.get_logger()

NAME_MAX: Final = 100
TEXT_MAX: Final = 4000
PAGE_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BotWithSession:
    """A bot as a list shows it; `now` is the database's time when it was read."""

    bot: Bot
    session: Session
    now: datetime


async def owned(
    tx: Transaction, caller: Caller, bot: str, user: UserId | None, *, lock: bool = False
) -> BotWithSession:
    """Return a bot that the caller may use; with `lock`, its session's row is locked first.

    Raises:
        BotNotFound, UserMismatch, NotAllowed: the caller may not.
    """
    session = await (tx.sessions.lock if lock else tx.sessions.get)(BotId(bot))
    found = may_use(caller, await tx.bots.get(BotId(bot)), bot, user)
    assert session is not None  # noqa: S101 — a bot and its session are made in one transaction
    return BotWithSession(bot=found, session=session, now=tx.now)


async def create(
    gateway: Gateway,
    caller: Caller,
    *,
    user: UserId | None,
    name: str,
    description: str = "",
    personality: str = "",
    draft: bool = False,
) -> BotWithSession:
    """Create a bot; it has no connection, whatever else its owner has connected.

    `draft` keeps the first setup step open, for a wizard that saves while its user types.
    """
    owner = caller.acting_for(user)
    name = _checked(name, "name", NAME_MAX)
    if not name:
        raise InvalidInput(
            Sentence("A bot needs a name. Send one in the field name."), field="name"
        )
    bot_id = new_ids.bot()

    async def work(tx: Transaction) -> BotWithSession:
        bot = Bot(
            id=bot_id,
            tenant=caller.tenant,
            owner=owner,
            name=name,
            description=_checked(description, "description", TEXT_MAX),
            personality=_checked(personality, "personality", TEXT_MAX),
            setup=Setup.DETAILS if draft else Setup.TRAINING,
            created_at=tx.now,
        )
        session = await tx.bots.add(bot)
        await tx.events.append(caller.tenant, bot.id, Event(type=EventType.BOT_CREATED))
        return BotWithSession(bot=bot, session=session, now=tx.now)

    made = await gateway.store.run(work)
    await gateway.bus.publish(Notice(topic=EVENTS, key=caller.tenant))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of bots; `next_after` leads to the next one and is None on the last."""

    bots: list[BotWithSession]
    next_after: str | None


async def of_user(
    gateway: Gateway,
    caller: Caller,
    user: UserId | None,
    *,
    after: str | None = None,
    limit: int = PAGE_MAX,
) -> Page:
    """List a user's bots, incomplete ones included, oldest first.

    Args:
        gateway: where to look.
        caller: who asks.
        user: whose bots.
        after: `next_after` of the page before.
        limit: bots a page, `PAGE_MAX` at most.
    """
    owner = caller.acting_for(user)
    async with gateway.store.read() as tx:
        rows = await tx.bots.of_user(caller.tenant, owner, BotId(after) if after else None, limit)
    return Page(
        bots=[BotWithSession(bot=bot, session=session, now=tx.now) for bot, session in rows],
        next_after=rows[-1][0].id if len(rows) == limit else None,
    )


async def update(
    gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None, changes: Mapping[str, str]
) -> BotWithSession:
    """Change a bot's name, description or personality."""
    checked: dict[str, Any] = {
        field: _checked(text, field, NAME_MAX if field == "name" else TEXT_MAX)
        for field, text in changes.items()
    }
    if checked.get("name") == "":
        raise InvalidInput(
            Sentence("A bot needs a name. Send one in the field name."), field="name"
        )

    async def work(tx: Transaction) -> BotWithSession:
        had = await owned(tx, caller, bot, user, lock=True)
        has = replace(had, bot=replace(had.bot, **checked))
        if has.bot != had.bot:
            await tx.bots.update(has.bot)
            await tx.events.append(caller.tenant, had.bot.id, Event(type=EventType.BOT_UPDATED))
        return has

    changed = await gateway.store.run(work)
    await gateway.bus.publish(Notice(topic=EVENTS, key=caller.tenant))
    return changed


async def finish_step(
    gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None, step: Setup
) -> BotWithSession:
    """Mark a setup step as done. Only the bot's next step can be: none is skipped.

    Raises:
        InvalidInput: an earlier step is still open, or the step is not one a person finishes.
    """

    async def work(tx: Transaction) -> BotWithSession:
        had = await owned(tx, caller, bot, user, lock=True)
        has = after_finishing(had, step)
        if has.bot != had.bot:
            await tx.bots.update(has.bot)
            await tx.events.append(caller.tenant, had.bot.id, Event(type=EventType.BOT_UPDATED))
        return has

    changed = await gateway.store.run(work)
    await gateway.bus.publish(Notice(topic=EVENTS, key=caller.tenant))
    return changed


def after_finishing(had: BotWithSession, step: Setup) -> BotWithSession:
    """The bot once a setup step is done; the same one when it was done before.

    Raises:
        As `finish_step`.
    """
    steps = list(Setup)
    if step in (Setup.CONNECT, Setup.COMPLETE):
        raise InvalidInput(
            Sentence("The step connect is done when a phone has scanned the QR. Connect the bot."),
            field="step",
        )
    if steps.index(step) > steps.index(had.bot.setup):
        raise InvalidInput(
            Sentence(
                "The step {first} comes first. Finish it, then {step}.",
                first=had.bot.setup.value,
                step=step.value,
            ),
            field="step",
        )
    setup = after_step(had.bot.setup, step)
    if setup is Setup.CONNECT and had.session.connected_at is not None:
        setup = Setup.COMPLETE
    return replace(had, bot=replace(had.bot, setup=setup))


async def delete(gateway: Gateway, caller: Caller, bot: str, *, user: UserId | None) -> None:
    """Delete a bot that is neither linked nor linking, and its files.

    Raises:
        StillLinked: it has a number or an open window; disconnect it first.
    """

    async def work(tx: Transaction) -> list[MediaId]:
        had = await owned(tx, caller, bot, user, lock=True)
        if not had.session.idle or had.session.devices:
            raise StillLinked
        files = await tx.media.stored(had.bot.id)
        await tx.bots.delete(had.bot.id)
        await tx.events.append(caller.tenant, had.bot.id, Event(type=EventType.BOT_DELETED))
        return files

    files = await gateway.store.run(work)
    await gateway.bus.publish(Notice(topic=EVENTS, key=caller.tenant))
    if gateway.media is not None:
        await asyncio.to_thread(_delete_files, gateway.media, files)


def _delete_files(folder: MediaFiles, files: Sequence[MediaId]) -> None:
    for file in files:
        try:
            folder.delete(file)
        except OSError:
            # The bot is gone all the same, and with it every way to the file.
            log.warning("file not deleted", media=file)


def _checked(text: str, field: str, longest: int) -> str:
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
    if "\x00" in text:
        raise InvalidInput(
            Sentence("The field {field} holds a NUL character. Remove it.", field=field),
            field=field,
        )
    return text
