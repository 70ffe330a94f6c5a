import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sololine.store.migrate import migrate

GROUP = 10
"""Seeds of one test, so that the processes of pytest-xdist share them evenly."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" not in metafunc.fixturenames:
        return
    seed = metafunc.config.getoption("--seed")
    count = metafunc.config.getoption("--seeds")
    if seed is not None:
        groups = [range(seed, seed + 1)]
    else:
        groups = [
            range(first, min(first + GROUP, count + 1)) for first in range(1, count + 1, GROUP)
        ]
    metafunc.parametrize("seeds", groups, ids=[f"{group[0]}-{group[-1]}" for group in groups])


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    # On a thread: a fixture of the session may be set up while a test's loop runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(f"sqlite:///{path}")).result()
    return path
