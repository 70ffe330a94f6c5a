"""The lease: which process runs a bot's line.

    free ──take──▶ (process, term n) ──renew──▶ … ──expires──▶ free ──take──▶ (other, term n+1)

The row in the database is the truth, by the database's clock. The term is the fencing number: it
grows by one whenever a lease changes hands, and every write of a line names its term, so the late
words of a line that lost its lease are refused. A process measures how long it may trust a lease
from before it asked, on its own monotonic clock, and stops its lines that long after its last
renewal: earlier than the database gives the lease to someone else.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sololine.core.ids import ProcessId

TERM_LENGTH: Final = timedelta(seconds=30)
RENEWED_EVERY: Final = timedelta(seconds=10)
TRUST: Final = TERM_LENGTH - timedelta(seconds=5)
"""How long after its last renewal a process still trusts its leases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A process's right to run a line until `expires_at`, by the database's clock."""

    process: ProcessId
    term: int
    expires_at: datetime


def may_take(lease: Lease | None, process: ProcessId, now: datetime) -> bool:
    """Whether `process` may take the line over.

    A process may take its own lease anew: its name is guarded by a lock that dies with it, so a
    lease in its name is one that its dead predecessor left.
    """
    return lease is None or lease.process == process or lease.expires_at <= now
