"""The event loop that our processes run in: uvloop, which takes half the time of asyncio's own."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end, as `asyncio.run` does."""
    if sys.platform == "win32":  # uvloop is not made for it
        asyncio.run(main)
    else:
        import uvloop  # noqa: PLC0415 — it is not there on every platform

        uvloop.run(main)
