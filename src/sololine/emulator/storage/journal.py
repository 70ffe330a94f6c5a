"""What the emulator keeps beyond its accounts: bytes under names, in drawers.

Everything is written soon after it was said, many changes in one transaction, so that thousands of
messages a second cost a few writes. What is put and dropped in between is never written. A process
that is killed may lose the last moment; one that is closed loses nothing.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

_SOON_S: Final = 0.02
"""Seconds from a change to its transaction."""


class Drawer(StrEnum):
    """What kind of thing is kept; names are unique in a drawer."""

    KEYS = "keys"
    """Phones' Signal keys and sessions."""
    WAITING = "waiting"
    """Stanzas that a device has not answered."""
    LETTERS = "letters"
    """What phones received."""
    SENT = "sent"
    """What phones wrote."""
    PHONES = "phones"
    """Phones' settings."""
    GROUPS = "groups"
    PROFILES = "profiles"


Value: TypeAlias = bytes | Callable[[], bytes]


class Records(Protocol):
    """What a journal writes to and reads from; the ledger."""

    def write(self, changes: Mapping[tuple[Drawer, str], bytes | None]) -> None:
        """Put these records in, or drop those that are None; all or nothing."""

    def read(self, drawer: Drawer) -> Iterator[tuple[str, bytes]]:
        """The records in a drawer, in the order of their names."""


class Journal:
    """Write-behind records. Until `open` nothing is written and nothing is there to be read."""

    def __init__(self) -> None:
        self._records: Records | None = None
        self._changes: dict[tuple[Drawer, str], Value | None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def open(self, records: Records) -> None:
        """Write to these records from now on."""
        self._records = records

    def close(self) -> None:
        """Write what is not written yet, and nothing after that."""
        self.flush()
        self._records = None

    def put(self, drawer: Drawer, name: str, value: Value) -> None:
        """Keep a value under this name, in place of an earlier one.

        A value that is made by a function is made only if it comes to be written.
        """
        self._change(drawer, name, value)

    def drop(self, drawer: Drawer, name: str) -> None:
        """Keep nothing under this name any more."""
        self._change(drawer, name, None)

    def read(self, drawer: Drawer) -> Iterator[tuple[str, bytes]]:
        """What is kept in a drawer, in the order of the names."""
        self.flush()
        return iter(()) if self._records is None else self._records.read(drawer)

    def flush(self) -> None:
        """Write what is not written yet; what cannot be, is tried again with what follows."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._records is not None and self._changes:
            changes, self._changes = self._changes, {}
            try:
                self._records.write(
                    {name: value() if callable(value) else value for name, value in changes.items()}
                )
            except BaseException:
                self._changes = changes | self._changes
                raise

    def _change(self, drawer: Drawer, name: str, value: Value | None) -> None:
        if self._records is None:
            return
        self._changes[drawer, name] = value
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SOON_S, self.flush)
