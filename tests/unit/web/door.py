"""What tests of the doors share."""

import asyncio
import base64
from pathlib import Path

KEY = "sl_test-key-of-the-tenant-default"

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one dot."""


def kept(folder: Path) -> list[Path]:
    """All that is in a folder, which need not be there."""
    return sorted(folder.iterdir()) if folder.exists() else []


class Hanging:
    """A transaction that a store which hangs never begins."""

    async def __aenter__(self) -> None:
        await asyncio.Event().wait()

    async def __aexit__(self, *_: object) -> None: ...
