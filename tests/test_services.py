"""What the services promise to other tests: fresh, reachable, never left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from tests.servers import Valkey, fresh_database

ROOT = Path(__file__).parents[1]


async def _ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_postgres_database_is_empty_and_takes_tables(postgres_database: str) -> None:
    tables = "select count(*) from pg_tables where schemaname = 'public'"

    assert await _ask(postgres_database, tables) == 0
    await _ask(postgres_database, "create table bots (id text)")
    assert await _ask(postgres_database, tables) == 1


async def test_a_database_is_gone_afterwards_even_with_connections_open(postgres_url: str) -> None:
    with fresh_database(postgres_url) as url:
        forgotten = await asyncpg.connect(url.replace("+asyncpg", ""))

    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await _ask(url, "select 1")
    forgotten.terminate()


async def test_a_redis_database_is_empty_and_takes_keys(redis_database: str) -> None:
    async with redis.asyncio.from_url(redis_database) as client:
        assert await client.dbsize() == 0
        await client.set("key", "value")
        assert await client.dbsize() == 1


async def test_a_killed_valkey_comes_back_at_the_same_address_with_nothing_in_it(
    valkey: Valkey,
) -> None:
    before = valkey.url
    async with redis.asyncio.from_url(valkey.url) as client:
        await client.set("key", "value")

    valkey.kill()
    valkey.start()

    assert valkey.url == before
    async with redis.asyncio.from_url(valkey.url) as client:
        assert await client.get("key") is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_the_process_that_started_it(
    how: signal.Signals, valkey: Valkey
) -> None:
    """The fixture is asked for only so that `--skip-services` leaves this test out as well."""
    script = (
        "import signal, time\n"
        # Whoever runs the tests in the background of a shell ignores it, and we inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tests.servers import Valkey\n"
        "server = Valkey()\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout
        server = int(parent.stdout.readline())
        assert _is_running(server)
        parent.send_signal(how)

    deadline = time.monotonic() + 20
    while _is_running(server):
        assert time.monotonic() < deadline, "the server is still running"
        time.sleep(0.02)
