"""Restoring: bots from a backup come to where they were, or to another deployment.

The credentials are placed before the rows point at them. A crash in between leaves a file that no
row knows, which does no harm, and never a row without its file: that would be taken for a bot whose
phone has removed it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sololine.backup.archive import ArchiveReader
from sololine.core.backup import (
    Backup,
    BotCopy,
    Found,
    Refused,
    Restoration,
    Restore,
    Unchanged,
    Verdict,
    judge,
    restored,
)
from sololine.core.bot import Bot
from sololine.core.events import Event, EventType
from sololine.core.ids import BotId
from sololine.core.sentence import Sentence
from sololine.core.webhook import Webhook
from sololine.engine.credentials import Copied, Credentials
from sololine.engine.errors import DeviceBusy
from sololine.store.store import Store
from sololine.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a bot.

    Attributes:
        verdict: what was done, or would be done in a dry run.
        held: whether the bot is held back now.
    """

    bot: Bot
    verdict: Verdict
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """How bots are restored.

    Attributes:
        take_over: an operator says that the originals are stopped.
        dry_run: only look, and change nothing.
    """

    store: Store
    credentials: Credentials
    take_over: bool = False
    dry_run: bool = False


async def restore_bots(
    restoring: Restoring, archive: ArchiveReader, only: BotId | None = None
) -> list[Outcome]:
    """Restore all bots of a backup, or one; each of them as a whole, or not at all.

    Doing it again changes nothing more, so what was refused can be tried again.
    """
    backup = archive.contents
    chosen = [copy for copy in backup.bots if only in (None, copy.bot.id)]
    outcomes = [
        await _restore(restoring, copy, None, backup.taken_at)
        for copy in chosen
        if copy.device is None
    ]
    for copy, copied in _with_credentials(archive, chosen):
        outcomes.append(await _restore(restoring, copy, copied, backup.taken_at))
    return outcomes


async def restore_tenants(store: Store, backup: Backup, *, keys: bool) -> None:
    """Bring back the tenants of a backup, their webhooks, and with `keys` their API keys.

    What is here already stays as it is.
    """

    async def work(tx: Transaction) -> None:
        for tenant in backup.tenants:
            await tx.tenants.ensure(tenant.id)
            for key in tenant.keys if keys else ():
                await tx.keys.put_back(tenant.id, key)
            for webhook in tenant.webhooks:
                await _add_webhook(tx, webhook)

    await store.run(work)


def _with_credentials(
    archive: ArchiveReader, chosen: list[BotCopy]
) -> Iterator[tuple[BotCopy, Copied]]:
    by_device = {copy.device.id: copy for copy in chosen if copy.device is not None}
    for device, database, unsettled in archive.credentials():
        if (copy := by_device.get(device)) is not None:
            yield copy, Copied(database=database, unsettled=unsettled, at_rest=copy.at_rest)


async def _restore(
    restoring: Restoring, copy: BotCopy, copied: Copied | None, taken_at: datetime
) -> Outcome:
    """Restore a bot, with its credentials if it has any."""
    store, credentials, device = restoring.store, restoring.credentials, copy.device
    stored = False

    async def look() -> Verdict:
        nonlocal stored
        stored = device is not None and credentials.exists(device.id)
        async with store.read() as tx:
            return judge(copy, await _found(tx, copy, stored=stored, lock=False))

    async def work(tx: Transaction) -> Verdict:
        found = await _found(tx, copy, stored=stored, lock=True)
        verdict = judge(copy, found)
        match verdict:
            case Restore():
                await _write(tx, copy, found, verdict, taken_at, take_over=restoring.take_over)
            case Unchanged(held=True) if restoring.take_over and device is not None:
                await tx.restorations.take_over(device.id)
                event = Event(type=EventType.BOT_TAKEN_OVER)
                await tx.events.append(copy.bot.tenant, copy.bot.id, event)
        return verdict

    verdict = await look()
    if restoring.dry_run or isinstance(verdict, Refused):
        return _outcome(restoring, copy, verdict)
    if copied is None or device is None or not isinstance(verdict, Restore):
        return _outcome(restoring, copy, await store.run(work))
    try:
        with credentials.hold(device.id, timedelta()):
            # Again, as somebody may have restored it meanwhile; from here on nobody can.
            verdict = await look()
            if isinstance(verdict, Restore):
                credentials.place(device.id, copied)
                # When the store does not answer, it may have been done all the same: then the rows
                # need the file, and else it is one that no row knows.
                verdict = await store.run(work)
                if not isinstance(verdict, Restore):
                    credentials.erase(device.id)
    except DeviceBusy:
        verdict = Refused(why=Sentence("A process works with its credentials here. Stop it first."))
    return _outcome(restoring, copy, verdict)


async def _found(tx: Transaction, copy: BotCopy, *, stored: bool, lock: bool) -> Found:
    bot_id, device = copy.bot.id, copy.device
    session = await (tx.sessions.lock if lock else tx.sessions.get)(bot_id)
    bot = await tx.bots.get(bot_id)
    if device is None:
        return Found(bot=bot, session=session)
    lease = await tx.leases.of(bot_id)
    holder = await tx.claims.holder(device.number)
    named = await tx.bots.get(holder.bot) if holder is not None else None
    return Found(
        bot=bot,
        session=session,
        runs=lease is not None and lease.expires_at > tx.now,
        restoration=await tx.restorations.of(device.id),
        retiring=await tx.retired.of(device.id) is not None,
        stored=stored,
        holder=holder,
        holder_name=named.name if named is not None else "",
    )


async def _write(
    tx: Transaction,
    copy: BotCopy,
    found: Found,
    verdict: Restore,
    taken_at: datetime,
    *,
    take_over: bool,
) -> None:
    """Write all rows of a bot that is restored."""
    bot, device = copy.bot, copy.device
    if verdict.new:
        await tx.tenants.ensure(bot.tenant)
    session = found.session or await tx.bots.add(bot)
    if device is not None:
        await tx.sessions.restore(session, restored(session, copy, tx.now))
        restoration = Restoration(
            device=device.id,
            bot=bot.id,
            tenant=bot.tenant,
            copied_at=taken_at,
            restored_at=tx.now,
            taken_over_at=tx.now if take_over else None,
        )
        await tx.restorations.put(restoration)
    if verdict.new:
        await tx.trainings.put(bot.id, copy.training)
    held = device is not None and not take_over
    event = Event(type=EventType.BOT_RESTORED, data={"heldBack": held})
    await tx.events.append(bot.tenant, bot.id, event)
    for webhook in copy.webhooks if verdict.new else ():
        await _add_webhook(tx, webhook)


async def _add_webhook(tx: Transaction, webhook: Webhook) -> None:
    if await tx.webhooks.get(webhook.tenant, webhook.id) is None:
        await tx.webhooks.add(webhook)


def _outcome(restoring: Restoring, copy: BotCopy, verdict: Verdict) -> Outcome:
    match verdict:
        case Restore(links=links):
            held = links
        case Unchanged(held=held):
            pass
        case Refused():
            held = False
    return Outcome(bot=copy.bot, verdict=verdict, held=held and not restoring.take_over)
