"""Taking over what another system says of its bots: it is listed, and gives no right to a number.

    file ── core.listing_file ──▶ entries ──examine──▶ what would change, what would clash
                                     └─────carry out──▶ the same, in one transaction

A bot is found again by its user and its name, so the same file adds nothing a second time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sololine import new_ids
from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS, Notice
from sololine.core.bot import Bot, Setup
from sololine.core.conflict import Basis, Conflict, Party, conflicts_of
from sololine.core.events import Event, EventType
from sololine.core.ids import BotId, TenantId
from sololine.core.listing import Listing
from sololine.core.listing_file import Entry
from sololine.core.number import Number
from sololine.core.session import Session
from sololine.store.errors import Raced
from sololine.store.transaction import Transaction

NAMESAKES_MAX: Final = 50
"""Bots of one name that one user may have, for an entry to find the one that it is about."""


class Fate(StrEnum):
    """What becomes of an entry."""

    NEW = "new"
    """There is no such bot: it is made."""
    CHANGED = "changed"
    """The bot is there, and the file says something new of it."""
    SAME = "same"
    """All of it is known already."""
    OTHER_NUMBER = "other_number"
    """The bot is linked with another number here, which the file knows nothing of: left out."""
    AMBIGUOUS = "ambiguous"
    """The user has several bots of this name, and it is not told which: left out."""


_TAKE_PART: Final = (Fate.NEW, Fate.CHANGED, Fate.SAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An entry and what becomes of it; `bot` is the one it is about, if that is known."""

    entry: Entry
    fate: Fate
    bot: BotId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an import would do, or did.

    Attributes:
        clashes: conflicts in which a bot of the file takes part, within it or with bots that are
            there.
    """

    judged: Sequence[Judged]
    clashes: Sequence[Conflict]

    def count(self, fate: Fate) -> int:
        """How many entries have this fate."""
        return sum(each.fate is fate for each in self.judged)

    @property
    def changes(self) -> int:
        """How many bots are made or listed anew."""
        return self.count(Fate.NEW) + self.count(Fate.CHANGED)


async def examine(gateway: Gateway, tenant: TenantId, entries: Sequence[Entry]) -> Examined:
    """Say what an import would do; changes nothing."""
    async with gateway.store.read() as tx:
        judged = [await _judge(tx, tenant, entry) for entry in entries]
        return Examined(judged=judged, clashes=await _clashes(tx, tenant, judged))


async def carry_out(gateway: Gateway, tenant: TenantId, entries: Sequence[Entry]) -> Examined:
    """List what the entries say, and make the bots that are new, all in one transaction."""

    async def work(tx: Transaction) -> Examined:
        await tx.tenants.ensure(tenant)
        judged = [await _judge(tx, tenant, entry, lock=True) for entry in entries]
        clashes = await _clashes(tx, tenant, judged)
        made = [each for each in judged if each.fate is Fate.NEW and each.bot]
        for each in made:
            await tx.bots.add(_bot(tx, tenant, each))
        for each in judged:
            if each.fate in (Fate.NEW, Fate.CHANGED) and each.bot:
                await tx.listings.put(_listing(tenant, each.bot, each.entry))
        for each in made:
            await tx.events.append(tenant, each.bot, Event(type=EventType.BOT_CREATED))
        # The tenant's counter is held from here, so another import has ended, or waits for us.
        for each in made:
            if len(await tx.bots.named(tenant, each.entry.user, each.entry.name)) > 1:
                raise Raced("another import made the same bots")
        return Examined(judged=judged, clashes=clashes)

    done = await gateway.store.run(work)
    if done.changes:
        await gateway.bus.publish(Notice(topic=EVENTS, key=tenant))
    return done


async def _judge(tx: Transaction, tenant: TenantId, entry: Entry, *, lock: bool = False) -> Judged:
    """Find the bot that an entry is about, and what the entry changes."""
    namesakes = await tx.bots.named(tenant, entry.user, entry.name, NAMESAKES_MAX)
    if not namesakes:
        return Judged(entry=entry, fate=Fate.NEW, bot=new_ids.bot())
    found = []
    for _, read in namesakes:
        session = await tx.sessions.lock(read.bot) if lock else read
        if session is not None:
            found.append((session, await tx.listings.of_bot(read.bot)))
    if len(found) > 1:
        found = [(s, said) for s, said in found if entry.number == _number(s, said)]
    if len(found) != 1:
        return Judged(entry=entry, fate=Fate.AMBIGUOUS, bot=None)
    ((session, said),) = found
    bot = session.bot
    if session.device is not None:
        same = session.device.number == entry.number
        return Judged(entry=entry, fate=Fate.SAME if same else Fate.OTHER_NUMBER, bot=bot)
    same = said == _listing(tenant, bot, entry)
    return Judged(entry=entry, fate=Fate.SAME if same else Fate.CHANGED, bot=bot)


def _number(session: Session, said: Listing | None) -> Number | None:
    """The number that a bot has, or is said to have."""
    if session.device is not None:
        return session.device.number
    return said.number if said else None


async def _clashes(
    tx: Transaction, tenant: TenantId, judged: Iterable[Judged]
) -> Sequence[Conflict]:
    """The conflicts there will be among the entries, and with bots that are there."""
    taking_part = {each.bot: each for each in judged if each.bot and each.fate in _TAKE_PART}
    parties: list[Party] = []
    for number in sorted({each.entry.number for each in taking_part.values()}):
        there = await tx.conflicts.parties_of(number)
        # What is listed for a bot of the file is about to be replaced.
        parties += [
            party for party in there if party.basis is Basis.HELD or party.bot not in taking_part
        ]
    held = {party.bot for party in parties}
    parties += [
        _party(tenant, bot, each.entry) for bot, each in taking_part.items() if bot not in held
    ]
    return conflicts_of(parties)


def _party(tenant: TenantId, bot: BotId, entry: Entry) -> Party:
    return Party(
        number=entry.number,
        bot=bot,
        tenant=tenant,
        owner=entry.user,
        name=entry.name,
        basis=Basis.LISTED,
        state=entry.state,
        last_connected_at=entry.last_connected_at,
    )


def _bot(tx: Transaction, tenant: TenantId, judged: Judged) -> Bot:
    """A bot as it comes from elsewhere: set up there, all but the phone."""
    assert judged.bot is not None  # noqa: S101 — asked for new bots only
    return Bot(
        id=judged.bot,
        tenant=tenant,
        owner=judged.entry.user,
        name=judged.entry.name,
        setup=Setup.CONNECT,
        created_at=tx.now,
    )


def _listing(tenant: TenantId, bot: BotId, entry: Entry) -> Listing:
    return Listing(
        bot=bot,
        tenant=tenant,
        number=entry.number,
        state=entry.state,
        last_connected_at=entry.last_connected_at,
    )
