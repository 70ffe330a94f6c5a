"""What all tests share."""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine's other work only.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Whoever runs the tests may read another language; what they run speaks English to them.
os.environ["LANGUAGE"] = "en"
os.environ.pop("SOLOLINE_LANGUAGE", None)

pytest_plugins = ["tests.services"]


def pytest_addoption(parser: pytest.Parser) -> None:
    # Here and not beside the simulation: pytest asks only the first conftest files for options.
    group = parser.getgroup("simulation")
    group.addoption("--seed", type=int, help="simulate the day of this seed only")
    group.addoption("--seeds", type=int, default=200, help="how many days to simulate")


def pytest_configure() -> None:
    # pytest-asyncio asks for the current loop in order to put it back later. With none set, Python
    # makes one up, which nobody closes, and some later test fails for the warning about that.
    asyncio.set_event_loop(None)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    # Bytes are often made with fresh keys: as part of a test's name they would differ between the
    # processes of pytest-xdist, which must agree on what tests there are. They also read badly.
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) and len(val) > 16 else None
