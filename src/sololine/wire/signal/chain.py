"""Keys of messages that come one after another, each from the one before, none backwards.

    key 0 ─▶ key 1 ─▶ key 2 ─▶ …      (each forgotten when the next is made)
      │        │        │
    seed 0   seed 1   seed 2          (what the key of one message is derived from, used once)

Messages may be lost or overtake each other, so seeds that were passed over are kept for a while.
"""

import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Self

from sololine.wire import fields
from sololine.wire.errors import MalformedPayload
from sololine.wire.signal.errors import DuplicateMessage, TooFarAhead

MAX_AHEAD: Final = 2000
"""How many messages may be missing before one that is read."""

MAX_KEPT: Final = 2000
"""How many seeds of missing messages a chain keeps; the oldest are given up."""

_SEED: Final = b"\x01"
_NEXT: Final = b"\x02"
_KEPT: Final = struct.Struct(">I32s")


@dataclass(frozen=True, slots=True, repr=False)
class Chain:
    """The chain before message `counter`, and the seeds of earlier ones that have not come.

    `kept` is in the order of its counters and is never changed, since chains share it.
    """

    key: bytes
    counter: int = 0
    kept: Mapping[int, bytes] = field(default_factory=dict)

    def take(self, counter: int) -> tuple[bytes, "Chain"]:
        """The seed of the message of that number, and the chain when it is used up.

        Raises:
            DuplicateMessage: if it was taken before, or given up.
            TooFarAhead: if more than `MAX_AHEAD` messages would be passed over.
        """
        if counter < self.counter:
            seed = self.kept.get(counter)
            if seed is None:
                raise DuplicateMessage("the key of a message was used before")
            others = {at: other for at, other in self.kept.items() if at != counter}
            return seed, Chain(self.key, self.counter, others)
        if counter - self.counter > MAX_AHEAD:
            raise TooFarAhead(f"more than {MAX_AHEAD} messages before this one are missing")
        key, kept = self.key, self.kept
        if counter > self.counter:
            passed = dict(kept)
            for at in range(self.counter, counter):
                passed[at] = _derive(key, _SEED)
                key = _derive(key, _NEXT)
            for oldest in list(islice(passed, max(0, len(passed) - MAX_KEPT))):
                del passed[oldest]
            kept = passed
        return _derive(key, _SEED), Chain(_derive(key, _NEXT), counter + 1, kept)

    def dump(self) -> bytes:
        """The chain as bytes. They are secret."""
        kept = b"".join(_KEPT.pack(at, seed) for at, seed in self.kept.items())
        return fields.write({1: self.key, 2: self.counter, 3: kept or None})

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """The chain that was dumped.

        Raises:
            MalformedPayload: if it is none.
        """
        found = fields.read(dumped)
        try:
            kept = dict(_KEPT.iter_unpack(fields.data(found, 3, absent=b"")))
        except struct.error as error:
            raise MalformedPayload("a chain keeps seeds of another length") from error
        return cls(fields.data(found, 1), fields.number(found, 2), kept)

    def __repr__(self) -> str:
        return f"Chain(counter={self.counter}, kept=<{len(self.kept)}>)"


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")
