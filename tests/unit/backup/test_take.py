"""What a backup holds, and what it says of what it holds."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sololine.actions import sessions
from sololine.actions.gateway import Gateway
from sololine.backup import take
from sololine.backup.archive import ArchiveReader
from sololine.clock import ManualClock
from sololine.core.errors import BotNotFound
from sololine.core.ids import DEFAULT_TENANT, BotId, WebhookId
from sololine.core.session import State, Wish
from sololine.core.training import Match, Rule, Training
from sololine.core.webhook import Webhook
from sololine.engine.credentials import Credentials
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.unit.backup.conftest import paired, taken
from tests.unit.scenes import (
    NOON,
    OTHER_TENANT,
    PLAYER,
    STRANGER,
    connected_bot,
    events_of,
    logged,
    new_bot,
    session_of,
)

TRAINING = Training(
    personality="kind",
    instructions="greet",
    rules=(Rule(match=Match.EQUALS, words=("hi",), answer="hello"),),
    fallback="?",
)


@pytest.fixture(autouse=True)
def no_line_will_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)


def webhook(name: str, bot: BotId | None = None) -> Webhook:
    return Webhook(
        id=WebhookId(f"whk_{name}"),
        tenant=DEFAULT_TENANT,
        bot=bot,
        url="https://example.com",
        secret="whsec_a",
        created_at=NOON,
    )


def files(folder: Path) -> list[str]:
    """The backups in a folder, and what is left of them."""
    return [each.name for each in folder.iterdir() if "backup" in each.name]


async def linked_bot(gateway: Gateway, credentials: Credentials) -> BotId:
    """A connected bot with everything that can be of its own."""
    bot = await connected_bot(gateway)
    session = await session_of(gateway.store, bot)
    assert session.device is not None
    paired(credentials, session.device.id, session.device.jid)

    async def work(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        await tx.trainings.put(bot, TRAINING)
        await tx.webhooks.add(webhook("own", bot))
        await tx.webhooks.add(webhook("all"))

    await gateway.store.run(work)
    return bot


async def test_a_bot_is_copied_with_all_that_is_its_own(
    gateway: Gateway,
    credentials: Credentials,
    file: Path,
    reading: Callable[[], ArchiveReader],
) -> None:
    bot = await linked_bot(gateway, credentials)
    await new_bot(gateway, "Eve")
    session = await session_of(gateway.store, bot)
    assert session.device is not None

    backup = await taken(gateway.store, credentials, file, bot)

    found = reading()
    assert found.contents == backup
    (copy,) = backup.bots
    assert (copy.bot.id, copy.bot.name, copy.training) == (bot, "Ada", TRAINING)
    assert copy.webhooks == (webhook("own", bot),)
    assert (copy.device, copy.intent_no) == (session.device, session.intent.no)
    assert copy.connected_at == session.connected_at
    assert copy.at_rest
    ((device, _, unsettled),) = found.credentials()
    assert (device, unsettled) == (session.device.id, b"")
    assert (backup.tenants, backup.secrets) == ((), ())


async def test_a_backup_is_an_event_of_its_bot(
    gateway: Gateway, credentials: Credentials, file: Path
) -> None:
    bot = await linked_bot(gateway, credentials)
    await taken(gateway.store, credentials, file, bot)
    event = (await logged(gateway.store, bot))[-1]
    assert event.type == "bot.backed_up"
    assert event.data == {"withCredentials": True, "atRest": True}


async def test_credentials_that_are_in_use_are_copied_and_said_to_be(
    gateway: Gateway, credentials: Credentials, file: Path
) -> None:
    bot = await linked_bot(gateway, credentials)
    device = (await session_of(gateway.store, bot)).device
    assert device is not None
    with credentials.hold(device.id, timedelta()):
        backup = await taken(gateway.store, credentials, file, bot)
    assert not backup.bots[0].at_rest


async def test_what_was_stopped_and_is_in_use_all_the_same_is_not_copied(
    gateway: Gateway, credentials: Credentials, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take, "LOCK_PATIENCE", timedelta())
    bot = await linked_bot(gateway, credentials)
    device = (await session_of(gateway.store, bot)).device
    assert device is not None
    with credentials.hold(device.id, timedelta()), pytest.raises(take.StillRunning, match="Ada"):
        await taken(gateway.store, credentials, file, bot, stopped=True)
    assert files(file.parent) == []
    assert "bot.backed_up" not in await events_of(gateway.store, bot)


async def test_a_linked_bot_without_credentials_is_an_error_and_not_a_backup(
    gateway: Gateway, credentials: Credentials, file: Path
) -> None:
    bot = await connected_bot(gateway)
    with pytest.raises(take.CredentialsLost, match="are not in this data folder"):
        await taken(gateway.store, credentials, file, bot)
    assert files(file.parent) == []


async def test_everything_is_every_bot_of_every_tenant_with_keys_and_secrets(
    gateway: Gateway, credentials: Credentials, data_dir: Path, file: Path
) -> None:
    bots = {await linked_bot(gateway, credentials), await new_bot(gateway, caller=STRANGER)}
    await gateway.store.run(lambda tx: tx.keys.add(OTHER_TENANT, b"\xaa", "a key"))
    for name in ("secret", "api-key", "credentials-id"):
        (data_dir / name).write_text(f"the {name}\n")

    backup = await taken(gateway.store, credentials, file)

    assert {copy.bot.id for copy in backup.bots} == bots
    keys = {tenant.id: [key.digest for key in tenant.keys] for tenant in backup.tenants}
    assert keys == {DEFAULT_TENANT: [], OTHER_TENANT: ["aa"]}
    hooks = {tenant.id: tenant.webhooks for tenant in backup.tenants}
    assert hooks == {DEFAULT_TENANT: (webhook("all"),), OTHER_TENANT: ()}
    assert {secret.name: secret.text for secret in backup.secrets} == {
        name: f"the {name}" for name in ("secret", "api-key", "credentials-id")
    }


async def test_more_bots_than_fit_on_a_page_are_all_found(
    gateway: Gateway, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take, "_PAGE", 2)
    bots = [await new_bot(gateway) for _ in range(4)]
    assert {bot.id for bot in await take.bots_to_copy(store, None)} == set(bots)


async def test_there_is_no_backup_of_a_bot_that_is_not_there(store: Store) -> None:
    with pytest.raises(BotNotFound):
        await take.bots_to_copy(store, "bot_nobody")


# --- stopping


async def test_stopping_asks_the_bot_to_go_offline_and_to_stay_linked(gateway: Gateway) -> None:
    bot = await connected_bot(gateway)
    await take.stop(gateway, await take.bots_to_copy(gateway.store, bot))
    session = await session_of(gateway.store, bot)
    assert (session.intent.wish, session.obeyed) == (Wish.OFFLINE, session.intent.no - 1)
    assert session.device is not None


async def test_a_line_that_does_not_end_is_waited_for_and_then_told_of(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take, "STOPPED_WITHIN", timedelta())
    bot = await connected_bot(gateway)
    assert await gateway.store.run(lambda tx: tx.leases.take(bot, PLAYER)) is not None
    with pytest.raises(take.StillRunning, match="its line still runs"):
        await take.stop(gateway, await take.bots_to_copy(gateway.store, bot))


async def test_the_line_of_a_process_that_died_is_gone_when_its_lease_is(
    gateway: Gateway, clock: ManualClock
) -> None:
    bot = await connected_bot(gateway)
    await gateway.store.run(lambda tx: tx.leases.take(bot, PLAYER))
    clock.advance(timedelta(seconds=31))
    await take.stop(gateway, await take.bots_to_copy(gateway.store, bot))
    assert (await session_of(gateway.store, bot)).state is State.CONNECTED
