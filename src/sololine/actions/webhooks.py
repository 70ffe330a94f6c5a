"""Webhooks: made, shown, changed, tried out; and what became of their deliveries."""

import secrets
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from sololine import new_ids
from sololine.actions.bots import owned
from sololine.actions.gateway import Gateway
from sololine.bus import EVENTS, WEBHOOKS, Notice
from sololine.core.access import Caller
from sololine.core.errors import (
    DeliveryNotFound,
    TooMany,
    UrlNotAllowed,
    UrlUnreachable,
    WebhookNotFound,
)
from sololine.core.events import Event, EventType
from sololine.core.ids import DeliveryId, UserId, WebhookId
from sololine.core.sentence import Sentence
from sololine.core.webhook import Delivery, DeliveryState, Webhook, WebhookState
from sololine.outward import ForbiddenAddress, InvalidUrl, OutwardError
from sololine.store.errors import Raced
from sololine.store.transaction import Transaction

WEBHOOKS_MAX: Final = 50
"""Webhooks of a tenant."""

PAGE_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to change of a webhook; None leaves it as it is."""

    url: str | None = None
    types: frozenset[EventType] | None = None
    description: str | None = None
    paused: bool | None = None
    """False serves it again: what waited is sent at once, and one that was gone is tried again."""


async def create(
    gateway: Gateway,
    caller: Caller,
    *,
    url: str,
    types: Collection[EventType] = (),
    bot: str | None = None,
    user: UserId | None = None,
    description: str = "",
) -> Webhook:
    """Make a webhook; its secret is shown to the caller now.

    Raises:
        UrlNotAllowed, UrlUnreachable: the address is none that may be called.
        TooMany: the tenant has as many as it may have.
        BotNotFound, UserMismatch, NotAllowed: the caller may not use this bot.
    """
    await _check_address(gateway, url)

    async def work(tx: Transaction) -> Webhook:
        of_bot = (await owned(tx, caller, bot, user)).bot.id if bot is not None else None
        if len(await tx.webhooks.of_tenant(caller.tenant)) >= WEBHOOKS_MAX:
            raise TooMany(
                Sentence(
                    "There are {limit} webhooks already. Delete one that you need no more.",
                    limit=WEBHOOKS_MAX,
                ),
                limit=WEBHOOKS_MAX,
            )
        made = Webhook(
            id=new_ids.webhook(),
            tenant=caller.tenant,
            bot=of_bot,
            url=url,
            types=frozenset(types),
            description=description,
            secret=new_secret(),
            created_at=tx.now,
        )
        await tx.webhooks.add(made)
        return made

    made = await gateway.store.run(work)
    await _tell(gateway, caller)
    return made


async def of_tenant(gateway: Gateway, caller: Caller) -> list[Webhook]:
    """The tenant's webhooks, oldest first."""
    async with gateway.store.read() as tx:
        return await tx.webhooks.of_tenant(caller.tenant)


async def get(gateway: Gateway, caller: Caller, webhook: str) -> Webhook:
    """One webhook. Raises `WebhookNotFound`."""
    async with gateway.store.read() as tx:
        return await _mine(tx, caller, webhook)


async def change(gateway: Gateway, caller: Caller, webhook: str, changes: Changes) -> Webhook:
    """Change a webhook, pause it, or serve it again.

    Raises:
        WebhookNotFound: the tenant has no such webhook.
        UrlNotAllowed, UrlUnreachable: the address is none that may be called.
    """
    if changes.url is not None:
        await _check_address(gateway, changes.url)

    async def work(tx: Transaction) -> Webhook:
        before = await _mine(tx, caller, webhook)
        after = replace(
            before,
            url=before.url if changes.url is None else changes.url,
            types=before.types if changes.types is None else changes.types,
            description=(
                before.description if changes.description is None else changes.description
            ),
        )
        if changes.paused is True and before.state is WebhookState.ACTIVE:
            after = replace(after, state=WebhookState.PAUSED)
        elif changes.paused is False and before.state is not WebhookState.ACTIVE:
            after = replace(after, state=WebhookState.ACTIVE, failures=0, failing_since=None)
        if after == before:
            return before
        # The event comes before the row that it tells of: see the order of locks.
        if after.state is not before.state:
            await tx.events.append(caller.tenant, before.bot, _told(after))
        await _save(tx, before, after)
        return after

    changed = await gateway.store.run(work)
    await _tell(gateway, caller)
    return changed


async def rotate(gateway: Gateway, caller: Caller, webhook: str) -> Webhook:
    """Give a webhook a new secret, which the next delivery is signed with.

    Raises:
        WebhookNotFound: the tenant has no such webhook.
    """

    async def work(tx: Transaction) -> Webhook:
        before = await _mine(tx, caller, webhook)
        after = replace(before, secret=new_secret())
        await _save(tx, before, after)
        return after

    return await gateway.store.run(work)


async def delete(gateway: Gateway, caller: Caller, webhook: str) -> None:
    """Delete a webhook with its deliveries. Raises `WebhookNotFound`."""
    if not await gateway.store.run(
        lambda tx: tx.webhooks.delete(caller.tenant, WebhookId(webhook))
    ):
        raise WebhookNotFound


async def test(gateway: Gateway, caller: Caller, webhook: str) -> None:
    """Send a `webhook.tested` event there. Raises `WebhookNotFound`."""

    async def work(tx: Transaction) -> None:
        mine = await _mine(tx, caller, webhook)
        event = Event(type=EventType.WEBHOOK_TESTED, data={"webhookId": mine.id})
        await tx.events.append(caller.tenant, mine.bot, event, only=mine.id)

    await gateway.store.run(work)
    await _tell(gateway, caller)


async def deliveries(
    gateway: Gateway,
    caller: Caller,
    webhook: str,
    *,
    before: int | None,
    limit: int,
    state: DeliveryState | None,
) -> list[Delivery]:
    """A webhook's deliveries, latest first. Raises `WebhookNotFound`."""
    async with gateway.store.read() as tx:
        mine = await _mine(tx, caller, webhook)
        return await tx.deliveries.page(
            caller.tenant, mine.id, before=before, limit=limit, state=state
        )


async def redrive(
    gateway: Gateway, caller: Caller, webhook: str, delivery: str | None = None
) -> int:
    """Send a delivery again, or all that failed; returns how many will be sent.

    Raises:
        WebhookNotFound, DeliveryNotFound: the tenant has no such webhook, or it no such delivery.
    """

    async def work(tx: Transaction) -> int:
        mine = await _mine(tx, caller, webhook)
        if delivery is None:
            return await tx.deliveries.redrive(caller.tenant, mine.id, None)
        count = await tx.deliveries.redrive(caller.tenant, mine.id, DeliveryId(delivery))
        if not count:
            raise DeliveryNotFound
        return count

    count = await gateway.store.run(work)
    await _tell(gateway, caller)
    return count


def new_secret() -> str:
    """A secret as Standard Webhooks spells it, with 192 random bits."""
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


async def _tell(gateway: Gateway, caller: Caller) -> None:
    """Let the courier look, and whoever reads the log."""
    await gateway.bus.publish(Notice(topic=WEBHOOKS, key=caller.tenant))
    await gateway.bus.publish(Notice(topic=EVENTS, key=caller.tenant))


async def _check_address(gateway: Gateway, url: str) -> None:
    if gateway.outward is None:
        raise RuntimeError("a gateway without `outward` cannot judge addresses")
    try:
        await gateway.outward.check(url)
    except (ForbiddenAddress, InvalidUrl) as error:
        raise UrlNotAllowed(error.sentence, field="url") from error
    except OutwardError as error:
        raise UrlUnreachable(error.sentence, field="url") from error


async def _mine(tx: Transaction, caller: Caller, webhook: str) -> Webhook:
    found = await tx.webhooks.get(caller.tenant, WebhookId(webhook))
    if found is None:
        raise WebhookNotFound
    return found


async def _save(tx: Transaction, before: Webhook, after: Webhook) -> None:
    """Save a webhook that is still as it was read. Raises `Raced`."""
    if await tx.webhooks.lock(before.tenant, before.id) != before:
        raise Raced("a courier, or somebody else, changed the webhook meanwhile")
    await tx.webhooks.save(after)


def _told(webhook: Webhook) -> Event:
    if webhook.state is WebhookState.ACTIVE:
        return Event(type=EventType.WEBHOOK_RESUMED, data={"webhookId": webhook.id})
    data = {"webhookId": webhook.id, "reason": "asked"}
    return Event(type=EventType.WEBHOOK_PAUSED, data=data)
