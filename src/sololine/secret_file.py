"""Secrets that the data folder keeps: made once, readable by the owner alone."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from sololine.core.sentence import Sentence


def kept(file: Path, make: Callable[[], str]) -> str:
    """The text in `file`, made and written when there is none.

    Two processes that start at once agree: the one that comes second reads what the first wrote.

    Raises:
        ValueError: the file is empty; nothing is put in the place of what it may have held.
    """
    if not file.exists():
        text = make()
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())  # or a power cut could leave the name without the text
        try:
            os.link(draft, file)  # fails when the other one was faster
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found = file.read_text(encoding="utf-8").strip()
    if not found:
        raise ValueError(
            Sentence(
                "the file {file} is empty; restore it from a backup, or delete it to have a new "
                "one",
                file=file,
            )
        )
    return found
