"""The folder of media files, as far as a link reads and writes in it.

The server and its worker name a file to each other by its name alone. What leads out of the folder
is refused at both ends.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Literal

MAX_MEDIA_BYTES: Final = 64 << 20
"""Of a file that is sent or fetched, if nothing else is said. A worker holds it a few times."""

_NAME: Final = re.compile(r"\.?[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class MediaFolder:
    """`<data_dir>/media`.

    Attributes:
        max_bytes: of the largest file that may be sent or fetched; the server sees to it.
    """

    def __init__(self, data_dir: Path, max_bytes: int = MAX_MEDIA_BYTES) -> None:
        self._folder = data_dir / "media"
        self.max_bytes = max_bytes

    def name_of(self, file: Path) -> str:
        """The name of a file in the folder. Raises `ValueError` for any other."""
        if file.absolute().parent != self._folder or _NAME.fullmatch(file.name) is None:
            raise ValueError("only files in the folder for media are sent and fetched")
        return file.name

    def read(self, name: str) -> bytes:
        """The file's content. Raises `OSError` and `ValueError`."""
        with _open(self._place(name), _READ, "rb") as file:
            return file.read()

    def make(self, name: str, write: Callable[[Callable[[memoryview], object]], bool]) -> bool:
        """Make the file and have `write` fill it; with False, or an error, nothing is left.

        Raises `OSError`, also when the file exists, and `ValueError`.
        """
        path = self._place(name)
        kept = False
        try:
            with _open(path, _MAKE, "wb") as file:
                kept = write(file.write)
        except FileExistsError:
            kept = True  # somebody else's
            raise
        finally:
            if not kept:
                path.unlink(missing_ok=True)
        return kept

    def _place(self, name: str) -> Path:
        return self._folder / self.name_of(self._folder / name)


def _open(path: Path, flags: int, mode: Literal["rb", "wb"]) -> BinaryIO:
    return open(os.open(path, flags, 0o600), mode)  # noqa: PTH123 — a Path follows links
