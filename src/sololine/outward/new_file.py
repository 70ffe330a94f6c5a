"""A new file that is being fetched: it exists whole, or not at all."""

import asyncio
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sololine.outward.errors import TooLarge

_WRITE_BYTES: Final = 2**20
"""What is collected before it goes to the disk, on a thread."""


class NewFile:
    """A context manager: makes the file, and removes it again if anything goes wrong.

    Args:
        path: where nothing is yet; only this user may read it.
        max_bytes: how large it may become.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.size = 0
        self._path = path
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._waiting = bytearray()

    @property
    def sha256(self) -> str:
        """Of what was written, in hexadecimal digits."""
        return self._digest.hexdigest()

    def __enter__(self) -> Self:
        # In the event loop: a thread that is left behind would make the file after we are gone.
        self._stream = self._path.open("xb")
        with suppress(OSError):
            os.fchmod(self._stream.fileno(), 0o600)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        if error is not None:
            self._path.unlink(missing_ok=True)

    async def take(self, part: bytes) -> None:
        """Write on. Raises `TooLarge` when it becomes too large."""
        self.size += len(part)
        if self.size > self._max_bytes:
            raise TooLarge(self._max_bytes)
        self._waiting += part
        if len(self._waiting) >= _WRITE_BYTES:
            await self.settle()

    async def settle(self) -> None:
        """Write what was collected; to be called at the end."""
        await asyncio.to_thread(self._write, bytes(self._waiting))
        self._waiting.clear()

    def _write(self, part: bytes) -> None:
        self._digest.update(part)
        self._stream.write(part)
        self._stream.flush()
