"""The door `webhooks`: where events are sent to, and what became of them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from sololine.actions import webhooks
from sololine.actions.webhooks import PAGE_MAX, Changes
from sololine.core.sentence import Sentence
from sololine.core.webhook import Delivery, DeliveryState, Webhook
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.language import LanguageOf
from sololine.web.parameters import named_user
from sololine.web.shapes import UNREADABLE, Problem, Responses, Success, Text
from sololine.web.shapes.webhooks import (
    Deliveries,
    DeliveryShape,
    NewWebhook,
    OneWebhook,
    OneWebhookWithSecret,
    Redriven,
    WebhookChanges,
    Webhooks,
    WebhookShape,
    WebhookWithSecret,
)

router = APIRouter(
    prefix="/webhooks",
    tags=["webhooks"],
    responses={401: {"model": Problem}, 422: {"model": Problem}},
)

_GONE: Final[Responses] = {404: {"model": Problem}}
_MAY_NOT: Final[Responses] = {
    403: {"model": Problem},
    404: {"model": Problem},
    409: {"model": Problem},
}

WebhookPath = Annotated[Text, Path(alias="webhookId", max_length=64)]
DeliveryPath = Annotated[Text, Path(alias="deliveryId", max_length=64)]


@router.post("", status_code=201, responses={**UNREADABLE, **_MAY_NOT})
async def create(body: NewWebhook, caller: CallerOf, gateway: GatewayOf) -> OneWebhookWithSecret:
    """Send events to an address, signed as Standard Webhooks does it."""
    made = await webhooks.create(
        gateway,
        caller,
        url=body.url,
        types=body.types,
        bot=body.bot_id,
        user=named_user(body.user_id),
        description=body.description,
    )
    return OneWebhookWithSecret(webhook=_with_secret(made))


@router.get("")
async def of_tenant(caller: CallerOf, gateway: GatewayOf) -> Webhooks:
    """List the tenant's webhooks."""
    found = await webhooks.of_tenant(gateway, caller)
    return Webhooks(webhooks=[_shape(each) for each in found])


@router.get("/{webhookId}", responses=_GONE)
async def one(webhook: WebhookPath, caller: CallerOf, gateway: GatewayOf) -> OneWebhook:
    """Show one webhook, and whether it fails."""
    return OneWebhook(webhook=_shape(await webhooks.get(gateway, caller, webhook)))


@router.patch("/{webhookId}", responses={**UNREADABLE, **_GONE})
async def change(
    webhook: WebhookPath, body: WebhookChanges, caller: CallerOf, gateway: GatewayOf
) -> OneWebhook:
    """Change the address, the types or the description."""
    types = None if body.types is None else frozenset(body.types)
    changes = Changes(url=body.url, types=types, description=body.description)
    return OneWebhook(webhook=_shape(await webhooks.change(gateway, caller, webhook, changes)))


@router.delete("/{webhookId}", responses=_GONE)
async def delete(
    webhook: WebhookPath, caller: CallerOf, gateway: GatewayOf, language: LanguageOf
) -> Success:
    """Delete a webhook; what waits for it is not sent any more."""
    await webhooks.delete(gateway, caller, webhook)
    return Success(message=language.say(Sentence("The webhook was deleted.")))


@router.post("/{webhookId}/pause", responses=_GONE)
async def pause(webhook: WebhookPath, caller: CallerOf, gateway: GatewayOf) -> OneWebhook:
    """Send nothing there until it is resumed; deliveries wait."""
    return await _turned(webhook, caller, gateway, paused=True)


@router.post("/{webhookId}/resume", responses=_GONE)
async def resume(webhook: WebhookPath, caller: CallerOf, gateway: GatewayOf) -> OneWebhook:
    """Send what waited, and what comes."""
    return await _turned(webhook, caller, gateway, paused=False)


async def _turned(
    webhook: str, caller: CallerOf, gateway: GatewayOf, *, paused: bool
) -> OneWebhook:
    changed = await webhooks.change(gateway, caller, webhook, Changes(paused=paused))
    return OneWebhook(webhook=_shape(changed))


@router.post("/{webhookId}/secret", responses=_GONE)
async def rotate(
    webhook: WebhookPath, caller: CallerOf, gateway: GatewayOf
) -> OneWebhookWithSecret:
    """Give the webhook a new secret; the old one signs nothing any more."""
    return OneWebhookWithSecret(
        webhook=_with_secret(await webhooks.rotate(gateway, caller, webhook))
    )


@router.post("/{webhookId}/test", status_code=202, responses=_GONE)
async def test(
    webhook: WebhookPath, caller: CallerOf, gateway: GatewayOf, language: LanguageOf
) -> Success:
    """Send a `webhook.tested` event there."""
    await webhooks.test(gateway, caller, webhook)
    return Success(
        message=language.say(Sentence("A test is on its way. Look at the webhook's deliveries."))
    )


@router.get("/{webhookId}/deliveries", responses=_GONE)
async def deliveries(
    webhook: WebhookPath,
    caller: CallerOf,
    gateway: GatewayOf,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    state: DeliveryState | None = None,
) -> Deliveries:
    """List a webhook's deliveries, latest first."""
    found = await webhooks.deliveries(
        gateway, caller, webhook, before=before, limit=limit, state=state
    )
    return Deliveries(
        deliveries=[_delivery(each) for each in found],
        next_before=found[-1].seq if len(found) == limit else None,
    )


@router.post("/{webhookId}/redrive", status_code=202, responses=_GONE)
async def redrive_all(webhook: WebhookPath, caller: CallerOf, gateway: GatewayOf) -> Redriven:
    """Send every failed delivery of the webhook again."""
    return Redriven(count=await webhooks.redrive(gateway, caller, webhook))


@router.post("/{webhookId}/deliveries/{deliveryId}/redrive", status_code=202, responses=_GONE)
async def redrive(
    webhook: WebhookPath, delivery: DeliveryPath, caller: CallerOf, gateway: GatewayOf
) -> Redriven:
    """Send one delivery again, now."""
    return Redriven(count=await webhooks.redrive(gateway, caller, webhook, delivery))


def _fields(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "types": sorted(webhook.types),
        "bot_id": webhook.bot,
        "description": webhook.description,
        "state": webhook.state,
        "failures": webhook.failures,
        "failing_since": webhook.failing_since,
        "created_at": webhook.created_at,
    }


def _shape(webhook: Webhook) -> WebhookShape:
    return WebhookShape(**_fields(webhook))


def _with_secret(webhook: Webhook) -> WebhookWithSecret:
    return WebhookWithSecret(**_fields(webhook), secret=webhook.secret)


def _delivery(delivery: Delivery) -> DeliveryShape:
    return DeliveryShape(
        id=delivery.id,
        seq=delivery.seq,
        type=delivery.type,
        state=delivery.state,
        tries=delivery.tries,
        due_at=delivery.due_at if delivery.state is DeliveryState.WAITING else None,
        status=delivery.status,
        error=delivery.error or None,
        created_at=delivery.created_at,
        ended_at=delivery.ended_at,
    )
