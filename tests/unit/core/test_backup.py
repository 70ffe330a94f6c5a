"""Whether a bot may be restored, decided from what is there."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sololine.core.backup import (
    CONTENTS,
    Backup,
    BotCopy,
    Found,
    KeyCopy,
    Refused,
    Restoration,
    Restore,
    Secret,
    TenantCopy,
    Unchanged,
    judge,
    restored,
)
from sololine.core.bot import Bot, Setup
from sololine.core.claim import Claim, ClaimKind
from sololine.core.events import EventType
from sololine.core.ids import DEFAULT_TENANT, DEFAULT_USER, BotId, DeviceId, TenantId, WebhookId
from sololine.core.number import Number
from sololine.core.session import Device, End, EndReason, Intent, Session, State, Wish
from sololine.core.training import Match, Rule, Training
from sololine.core.webhook import Webhook, WebhookState

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BOT = Bot(
    id=BotId("bot_a"),
    tenant=DEFAULT_TENANT,
    owner=DEFAULT_USER,
    name="Ada",
    setup=Setup.COMPLETE,
    created_at=NOW,
)
NUMBER = Number(digits="34600000001")
DEVICE = Device(
    id=DeviceId("dev_a_3_1"),
    number=NUMBER,
    jid="34600000001:7@s.whatsapp.net",
    lid="",
    linked_at=NOW,
)
OTHER_DEVICE = replace(DEVICE, id=DeviceId("dev_a_5_1"))
UNLINKED = BotCopy(bot=BOT, training=Training(), intent_no=3)
LINKED = replace(UNLINKED, device=DEVICE, connected_at=NOW)
IDLE = Session(bot=BOT.id, tenant=BOT.tenant, since=NOW)
HERE = replace(IDLE, device=DEVICE)
RESTORATION = Restoration(
    device=DEVICE.id, bot=BOT.id, tenant=BOT.tenant, copied_at=NOW, restored_at=NOW
)


def claim(bot: BotId) -> Claim:
    return Claim(number=NUMBER, bot=bot, tenant=TenantId("shop"), kind=ClaimKind.HELD, since=NOW)


def found(session: Session, **more: object) -> Found:
    return replace(Found(bot=BOT, session=session), **more)  # type: ignore[arg-type]  # of this test


ONES_OWN = found(HERE, stored=True, holder=claim(BOT.id))


@pytest.mark.parametrize(
    ("copy", "there", "verdict"),
    [
        (LINKED, Found(), Restore(new=True, links=True)),
        (LINKED, Found(stored=True), Restore(new=True, links=True)),
        (LINKED, found(IDLE), Restore(new=False, links=True)),
        (LINKED, found(IDLE, holder=claim(BOT.id)), Restore(new=False, links=True)),
        (LINKED, found(HERE, restoration=RESTORATION), Restore(new=False, links=True)),
        (LINKED, found(HERE), Restore(new=False, links=True)),
        (UNLINKED, Found(), Restore(new=True, links=False)),
        (UNLINKED, found(IDLE), Unchanged(held=False)),
        (UNLINKED, found(HERE, runs=True), Unchanged(held=False)),
        (LINKED, replace(ONES_OWN, restoration=RESTORATION), Unchanged(held=True)),
        (
            LINKED,
            replace(ONES_OWN, runs=True, restoration=replace(RESTORATION, taken_over_at=NOW)),
            Unchanged(held=False),
        ),
    ],
)
def test_it_may_where_nothing_speaks_against_it(
    copy: BotCopy, there: Found, verdict: Restore | Unchanged
) -> None:
    assert judge(copy, there) == verdict


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (replace(ONES_OWN, runs=True), "runs here: this is the original"),
        (found(HERE, runs=True), "runs here: this is the original"),
        (found(IDLE, runs=True), "runs here"),
        (ONES_OWN, "still holds its number .* this is the original"),
        (found(replace(HERE, device=OTHER_DEVICE)), "newer credentials"),
        (
            found(replace(HERE, device=OTHER_DEVICE), stored=True, restoration=RESTORATION),
            "newer credentials",
        ),
        (found(replace(IDLE, intent=Intent(no=1, wish=Wish.ONLINE))), "is being connected here"),
        (found(IDLE, retiring=True), "being logged out"),
        (
            Found(holder=claim(BotId("bot_b")), holder_name="Eve"),
            r"the bot 'Eve' \(bot_b\) of the tenant 'shop'",
        ),
        (found(IDLE, holder=claim(BotId("bot_b"))), "claimed here"),
        (Found(bot=replace(BOT, tenant=TenantId("shop")), session=IDLE), "the tenant 'shop'"),
    ],
)
def test_it_may_not_and_the_operator_is_told_why(there: Found, why: str) -> None:
    verdict = judge(LINKED, there)
    assert isinstance(verdict, Refused)
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(verdict.why)
    assert NUMBER.digits not in verdict.why


def test_another_tenants_bot_is_not_taken_for_the_same_even_without_a_number() -> None:
    there = Found(bot=replace(BOT, tenant=TenantId("shop")), session=IDLE)
    assert isinstance(judge(UNLINKED, there), Refused)


def test_a_restored_session_is_linked_offline_and_has_nothing_to_obey() -> None:
    later = NOW + timedelta(days=1)
    lost = replace(
        HERE,
        intent=Intent(no=1, wish=Wish.ONLINE),
        state=State.RECONNECTING,
        attempt=4,
        losses=21,
        losses_since=NOW,
        retry_at=later,
    )
    for before in (IDLE, lost):
        after = restored(before, LINKED, later)
        assert after == replace(
            IDLE,
            intent=Intent(no=3, wish=Wish.OFFLINE),
            obeyed=3,
            end=End(reason=EndReason.ASKED, at=later),
            device=DEVICE,
            since=later,
            connected_at=NOW,
        )
        assert after.idle
        assert after.link is None


def test_a_restored_session_never_counts_its_orders_back() -> None:
    """Names of credentials are made from their numbers: the next link must not have an old one."""
    before = replace(IDLE, intent=Intent(no=9), obeyed=9)
    assert restored(before, LINKED, NOW).intent.no == 9


def test_a_backup_is_read_as_it_was_written() -> None:
    rule = Rule(match=Match.CONTAINS, words=("hi",), answer="hello")
    webhook = Webhook(
        id=WebhookId("whk_a"),
        tenant=BOT.tenant,
        bot=BOT.id,
        url="https://example.com",
        types=frozenset({EventType.MESSAGE_SENT, EventType.BOT_CREATED}),
        secret="whsec_a",
        state=WebhookState.PAUSED,
        failing_since=NOW,
        created_at=NOW,
    )
    copy = replace(LINKED, training=Training(rules=(rule,)), webhooks=(webhook,), at_rest=False)
    backup = Backup(
        taken_at=NOW,
        bots=(copy, UNLINKED),
        tenants=(
            TenantCopy(
                id=BOT.tenant,
                keys=(KeyCopy(digest="ff", name="a", created_at=NOW),),
                webhooks=(replace(webhook, bot=None),),
            ),
        ),
        secrets=(Secret(name="secret", text="s"),),
    )
    assert CONTENTS.from_json(json.loads(json.dumps(CONTENTS.to_json(backup)))) == backup


def test_what_is_secret_is_not_shown() -> None:
    shown = repr(
        (Secret(name="secret", text="s3cret"), KeyCopy(digest="d1gest", name="", created_at=NOW))
    )
    assert "s3cret" not in shown
    assert "d1gest" not in shown
