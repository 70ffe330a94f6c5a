"""Backups: what one holds, and when a bot may be restored from it.

Credentials that run in two places throw each other out, and what each sends then spoils the
other's keys. So a copy comes to life only when the original is known to be gone. Where it is in
this database, we see it, and refuse (`judge`). Where it may run on another server, nobody here can
see it: the bot is restored **held back**, linked and offline, until an operator says that the
original is stopped.

    backup ──judge──▶ refused
              │
              ▼
          held back ──an operator takes it over──▶ as any other bot
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sololine.core.bot import Bot
from sololine.core.claim import Claim
from sololine.core.coding import ClosedUnion
from sololine.core.ids import BotId, DeviceId, TenantId
from sololine.core.sentence import Sentence
from sololine.core.session import Device, End, EndReason, Intent, Session, Wish
from sololine.core.training import Training
from sololine.core.webhook import Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class BotCopy:
    """A bot as it was when it was backed up.

    Attributes:
        webhooks: those that are for this bot alone.
        intent_no: number of the last order that its session was given. The names of credentials
            are made from it, so a restored session counts on from there.
        connected_at: when messages last began to flow.
        device: whose credentials are beside this; None for a bot that was not linked.
        at_rest: whether nothing ran on the credentials while they were copied.
    """

    bot: Bot
    training: Training = field(repr=False)
    webhooks: tuple[Webhook, ...] = ()
    intent_no: int
    connected_at: datetime | None = None
    device: Device | None = None
    at_rest: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCopy:
    """An API key: its digest, which is of use with the deployment's secret only."""

    digest: str = field(repr=False)
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantCopy:
    """A tenant, its API keys, and the webhooks that are for all of its bots."""

    id: TenantId
    keys: tuple[KeyCopy, ...] = ()
    webhooks: tuple[Webhook, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A file that the data folder keeps: its name, and what it says."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup holds beside the credentials themselves.

    Attributes:
        tenants, secrets: of a backup of everything; a backup of one bot has none.
    """

    taken_at: datetime
    bots: tuple[BotCopy, ...]
    tenants: tuple[TenantCopy, ...] = ()
    secrets: tuple[Secret, ...] = ()


CONTENTS: Final = ClosedUnion("contents", Backup, lenient=True)
"""How a backup is written as JSON, and read by later versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """Credentials that came from a backup.

    Attributes:
        copied_at: when the backup was made.
        taken_over_at: when an operator said that the original is stopped; None while the bot is
            held back.
    """

    device: DeviceId
    bot: BotId
    tenant: TenantId
    copied_at: datetime
    restored_at: datetime
    taken_over_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands in the place to which a bot is to be restored.

    Attributes:
        bot, session: the bot of the same id.
        runs: whether a process has the lease of its line.
        restoration: of the same credentials, when they were restored before.
        retiring: whether the same credentials are being logged out.
        stored: whether there is a file of the same credentials.
        holder: the claim on the bot's number.
        holder_name: what people call the bot that makes it.
    """

    bot: Bot | None = None
    session: Session | None = None
    runs: bool = False
    restoration: Restoration | None = None
    retiring: bool = False
    stored: bool = False
    holder: Claim | None = None
    holder_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Go ahead: with the bot's own settings when it is `new`, with its number when it `links`."""

    new: bool
    links: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """All of it is here already; `held` when the bot is still held back."""

    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The bot must not be restored; `why` tells its operator, with the remedy."""

    why: Sentence


Verdict = Restore | Unchanged | Refused


def judge(copy: BotCopy, found: Found) -> Verdict:
    """Decide whether a bot may be restored where `found` was found.

    Operators see all tenants, so a refusal names the bot that is in the way.
    """
    if found.bot is not None and found.bot.tenant != copy.bot.tenant:
        return Refused(
            why=Sentence(
                "A bot with its id belongs to the tenant '{tenant}' here. "
                "Restore it into another database.",
                tenant=found.bot.tenant,
            )
        )
    new = found.bot is None
    if copy.device is None:
        return Restore(new=True, links=False) if new else Unchanged(held=False)
    if found.session is not None:
        verdict = _judge_session(copy.device, found.session, found)
        if verdict is not None:
            return verdict
    if found.retiring:
        return Refused(
            why=Sentence(
                "Its credentials were given up here and are being logged out of the phone. "
                "Link it anew: a QR is all it takes."
            )
        )
    holder = found.holder
    if holder is not None and holder.bot != copy.bot.id:
        return Refused(
            why=Sentence(
                "Its number {number} is claimed here by the bot '{name}' ({bot}) of the tenant "
                "'{tenant}'. Disconnect that bot first.",
                number=holder.number.masked,
                name=found.holder_name,
                bot=holder.bot,
                tenant=holder.tenant,
            )
        )
    return Restore(new=new, links=True)


def _judge_session(device: Device, session: Session, found: Found) -> Verdict | None:
    """What a bot that is here already has to say; None when nothing speaks against its restore."""
    held = session.device
    same = held is not None and held.id == device.id
    if same and found.restoration is not None and found.stored:
        return Unchanged(held=found.restoration.taken_over_at is None)
    if found.runs:
        return Refused(
            why=Sentence(
                "Its line runs here: this is the original, and it is alive. "
                "There is nothing to restore."
            )
        )
    if held is not None and not same:
        return Refused(
            why=Sentence(
                "It is linked with {number} here, by newer credentials than these. "
                "To go back to the old ones, disconnect it first.",
                number=held.number.masked,
            )
        )
    if held is not None and found.stored:
        return Refused(
            why=Sentence(
                "It still holds its number {number} here: this is the original. "
                "There is nothing to restore; connect it.",
                number=held.number.masked,
            )
        )
    if held is None and not session.idle:
        return Refused(why=Sentence("It is being connected here. Disconnect it first."))
    return None


def restored(session: Session, copy: BotCopy, now: datetime) -> Session:
    """The session with the credentials of the copy: offline, and with no order to obey."""
    no = max(session.intent.no, copy.intent_no)
    return Session(
        bot=session.bot,
        tenant=session.tenant,
        intent=Intent(no=no, wish=Wish.OFFLINE),
        obeyed=no,
        end=End(reason=EndReason.ASKED, at=now),
        device=copy.device,
        since=now,
        connected_at=session.connected_at or copy.connected_at,
    )
