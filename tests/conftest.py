"""What all tests share."""

import asyncio

pytest_plugins = ["tests.services"]


def pytest_configure() -> None:
    # pytest-asyncio asks for the current loop in order to put it back later. With none set, Python
    # makes one up, which nobody closes, and some later test fails for the warning about that.
    asyncio.set_event_loop(None)
