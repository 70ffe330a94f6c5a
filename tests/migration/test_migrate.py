"""Every database gets to today's schema, with its rows, once, or stays what it was."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from sololine.clock import SystemClock
from sololine.core.chat import ChatId
from sololine.core.chore import CheckNumbers
from sololine.core.conflict import conflicts_of
from sololine.core.content import File
from sololine.core.events import EventType
from sololine.core.ids import (
    DEFAULT_TENANT,
    BotId,
    ChoreId,
    MediaId,
    MessageId,
    ProcessId,
    UserId,
)
from sololine.core.message import Failure
from sololine.core.number import Number
from sololine.core.session import EndReason, State
from sololine.core.training import Training
from sololine.store.address import alone_in
from sololine.store.errors import SchemaBehind
from sololine.store.migrate import HEAD, migrate
from sololine.store.revisions import script_directory, upgrade
from sololine.store.store import Store
from sololine.store.tables import metadata
from tests.migration.conftest import NewDatabase

ROWS = Path(__file__).with_name("rows")
REVISIONS = [script.revision for script in script_directory().walk_revisions()][::-1]


def rows_of(revision: str) -> list[str]:
    """Statements that fill what the revision has made; none when it has made nothing to fill."""
    path = ROWS / f"{revision}.sql"
    return path.read_text().split(";\n") if path.exists() else []


async def filled(url: str, upto: str) -> None:
    """Upgrade step by step, as its operator did over the years, and leave rows at each."""
    for revision in REVISIONS[: REVISIONS.index(upto) + 1]:
        async with alone_in(url) as connection:
            await connection.run_sync(upgrade, revision)
            for statement in rows_of(revision):
                if statement.strip():
                    await connection.exec_driver_sql(statement)


async def tables(url: str) -> set[str]:
    async with alone_in(url) as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_an_empty_database_gets_all_tables(url: str) -> None:
    await migrate(url)
    assert await tables(url) == {*metadata.tables, "alembic_version"}
    store = await Store.open(url, SystemClock())
    await store.run(lambda tx: tx.tenants.ensure(DEFAULT_TENANT))
    await store.close()


async def test_migrating_again_changes_nothing(url: str) -> None:
    for _ in range(2):
        await migrate(url)
    assert await tables(url) == {*metadata.tables, "alembic_version"}


async def test_processes_that_migrate_at_once_do_it_once(url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from sololine.store.migrate import migrate\n"
        "asyncio.run(migrate(sys.argv[1]))\n"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, url, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    ends = [(await process.communicate(), process.returncode) for process in processes]
    assert [(error, code) for (_, error), code in ends] == [(b"", 0)] * 3
    assert await tables(url) == {*metadata.tables, "alembic_version"}


@pytest.mark.parametrize("revision", REVISIONS)
async def test_rows_of_every_revision_come_along(url: str, revision: str) -> None:
    await filled(url, revision)
    await migrate(url)

    store = await Store.open(url, SystemClock())
    try:
        async with store.read() as tx:
            rows = await tx.bots.of_user(DEFAULT_TENANT, UserId("eva"))
            assert [bot.id for bot, _ in rows] == ["bot_linked", "bot_linking", "bot_new"]
            linked, linking, ended = (session for _, session in rows)
            assert linked.state is State.CONNECTED
            assert linked.device is not None
            assert linked.device.number == Number(digits="34600000001")
            assert await tx.claims.of_bot(linked.bot) == linked.claims()
            lease = await tx.leases.of(linked.bot)
            assert lease is not None
            assert lease.term == 3
            assert linking.intent.window is not None
            assert linking.intent.window.reserves
            assert linking.linking == "dev_linking_2_1"
            assert linking.code is not None
            assert ended.end is not None
            assert (ended.end.reason, ended.end.until is not None) == (EndReason.BANNED, True)
            assert await tx.events.last(DEFAULT_TENANT) == 2
            events = await tx.events.after(DEFAULT_TENANT, 0, limit=10)
            assert [event.data for event in events] == [{}, {"reason": "asked"}]
            assert await tx.keys.tenant_of(b"\x00\xff") == DEFAULT_TENANT
            (retired,) = await tx.retired.due(limit=10)
            assert (retired.bot, retired.tries) == ("bot_gone", 1)
            (attempt,) = await tx.attempts.of_bot(linking.bot)
            assert attempt.outcome is None
        # And the rows are as alive as new ones.
        assert await store.run(lambda tx: tx.bots.delete(BotId("bot_linked")))
    finally:
        await store.close()


@pytest.mark.parametrize("revision", REVISIONS[1:])
async def test_what_bots_said_comes_along(url: str, revision: str) -> None:
    await filled(url, revision)
    await migrate(url)
    bot, ana = BotId("bot_linked"), ChatId("447700900123")

    store = await Store.open(url, SystemClock())
    try:
        async with store.read() as tx:
            messages = {
                message.id: message
                for message in await tx.messages.page(bot, chat=None, before=None, limit=9)
            }
            heard = messages[MessageId("msg_heard")]
            assert isinstance(heard.content, File)
            assert (heard.content.media, heard.content.caption) == ("med_a", "look")
            assert heard.context.quoted is not None
            assert heard.context.mentions == ("98765@lid",)
            assert await tx.messages.form(bot, heard.id) == b"form"
            assert await tx.media.message_of(bot, MediaId("med_a")) == heard.id
            assert [message.id for message in await tx.messages.sending(bot)] == ["msg_asked"]
            assert messages[MessageId("msg_failed")].failure is Failure.NOT_IN_GROUP
            (reaction,) = (await tx.messages.reactions(bot, ["3EB0AA"]))["3EB0AA"]
            assert reaction.id == "msg_reaction"
            chat = await tx.chats.get(bot, ana)
            assert chat is not None
            assert (chat.name, chat.lid, chat.last_seq, chat.unread) == ("Ana", "98765@lid", 2, 1)
            assert (chat.ref, chat.typing_by, chat.typing_since) == ("cht_a", ana, 1)
            chore = await tx.chores.get(bot, ChoreId("cho_a"))
            assert chore is not None
            assert chore.task == CheckNumbers(numbers=("447700900123",))
            training = await tx.trainings.get(bot)
            assert (training.personality, training.fallback) == ("p", "?")
            assert training.rules[0].words == ("hi",)
            (webhook,) = await tx.webhooks.of_tenant(DEFAULT_TENANT)
            assert webhook.types == {EventType.MESSAGE_RECEIVED}
            page = await tx.deliveries.page(DEFAULT_TENANT, webhook.id, before=None, limit=9)
            assert [delivery.id for delivery in page] == ["dlv_b", "dlv_a"]
        took = await store.run(
            lambda tx: tx.deliveries.take(ProcessId("there"), 9, timedelta(minutes=1))
        )
        assert [delivery.id for delivery in took] == ["dlv_a"]
    finally:
        await store.close()


@pytest.mark.parametrize("revision", REVISIONS[2:])
async def test_what_other_systems_said_comes_along(url: str, revision: str) -> None:
    await filled(url, revision)
    await migrate(url)
    store = await Store.open(url, SystemClock())
    try:
        async with store.read() as tx:
            (conflict,) = conflicts_of(await tx.conflicts.parties())
            assert [party.bot for party in conflict.parties] == ["bot_linked", "bot_new"]
            listing = await tx.listings.of_bot(BotId("bot_linking"))
            assert listing is not None
            assert (listing.number.digits, listing.state) == ("34600000009", State.DISCONNECTED)
            assert listing.last_connected_at is None
    finally:
        await store.close()


async def test_a_bot_of_the_first_version_was_taught_its_personality_only(url: str) -> None:
    await filled(url, REVISIONS[0])
    await migrate(url)
    store = await Store.open(url, SystemClock())
    async with store.read() as tx:
        assert await tx.trainings.get(BotId("bot_linked")) == Training(personality="p")
    await store.close()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(url: str) -> None:
    async def fail() -> None:
        async with alone_in(url) as connection:
            await connection.run_sync(upgrade)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await tables(url) == set()


async def test_sqlite_may_rebuild_a_table_that_others_point_at(tmp_path: Path) -> None:
    """It changes tables by copying them; what pointed at the old one must survive it."""
    url = f"sqlite:///{tmp_path}/store.db"
    await filled(url, REVISIONS[-1])
    async with alone_in(url) as connection:
        await connection.execute(text("CREATE TABLE copied AS SELECT * FROM bots"))
        await connection.execute(text("DROP TABLE bots"))
        await connection.run_sync(metadata.tables["bots"].create)
        await connection.execute(text("INSERT INTO bots SELECT * FROM copied"))
        await connection.execute(text("DROP TABLE copied"))
    store = await Store.open(url, SystemClock())
    async with store.read() as tx:
        assert len(await tx.bots.of_tenant(DEFAULT_TENANT)) == 3
    await store.close()


async def test_sqlite_undoes_a_migration_that_would_break_references(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    await filled(url, REVISIONS[-1])

    async def forget_bots() -> None:
        async with alone_in(url) as connection:
            await connection.execute(text("DELETE FROM bots"))

    with pytest.raises(RuntimeError, match=r"^migrating would leave rows of bot_sessions, chats, "):
        await forget_bots()
    store = await Store.open(url, SystemClock())
    async with store.read() as tx:
        assert len(await tx.bots.of_tenant(DEFAULT_TENANT)) == 3
    await store.close()


async def test_the_migrations_lead_to_the_tables_of_the_code(url: str) -> None:
    await migrate(url)

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    async with alone_in(url) as connection:
        assert await connection.run_sync(differences) == []


async def test_the_migrations_lead_to_every_constraint_of_the_code(
    new_database: NewDatabase,
) -> None:
    """Alembic's comparison does not look at CHECKs, nor at when a foreign key is checked."""
    migrated, made = new_database(), new_database()
    await migrate(migrated)
    async with alone_in(made) as connection:
        await connection.run_sync(metadata.create_all)
    assert await constraints(migrated) == await constraints(made)


async def constraints(url: str) -> set[tuple[str, str]]:
    """What the database itself says that its tables hold to: pairs of table and clause."""
    async with alone_in(url) as connection:
        if connection.dialect.name == "sqlite":
            rows = await connection.execute(
                text("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            )
            # A table that was made anew has its name in quotes.
            found = {
                (table, line.strip(" \t,").replace('"', ""))
                for table, sql in rows
                for line in sql.split("\n")
            }
        else:
            rows = await connection.execute(
                text(
                    "SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)"
                    " FROM pg_constraint WHERE conrelid <> 0"
                    " UNION SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'"
                    " UNION SELECT table_name, column_name || ' ' || data_type || ' ' ||"
                    " is_nullable || ' ' || coalesce(column_default, '')"
                    " FROM information_schema.columns WHERE table_schema = 'public'"
                )
            )
            found = {(row[0], row[1]) for row in rows}
    assert len(found) > 100
    return {(table, clause) for table, clause in found if table != "alembic_version"}


async def test_a_store_does_not_open_before_its_schema_is_there(url: str) -> None:
    with pytest.raises(SchemaBehind, match=r"^the database is at revision none, .* needs \d{4}; "):
        await Store.open(url, SystemClock())


async def test_a_database_of_a_newer_version_is_used_and_left_alone(url: str) -> None:
    """While a cluster is upgraded, old processes may start again beside the new ones."""
    await migrate(url)
    async with alone_in(url) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await migrate(url)
    store = await Store.open(url, SystemClock())
    await store.close()
    async with alone_in(url) as connection:
        found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        assert found.scalar_one() == "9999"


def test_there_is_one_way_up_and_none_down() -> None:
    assert [f"{no:04}" for no in range(1, len(REVISIONS) + 1)] == REVISIONS
    for script in script_directory().walk_revisions():
        assert not hasattr(script.module, "downgrade")


def test_there_are_rows_for_revisions_only() -> None:
    assert REVISIONS[0] in {path.stem for path in ROWS.iterdir()} <= set(REVISIONS)


def test_the_code_knows_which_revision_is_the_newest() -> None:
    assert script_directory().get_current_head() == HEAD
