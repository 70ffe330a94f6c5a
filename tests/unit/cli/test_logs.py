"""The log, as a process of its own writes it: canaries go through every way into it."""

import json
import subprocess
import sys
from typing import Any

import pytest
import structlog

from sololine.cli.logs import configure_logs

CANARIES = ("34600111222", "hunter2", "see you at nine", "2@AbCdEfGhIjKlMnOpQrStUvWxYz01234567")

SAID = """
import logging, sys, threading, warnings, asyncio, gc
import structlog
from sololine.cli.logs import configure_logs

configure_logs("debug", sys.argv[1])
NUMBER, KEY, TEXT, QR = sys.argv[2:]
log = structlog.get_logger()
library = logging.getLogger("some.library")

def fails():
    raise ValueError(f"cannot send to {NUMBER}: text={TEXT!r}, qr={QR}, api_key={KEY}")

for tell in (log.debug, log.info, log.warning, log.error, log.critical):
    tell("ours", text=TEXT, nested={"code": QR, "to": [NUMBER]}, token=KEY, bot="bot_1")
    tell(f"in the event {NUMBER} {QR}")
for tell in (library.warning, library.error, library.critical):
    tell("theirs %s %s", NUMBER, {"text": TEXT, "key": KEY, "qr": QR})
    tell("with extra", extra={"text": TEXT, "number": NUMBER})
library.info("not heard %s", NUMBER)
try:
    fails()
except ValueError as error:
    log.exception("ours", bot="bot_1")
    log.error("ours too", exc_info=error)
    library.exception("theirs")
    library.error("as a value: %s", error)
log.info("where", stack_info=True)
structlog.contextvars.bind_contextvars(request="r-1", jid=f"{NUMBER}@s.whatsapp.net")
log.info("bound")
structlog.contextvars.clear_contextvars()
warnings.warn(f"careful with {NUMBER}")
thread = threading.Thread(target=fails)
thread.start()
thread.join()

class Finalized:
    def __del__(self):
        fails()

Finalized()
gc.collect()

async def forgotten():
    asyncio.get_running_loop().call_soon(fails)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(forgotten())
fails()
"""


def written(format_: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SAID, format_, *(CANARIES[index] for index in (0, 1, 2, 3))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("format_", ["json", "console", "auto"])
def test_no_canary_comes_through_whichever_way_it_goes(format_: str) -> None:
    told = written(format_)

    for canary in CANARIES:
        assert canary not in told
    for event in (
        "ours too",
        "with extra",
        "bound",
        "careful with",
        "uncaught in a thread",
        "fault in a finalizer",
        "uncaught",
    ):
        assert event in told, event


def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in written("json").splitlines()]


def test_every_line_for_programs_is_one_object_whoever_speaks() -> None:
    """Uncaught errors, warnings and what libraries say included."""
    told = lines()

    assert all({"event", "level", "timestamp"} <= line.keys() for line in told)
    assert {line["level"] for line in told} == {"debug", "info", "warning", "error", "critical"}
    assert {line.get("logger") for line in told} >= {None, "some.library", "py.warnings", "asyncio"}
    assert told[-1]["event"] == "uncaught"
    assert "Traceback" in told[-1]["exception"]
    assert "in fails" in told[-1]["exception"]


def test_what_was_bound_stands_in_the_lines_that_follow() -> None:
    (bound,) = [line for line in lines() if line["event"] == "bound"]

    assert (bound["request"], bound["jid"]) == ("r-1", "***")


def test_libraries_are_heard_from_warnings_on() -> None:
    """Below, they may name what must not be logged."""
    assert not [line for line in lines() if line["event"].startswith("not heard")]


@pytest.mark.parametrize(
    ("format_", "is_json"), [("json", True), ("console", False), ("auto", True)]
)
def test_where_no_terminal_is_a_program_reads(format_: str, *, is_json: bool) -> None:
    first = written(format_).splitlines()[0]

    assert first.startswith("{") is is_json


def test_whoever_ends_a_process_by_hand_is_no_fault() -> None:
    said = (
        'from sololine.cli.logs import configure_logs; configure_logs("info", "json"); '
        "raise KeyboardInterrupt"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=False)

    assert "uncaught" not in done.stderr
    assert "KeyboardInterrupt" in done.stderr


@pytest.mark.parametrize(
    ("level", "heard"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)]
)
def test_what_is_logged_is_a_line_a_fact_on_standard_error(
    capfd: pytest.CaptureFixture[str], level: str, heard: int
) -> None:
    configure_logs(level)
    log = structlog.get_logger()
    log.debug("small", bot="bot_1")
    log.info("usual", bot="bot_1")
    log.warning("grave", bot="bot_1")

    said = capfd.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == heard
