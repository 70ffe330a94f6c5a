"""The linking window: the minutes in which a QR or a code may be used.

    opened_at ├──── worker 1: 60 + 5 x 20 s ────┼──── worker 2 ────┤ ends_at = opened_at + 300 s

The window is also the connect lock: while it is open, a second connect of the bot is refused with
the seconds left. It stands on the session's row, so it survives a restart and every process sees
it. The engine's own codes last 160 s; a second worker takes over, unseen.

A window may begin anew by itself when it is over, some times. Who asked for it wrote down how often
it may; how often it has is the line's to write.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sololine.core.claim import Policy
from sololine.core.number import Number

WINDOW: Final = timedelta(minutes=5)
RESTARTS: Final = 11
"""How often a window begins anew at most: an hour in all, since whoever asked may have left."""


class Method(StrEnum):
    """How the phone is to be linked."""

    QR = "qr"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One linking window.

    Attributes:
        number: the number that the caller declared; only that number may be linked then. Always
            there when `method` is CODE, since WhatsApp sends the code to a number.
        policy: what to do when the scanned number belongs to another bot of the tenant.
        reserves: whether the window keeps the declared number for the bot. Not so when another
            bot of the tenant has it and the policy is to replace that bot after the scan.
        restarts: how often it may still begin anew by itself when it is over.
    """

    opened_at: datetime
    ends_at: datetime
    method: Method = Method.QR
    number: Number | None = None
    policy: Policy = Policy.REFUSE
    reserves: bool = False
    restarts: int = 0

    @classmethod
    def opened(
        cls,
        now: datetime,
        *,
        method: Method = Method.QR,
        number: Number | None = None,
        policy: Policy = Policy.REFUSE,
        reserves: bool = False,
        restarts: int = 0,
    ) -> "Window":
        """Open a window at `now`."""
        return cls(
            opened_at=now,
            ends_at=now + WINDOW,
            method=method,
            number=number,
            policy=policy,
            reserves=reserves,
            restarts=restarts,
        )

    def begun_anew(self, at: datetime, times: int) -> "Window":
        """This window after it has begun anew so often, the last time at `at`."""
        return replace(self, opened_at=at, ends_at=at + WINDOW, restarts=self.restarts - times)

    def seconds_left(self, now: datetime) -> int:
        """Whole seconds until the end, rounded up; 0 when it is over."""
        return max(0, -int((now - self.ends_at).total_seconds() // 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What the owner shows to the phone: the text of a QR, or a pairing code. A secret."""

    method: Method
    text: str = field(repr=False)
    expires_at: datetime
