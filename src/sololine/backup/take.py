"""Taking a backup: of one bot, or of everything."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from sololine.actions import sessions
from sololine.actions.gateway import Gateway
from sololine.backup import archive
from sololine.backup.data_folder import secrets_of
from sololine.core.access import Caller
from sololine.core.backup import Backup, BotCopy, TenantCopy
from sololine.core.bot import Bot
from sololine.core.errors import BotNotFound
from sololine.core.events import Event, EventType
from sololine.core.ids import BotId, TenantId
from sololine.core.sentence import Sentence
from sololine.engine.credentials import LOCK_PATIENCE, Credentials
from sololine.store.store import Store
from sololine.store.transaction import Transaction

STOPPED_WITHIN: Final = timedelta(seconds=60)
"""How long a line may take to end: the lease of a process that was killed lasts half of it."""
_PAGE: Final = 200


class StillRunning(Exception):
    """A bot was asked to go offline, and its line has not ended."""

    def __init__(self, bot: Bot) -> None:
        super().__init__(
            Sentence(
                "The bot '{name}' ({bot}) was asked to go offline, and its line still runs. "
                "Look at the log of the service, and try again.",
                name=bot.name,
                bot=bot.id,
            )
        )


class CredentialsLost(Exception):
    """A linked bot has no credentials in this data folder."""

    def __init__(self, bot: Bot) -> None:
        super().__init__(
            Sentence(
                "The bot '{name}' ({bot}) is linked, but its credentials are not in this data "
                "folder. If it was unlinked just now, try again; "
                "else let SOLOLINE_DATA_DIR name the folder that they are in.",
                name=bot.name,
                bot=bot.id,
            )
        )


async def bots_to_copy(store: Store, bot: str | None) -> list[Bot]:
    """The bot with this id, or all bots of all tenants. Raises `BotNotFound`."""
    async with store.read() as tx:
        if bot is not None:
            found = await tx.bots.get(BotId(bot))
            if found is None:
                raise BotNotFound(bot)
            return [found]
        return [each for tenant in await tx.tenants.all() for each in await _bots(tx, tenant)]


async def stop(gateway: Gateway, bots: Sequence[Bot]) -> None:
    """Set bots offline, as their owners could, and wait until no line of theirs runs.

    They stay offline: what is copied then is the newest that there is.

    Raises:
        StillRunning: a line did not end in time.
    """
    await asyncio.gather(*(_stop(gateway, bot) for bot in bots))


async def take(
    store: Store,
    data_dir: Path,
    bots: Sequence[Bot],
    path: Path,
    passphrase: str,
    *,
    everything: bool = False,
    stopped: bool = False,
) -> Backup:
    """Write a backup of `bots`.

    Args:
        store: where they are.
        data_dir: where their credentials are.
        bots: which.
        path: of the file.
        passphrase: opens it.
        everything: put in what a deployment needs beside its bots.
        stopped: they were stopped before, so nothing may run on their credentials.

    Raises:
        CredentialsLost: a linked bot has none.
        StillRunning: something runs on credentials though their bot was stopped.
        UnreadableCredentials: those of a bot are no database.
    """
    credentials = Credentials(data_dir)
    async with store.read() as tx:
        backup = Backup(
            taken_at=tx.now,
            bots=tuple([await _copy(tx, bot.id) for bot in bots]),
        )
        if everything:
            tenants = [await _tenant(tx, each) for each in await tx.tenants.all()]
            backup = replace(backup, tenants=tuple(tenants), secrets=secrets_of(data_dir))
    # A worker that is told to end does so within seconds.
    patience = LOCK_PATIENCE if stopped else timedelta()
    with archive.written(path, passphrase) as file:
        copies = []
        for copy in backup.bots:
            copies.append(copy)
            if copy.device is not None:
                copied = credentials.copy(copy.device.id, patience)
                if copied is None:
                    raise CredentialsLost(copy.bot)
                if stopped and not copied.at_rest:
                    raise StillRunning(copy.bot)
                file.add(copy.device.id, copied)
                copies[-1] = replace(copy, at_rest=copied.at_rest)
        backup = replace(backup, bots=tuple(copies))
        file.finish(backup)
        # Before the file has its name: nobody has a copy of credentials that no event tells of.
        await store.run(lambda tx: _log(tx, backup))
    return backup


async def _bots(tx: Transaction, tenant: TenantId) -> list[Bot]:
    found: list[Bot] = []
    while page := await tx.bots.of_tenant(tenant, found[-1].id if found else None, _PAGE):
        found += [bot for bot, _ in page]
    return found


async def _copy(tx: Transaction, bot_id: BotId) -> BotCopy:
    bot, session = await tx.bots.get(bot_id), await tx.sessions.get(bot_id)
    if bot is None or session is None:
        raise BotNotFound(bot_id)
    return BotCopy(
        bot=bot,
        training=await tx.trainings.get(bot_id),
        webhooks=tuple(
            each for each in await tx.webhooks.of_tenant(bot.tenant) if each.bot == bot_id
        ),
        intent_no=session.intent.no,
        connected_at=session.connected_at,
        device=session.device,
    )


async def _tenant(tx: Transaction, tenant: TenantId) -> TenantCopy:
    return TenantCopy(
        id=tenant,
        keys=await tx.keys.copies(tenant),
        webhooks=tuple(each for each in await tx.webhooks.of_tenant(tenant) if each.bot is None),
    )


async def _log(tx: Transaction, backup: Backup) -> None:
    for copy in backup.bots:
        told = {"withCredentials": copy.device is not None, "atRest": copy.at_rest}
        event = Event(type=EventType.BOT_BACKED_UP, data=told)
        await tx.events.append(copy.bot.tenant, copy.bot.id, event)


async def _stop(gateway: Gateway, bot: Bot) -> None:
    caller = Caller(tenant=bot.tenant)
    await sessions.disconnect(gateway, caller, bot.id, user=None, unlink=False)

    async def gone() -> bool | None:
        # Whether the order was taken up does not matter: a line that begins now goes offline first.
        async with gateway.store.read() as tx:
            lease = await tx.leases.of(bot.id)
            return True if lease is None or lease.expires_at <= tx.now else None

    if await gateway.wait_for(gone, STOPPED_WITHIN.total_seconds()) is None:
        raise StillRunning(bot)
