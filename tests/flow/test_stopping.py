"""A server that is told to end leaves in good order, and leaves nothing behind."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.flow.conftest import new_number
from tests.flow.house import Server
from tests.flow.test_many import linked_bots


def leases(server: Server) -> int:
    """How many lines the database takes for running."""
    with closing(sqlite3.connect(server.data_dir / "sololine.sqlite3")) as database:
        query = "SELECT count(*) FROM bot_sessions WHERE lease_process IS NOT NULL"
        (count,) = database.execute(query).fetchone()
    return int(count)


def children(pid: int) -> list[str]:
    """The command lines of a process's children."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"PPid:\t{pid}\n" in status.read_text():
                found.append((status.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it ended meanwhile
    return found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_server_that_is_told_to_end_gives_everything_back(
    own_server: Server, how: signal.Signals
) -> None:
    bots = await linked_bots(own_server, 3)
    process = own_server.process
    assert process is not None
    workers = children(process.pid)
    assert (len(workers), leases(own_server)) == (3, 3)

    process.send_signal(how)
    await own_server.died()

    assert process.returncode == 0
    assert leases(own_server) == 0
    for bot in bots:
        devices = await own_server.whatsapp.devices(bot.number)
        assert [device["online"] for device in devices] == [False]


async def test_a_message_that_is_being_sent_is_not_in_doubt_after_an_ordered_end(
    own_talking: Server,
) -> None:
    (bot,) = await linked_bots(own_talking, 1)
    to = new_number()
    await own_talking.whatsapp.phone(to)
    seen = await own_talking.last()
    await own_talking.whatsapp.fault(kind="slow", number=bot.phone.digits, seconds=0.5, times=20)
    queued = [await bot.accepted(to, text=f"{no}") for no in range(5)]
    await own_talking.event("message.queued", bot.id, after=seen)
    assert await own_talking.stop() == 0
    await own_talking.whatsapp.clear_faults()
    await own_talking.start()
    for message in queued:
        await bot.until("delivered", message)
