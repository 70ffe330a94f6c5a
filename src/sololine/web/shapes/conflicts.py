"""Numbers that several bots are said to have, as JSON."""

from typing import Literal

from pydantic import Field

from sololine.core.conflict import Basis
from sololine.web.shapes.base import Instant, Shape, Text


class PartyShape(Shape):
    """A bot that has a number, or is said to have it."""

    user_id: str
    bot_id: str
    bot_name: str
    basis: Basis = Field(
        description="`held`: it is linked with the number; `listed`: another system's data says so."
    )
    status: str = Field(description="CONNECTED, DISCONNECTED, QR_PENDING and so on.")
    last_connected_at: Instant | None


class ConflictShape(Shape):
    """A number, and your bots that have it or are said to, the newest connection first."""

    phone_number: str
    taken_elsewhere: bool = Field(
        description="The number is registered in another account: none of your bots can keep it."
    )
    bots: list[PartyShape]


class LeftDevice(Shape):
    """A device that its bot gave up, and that its phone may still list."""

    bot_id: str
    since: Instant
    tries: int = Field(description="How often it was tried to log it out.")


class Conflicts(Shape):
    """What was found."""

    success: Literal[True] = True
    total_connections: int
    conflicts: list[ConflictShape]
    left_devices: int = Field(
        description="Devices that lost their number, or are about to, and that a phone may still "
        "list."
    )
    devices: list[LeftDevice] = Field(
        description="Those of them that their bots have given up, the oldest first; 100 at most."
    )


class Resolving(Shape):
    """How conflicts are to be resolved."""

    keep: Text = Field(
        default="newest",
        max_length=64,
        description="Which bot keeps the number: `newest`, `oldest`, or the id of one. With an "
        "id, only conflicts in which that bot takes part are resolved.",
    )
    dry_run: bool = Field(default=False, description="Only say what would be done.")


class ResolvedShape(Shape):
    """What became of a conflict; `kept` is null when the number is registered elsewhere."""

    phone_number: str
    kept: PartyShape | None
    disconnected: list[PartyShape]


class Summary(Shape):
    """The conflicts in numbers."""

    conflicts_resolved: int
    connections_disconnected: int
    connections_kept: int


class Resolved(Shape):
    """What was done, or with `dryRun` would be."""

    success: Literal[True] = True
    dry_run: bool
    resolved: list[ResolvedShape]
    summary: Summary
    logged_out_devices: int = Field(description="Devices that left their phones meanwhile.")
    left_devices: int = Field(
        description="Devices that have yet to leave theirs; that is tried again by itself."
    )
