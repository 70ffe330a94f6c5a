"""Bots come back whole, once, and held back; or not at all, with a reason."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sololine.actions import sessions
from sololine.actions.gateway import Gateway
from sololine.backup import archive, restore
from sololine.backup.archive import ArchiveReader
from sololine.backup.restore import Restoring, restore_bots, restore_tenants
from sololine.core.advance import Looked
from sololine.core.backup import Refused, Restore, Unchanged
from sololine.core.errors import HeldBack
from sololine.core.ids import DEFAULT_TENANT, BotId, DeviceId
from sololine.core.session import Session, State
from sololine.engine.credentials import Credentials
from sololine.store.store import Store
from sololine.store.transaction import Transaction
from tests.unit.backup.conftest import PASSPHRASE, taken
from tests.unit.backup.test_take import TRAINING, linked_bot, webhook
from tests.unit.scenes import (
    KEY_CALLER,
    NUMBER,
    OTHER_TENANT,
    connect,
    connected_bot,
    events_of,
    holder_of,
    logged,
    move,
    new_bot,
    session_of,
)

Reading = Callable[[], ArchiveReader]


@pytest.fixture(autouse=True)
def no_line_will_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SETTLED_WITHIN_S", 0)


@pytest.fixture
def restoring(store: Store, credentials: Credentials) -> Restoring:
    return Restoring(store=store, credentials=credentials)


async def lost_bot(gateway: Gateway, credentials: Credentials, file: Path) -> tuple[BotId, Session]:
    """A bot of which there is a backup, and nothing else any more."""
    bot = await linked_bot(gateway, credentials)
    session = await session_of(gateway.store, bot)
    assert session.device is not None
    device = session.device.id
    await taken(gateway.store, credentials, file, bot)
    await gateway.store.run(lambda tx: tx.bots.delete(bot))
    await gateway.store.run(lambda tx: tx.retired.done(device))
    credentials.erase(device)
    return bot, session


async def only(restoring: Restoring, archive: ArchiveReader) -> restore.Outcome:
    (outcome,) = await restore_bots(restoring, archive)
    return outcome


async def test_a_lost_bot_comes_back_with_all_that_is_its_own(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot, before = await lost_bot(gateway, restoring.credentials, file)
    assert before.device is not None

    outcome = await only(restoring, reading())

    assert (outcome.verdict, outcome.held) == (Restore(new=True, links=True), True)
    session = await session_of(gateway.store, bot)
    assert session.idle
    assert session.device == before.device
    assert session.intent.no == before.intent.no
    holder = await holder_of(gateway.store, NUMBER)
    assert holder is not None
    assert holder.bot == bot
    with restoring.credentials.hold(before.device.id, timedelta()):
        stored = restoring.credentials.stored(before.device.id)
    assert stored is not None
    assert stored.jid == before.device.jid
    async with gateway.store.read() as tx:
        assert await tx.trainings.get(bot) == TRAINING
        assert await tx.webhooks.of_tenant(DEFAULT_TENANT) == [webhook("all"), webhook("own", bot)]
    event = (await logged(gateway.store, bot))[-1]
    assert (event.type, event.data) == ("bot.restored", {"heldBack": True})


async def test_restoring_twice_changes_nothing_more(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot, _ = await lost_bot(gateway, restoring.credentials, file)
    await only(restoring, reading())
    session, events = await session_of(gateway.store, bot), await events_of(gateway.store, bot)

    again = await only(restoring, reading())

    assert (again.verdict, again.held) == (Unchanged(held=True), True)
    assert await session_of(gateway.store, bot) == session
    assert await events_of(gateway.store, bot) == events


async def test_a_bot_is_held_back_until_it_is_taken_over(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot, _ = await lost_bot(gateway, restoring.credentials, file)
    await only(restoring, reading())
    with pytest.raises(HeldBack):
        await connect(gateway, bot)

    taking = replace(restoring, take_over=True)
    outcome = await only(taking, reading())

    assert (outcome.verdict, outcome.held) == (Unchanged(held=True), False)
    assert (await events_of(gateway.store, bot))[-1] == "bot.taken_over"
    assert (await connect(gateway, bot)).device is not None
    again = await only(taking, reading())
    assert (again.verdict, again.held) == (Unchanged(held=False), False)
    assert (await events_of(gateway.store, bot)).count("bot.taken_over") == 1


async def test_a_bot_that_is_taken_over_at_once_may_connect(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot, _ = await lost_bot(gateway, restoring.credentials, file)
    outcome = await only(replace(restoring, take_over=True), reading())
    assert not outcome.held
    assert (await logged(gateway.store, bot))[-1].data == {"heldBack": False}
    await connect(gateway, bot)


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot, _ = await lost_bot(gateway, restoring.credentials, file)
    outcome = await only(replace(restoring, dry_run=True), reading())
    assert outcome.verdict == Restore(new=True, links=True)
    async with gateway.store.read() as tx:
        assert await tx.bots.get(bot) is None
    assert restoring.credentials.idle(timedelta()) == []


async def test_the_original_that_holds_its_number_is_left_alone(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot = await linked_bot(gateway, restoring.credentials)
    await taken(gateway.store, restoring.credentials, file, bot)
    session = await session_of(gateway.store, bot)
    assert session.device is not None
    before = restoring.credentials.file(session.device.id).stat()

    outcome = await only(replace(restoring, take_over=True), reading())

    assert isinstance(outcome.verdict, Refused)
    assert "this is the original" in outcome.verdict.why
    assert await session_of(gateway.store, bot) == session
    assert restoring.credentials.file(session.device.id).stat() == before


async def test_a_number_that_another_bot_has_by_now_is_not_taken_from_it(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot, _ = await lost_bot(gateway, restoring.credentials, file)
    other = await connected_bot(gateway, name="Eve")

    outcome = await only(restoring, reading())

    assert isinstance(outcome.verdict, Refused)
    assert f"the bot 'Eve' ({other})" in outcome.verdict.why
    assert NUMBER not in outcome.verdict.why
    async with gateway.store.read() as tx:
        assert await tx.bots.get(bot) is None
    assert restoring.credentials.idle(timedelta()) == []


async def test_who_takes_the_number_in_the_middle_of_a_restore_keeps_it(
    gateway: Gateway,
    restoring: Restoring,
    file: Path,
    reading: Reading,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was placed for nothing is gone again."""
    await lost_bot(gateway, restoring.credentials, file)
    run = gateway.store.run
    others: list[BotId | None] = []

    async def meanwhile(work: object) -> object:
        if restoring.credentials.idle(timedelta()) and not others:
            others.append(None)
            others[0] = await connected_bot(gateway, name="Eve")
        return await run(work)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(gateway.store, "run", meanwhile)
    outcome = await only(restoring, reading())
    assert isinstance(outcome.verdict, Refused)
    holder = await holder_of(gateway.store, NUMBER)
    assert holder is not None
    assert holder.bot == others[0]
    assert restoring.credentials.idle(timedelta()) == []


async def test_a_crash_in_the_middle_leaves_no_row_without_its_file(
    gateway: Gateway,
    restoring: Restoring,
    file: Path,
    reading: Reading,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bot, before = await lost_bot(gateway, restoring.credentials, file)
    assert before.device is not None

    async def dies(_: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(gateway.store, "run", dies)
        with pytest.raises(KeyboardInterrupt):
            await only(restoring, reading())
    async with gateway.store.read() as tx:
        assert await tx.bots.get(bot) is None
    assert restoring.credentials.exists(before.device.id)

    outcome = await only(restoring, reading())
    assert outcome.verdict == Restore(new=True, links=True)
    assert (await session_of(gateway.store, bot)).device == before.device


async def test_credentials_that_somebody_works_with_are_not_overwritten(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    _, before = await lost_bot(gateway, restoring.credentials, file)
    assert before.device is not None
    with restoring.credentials.hold(before.device.id, timedelta()):
        outcome = await only(restoring, reading())
    assert isinstance(outcome.verdict, Refused)
    assert "A process works with its credentials" in outcome.verdict.why
    assert not restoring.credentials.exists(before.device.id)


async def test_of_two_that_restore_a_bot_at_once_one_does_it(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot, before = await lost_bot(gateway, restoring.credentials, file)
    assert before.device is not None

    outcomes = await asyncio.gather(*(only(restoring, reading()) for _ in range(2)))

    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts.count(Restore(new=True, links=True)) == 1
    assert (await events_of(gateway.store, bot)).count("bot.restored") == 1
    assert restoring.credentials.exists(before.device.id)


async def test_a_bot_whose_credentials_alone_were_lost_gets_them_back(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    """As when the database is on another machine than the data folder was."""
    bot = await linked_bot(gateway, restoring.credentials)
    await taken(gateway.store, restoring.credentials, file, bot)
    before = await session_of(gateway.store, bot)
    assert before.device is not None
    restoring.credentials.erase(before.device.id)

    outcome = await only(restoring, reading())

    assert (outcome.verdict, outcome.held) == (Restore(new=False, links=True), True)
    after = await session_of(gateway.store, bot)
    assert (after.state, after.device) == (State.DISCONNECTED, before.device)
    assert restoring.credentials.exists(before.device.id)


async def test_a_bot_that_was_unlinked_since_keeps_its_newer_settings(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bot = await linked_bot(gateway, restoring.credentials)
    await taken(gateway.store, restoring.credentials, file, bot)
    await sessions.disconnect(gateway, KEY_CALLER, bot, user=None)
    session = await move(gateway.store, bot, Looked())
    device = DeviceId(next(iter(restoring.credentials.idle(timedelta()))))
    waiting = await only(restoring, reading())
    assert isinstance(waiting.verdict, Refused)
    assert "being logged out of the phone" in waiting.verdict.why
    await gateway.store.run(lambda tx: tx.retired.done(device))
    restoring.credentials.erase(device)

    async def rename(tx: Transaction) -> None:
        await tx.sessions.lock(bot)
        found = await tx.bots.get(bot)
        assert found is not None
        await tx.bots.update(replace(found, name="Newer"))

    await gateway.store.run(rename)
    outcome = await only(restoring, reading())

    assert outcome.verdict == Restore(new=False, links=True)
    after = await session_of(gateway.store, bot)
    assert after.device is not None
    assert after.intent.no == session.intent.no
    async with gateway.store.read() as tx:
        found = await tx.bots.get(bot)
    assert found is not None
    assert found.name == "Newer"


async def test_of_many_bots_those_come_back_that_can(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    lost = await linked_bot(gateway, restoring.credentials)
    unlinked = await new_bot(gateway, "Eve")
    await taken(gateway.store, restoring.credentials, file)
    device = (await session_of(gateway.store, lost)).device
    assert device is not None
    for bot in (lost, unlinked):
        await gateway.store.run(lambda tx, bot=bot: tx.bots.delete(bot))
    await gateway.store.run(lambda tx: tx.retired.done(device.id))
    restoring.credentials.erase(device.id)
    await connected_bot(gateway, name="Newcomer")

    outcomes = {each.bot.id: each for each in await restore_bots(restoring, reading())}

    assert outcomes[unlinked].verdict == Restore(new=True, links=False)
    assert not outcomes[unlinked].held
    assert isinstance(outcomes[lost].verdict, Refused)


async def test_one_bot_of_many_can_be_restored(
    gateway: Gateway, restoring: Restoring, file: Path, reading: Reading
) -> None:
    bots = [await new_bot(gateway, name) for name in ("Ada", "Eve")]
    await taken(gateway.store, restoring.credentials, file)
    for bot in bots:
        await gateway.store.run(lambda tx, bot=bot: tx.bots.delete(bot))
    (outcome,) = await restore_bots(restoring, reading(), bots[1])
    assert outcome.bot.name == "Eve"
    async with gateway.store.read() as tx:
        assert await tx.bots.get(bots[0]) is None
    assert await restore_bots(restoring, reading(), BotId("bot_nobody")) == []


@pytest.mark.parametrize("keys", [True, False], ids=["with keys", "without keys"])
async def test_tenants_come_back_with_their_webhooks_and_keys(
    gateway: Gateway, credentials: Credentials, file: Path, *, keys: bool
) -> None:
    async def hook(tx: Transaction) -> None:
        await tx.webhooks.add(webhook("all"))
        await tx.keys.add(OTHER_TENANT, b"\xaa", "a key")

    await gateway.store.run(hook)
    await taken(gateway.store, credentials, file)
    await gateway.store.run(lambda tx: tx.webhooks.delete(DEFAULT_TENANT, webhook("all").id))
    await gateway.store.run(lambda tx: tx.keys.remove(OTHER_TENANT, "aa"))
    with archive.read(file, PASSPHRASE) as found:
        for _ in range(2):
            await restore_tenants(gateway.store, found.contents, keys=keys)
    async with gateway.store.read() as tx:
        assert await tx.webhooks.of_tenant(DEFAULT_TENANT) == [webhook("all")]
        assert await tx.keys.tenant_of(b"\xaa") == (OTHER_TENANT if keys else None)
