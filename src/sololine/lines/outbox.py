"""The outbox: sends what is queued, in its order, at the bot's pace.

    queued ──turn──▶ being sent ──link──▶ outcome ──next turn──▶ sent · failed · uncertain · queued

One transaction is a **turn**: it settles the message that was just sent and takes up the next one.
So a long queue costs one transaction a message, and between two turns at most one message is
between the worlds. What was being sent when the line died is uncertain, and never sent again.

    link.send returned      sent
    refused                 failed, and the next one is not held up
    not sent, for certain   queued again, until the link is up
    file not taken, again   failed after a minute of tries, and the next one is not held up
    the link closed         uncertain: it may have arrived
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import structlog

from sololine.core.chat import lid_of
from sololine.core.content import target_of
from sololine.core.message import Failure, Message, Status
from sololine.engine.port import Link, LinkClosed, NotSent, SendRefused, Sent
from sololine.lines.addresses import Addresses
from sololine.lines.changes import Changes
from sololine.lines.drafts import Draft, Unsendable, form_of, gathered, looked_up, uploaded
from sololine.lines.effects import effect_of, with_effect, without_text
from sololine.lines.manners import Manners
from sololine.lines.pace import Pace
from sololine.lines.pen import Pen
from sololine.lines.receipts import EarlyReceipts
from sololine.store.transaction import Transaction

log = structlog.get_logger()

READ_AHEAD: Final = 50
"""Messages that are read at once; only this line sends them, so they stay as they were read."""
RETRY_S: Final = 1.0
"""Pause before a link that says it is not up is tried again; doubled at each try in a row."""
RETRY_MAX_S: Final = 60.0
UPLOADS: Final = 6
"""Tries in vain, over an open link, after which WhatsApp is taken not to want a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of sending a message; `sent`, `failure` or neither, when it is uncertain.

    Attributes:
        again: it was not sent, for certain, and is queued as before.
    """

    draft: Draft
    sent: Sent | None = None
    form: bytes | None = field(default=None, repr=False)
    failure: Failure | None = None
    again: bool = False

    @property
    def begun(self) -> bool:
        """Whether the message counted as being sent."""
        return self.draft.message.sending_since is not None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn's transaction made durable.

    Attributes:
        waiting: the queue as far as it was read, without the message that was taken up.
        draft: the message to send now, or to prepare first.
        failure: why the first of the queue cannot be sent at all.
    """

    told: bool
    waiting: deque[Message]
    now: datetime
    draft: Draft | None = None
    failure: Failure | None = None


class Outbox:
    """Sends the queued messages of one line.

    Args:
        link: the link, while it is up.
        early: receipts that came before their message was settled.
        sleep: waits by the clock of `pace`.
    """

    def __init__(
        self,
        pen: Pen,
        *,
        link: Callable[[], Link | None],
        addresses: Addresses,
        early: EarlyReceipts,
        manners: Manners,
        pace: Pace,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._pen = pen
        self._link = link
        self._addresses = addresses
        self._early = early
        self._manners = manners
        self._pace = pace
        self._sleep = sleep
        self._stirred = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._closing = False
        self._waiting: deque[Message] = deque()
        self._read_over: Link | None = None
        self._prepared: Draft | None = None
        self._in_vain = 0
        self._outcome: Outcome | None = None

    @property
    def sending(self) -> bool:
        """Whether the outcome of a message is open."""
        return not self._settled.is_set()

    def stir(self) -> None:
        """Have the outbox look for messages, and at the link."""
        self._stirred.set()

    async def finish(self) -> None:
        """Take up no more; returns when nothing is being sent."""
        self._closing = True
        self._stirred.set()
        await self._settled.wait()

    async def run(self) -> None:
        """Send whatever is queued, until cancelled.

        Raises:
            Fenced: the line has lost its lease.
        """
        while True:
            self._stirred.clear()
            link = None if self._closing else self._link()
            pause = self._pace.pause()
            if self._outcome is None and (link is None or pause):
                await self._rest(pause if link is not None else None)
                continue
            turn = await self._turn(link, taking=not pause)
            if link is None or turn.draft is None:
                if link is not None and not pause:
                    await self._rest(None)
            elif turn.failure is not None:
                self._outcome = Outcome(draft=turn.draft, failure=turn.failure)
            elif not turn.draft.ready:
                await self._prepare(turn.draft, link)
            else:
                self._outcome = await self._send(turn.draft, link, turn.now)
                if self._outcome.again:
                    await self._settle_and_pause()

    async def _rest(self, seconds: float | None) -> None:
        """Wait until stirred, or so long."""
        if seconds is None:
            await self._stirred.wait()
            return
        over = asyncio.ensure_future(self._sleep(seconds))
        try:
            await self._until(over)
        finally:
            over.cancel()

    async def _until(self, over: asyncio.Future[None]) -> None:
        """Wait until stirred, or until it is over."""
        stirred = asyncio.ensure_future(self._stirred.wait())
        try:
            waits: list[asyncio.Future[Any]] = [over, stirred]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()

    async def _settle_and_pause(self) -> None:
        """Queue the message again, and give the link the time to say that it is down."""
        await self._turn(None, taking=False)
        await self._rest(RETRY_S)

    # ------------------------------------------------------------------ turns

    async def _turn(self, link: Link | None, *, taking: bool) -> Turn:
        """Settle the last message, and take up the next one for the link, if it is still up."""
        async with self._pen.alone:
            up = self._link()
            if up is None or up is not self._read_over:
                # The line may have failed what waited meanwhile.
                self._waiting, self._read_over = deque(), up
                if self._outcome is not None and not self._outcome.begun:
                    self._outcome = None
            taking = taking and link is not None and up is link and not self._closing
            turn = await self._pen.write(lambda tx: self._work(tx, taking=taking))
            if self._outcome is not None and self._outcome.sent is not None:
                self._early.forget(self._outcome.sent.id)
            self._outcome = None
            self._waiting = turn.waiting
            if turn.draft is not None and turn.draft.ready and turn.failure is None:
                self._prepared = None
                self._pace.spend()
                self._settled.clear()
            else:
                self._settled.set()
        if turn.told:
            await self._pen.tell_events()
        return turn

    async def _work(self, tx: Transaction, *, taking: bool) -> Turn:
        changes = Changes(self._pen.tenant, self._pen.bot)
        if self._outcome is not None:
            await self._settle(tx, changes, self._outcome)
        waiting, draft, failure = deque(self._waiting), None, None
        if taking and not waiting:
            waiting.extend(await tx.messages.waiting(self._pen.bot, READ_AHEAD))
        if taking and waiting:
            draft, failure = await self._take_up(tx, waiting[0])
            if draft.ready and failure is None:
                message = replace(draft.message, sending_since=tx.now)
                draft = replace(draft, message=message)
                changes.put(message)
            if draft.ready or failure is not None:
                waiting.popleft()
        await changes.write(tx)
        return Turn(told=changes.told, waiting=waiting, now=tx.now, draft=draft, failure=failure)

    async def _take_up(self, tx: Transaction, message: Message) -> tuple[Draft, Failure | None]:
        prepared_ = self._prepared
        if prepared_ is not None and prepared_.message.id == message.id:
            return prepared_, None
        try:
            return await gathered(tx, self._pen.bot, message, self._addresses), None
        except Unsendable as unsendable:
            draft = Draft(message=message, content=message.content, context=message.context)
            return draft, unsendable.failure

    async def _settle(self, tx: Transaction, changes: Changes, outcome: Outcome) -> None:
        draft = outcome.draft
        message = draft.message
        if draft.looked_up:
            changes.touch(message.chat, jid=str(draft.jid), lid=draft.lid)
        if outcome.again:
            changes.put(replace(message, sending_since=None))
        elif outcome.failure is not None:
            changes.fail(message, outcome.failure, tx.now)
        elif outcome.sent is None:
            changes.move(message, Status.UNCERTAIN, tx.now)
        else:
            await self._sent(tx, changes, outcome.sent, outcome)

    async def _sent(self, tx: Transaction, changes: Changes, sent: Sent, outcome: Outcome) -> None:
        message = replace(outcome.draft.message, whatsapp_id=sent.id, at=sent.at)
        target = target_of(message.content)
        changed = None
        if target is not None:
            known = await tx.messages.known(self._pen.bot, [target.whatsapp_id])
            earlier = known.get(target.whatsapp_id)
            if earlier is not None:
                changed = with_effect(changes, earlier, message.content, sent.at)
        effect = None
        if changed is not None:
            effect = effect_of(message.content, changed)
            message = replace(message, content=without_text(message.content))
        message = changes.move(message, Status.SENT, sent.at)
        changes.put(message, None if changed is not None else outcome.form)
        if effect is not None:
            changes.tell(effect)
        for receipt in self._early.of(sent.id):
            message = changes.move(message, receipt.status, receipt.at)

    # ------------------------------------------------------------------ the link

    async def _prepare(self, draft: Draft, link: Link) -> None:
        """Do what must come before sending; the next turn takes the message up again."""
        if self._prepared is None or self._prepared.message.id != draft.message.id:
            self._in_vain = 0
        try:
            # Kept one by one: a number is not asked about again because a file was not taken.
            self._prepared = draft = await looked_up(draft, link)
            if draft.jid is not None:
                self._addresses.reach(draft.message.chat, draft.jid)
                self._addresses.learn(draft.jid, lid_of(draft.lid))
            self._prepared = await uploaded(draft, link, self._manners.media)
        except LinkClosed as closed:
            await self._put_off(draft, link, closed)
        except SendRefused as refused:
            self._give_up(draft, refused.failure)
        except Unsendable as unsendable:
            self._give_up(draft, unsendable.failure)
        except Exception:
            # As in `_send`: the message would end the line again and again.
            log.exception("message not prepared", bot=self._pen.bot, message=draft.message.id)
            self._give_up(draft, Failure.UNSENDABLE)
        else:
            self._in_vain = 0

    async def _put_off(self, draft: Draft, link: Link, closed: LinkClosed) -> None:
        """Let some time go by, longer each time; in the end a file holds up the others no more."""
        self._prepared = draft
        if isinstance(closed, NotSent) or self._link() is not link:
            self._in_vain = 0
            await self._rest(RETRY_S)
            return
        self._in_vain += 1
        if draft.jid is not None and self._in_vain >= UPLOADS:
            self._give_up(draft, Failure.MEDIA_REFUSED)
            return
        pause = min(RETRY_S * 2 ** (self._in_vain - 1), RETRY_MAX_S)
        over = asyncio.ensure_future(self._sleep(pause))
        try:
            # That more messages wait is no reason to try again sooner.
            while self._link() is link and not self._closing and not over.done():
                self._stirred.clear()
                await self._until(over)
        finally:
            over.cancel()

    def _give_up(self, draft: Draft, failure: Failure) -> None:
        self._prepared, self._in_vain = None, 0
        self._waiting.popleft()  # it was taken up and not begun, so it is the first
        self._outcome = Outcome(draft=draft, failure=failure)

    async def _send(self, draft: Draft, link: Link, now: datetime) -> Outcome:
        try:
            form = form_of(draft, now)
        except Unsendable as unsendable:
            return Outcome(draft=draft, failure=unsendable.failure)
        except Exception:
            # A mistake of ours in writing one message must not hold up the others.
            log.exception("message not written", bot=self._pen.bot, message=draft.message.id)
            return Outcome(draft=draft, failure=Failure.UNSENDABLE)
        try:
            sent = await link.send(str(draft.jid), form)
        except NotSent:
            return Outcome(draft=draft, again=True)
        except LinkClosed:
            return Outcome(draft=draft)
        except SendRefused as refused:
            return Outcome(draft=draft, failure=refused.failure)
        return Outcome(draft=draft, sent=sent, form=form)
