"""Files that are there whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole(path: Path, draft: Path) -> Iterator[BinaryIO]:
    """Write a file, readable by its owner alone, and give it its name once it is on the disk.

    Args:
        path: what stood there before is there until then.
        draft: a name beside it, which nobody looks for.

    Raises:
        FileExistsError: there is a draft of somebody else's.
    """
    made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(made, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or a power cut could take the name back
    finally:
        os.close(folder)
